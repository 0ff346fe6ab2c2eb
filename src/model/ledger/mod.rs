//! What is known of one connection's site: spaces, docs, versions, users, labels, states, views, each with when it was learnt.
//!
//! Facts come in by `learn_…` (`learning.rs`); what is still to be asked is told by `wanting` (`wants.rs`), what they add up to by the census.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{AccountId, Collector, DocId, DocStatus, DocType, SpaceId, SpaceStatus, Timestamp};

mod doc;
mod index;
mod intern;
mod learning;
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
pub use learning::{Fact, Learnt};
pub use missing::ById;
pub(super) use space::{Sight, Space};
pub use wants::{Goal, MaxAges};

use index::Index;
use intern::Interner;
use unsaved::Unsaved;

/// For how long a space that went out of sight is counted as `unseen`.
const UNSEEN_SPACES_ARE_COUNTED_FOR: Duration = Duration::from_hours(30 * 24);

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
    /// Of the rows of the last walk of the whole site and since, the part that could be read.
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

    /// So many rows more could not be read since the last walk of the whole site, beside the docs in sight.
    pub fn note_unreadable_rows(&mut self, rows: u64) {
        if rows > 0 {
            let docs = as_f64(self.docs.iter().filter(|doc| doc.status.is_some()).count() as u64);
            let all = if docs > 0.0 { docs / self.readable_rows } else { 0.0 } + as_f64(rows);
            self.readable_rows = docs / all;
        }
    }

    /// The number and the date of a doc's newest version, which tell later whether its row has changed since.
    pub fn newest_version(&self, id: DocId) -> Option<(u32, Timestamp)> {
        self.doc(id).map(|doc| (doc.version_number(), doc.version_at))
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

    /// The same as far as it vouches for anything: one that lies ahead of the moment came of a wrong date.
    pub fn vouching_success(&self, collector: Collector) -> Option<Timestamp> {
        self.success(collector).filter(|success| self.moment.is_none_or(|moment| !success.is_far_after(moment)))
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

    /// Edits up to here are outside every window.
    pub(super) fn horizon(&self, moment: Timestamp) -> Timestamp {
        moment.earlier_by(self.reach)
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

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
