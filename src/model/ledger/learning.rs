//! How facts come into the ledger: each with when it was answered, so that what is older takes nothing back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::doc::{LearntAt, Version};
use super::{AccountNumber, Doc, Knowledge, Ledger, User};
use crate::model::{AccountId, DocId, DocRow, LabelRow, Timestamp, UserRow, VersionRow};

/// What became of an answer's rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Rows that said something else of a doc's type than an earlier row with the same id.
    pub conflicting: u64,
    /// Rows of spaces that were never listed.
    pub homeless: u64,
}

/// What a question about one doc brought.
#[derive(Clone, Debug)]
pub enum Fact<T> {
    Known(T),
    /// This doc is refused to us, or its answer can't be read: it rests as if it had been learnt.
    Refused,
}

/// Longer than any answer can be ahead of the moment.
const SLACK: Duration = Duration::from_hours(24);

impl Ledger {
    /// Rows of a listing whose answer was given at `answered`.
    pub fn learn_docs(&mut self, rows: &[DocRow], answered: Timestamp) -> Learnt {
        let mut learnt = Learnt::default();
        for row in rows {
            let Some(space) = self.space_numbers.get(&row.space).copied() else {
                learnt.homeless += 1;
                // Where it is now we can't see.
                self.lose(&[row.id], answered);
                continue;
            };
            let version = self.version(&row.version);
            let known = self.doc_number(row.id);
            let before = known.map(|number| self.docs[number as usize].row());
            let number = if let Some(number) = known {
                let horizon = self.kept_since(answered);
                let doc = &mut self.docs[number as usize];
                if doc.doc_type != row.doc_type {
                    learnt.conflicting += 1;
                    continue;
                }
                // Answers overtake each other. A newest version is never taken back, so an older one is old news.
                let is_old_news = doc.seen_at.has_overtaken(answered)
                    || (version.at < doc.version_at && LearntAt::from(answered) == doc.seen_at);
                if is_old_news {
                    continue;
                }
                doc.learn_newest(version, horizon);
                number
            } else {
                let number = u32::try_from(self.docs.len()).expect("a site has fewer than four billion docs");
                self.docs.push(Doc::met(row.id, row.doc_type, row.created_at, version));
                self.doc_numbers.insert(number, |number| &self.docs[number as usize].id);
                number
            };
            let author = self.account(row.author.as_ref());
            let owner = self.account(row.owner.as_ref());
            let is_listed = self.spaces[space as usize].is_listed();
            let doc = &mut self.docs[number as usize];
            doc.created_at = row.created_at;
            doc.author = author;
            doc.owner = owner;
            doc.space = space;
            doc.status = if is_listed { row.status } else { None };
            doc.seen_at = answered.into();
            doc.missed = false;
            let after = doc.row();
            if before != Some(after) {
                self.papers_changed(number, &row.papers);
            }
            if before.is_some_and(|before| before.version() != after.version()) {
                self.edits_changed(number);
            }
        }
        learnt
    }

    /// A doc's versions, newest first, down to the longest window or `to_the_end`. They were asked for when this was
    /// its `newest` version: where a row has told of another meanwhile, they are asked for again.
    pub fn learn_versions(
        &mut self,
        id: DocId,
        newest: (u32, Timestamp),
        fact: &Fact<Vec<VersionRow>>,
        to_the_end: bool,
        answered: Timestamp,
    ) {
        if self.newest_version(id) != Some(newest) {
            return;
        }
        let horizon = self.kept_since(answered);
        let versions: Vec<Version> = match fact {
            // Authors beyond the reach are nobody's: they'd be asked for and never be counted.
            Fact::Known(rows) => rows
                .iter()
                .enumerate()
                .map(|(place, row)| {
                    if place == 0 || row.created_at > horizon {
                        self.version(row)
                    } else {
                        Version { number: row.number, at: row.created_at, author: AccountNumber::NOBODY }
                    }
                })
                .collect(),
            Fact::Refused => Vec::new(),
        };
        let Some(doc) = self.doc_mut(id) else { return };
        doc.versions = match fact {
            Fact::Known(_) if doc.learn_versions(&versions, to_the_end, horizon) => Knowledge::learnt(answered),
            Fact::Known(_) | Fact::Refused => Knowledge::refused(answered),
        };
        if let Some(number) = self.doc_number(id) {
            self.edits_changed(number);
        }
    }

    pub fn learn_labels(&mut self, id: DocId, fact: &Fact<Vec<LabelRow>>, answered: Timestamp) {
        let set = match fact {
            Fact::Known(rows) => {
                let mut set: Vec<u32> =
                    rows.iter().map(|row| self.label_names.number(&Arc::from(row.to_string()))).collect();
                set.sort_unstable();
                set.dedup();
                self.label_sets.number(&set.into_boxed_slice())
            }
            Fact::Refused => 0,
        };
        let Some(doc) = self.doc_mut(id) else { return };
        doc.labels = knowledge(fact, answered);
        doc.label_set = set;
        if let Some(number) = self.doc_number(id) {
            self.labels_changed(number);
        }
    }

    /// A doc's content state by name, or none.
    pub fn learn_state(&mut self, id: DocId, fact: &Fact<Option<Arc<str>>>, answered: Timestamp) {
        let number = match &fact {
            Fact::Known(Some(name)) => self.states.number(name) + 1,
            Fact::Known(None) | Fact::Refused => 0,
        };
        let Some(doc) = self.doc_mut(id) else { return };
        doc.state = knowledge(fact, answered);
        doc.state_number = number;
        self.doc_changed_by_id(id);
    }

    /// What one answer told of the `asked` accounts. One that was left out of it is learnt as `unknown`, unless some of
    /// the answer was `unreadable`: then nobody can say whether it was left out.
    pub fn learn_users(&mut self, asked: &[AccountId], rows: Vec<UserRow>, unreadable: bool, answered: Timestamp) {
        let mut told: HashMap<AccountId, UserRow> = rows.into_iter().map(|row| (row.account.clone(), row)).collect();
        let unknown: Arc<str> = Arc::from("unknown");
        for account in asked {
            let Some(index) = self.account(Some(account)).index() else { continue };
            self.user_changed(index);
            let user = &mut self.users[index];
            let (status, account_type) = match told.remove(account) {
                Some(row) => (row.status, row.account_type),
                None if unreadable => {
                    user.knowledge = Knowledge::refused(answered);
                    continue;
                }
                None => (unknown.clone(), unknown.clone()),
            };
            *user =
                User { knowledge: Knowledge::learnt(answered), status: Some(status), account_type: Some(account_type) };
        }
    }

    /// Edits up to here are dropped: the moment may lie before the answer that says that they are beyond every window.
    fn kept_since(&self, answered: Timestamp) -> Timestamp {
        self.horizon(answered).earlier_by(SLACK)
    }

    fn version(&mut self, row: &VersionRow) -> Version {
        Version { number: row.number, at: row.created_at, author: self.account(row.author.as_ref()) }
    }

    fn account(&mut self, id: Option<&AccountId>) -> AccountNumber {
        let Some(id) = id else { return AccountNumber::NOBODY };
        let number = self.accounts.number(id);
        if self.users.len() <= number as usize {
            self.users.push(User::default());
            self.user_changed(number as usize);
        }
        AccountNumber::nth(number)
    }
}

pub(super) fn knowledge<T>(fact: &Fact<T>, answered: Timestamp) -> Knowledge {
    match fact {
        Fact::Known(_) => Knowledge::learnt(answered),
        Fact::Refused => Knowledge::refused(answered),
    }
}
