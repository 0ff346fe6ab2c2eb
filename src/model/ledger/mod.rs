//! What is known of one connection's site: spaces, docs, versions, users, labels, states, views, each with when it was learnt.
//!
//! Facts come in by `learn_…`; what is still to be asked is told by `wanting` (`wants.rs`), what they add up to by the census.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{
    AccountId, Collector, DocId, DocRow, DocStatus, DocType, LabelRow, SpaceId, SpaceStatus, Timestamp, UserRow,
    VersionRow,
};

mod doc;
mod index;
mod intern;
mod missing;
mod refusing;
mod restore;
mod space;
mod unsaved;
mod views;
mod wants;

#[cfg(test)]
mod learning_test;

pub(super) use doc::{AccountNumber, Doc, Edit, Knowledge};
pub use missing::ById;
pub(super) use space::{Sight, Space};
pub use wants::{Goal, MaxAges};

use doc::{LearntAt, Version};
use index::Index;
use intern::Interner;
use unsaved::Unsaved;

/// For how long a space that went out of sight is counted as `unseen`.
const UNSEEN_SPACES_ARE_COUNTED_FOR: Duration = Duration::from_hours(30 * 24);

/// Longer than any answer can be ahead of the moment.
const SLACK: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub struct Ledger {
    pub(super) spaces: Vec<Space>,
    space_numbers: HashMap<SpaceId, u32>,
    pub(super) docs: Vec<Doc>,
    doc_numbers: Index,
    accounts: Interner<AccountId>,
    pub(super) users: Vec<User>,
    label_names: Interner<Arc<str>>,
    label_sets: Interner<Box<[u32]>>,
    states: Interner<Arc<str>>,
    /// Views added between two looks at the same doc: by the value of `space` under which it stood at the second, and its type.
    observed_views: HashMap<(Arc<str>, DocType), u64>,
    /// The longest window: edits before it are not kept.
    reach: Duration,
    pub(super) moment: Option<Timestamp>,
    /// When the pass that last reached its goal began, in `Collector::ALL`'s order.
    successes: [Option<Timestamp>; Collector::ALL.len()],
    pub(super) shown: super::census::Shown,
    /// Spaces that share the series of `(other)`.
    pub(super) folded: HashSet<SpaceId>,
    /// Of the rows of the last walk, the part that could be read.
    readable_rows: f64,
    /// What the store is to be told; nothing is noted where there is none.
    unsaved: Option<Unsaved>,
}

/// What is known of an account, which is little on purpose.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) knowledge: Knowledge,
    pub(super) status: Option<Arc<str>>,
    pub(super) account_type: Option<Arc<str>>,
}

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

impl Ledger {
    /// An empty ledger, for windows that reach back as far as `reach`.
    pub fn new(reach: Duration) -> Self {
        Self {
            spaces: Vec::new(),
            space_numbers: HashMap::new(),
            docs: Vec::new(),
            doc_numbers: Index::default(),
            accounts: Interner::default(),
            users: Vec::new(),
            label_names: Interner::default(),
            label_sets: Interner::default(),
            states: Interner::default(),
            observed_views: HashMap::new(),
            reach,
            moment: None,
            successes: [None; Collector::ALL.len()],
            shown: super::census::Shown::default(),
            folded: HashSet::new(),
            readable_rows: 1.0,
            unsaved: None,
        }
    }

    pub fn knows_space(&self, id: SpaceId) -> bool {
        self.space_numbers.get(&id).is_some_and(|number| self.spaces[*number as usize].is_listed())
    }

    /// The list of spaces has been read and had something in it.
    pub fn has_spaces(&self) -> bool {
        self.spaces.iter().any(Space::is_listed)
    }

    /// Listed spaces whose docs have not all been met yet, each with how many of them have.
    pub fn unwalked_spaces(&self) -> Vec<(SpaceId, u64)> {
        if self.has_met_all() {
            return Vec::new();
        }
        let mut met = vec![0; self.spaces.len()];
        for doc in &self.docs {
            met[doc.space as usize] += 1;
        }
        let spaces = self.spaces.iter().zip(met);
        spaces.filter(|(space, _)| space.is_listed() && !space.walked).map(|(space, met)| (space.id, met)).collect()
    }

    /// The site as a whole has never been walked.
    pub fn first_walk_is_due(&self) -> bool {
        self.success(Collector::Docs).is_none()
    }

    /// Whether the whole site, once walked, is to be walked again: so long after the last walk, or where that one's date was
    /// wrong.
    pub fn whole_walk_is_due(&self, interval: Duration) -> bool {
        let (Some(moment), Some(last)) = (self.moment, self.success(Collector::Docs)) else { return false };
        moment.since(last) >= interval || last.is_far_after(moment)
    }

    /// These docs were out of sight at `answered`: deleted, or hidden from us. What has been seen since stays.
    pub fn lose(&mut self, docs: &[DocId], answered: Timestamp) {
        for id in docs {
            if let Some(doc) = self.doc_mut(*id)
                && !doc.seen_at.has_overtaken(answered)
            {
                doc.status = None;
                doc.missed = false;
                self.doc_changed_by_id(*id);
            }
        }
    }

    /// The page that was edited last, of those in sight.
    pub fn newest_page(&self) -> Option<DocId> {
        let pages = self.docs.iter().filter(|doc| doc.doc_type == DocType::Page && doc.status.is_some());
        pages.max_by_key(|doc| doc.version_at).map(|doc| doc.id)
    }

    pub fn note_walked(&mut self, spaces: &[SpaceId]) {
        for id in spaces {
            if let Some(number) = self.space_numbers.get(id).copied() {
                self.spaces[number as usize].walked = true;
                self.space_changed(number);
            }
        }
    }

    /// A walk of the whole site that began at `began` has ended; `readable` of its rows could be read (0..1). Collectors that it
    /// has left `short` of their goal knew nothing of what it has found when they last reached it: that vouches for no more than
    /// the walk before.
    pub fn note_whole_walk(&mut self, began: Timestamp, readable: f64, short: &[Collector]) {
        self.readable_rows = readable;
        if let Some(before) = self.success(Collector::Docs) {
            for collector in short {
                let success = &mut self.successes[*collector as usize];
                *success = success.map(|success| success.min(before));
            }
        }
        self.succeed(Collector::Docs, began);
    }

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

    /// The date of a doc's newest version, which tells later whether its row has changed since.
    pub fn newest_version(&self, id: DocId) -> Option<Timestamp> {
        self.doc(id).map(|doc| doc.version_at)
    }

    /// A doc's versions, newest first, down to the longest window or `to_the_end`. They were asked for when its newest
    /// version was that of `asked_at`: where a row has told of another meanwhile, they are asked for again.
    pub fn learn_versions(
        &mut self,
        id: DocId,
        asked_at: Timestamp,
        fact: &Fact<Vec<VersionRow>>,
        to_the_end: bool,
        answered: Timestamp,
    ) {
        if self.newest_version(id) != Some(asked_at) {
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

    /// A base has been read to its end: from here on the numbers are true for `moment`. A success that lies ahead of it came of
    /// a wrong date, and vouches for nothing; only of the last whole walk it is remembered that there was one.
    pub fn note_moment(&mut self, moment: Timestamp) {
        self.moment = Some(moment);
        for collector in Collector::ALL.iter().filter(|collector| **collector != Collector::Docs) {
            let success = &mut self.successes[*collector as usize];
            *success = success.filter(|success| !success.is_far_after(moment));
        }
    }

    pub fn moment(&self) -> Option<Timestamp> {
        self.moment
    }

    pub fn succeed(&mut self, collector: Collector, began: Timestamp) {
        self.successes[collector as usize] = Some(began);
    }

    /// When the pass that last reached its goal began.
    pub fn success(&self, collector: Collector) -> Option<Timestamp> {
        self.successes[collector as usize]
    }

    /// What has once been shown stays on show, and so do the spaces that share their series.
    pub fn remember_shown(&mut self, shown: super::census::Shown) {
        self.shown = shown;
    }

    pub fn fold(&mut self, spaces: HashSet<SpaceId>) {
        self.folded = spaces;
    }

    pub(super) fn status_of(&self, doc: &Doc) -> Option<DocStatus> {
        let status = doc.status?;
        let in_archive = self.spaces[doc.space as usize].status == SpaceStatus::Archived;
        Some(if in_archive && status != DocStatus::Trashed { DocStatus::Archived } else { status })
    }

    pub(super) fn labels_of(&self, doc: &Doc) -> impl Iterator<Item = u32> {
        self.label_sets.value(doc.label_set).iter().copied()
    }

    pub(super) fn label_name(&self, number: u32) -> &Arc<str> {
        self.label_names.value(number)
    }

    pub(super) fn label_count(&self) -> usize {
        self.label_names.values().len()
    }

    /// The name of the doc's content state, where it has one.
    pub(super) fn state_of(&self, doc: &Doc) -> Option<&Arc<str>> {
        doc.state_number.checked_sub(1).map(|number| self.states.value(number))
    }

    pub(super) fn user(&self, account: AccountNumber) -> Option<&User> {
        account.index().map(|index| &self.users[index])
    }

    /// Spaces that are counted as `unseen` at the moment.
    pub(super) fn is_counted_as_unseen(space: &Space, moment: Timestamp) -> bool {
        match space.sight {
            Sight::Listed | Sight::Excluded { .. } => false,
            Sight::Unseen { since } => moment.since(since) < UNSEEN_SPACES_ARE_COUNTED_FOR,
        }
    }

    /// Edits up to here are dropped: the moment may lie before the answer that says that they are beyond every window.
    fn kept_since(&self, answered: Timestamp) -> Timestamp {
        self.horizon(answered).earlier_by(SLACK)
    }

    /// Edits up to here are outside every window.
    pub(super) fn horizon(&self, moment: Timestamp) -> Timestamp {
        moment.earlier_by(self.reach)
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

    fn doc_changed_by_id(&mut self, id: DocId) {
        if let Some(number) = self.doc_number(id) {
            self.doc_changed(number);
        }
    }

    fn change_docs(&mut self, which: impl Fn(&Doc) -> bool, change: impl Fn(&mut Doc)) {
        for place in 0..self.docs.len() {
            if which(&self.docs[place]) {
                change(&mut self.docs[place]);
                self.doc_changed(u32::try_from(place).expect("a site has fewer than four billion docs"));
            }
        }
    }

    fn doc_number(&self, id: DocId) -> Option<u32> {
        self.doc_numbers.get(&id, |number| &self.docs[number as usize].id)
    }

    fn doc(&self, id: DocId) -> Option<&Doc> {
        self.doc_number(id).map(|number| &self.docs[number as usize])
    }

    fn doc_mut(&mut self, id: DocId) -> Option<&mut Doc> {
        self.doc_number(id).map(|number| &mut self.docs[number as usize])
    }
}

fn knowledge<T>(fact: &Fact<T>, answered: Timestamp) -> Knowledge {
    match fact {
        Fact::Known(_) => Knowledge::learnt(answered),
        Fact::Refused => Knowledge::refused(answered),
    }
}
