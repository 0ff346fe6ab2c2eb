//! What happens to a world, and what each happening changes. Everything goes through here, so that it can be replayed.

use std::sync::Arc;

use super::World;
use super::growth::{self, summarize};
use super::nouns::{Account, Doc, DocStatus, DocType, Label, Sight, Space, SpaceStatus, Version};

/// One change. Docs, spaces and users are named by their place, which never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    AddUser { status: Arc<str>, account_type: Arc<str> },
    SetUserStatus { user: Account, status: Arc<str> },
    LeaveOutUser { user: Account, left_out: bool },
    AddSpace { key: Arc<str>, name: Arc<str>, space_type: Arc<str>, author: Account },
    SetSpaceStatus { space: u32, status: SpaceStatus },
    HideSpace { space: u32 },
    ShowSpace { space: u32 },
    DeleteSpace { space: u32 },
    Create { space: u32, doc_type: DocType, author: Account, dated_ms: i64 },
    Edit { doc: u32, author: Account, dated_ms: i64 },
    DeleteVersion { doc: u32, number: u32 },
    Move { doc: u32, space: u32 },
    SetStatus { doc: u32, status: DocStatus },
    Relabel { doc: u32, labels: Box<[Label]> },
    SetState { doc: u32, state: Option<Arc<str>> },
    SetOwner { doc: u32, owner: Option<Account> },
    View { doc: u32, views: u32 },
}

impl World {
    /// Makes it so; whether it can be was the caller's question.
    pub(super) fn apply(&mut self, at_ms: i64, change: &Change) {
        match change {
            Change::AddUser { status, account_type } => self.apply_add_user(status, account_type),
            Change::SetUserStatus { user, status } => self.users[user.0 as usize].status = Arc::clone(status),
            Change::LeaveOutUser { user, left_out } => self.users[user.0 as usize].left_out = *left_out,
            Change::AddSpace { key, name, space_type, author } => {
                let id = growth::space_id(self.spaces.len());
                let (key, name, space_type) = (Arc::clone(key), Arc::clone(name), Arc::clone(space_type));
                let (status, sight) = (SpaceStatus::Current, Sight::Listed);
                let author = *author;
                self.spaces.push(Space { id, key, name, space_type, status, created_ms: at_ms, author, sight });
                self.order.add_space();
            }
            Change::SetSpaceStatus { space, status } => self.spaces[*space as usize].status = *status,
            Change::HideSpace { space } => self.spaces[*space as usize].sight = Sight::Hidden { since_ms: at_ms },
            Change::ShowSpace { space } => self.spaces[*space as usize].sight = Sight::Listed,
            Change::DeleteSpace { space } => self.apply_delete_space(at_ms, *space),
            Change::Create { space, doc_type, author, dated_ms } => {
                self.apply_create(*space, *doc_type, *author, *dated_ms);
            }
            Change::Edit { doc, author, dated_ms } => {
                self.rewrite(*doc, |versions| versions.push(Version { created_ms: *dated_ms, author: *author }));
            }
            Change::DeleteVersion { doc, number } => {
                self.rewrite(*doc, |versions| {
                    versions.remove(*number as usize - 1);
                });
            }
            Change::Move { doc, space } => {
                self.keep_history(*doc);
                self.reorder(*doc, |doc| doc.space = *space);
            }
            Change::SetStatus { doc, status } => self.reorder(*doc, |doc| doc.status = *status),
            Change::Relabel { doc, labels } => {
                let mut places: Vec<u32> = labels.iter().map(|label| self.label_place(label)).collect();
                places.sort_unstable();
                places.dedup();
                self.docs[*doc as usize].labels = places.into_boxed_slice();
            }
            Change::SetState { doc, state } => {
                self.docs[*doc as usize].state = state.as_ref().map_or(0, |name| self.state_number(name));
            }
            Change::SetOwner { doc, owner } => {
                let doc = &mut self.docs[*doc as usize];
                doc.last_owner = doc.owner;
                doc.owner = *owner;
            }
            Change::View { doc, views } => {
                let doc = &mut self.docs[*doc as usize];
                doc.views = doc.views.saturating_add(*views);
            }
        }
    }

    fn apply_add_user(&mut self, status: &Arc<str>, account_type: &Arc<str>) {
        let place = u32::try_from(self.users.len()).expect("no site has billions of users");
        let mut user = growth::user(&self.plan, place);
        user.status = Arc::clone(status);
        user.account_type = Arc::clone(account_type);
        user.left_out = false;
        self.accounts.insert(Arc::clone(&user.account_id), Account(place));
        self.users.push(user);
    }

    fn apply_create(&mut self, space: u32, doc_type: DocType, author: Account, dated_ms: i64) {
        let first = Version { created_ms: dated_ms, author };
        let doc = Doc {
            id: self.plan.doc_id(self.docs.len()),
            created_ms: dated_ms,
            newest_ms: dated_ms,
            history: Some(vec![first]),
            labels: Box::default(),
            space,
            creator: author,
            newest_author: author,
            owner: (doc_type == DocType::Page).then_some(author),
            last_owner: None,
            versions: 1,
            views: 0,
            state: 0,
            kind: doc_type,
            status: DocStatus::Current,
        };
        self.order.append(u32::try_from(self.docs.len()).expect("no world has billions of docs"), &doc);
        self.docs.push(doc);
    }

    fn apply_delete_space(&mut self, at_ms: i64, space: u32) {
        for doc_type in DocType::ALL {
            let members = self.order.members(space, doc_type.place()).to_vec();
            for doc in members {
                self.reorder(doc, |doc| doc.status = DocStatus::Purged);
            }
        }
        let space = &mut self.spaces[space as usize];
        // Hidden before it was deleted: out of sight since then.
        let since_ms = match space.sight {
            Sight::Hidden { since_ms } | Sight::Deleted { since_ms } => since_ms,
            Sight::Listed => at_ms,
        };
        space.sight = Sight::Deleted { since_ms };
    }

    /// Changes what the doc's place in the orders hangs on.
    fn reorder(&mut self, place: u32, change: impl FnOnce(&mut Doc)) {
        let doc = &mut self.docs[place as usize];
        self.order.leave(place, doc);
        change(doc);
        self.order.enter(place, doc);
    }

    fn rewrite(&mut self, place: u32, change: impl FnOnce(&mut Vec<Version>)) {
        self.keep_history(place);
        self.reorder(place, |doc| {
            let mut versions = doc.history.take().expect("just kept");
            change(&mut versions);
            summarize(doc, &versions);
            doc.history = Some(versions);
        });
    }

    /// From now on the seed no longer says what this doc's versions are.
    fn keep_history(&mut self, place: u32) {
        if self.docs[place as usize].history.is_none() {
            let versions = self.history(place).into_owned();
            self.docs[place as usize].history = Some(versions);
        }
    }

    fn label_place(&mut self, label: &Label) -> u32 {
        let place = self.labels.iter().position(|known| known == label).unwrap_or_else(|| {
            self.labels.push(label.clone());
            self.labels.len() - 1
        });
        u32::try_from(place).expect("no world has billions of labels")
    }

    fn state_number(&mut self, name: &Arc<str>) -> u16 {
        let place = self.states.iter().position(|known| known.name == *name).unwrap_or_else(|| {
            self.states.push(growth::state(self.states.len(), name, "#8993a4"));
            self.states.len() - 1
        });
        u16::try_from(place + 1).expect("a test makes few states")
    }
}
