//! A ledger made of kept facts: the same facts that `unsaved` told, spaces, accounts and names before docs.

use std::collections::HashSet;
use std::sync::Arc;

use super::doc::{AccountNumber, Edit, Knowledge, Version};
use super::{Doc, Ledger, Sight, Space, User};
use crate::model::census::Shown;
use crate::model::{
    AccountFacts, AccountId, Asked, DocFacts, EditFacts, SpaceFacts, SpaceId, SpaceInfo, Torn, Vouched,
};

impl Ledger {
    pub fn restore_space(&mut self, facts: SpaceFacts) -> Result<(), Torn> {
        let sight = facts.unseen_since.map_or(Sight::Listed, |since| Sight::Unseen { since });
        let id = facts.row.id;
        let number = u32::try_from(self.spaces.len()).map_err(|_| Torn("space"))?;
        self.spaces.push(Space { sight, walked: facts.walked, ..Space::from(facts.row) });
        match self.space_numbers.insert(id, number) {
            None => Ok(()),
            Some(_) => Err(Torn("space")),
        }
    }

    /// Names of personal spaces are not among the kept facts: those that are on show stay there until the list tells them
    /// anew.
    pub fn restore_personal_names(&mut self, shown: &[SpaceInfo]) {
        for info in shown {
            let Some(number) = self.space_numbers.get(&info.id) else { continue };
            let space = &mut self.spaces[*number as usize];
            if space.is_personal() {
                space.name = info.name.clone();
            }
        }
    }

    /// In the order of their numbers.
    pub fn restore_account(&mut self, facts: AccountFacts) -> Result<(), Torn> {
        if self.accounts.number(&AccountId(facts.id)).checked_add(1) != Some(facts.number)
            || self.users.len() + 1 != facts.number as usize
        {
            return Err(Torn("account"));
        }
        let knowledge = facts.asked.into();
        self.users.push(User { knowledge, status: facts.status, account_type: facts.account_type });
        Ok(())
    }

    /// In the order of their numbers.
    pub fn restore_label(&mut self, number: u32, name: &Arc<str>) -> Result<(), Torn> {
        if self.label_names.number(name) == number { Ok(()) } else { Err(Torn("label")) }
    }

    /// In the order of their numbers.
    pub fn restore_state(&mut self, number: u32, name: &Arc<str>) -> Result<(), Torn> {
        if self.states.number(name) == number { Ok(()) } else { Err(Torn("state")) }
    }

    /// In the order of their numbers.
    pub fn restore_doc(&mut self, facts: DocFacts) -> Result<(), Torn> {
        let torn = Torn("doc");
        let space = self.space_numbers.get(&facts.space).copied().ok_or(torn)?;
        let author = |number: u32| {
            let is_known = number as usize <= self.users.len();
            is_known.then_some(AccountNumber::from_number(number)).ok_or(torn)
        };
        let version =
            Version { number: facts.version_number, at: facts.version.at, author: author(facts.version.author)? };
        let mut doc = Doc::met(facts.id, facts.doc_type, facts.created_at, version);
        let edit = |edit: EditFacts| Ok(Edit::new(edit.at, author(edit.author)?));
        let edits = facts.earlier_edits.unwrap_or_default().into_iter().map(edit).collect::<Result<_, Torn>>()?;
        doc.restore_versions(facts.versions_known_since, edits);
        doc.space = space;
        doc.status = facts.status;
        doc.author = author(facts.author)?;
        doc.owner = author(facts.owner)?;
        doc.versions = facts.versions.into();
        doc.labels = facts.labels.into();
        let labels = facts.label_numbers.unwrap_or_default();
        if labels.iter().any(|label| *label as usize >= self.label_names.values().len()) {
            return Err(torn);
        }
        doc.label_set =
            if doc.labels.learnt_at().is_some() { self.label_sets.number(&labels.into_boxed_slice()) } else { 0 };
        if facts.state_number as usize > self.states.values().len() {
            return Err(torn);
        }
        doc.state = facts.state.into();
        doc.state_number = facts.state_number;
        doc.views = facts.views.into();
        doc.view_count = facts.view_count;
        doc.missed = facts.missed;
        if self.doc_number(facts.id).is_some() {
            return Err(torn);
        }
        if facts.number as usize != self.docs.len() {
            return Err(torn);
        }
        self.docs.push(doc);
        self.doc_numbers.insert(facts.number, |number| &self.docs[number as usize].id);
        Ok(())
    }

    /// What was vouched for, what was on show, and which spaces share `(other)`.
    pub fn restore_vouched(&mut self, vouched: &Vouched, shown: Shown, folded: impl IntoIterator<Item = SpaceId>) {
        self.moment = vouched.moment;
        self.readable_rows = vouched.readable_rows.unwrap_or(1.0);
        for (collector, began) in &vouched.successes {
            self.succeed(*collector, *began);
        }
        self.shown = shown;
        self.folded = folded.into_iter().collect::<HashSet<_>>();
    }
}

impl From<Knowledge> for Asked {
    fn from(knowledge: Knowledge) -> Self {
        match knowledge.asked_at() {
            None => Self::Never,
            Some(at) if knowledge.is_refused() => Self::Refused(at),
            Some(at) => Self::Learnt(at),
        }
    }
}

impl From<Asked> for Knowledge {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Never => Self::default(),
            Asked::Learnt(at) => Self::learnt(at),
            Asked::Refused(at) => Self::refused(at),
        }
    }
}
