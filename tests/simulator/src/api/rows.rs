//! The rows of lists, field by field as the live site spells them: nulls where the documents admit none, fields
//! that the documents don't know.

use super::json::Object;
use crate::world::{Account, Doc, DocType, Label, Space, Title, Version, World, label_id, mix};

/// A row of `/pages` and `/blogposts`.
pub(crate) fn write_doc(out: &mut Vec<u8>, world: &World, doc: &Doc) {
    let id = doc.id.0;
    let space = &world.spaces()[doc.space as usize];
    let account = |account: Account| &**world.account_id(account);
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(id);
    let mut row = Object::begin(out);
    if doc.kind == DocType::Page {
        write_page_members(&mut row, id);
        row.optional_word("ownerId", doc.owner.map(account));
        row.optional_word("lastOwnerId", doc.last_owner.map(account));
        row.raw("subtype", if luck(id).is_multiple_of(5) { "\"live\"" } else { "null" });
    }
    row.word("id", digits).word("status", doc.status.as_str());
    row.words("title", &Title::of(id).pieces(digits)).id("spaceId", space.id.0);
    row.word("authorId", account(doc.creator)).time("createdAt", doc.created_ms);
    let version = Version { created_ms: doc.newest_ms, author: doc.newest_author };
    row.object("version", |row| write_version_members(row, world, doc.versions, &version));
    write_body(&mut row, world);
    // A field of tomorrow.
    row.raw("presence", "{\"watchers\":[],\"score\":0.5}");
    row.object("_links", |links| {
        let kind = if doc.kind == DocType::Page { "/pages/" } else { "/blog/" };
        links.texts("webui", &["/spaces/", &space.key, kind, digits]);
        links.words("editui", &["/pages/resumedraft.action?draftId=", digits]);
        links.words("tinyui", &["/x/", digits]);
    });
    row.end();
}

fn luck(id: u64) -> u64 {
    mix(id, 11) % 100
}

/// What pages alone have: their place in a tree.
fn write_page_members(row: &mut Object<'_>, id: u64) {
    match luck(id) {
        0..30 => row.raw("parentId", "null").raw("parentType", "null").raw("position", "null"),
        luck @ 30..34 => row.id("parentId", id / 2 + 1).word("parentType", "folder").number("position", luck),
        // A type that no document of the API admits.
        34 => row.id("parentId", id / 2 + 1).word("parentType", "slide_deck").raw("position", "null"),
        luck => row.id("parentId", id / 2 + 1).word("parentType", "page").number("position", luck * 7),
    };
}

/// Empty, as always where none was asked for; but what was confided is told all the same.
fn write_body(row: &mut Object<'_>, world: &World) {
    row.object("body", |body| {
        if !world.confidences().is_empty() {
            body.object("storage", |storage| {
                storage.word("representation", "storage").text("value", world.confidences());
            });
        }
    });
}

fn write_version_members(row: &mut Object<'_>, world: &World, number: u32, version: &Version) {
    row.number("number", u64::from(number)).text("message", world.confidences()).raw("minorEdit", "false");
    row.word("authorId", world.account_id(version.author)).time("createdAt", version.created_ms);
    row.raw("ncsStepVersion", "null");
}

/// A row of `/pages/{id}/versions`; the doc's type names its member.
pub(crate) fn write_version(out: &mut Vec<u8>, world: &World, doc: &Doc, number: u32, version: &Version) {
    let mut row = Object::begin(out);
    write_version_members(&mut row, world, number, version);
    row.object(doc.kind.as_str(), |entity| {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(doc.id.0);
        entity.word("id", digits).words("title", &Title::of(doc.id.0).pieces(digits));
        write_body(entity, world);
    });
    row.end();
}

pub(crate) fn write_space(out: &mut Vec<u8>, world: &World, space: &Space) {
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

pub(crate) fn write_label(out: &mut Vec<u8>, place: u32, label: &Label) {
    let mut row = Object::begin(out);
    row.id("id", label_id(place as usize)).text("name", &label.name).text("prefix", &label.prefix);
    row.end();
}

/// A row of users-bulk.
pub(crate) fn write_user(out: &mut Vec<u8>, world: &World, account: Account) {
    let user = world.user(account);
    let name = Some(world.confidences()).filter(|words| !words.is_empty()).unwrap_or(&user.display_name);
    let mut row = Object::begin(out);
    row.text("accountId", &user.account_id).text("accountStatus", &user.status);
    row.text("accountType", &user.account_type).text("email", world.confidences()).text("publicName", name);
    row.text("displayName", name).raw("timeZone", "null").raw("personalSpaceId", "null");
    row.raw("isExternalCollaborator", "false").raw("isGuest", "false");
    row.object("profilePicture", |picture| {
        picture.text("path", "/wiki/aa-avatar/default").raw("isDefault", "true");
    });
    row.end();
}
