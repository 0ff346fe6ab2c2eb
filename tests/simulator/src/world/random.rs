//! A living site: one thing at a time happens, chosen by chance and weighted as on a site where people write.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::World;
use super::names;
use super::nouns::{Account, DocId, DocStatus, DocType, Label, Sight, SpaceId};

/// The kinds of things that happen, as a test may choose among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Edit,
    AutosaveBurst,
    Create,
    View,
    Relabel,
    SetState,
    SetOwner,
    DeleteVersion,
    Move,
    Archive,
    Restore,
    Trash,
    Purge,
    ChangeUser,
    AddUser,
    AddSpace,
    ArchiveSpace,
    RestoreSpace,
    HideSpace,
    ShowSpace,
    DeleteSpace,
}

/// What an event that can happen would do to a doc's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// So many more, each later than all before.
    Edits(u32),
    /// The one of this number goes, and the later ones are renumbered.
    Deletion(u32),
}

/// Whether a doc's versions may be changed so.
type MayBe<'a> = &'a mut dyn FnMut(&World, DocId, Rewrite) -> bool;

/// How often each kind happens among so many.
const WEIGHTS: [(EventKind, u32); 21] = [
    (EventKind::Edit, 450),
    (EventKind::AutosaveBurst, 60),
    (EventKind::Create, 120),
    (EventKind::View, 120),
    (EventKind::Relabel, 60),
    (EventKind::SetState, 40),
    (EventKind::SetOwner, 20),
    (EventKind::DeleteVersion, 20),
    (EventKind::Move, 20),
    (EventKind::Archive, 15),
    (EventKind::Restore, 15),
    (EventKind::Trash, 20),
    (EventKind::Purge, 8),
    (EventKind::ChangeUser, 8),
    (EventKind::AddUser, 4),
    (EventKind::AddSpace, 4),
    (EventKind::ArchiveSpace, 2),
    (EventKind::RestoreSpace, 2),
    (EventKind::HideSpace, 2),
    (EventKind::ShowSpace, 3),
    (EventKind::DeleteSpace, 1),
];

/// So often another doc is tried before a happening is given up: chance may meet trashed docs only.
const TRIES: usize = 20;

impl EventKind {
    /// A whole space leaves the site, or everything in it falls out of use: rare where people work.
    pub fn takes_a_space_away(self) -> bool {
        matches!(self, Self::ArchiveSpace | Self::HideSpace | Self::DeleteSpace)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        WEIGHTS.iter().map(|(kind, _)| *kind)
    }
}

impl World {
    /// Lets one thing happen; says what, or nothing where chance met nothing that it can happen to.
    pub fn random_event(&mut self, rng: &mut impl Rng) -> Option<EventKind> {
        self.happen_by_chance(rng, &WEIGHTS, &mut |_, _, _| true)
    }

    /// The same, but only of these kinds.
    pub fn random_event_of(&mut self, rng: &mut impl Rng, kinds: &[EventKind]) -> Option<EventKind> {
        self.random_event_that_may(rng, kinds, |_, _, _| true)
    }

    /// The same, but a doc's versions change only in ways that may be.
    pub fn random_event_that_may(
        &mut self,
        rng: &mut impl Rng,
        kinds: &[EventKind],
        mut may_be_rewritten: impl FnMut(&Self, DocId, Rewrite) -> bool,
    ) -> Option<EventKind> {
        let weights: Vec<_> = WEIGHTS.into_iter().filter(|(kind, _)| kinds.contains(kind)).collect();
        self.happen_by_chance(rng, &weights, &mut may_be_rewritten)
    }

    fn happen_by_chance(
        &mut self,
        rng: &mut impl Rng,
        weights: &[(EventKind, u32)],
        may_be: MayBe<'_>,
    ) -> Option<EventKind> {
        let all: u32 = weights.iter().map(|(_, weight)| weight).sum();
        if all == 0 || self.users.is_empty() {
            return None;
        }
        let mut ticket = rng.random_range(0..all);
        let (kind, _) = *weights.iter().find(|(_, weight)| {
            let mine = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            mine
        })?;
        (0..TRIES).any(|_| self.attempt(rng, kind, may_be)).then_some(kind)
    }

    fn attempt(&mut self, rng: &mut impl Rng, kind: EventKind, may_be: MayBe<'_>) -> bool {
        let author = self.any_account(rng);
        match kind {
            EventKind::Create => {
                let Some(space) = self.any_space(rng) else { return false };
                let doc_type = if rng.random_range(0..100) < 10 { DocType::Blogpost } else { DocType::Page };
                self.create(space, doc_type, author).is_some()
            }
            EventKind::ChangeUser => {
                let status = ["inactive", "closed", "active"][rng.random_range(0..3)];
                self.set_user_status(author, status);
                true
            }
            EventKind::AddUser => {
                let account_type = if rng.random_range(0..6) == 0 { "app" } else { "atlassian" };
                self.add_user("active", account_type);
                true
            }
            EventKind::AddSpace => {
                let (key, name) = names::department(self.spaces.len());
                self.add_space(&key, &name, "global");
                true
            }
            EventKind::ArchiveSpace
            | EventKind::RestoreSpace
            | EventKind::HideSpace
            | EventKind::ShowSpace
            | EventKind::DeleteSpace => self.attempt_on_space(rng, kind),
            EventKind::Edit
            | EventKind::AutosaveBurst
            | EventKind::View
            | EventKind::Relabel
            | EventKind::SetState
            | EventKind::SetOwner
            | EventKind::DeleteVersion
            | EventKind::Move
            | EventKind::Archive
            | EventKind::Restore
            | EventKind::Trash
            | EventKind::Purge => {
                let Some(doc) = self.any_doc(rng) else { return false };
                self.attempt_on_doc(rng, kind, (doc, author), may_be)
            }
        }
    }

    fn attempt_on_doc(
        &mut self,
        rng: &mut impl Rng,
        kind: EventKind,
        (doc, author): (DocId, Account),
        may_be: MayBe<'_>,
    ) -> bool {
        match kind {
            EventKind::Edit => self.may_be_edited(doc, 1, may_be) && self.edit(doc, author),
            EventKind::AutosaveBurst => {
                let versions = rng.random_range(2..15);
                self.may_be_edited(doc, versions, may_be) && self.autosave_burst(doc, author, versions)
            }
            EventKind::View => self.view(doc, rng.random_range(1..20)),
            EventKind::Relabel => {
                let labels: Vec<Label> = (0..rng.random_range(0..4)).map(|_| self.any_label(rng)).collect();
                self.relabel(doc, &labels)
            }
            EventKind::SetState => {
                let state = self.states.get(rng.random_range(0..=self.states.len())).map(|state| state.name.clone());
                self.set_state(doc, state.as_deref())
            }
            EventKind::SetOwner => {
                let owner = (rng.random_range(0..5) > 0).then_some(author);
                self.set_owner(doc, owner)
            }
            EventKind::DeleteVersion => {
                let versions = self.doc_place(doc).map_or(0, |place| self.docs[place as usize].versions);
                let number = if versions > 2 { rng.random_range(2..versions) } else { return false };
                let is_living = self.living_doc(doc, &DocStatus::LIVING).is_some();
                is_living && may_be(self, doc, Rewrite::Deletion(number)) && self.delete_version(doc, number)
            }
            EventKind::Move => self.any_space(rng).is_some_and(|space| self.move_to(doc, space)),
            EventKind::Archive => self.archive(doc),
            EventKind::Restore => self.restore(doc),
            EventKind::Trash => self.trash(doc),
            EventKind::Purge => self.purge(doc),
            _ => false,
        }
    }

    fn may_be_edited(&self, doc: DocId, edits: u32, may_be: MayBe<'_>) -> bool {
        self.living_doc(doc, &[DocStatus::Current]).is_some() && may_be(self, doc, Rewrite::Edits(edits))
    }

    fn attempt_on_space(&mut self, rng: &mut impl Rng, kind: EventKind) -> bool {
        let listed = self.spaces.iter().filter(|space| space.sight == Sight::Listed).count();
        if self.spaces.is_empty() {
            return false;
        }
        let space = self.spaces[rng.random_range(0..self.spaces.len())].id;
        match kind {
            EventKind::ArchiveSpace => self.archive_space(space),
            EventKind::RestoreSpace => self.restore_space(space),
            EventKind::ShowSpace => self.show_space(space),
            // An empty list of spaces is another story, which a test tells on purpose.
            EventKind::HideSpace => listed > 2 && self.hide_space(space),
            EventKind::DeleteSpace => listed > 2 && self.delete_space(space),
            _ => false,
        }
    }

    fn any_account(&self, rng: &mut impl Rng) -> Account {
        Account(u32::try_from(rng.random_range(0..self.users.len())).expect("no site has billions of users"))
    }

    fn any_space(&self, rng: &mut impl Rng) -> Option<SpaceId> {
        let listed: Vec<SpaceId> =
            self.spaces.iter().filter(|space| space.sight == Sight::Listed).map(|space| space.id).collect();
        (!listed.is_empty()).then(|| listed[rng.random_range(0..listed.len())])
    }

    fn any_doc(&self, rng: &mut impl Rng) -> Option<DocId> {
        (!self.docs.is_empty()).then(|| self.docs[rng.random_range(0..self.docs.len())].id)
    }

    fn any_label(&self, rng: &mut impl Rng) -> Label {
        self.labels[rng.random_range(0..self.labels.len())].clone()
    }
}
