//! The site's whole content, how it changes, and every change there was. How it is shown is `api`'s business.

mod edits;
mod events;
mod growth;
mod history;
mod listing;
mod names;
mod nouns;
mod order;
mod random;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::SiteClock;

pub(crate) use growth::{Plan, label_id};
pub(crate) use listing::{Position, PositionKey, Selection, Sort, SortBy};
pub(crate) use names::{Title, mix, title};
pub(crate) use nouns::Doc;
pub use nouns::{Account, DocId, DocStatus, DocType, Label, Sight, Space, SpaceId, SpaceStatus, State, User, Version};
pub use random::{EventKind, Rewrite};

use events::Change;
use order::Order;

/// So many changes are remembered for a look back; older moments are refused then.
const MOST_CHANGES: usize = 4_000_000;

pub struct World {
    plan: Plan,
    clock: SiteClock,
    users: Vec<User>,
    accounts: HashMap<Arc<str>, Account>,
    spaces: Vec<Space>,
    docs: Vec<Doc>,
    labels: Vec<Label>,
    states: Vec<State>,
    order: Order,
    changes: Vec<(i64, Change)>,
    /// Changes beyond the bound were made but not remembered.
    forgot_changes: bool,
    /// What people say where nobody else is to listen; empty on a site that nobody has told otherwise.
    confidences: Arc<str>,
}

/// A doc as it is, for tests to look at.
#[derive(Clone, Debug)]
pub struct DocFacts {
    pub id: DocId,
    pub doc_type: DocType,
    pub title: String,
    pub status: DocStatus,
    pub space: SpaceId,
    pub creator: Account,
    pub owner: Option<Account>,
    pub last_owner: Option<Account>,
    pub created_ms: i64,
    pub versions: Vec<Version>,
    pub labels: Vec<Label>,
    pub state: Option<Arc<str>>,
    pub views: u32,
}

impl World {
    pub(crate) fn grow(plan: Plan, clock: SiteClock) -> Self {
        let users = growth::users(&plan);
        let accounts =
            users.iter().zip(0..).map(|(user, place)| (Arc::clone(&user.account_id), Account(place))).collect();
        let spaces = growth::spaces(&plan, &users);
        let labels = growth::labels();
        let states = growth::states();
        let docs = growth::docs(&plan, labels.len(), states.len());
        let order = Order::of(&docs, spaces.len());
        let changes = Vec::new();
        let (forgot_changes, confidences) = (false, "".into());
        Self { plan, clock, users, accounts, spaces, docs, labels, states, order, changes, forgot_changes, confidences }
    }

    /// The world as it was at a moment: grown anew, and lived anew up to it. None where too much has happened since
    /// for all of it to be remembered.
    pub fn as_it_was(&self, moment_ms: i64) -> Option<Self> {
        if self.forgot_changes {
            return None;
        }
        let mut past = Self::grow(self.plan, SiteClock::standing_at(moment_ms));
        for (at_ms, change) in self.changes.iter().filter(|(at_ms, _)| *at_ms <= moment_ms) {
            past.apply(*at_ms, change);
        }
        Some(past)
    }

    /// From now on these words stand in every body, every message of a version, every e-mail address and every person's
    /// name that a row brings along.
    pub fn confide(&mut self, words: &str) {
        self.confidences = words.into();
    }

    pub(crate) fn confidences(&self) -> &str {
        &self.confidences
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// When the last change happened; the start where there was none.
    pub fn last_change_ms(&self) -> i64 {
        self.changes.iter().map(|(at_ms, _)| *at_ms).max().unwrap_or(self.plan.start_ms)
    }

    pub fn users(&self) -> &[User] {
        &self.users
    }

    pub fn accounts(&self) -> impl Iterator<Item = Account> + use<> {
        (0..u32::try_from(self.users.len()).expect("no site has billions of users")).map(Account)
    }

    pub fn account(&self, account_id: &str) -> Option<Account> {
        self.accounts.get(account_id).copied()
    }

    pub fn user(&self, account: Account) -> &User {
        &self.users[account.0 as usize]
    }

    pub fn account_id(&self, account: Account) -> &Arc<str> {
        &self.user(account).account_id
    }

    /// All that ever were, hidden and deleted ones included.
    pub fn spaces(&self) -> &[Space] {
        &self.spaces
    }

    pub fn space(&self, space: SpaceId) -> Option<&Space> {
        self.space_place(space).map(|place| &self.spaces[place as usize])
    }

    pub fn space_by_key(&self, key: &str) -> Option<SpaceId> {
        self.spaces.iter().find(|space| &*space.key == key).map(|space| space.id)
    }

    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Every doc that has not been purged without a trace, in the order of their ids.
    pub fn docs(&self) -> Vec<DocId> {
        self.docs.iter().filter(|doc| doc.status != DocStatus::Purged).map(|doc| doc.id).collect()
    }

    /// How many versions these docs have.
    pub fn versions(&self) -> u64 {
        let docs = self.docs.iter().filter(|doc| doc.status != DocStatus::Purged);
        docs.map(|doc| u64::from(doc.versions)).sum()
    }

    pub fn doc(&self, doc: DocId) -> Option<DocFacts> {
        let place = self.doc_place(doc)?;
        let doc = &self.docs[place as usize];
        Some(DocFacts {
            id: doc.id,
            doc_type: doc.kind,
            title: title(doc.id.0),
            status: doc.status,
            space: self.spaces[doc.space as usize].id,
            creator: doc.creator,
            owner: doc.owner,
            last_owner: doc.last_owner,
            created_ms: doc.created_ms,
            versions: self.history(place).into_owned(),
            labels: doc.labels.iter().map(|&label| self.labels[label as usize].clone()).collect(),
            state: self.state_of(doc).map(|state| Arc::clone(&state.name)),
            views: doc.views,
        })
    }

    pub(crate) fn docs_by_place(&self) -> &[Doc] {
        &self.docs
    }

    pub(crate) fn state_of(&self, doc: &Doc) -> Option<&State> {
        doc.state.checked_sub(1).map(|place| &self.states[usize::from(place)])
    }

    /// A doc's versions, oldest first.
    pub(crate) fn history(&self, place: u32) -> Cow<'_, [Version]> {
        let doc = &self.docs[place as usize];
        match &doc.history {
            Some(versions) => Cow::Borrowed(versions.as_slice()),
            None => Cow::Owned(history::grow(&self.plan.root(doc))),
        }
    }

    pub(crate) fn doc_place(&self, doc: DocId) -> Option<u32> {
        let place = self.plan.doc_place(doc).filter(|place| *place < self.docs.len())?;
        Some(u32::try_from(place).expect("no world has billions of docs"))
    }

    pub(crate) fn space_place(&self, space: SpaceId) -> Option<u32> {
        let place = growth::space_place(space).filter(|place| *place < self.spaces.len())?;
        Some(u32::try_from(place).expect("no site has billions of spaces"))
    }

    /// Whether the doc's space is on the list, so that the token can see the doc at all.
    pub(crate) fn is_in_sight(&self, doc: &Doc) -> bool {
        self.spaces[doc.space as usize].sight == Sight::Listed
    }

    fn happen(&mut self, change: Change) {
        let at_ms = self.clock.now_ms();
        self.apply(at_ms, &change);
        if self.changes.len() < MOST_CHANGES {
            self.changes.push((at_ms, change));
        } else {
            self.forgot_changes = true;
        }
    }
}
