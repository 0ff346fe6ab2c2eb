//! What people do to a site, by name. Each says whether it could be done; what cannot be done changes nothing.

use std::sync::Arc;

use super::World;
use super::events::Change;
use super::nouns::{Account, Doc, DocId, DocStatus, DocType, Label, Sight, SpaceId, SpaceStatus};

impl World {
    pub fn add_user(&mut self, status: &str, account_type: &str) -> Account {
        self.happen(Change::AddUser { status: status.into(), account_type: account_type.into() });
        Account(u32::try_from(self.users.len() - 1).expect("no site has billions of users"))
    }

    pub fn set_user_status(&mut self, user: Account, status: &str) {
        self.happen(Change::SetUserStatus { user, status: status.into() });
    }

    pub fn deactivate_user(&mut self, user: Account) {
        self.set_user_status(user, "inactive");
    }

    /// From now on users-bulk leaves the account out (or names it again).
    pub fn leave_out_user(&mut self, user: Account, left_out: bool) {
        self.happen(Change::LeaveOutUser { user, left_out });
    }

    /// A key that is in use gives the space that has it.
    pub fn add_space(&mut self, key: &str, name: &str, space_type: &str) -> SpaceId {
        if let Some(space) = self.space_by_key(key) {
            return space;
        }
        let (key, name, space_type) = (key.into(), name.into(), space_type.into());
        self.happen(Change::AddSpace { key, name, space_type, author: Account(0) });
        self.spaces[self.spaces.len() - 1].id
    }

    pub fn archive_space(&mut self, space: SpaceId) -> bool {
        self.set_space_status(space, SpaceStatus::Archived)
    }

    pub fn restore_space(&mut self, space: SpaceId) -> bool {
        self.set_space_status(space, SpaceStatus::Current)
    }

    pub fn hide_space(&mut self, space: SpaceId) -> bool {
        self.change_space(space, |sight| sight == Sight::Listed, |space| Change::HideSpace { space })
    }

    pub fn show_space(&mut self, space: SpaceId) -> bool {
        let is_hidden = |sight| matches!(sight, Sight::Hidden { .. });
        self.change_space(space, is_hidden, |space| Change::ShowSpace { space })
    }

    /// Its docs are purged without a trace.
    pub fn delete_space(&mut self, space: SpaceId) -> bool {
        let exists = |sight| !matches!(sight, Sight::Deleted { .. });
        self.change_space(space, exists, |space| Change::DeleteSpace { space })
    }

    pub fn create(&mut self, space: SpaceId, doc_type: DocType, author: Account) -> Option<DocId> {
        let now_ms = self.now_ms();
        self.create_dated(space, doc_type, author, now_ms)
    }

    /// A doc whose `createdAt` is not now: imported ones, and the odd dates that sites have.
    pub fn create_dated(&mut self, space: SpaceId, doc_type: DocType, author: Account, dated_ms: i64) -> Option<DocId> {
        let space = self.space_place(space)?;
        if matches!(self.spaces[space as usize].sight, Sight::Deleted { .. }) {
            return None;
        }
        self.happen(Change::Create { space, doc_type, author, dated_ms });
        Some(self.docs[self.docs.len() - 1].id)
    }

    pub fn edit(&mut self, doc: DocId, author: Account) -> bool {
        let now_ms = self.now_ms();
        self.edit_dated(doc, author, now_ms)
    }

    /// A version is known by its doc and its date: one that would not be later than the newest is dated a
    /// millisecond after it.
    pub fn edit_dated(&mut self, doc: DocId, author: Account, dated_ms: i64) -> bool {
        let Some(doc) = self.living_doc(doc, &[DocStatus::Current]) else { return false };
        let dated_ms = dated_ms.max(self.docs[doc as usize].newest_ms + 1);
        self.happen(Change::Edit { doc, author, dated_ms });
        true
    }

    /// Edits so many docs that can be seen, spread over the site, each once. Tells how many there were.
    pub fn edit_many(&mut self, docs: usize, doc_type: Option<DocType>, author: Account) -> usize {
        let is_editable = |doc: &&Doc| {
            doc.status == DocStatus::Current
                && self.is_in_sight(doc)
                && doc_type.is_none_or(|doc_type| doc.kind == doc_type)
        };
        let editable: Vec<DocId> = self.docs.iter().filter(is_editable).map(|doc| doc.id).collect();
        let step = (editable.len() / docs.max(1)).max(1);
        editable.into_iter().step_by(step).take(docs).filter(|doc| self.edit(*doc, author)).count()
    }

    /// As the editor saves by itself: many versions, at most a minute apart, the last one now.
    pub fn autosave_burst(&mut self, doc: DocId, author: Account, versions: u32) -> bool {
        let Some(place) = self.living_doc(doc, &[DocStatus::Current]) else { return false };
        let now_ms = self.now_ms();
        let left_ms = (now_ms - self.docs[place as usize].newest_ms).max(1);
        let gap_ms = (left_ms / i64::from(versions.max(1))).clamp(1, 60_000);
        (0..i64::from(versions)).rev().all(|later| self.edit_dated(doc, author, now_ms - later * gap_ms))
    }

    /// The later ones are renumbered. A doc's first version and its newest stay.
    pub fn delete_version(&mut self, doc: DocId, number: u32) -> bool {
        let Some(doc) = self.living_doc(doc, &DocStatus::LIVING) else { return false };
        let possible = number > 1 && number < self.docs[doc as usize].versions;
        if possible {
            self.happen(Change::DeleteVersion { doc, number });
        }
        possible
    }

    pub fn move_to(&mut self, doc: DocId, space: SpaceId) -> bool {
        let Some(doc) = self.living_doc(doc, &[DocStatus::Current, DocStatus::Archived]) else { return false };
        let Some(space) = self.space_place(space) else { return false };
        let possible = self.docs[doc as usize].space != space && self.spaces[space as usize].sight == Sight::Listed;
        if possible {
            self.happen(Change::Move { doc, space });
        }
        possible
    }

    /// Pages only: blog posts cannot be archived.
    pub fn archive(&mut self, doc: DocId) -> bool {
        let is_page = self.doc_place(doc).is_some_and(|place| self.docs[place as usize].kind == DocType::Page);
        is_page && self.set_status(doc, &[DocStatus::Current], DocStatus::Archived)
    }

    /// From the archive or the trash.
    pub fn restore(&mut self, doc: DocId) -> bool {
        self.set_status(doc, &[DocStatus::Archived, DocStatus::Trashed], DocStatus::Current)
    }

    pub fn trash(&mut self, doc: DocId) -> bool {
        self.set_status(doc, &[DocStatus::Current, DocStatus::Archived], DocStatus::Trashed)
    }

    /// Out of the trash for good. Every other doc leaves a trace that is listed as `deleted` to who asks for it.
    pub fn purge(&mut self, doc: DocId) -> bool {
        let status = if doc.0.is_multiple_of(2) { DocStatus::Deleted } else { DocStatus::Purged };
        self.set_status(doc, &[DocStatus::Trashed], status)
    }

    /// Replaces the doc's labels.
    pub fn relabel(&mut self, doc: DocId, labels: &[Label]) -> bool {
        let statuses = [DocStatus::Current, DocStatus::Archived];
        let Some(doc) = self.living_doc(doc, &statuses) else { return false };
        self.happen(Change::Relabel { doc, labels: labels.into() });
        true
    }

    pub fn set_state(&mut self, doc: DocId, state: Option<&str>) -> bool {
        let Some(doc) = self.living_doc(doc, &[DocStatus::Current]) else { return false };
        self.happen(Change::SetState { doc, state: state.map(Arc::from) });
        true
    }

    /// Pages only: blog posts have no owner.
    pub fn set_owner(&mut self, doc: DocId, owner: Option<Account>) -> bool {
        let Some(doc) = self.living_doc(doc, &[DocStatus::Current]) else { return false };
        let possible = self.docs[doc as usize].kind == DocType::Page;
        if possible {
            self.happen(Change::SetOwner { doc, owner });
        }
        possible
    }

    pub fn view(&mut self, doc: DocId, views: u32) -> bool {
        let Some(doc) = self.living_doc(doc, &[DocStatus::Current]) else { return false };
        self.happen(Change::View { doc, views });
        true
    }

    /// Everything that breaks a careless encoder: a space whose key and name hold quotes, backslashes, newlines and
    /// emoji, and a page in it with such labels and such a state.
    pub fn add_odd_names(&mut self) -> SpaceId {
        let space = self.add_space("OD\"D\\\n🦉", "Odd \"names\" \\ and\nlines 🦉", "global");
        if let Some(doc) = self.create(space, DocType::Page, Account(0)) {
            let labels = ["say-\"hi\"", "back\\slash", "two\nlines", "owl-🦉", "{curly=\"x\"}", "naïve"];
            self.relabel(doc, &labels.map(|name| Label::new("global", name)));
            self.set_state(doc, Some("Nearly \"done\" \\ 🦉\n"));
        }
        space
    }

    fn set_status(&mut self, doc: DocId, from: &[DocStatus], status: DocStatus) -> bool {
        let Some(doc) = self.living_doc(doc, from) else { return false };
        self.happen(Change::SetStatus { doc, status });
        true
    }

    fn set_space_status(&mut self, space: SpaceId, status: SpaceStatus) -> bool {
        if self.space(space).is_none_or(|space| space.status == status) {
            return false;
        }
        let exists = |sight| !matches!(sight, Sight::Deleted { .. });
        self.change_space(space, exists, |space| Change::SetSpaceStatus { space, status })
    }

    fn change_space(
        &mut self,
        space: SpaceId,
        is_possible: impl Fn(Sight) -> bool,
        change: impl Fn(u32) -> Change,
    ) -> bool {
        let Some(place) = self.space_place(space) else { return false };
        let possible = is_possible(self.spaces[place as usize].sight);
        if possible {
            self.happen(change(place));
        }
        possible
    }

    pub(super) fn living_doc(&self, doc: DocId, statuses: &[DocStatus]) -> Option<u32> {
        self.doc_place(doc).filter(|&place| statuses.contains(&self.docs[place as usize].status))
    }
}
