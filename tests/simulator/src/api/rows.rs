//! The rows of lists, field by field as the live site spells them: nulls where the documents admit none, fields
//! that the documents don't know.

use std::sync::Arc;

use super::json::Object;
use crate::world::{Account, Doc, DocId, DocStatus, DocType, Label, Space, Version, World, label_id, mix, title};

/// What a doc's row shows, taken from the world so that the row can be written after the lock is given back.
pub(crate) struct DocRow {
    id: DocId,
    doc_type: DocType,
    status: DocStatus,
    space: u64,
    space_key: Arc<str>,
    author: Arc<str>,
    owner: Option<Arc<str>>,
    last_owner: Option<Arc<str>>,
    created_ms: i64,
    version: VersionRow,
}

pub(crate) struct VersionRow {
    number: u32,
    created_ms: i64,
    author: Arc<str>,
}

impl DocRow {
    pub(crate) fn of(world: &World, doc: &Doc) -> Self {
        let space = &world.spaces()[doc.space as usize];
        let account = |account: Account| Arc::clone(world.account_id(account));
        Self {
            id: doc.id,
            doc_type: doc.kind,
            status: doc.status,
            space: space.id.0,
            space_key: Arc::clone(&space.key),
            author: account(doc.creator),
            owner: doc.owner.map(account),
            last_owner: doc.last_owner.map(account),
            created_ms: doc.created_ms,
            version: VersionRow { number: doc.versions, created_ms: doc.newest_ms, author: account(doc.newest_author) },
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        let id = self.id.0;
        let luck = mix(id, 11) % 100;
        let title = title(id);
        let digits = id.to_string();
        let mut row = Object::begin(out);
        if self.doc_type == DocType::Page {
            match luck {
                0..30 => row.raw("parentId", "null").raw("parentType", "null").raw("position", "null"),
                30..34 => row.id("parentId", id / 2 + 1).word("parentType", "folder").number("position", luck),
                // A type that no document of the API admits.
                34 => row.id("parentId", id / 2 + 1).word("parentType", "slide_deck").raw("position", "null"),
                _ => row.id("parentId", id / 2 + 1).word("parentType", "page").number("position", luck * 7),
            };
            row.optional_word("ownerId", self.owner.as_deref());
            row.optional_word("lastOwnerId", self.last_owner.as_deref());
            row.raw("subtype", if luck.is_multiple_of(5) { "\"live\"" } else { "null" });
        }
        row.id("id", id).word("status", self.status.as_str()).word("title", &title);
        row.id("spaceId", self.space);
        row.word("authorId", &self.author).time("createdAt", self.created_ms);
        row.object("version", |version| self.version.fill(version));
        row.raw("body", "{}");
        // A field of tomorrow.
        row.raw("presence", "{\"watchers\":[],\"score\":0.5}");
        row.object("_links", |links| {
            let kind = if self.doc_type == DocType::Page { "/pages/" } else { "/blog/" };
            links.texts("webui", &["/spaces/", &self.space_key, kind, &digits]);
            links.words("editui", &["/pages/resumedraft.action?draftId=", &digits]);
            links.words("tinyui", &["/x/", &digits]);
        });
        row.end();
    }
}

impl VersionRow {
    fn fill(&self, row: &mut Object<'_>) {
        row.number("number", u64::from(self.number)).word("message", "").raw("minorEdit", "false");
        row.word("authorId", &self.author).time("createdAt", self.created_ms).raw("ncsStepVersion", "null");
    }
}

/// A row of `/pages/{id}/versions`; the doc's type names its member.
pub(crate) fn write_version(out: &mut String, world: &World, doc: &Doc, number: u32, version: &Version) {
    let author = Arc::clone(world.account_id(version.author));
    let row = VersionRow { number, created_ms: version.created_ms, author };
    let mut object = Object::begin(out);
    row.fill(&mut object);
    object.object(doc.kind.as_str(), |entity| {
        entity.id("id", doc.id.0).text("title", &title(doc.id.0)).raw("body", "{}");
    });
    object.end();
}

pub(crate) fn write_space(out: &mut String, world: &World, space: &Space) {
    let luck = mix(space.id.0, 3) % 10;
    let mut row = Object::begin(out);
    row.id("id", space.id.0).text("key", &space.key).text("name", &space.name);
    row.text("type", &space.space_type).text("status", space.status.as_str());
    row.text("authorId", world.account_id(space.author)).text("spaceOwnerId", world.account_id(space.author));
    let alias = if luck == 4 { format!("{}-old", space.key) } else { space.key.to_string() };
    row.text("currentActiveAlias", &alias).time("createdAt", space.created_ms);
    if luck < 3 {
        row.raw("homepageId", "null");
    } else {
        row.id("homepageId", space.id.0 + 1000);
    }
    row.raw("description", "null").raw("icon", "null").raw("isStarred", "false");
    row.object("_links", |links| {
        links.text("webui", &format!("/spaces/{}", space.key));
    });
    row.end();
}

pub(crate) fn write_label(out: &mut String, place: u32, label: &Label) {
    let mut row = Object::begin(out);
    row.id("id", label_id(place as usize)).text("name", &label.name).text("prefix", &label.prefix);
    row.end();
}

/// A row of users-bulk.
pub(crate) fn write_user(out: &mut String, world: &World, account: Account) {
    let user = world.user(account);
    let mut row = Object::begin(out);
    row.text("accountId", &user.account_id).text("accountStatus", &user.status);
    row.text("accountType", &user.account_type).text("email", "").text("publicName", &user.display_name);
    row.text("displayName", &user.display_name).raw("timeZone", "null").raw("personalSpaceId", "null");
    row.raw("isExternalCollaborator", "false").raw("isGuest", "false");
    row.object("profilePicture", |picture| {
        picture.text("path", "/wiki/aa-avatar/default").raw("isDefault", "true");
    });
    row.end();
}
