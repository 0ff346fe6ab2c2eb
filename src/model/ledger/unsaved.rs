//! What has changed since the store was told last: numbers of what is to be told, and what only a row's answer tells.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::{Ledger, Sight, Space};
use crate::model::census::Shown;
use crate::model::{
    AccountFacts, Collector, DocFacts, DocType, EditFacts, Facts, Papers, SpaceFacts, SpaceId, SpaceRow, Vouched,
};

#[derive(Debug, Default)]
pub(super) struct Unsaved {
    docs: BTreeMap<u32, DocChange>,
    spaces: BTreeSet<u32>,
    accounts: BTreeSet<u32>,
    observed_views: BTreeSet<(Arc<str>, DocType)>,
    /// So many names have been told.
    labels_told: usize,
    states_told: usize,
}

#[derive(Debug, Default)]
struct DocChange {
    edits: bool,
    labels: bool,
    papers: Option<Papers>,
}

impl Unsaved {
    /// With names that the store has already.
    pub(super) fn after(labels_told: usize, states_told: usize) -> Self {
        Self { labels_told, states_told, ..Self::default() }
    }
}

impl Ledger {
    /// From here on what changes is noted, and `take_changes` must be called.
    pub fn note_changes(&mut self) {
        self.unsaved = Some(Unsaved::after(self.label_names.values().len(), self.states.values().len()));
    }

    /// What has changed since this was called last.
    pub fn take_changes(&mut self) -> Facts {
        let (labels_told, states_told) = (self.label_names.values().len(), self.states.values().len());
        let Some(unsaved) = &mut self.unsaved else { return Facts::default() };
        let unsaved = std::mem::replace(unsaved, Unsaved::after(labels_told, states_told));
        let numbered = |names: &[Arc<str>], told: usize| {
            (0..).zip(names).skip(told).map(|(number, name)| (number, name.clone())).collect()
        };
        Facts {
            spaces: unsaved.spaces.iter().map(|number| space_facts(&self.spaces[*number as usize])).collect(),
            accounts: unsaved.accounts.iter().map(|number| self.account_facts(*number)).collect(),
            labels: numbered(self.label_names.values(), unsaved.labels_told),
            states: numbered(self.states.values(), unsaved.states_told),
            observed_views: unsaved
                .observed_views
                .into_iter()
                .map(|place| {
                    let views = self.views_observed(&place.0, place.1);
                    (place.0, place.1, views)
                })
                .collect(),
            docs: unsaved.docs.into_iter().map(|(number, change)| self.doc_facts(number, change)).collect(),
        }
    }

    /// What it vouches for, but for the watermarks, which are not the ledger's.
    pub fn vouched(&self) -> Vouched {
        let successes = Collector::ALL.iter().filter_map(|collector| Some((*collector, self.success(*collector)?)));
        Vouched {
            moment: self.moment,
            successes: successes.collect(),
            readable_rows: Some(self.readable_rows),
            watermarks: BTreeMap::new(),
            descents: BTreeMap::new(),
        }
    }

    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    pub fn folded(&self) -> &HashSet<SpaceId> {
        &self.folded
    }

    pub(super) fn space_changed(&mut self, number: u32) {
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.spaces.insert(number);
        }
    }

    /// Of an account by its place among the users.
    pub(super) fn user_changed(&mut self, index: usize) {
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.accounts.insert(u32::try_from(index).expect("accounts are numbered by u32"));
        }
    }

    pub(super) fn observed_views_changed(&mut self, space: Arc<str>, doc_type: DocType) {
        if let Some(unsaved) = &mut self.unsaved {
            unsaved.observed_views.insert((space, doc_type));
        }
    }

    pub(super) fn doc_changed(&mut self, number: u32) {
        self.change(number, |_| {});
    }

    pub(super) fn edits_changed(&mut self, number: u32) {
        self.change(number, |change| change.edits = true);
    }

    pub(super) fn labels_changed(&mut self, number: u32) {
        self.change(number, |change| change.labels = true);
    }

    pub(super) fn papers_changed(&mut self, number: u32, papers: &Papers) {
        self.change(number, |change| change.papers = Some(papers.clone()));
    }

    fn change(&mut self, number: u32, note: impl FnOnce(&mut DocChange)) {
        if let Some(unsaved) = &mut self.unsaved {
            note(unsaved.docs.entry(number).or_default());
        }
    }

    fn account_facts(&self, index: u32) -> AccountFacts {
        let user = &self.users[index as usize];
        AccountFacts {
            number: index + 1,
            id: self.accounts.value(index).0.clone(),
            status: user.status.clone(),
            account_type: user.account_type.clone(),
            asked: user.knowledge.into(),
        }
    }

    fn doc_facts(&self, number: u32, change: DocChange) -> DocFacts {
        let doc = &self.docs[number as usize];
        let edits = || doc.earlier_edits().map(|edit| EditFacts { at: edit.at(), author: edit.author().number() });
        DocFacts {
            number,
            id: doc.id,
            doc_type: doc.doc_type,
            space: self.spaces[doc.space as usize].id,
            status: doc.status,
            author: doc.author.number(),
            owner: doc.owner.number(),
            created_at: doc.created_at,
            version: EditFacts { at: doc.version_at, author: doc.version_author.number() },
            version_number: doc.version_number(),
            versions_known_since: doc.known_since(),
            earlier_edits: change.edits.then(|| edits().collect()),
            versions: doc.versions.into(),
            labels: doc.labels.into(),
            label_numbers: change.labels.then(|| match doc.labels.learnt_at() {
                Some(_) => self.labels_of(doc).collect(),
                None => Vec::new(),
            }),
            state: doc.state.into(),
            state_number: doc.state_number,
            views: doc.views.into(),
            view_count: doc.view_count,
            missed: doc.missed,
            papers: change.papers,
        }
    }
}

fn space_facts(space: &Space) -> SpaceFacts {
    SpaceFacts {
        row: SpaceRow {
            id: space.id,
            key: space.key.clone(),
            // Nothing of a person is kept but the account's id.
            name: if space.is_personal() { Arc::default() } else { space.name.clone() },
            space_type: space.space_type.clone(),
            status: space.status.clone(),
        },
        unseen_since: match space.sight {
            Sight::Listed => None,
            // Whether it is wanted the configuration says, and says it anew after each start.
            Sight::Unseen { since } | Sight::Excluded { since } => Some(since),
        },
        walked: space.walked,
    }
}
