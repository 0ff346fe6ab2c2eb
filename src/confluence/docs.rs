//! The lists of pages and blog posts.

use std::collections::HashSet;

use serde::Deserialize;

use super::Site;
use super::listing::{Listing, ROWS_PER_ANSWER, Row};
use super::versions::VersionJson;
use super::wire::{Date, Id, account, if_readable};
use crate::connection::{Failure, Question, Turn};
use crate::model::{Cursor, DocId, DocRow, DocStatus, DocType, Operation, Papers, SpaceId};

/// Which docs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocsListing {
    pub doc_type: DocType,
    pub order: Order,
    /// At most 100; none stands for all.
    pub spaces: Vec<SpaceId>,
    pub turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the newest version's date, newest first.
    NewestFirst,
    ById,
    /// By the first version's date.
    OldestCreatedFirst,
    NewestCreatedFirst,
}

impl Site {
    /// The docs that are counted: current, archived and trashed ones.
    pub async fn docs(&self, listing: &DocsListing, cursor: Option<&Cursor>) -> Result<Listing<DocRow>, Failure> {
        let order = match listing.order {
            Order::NewestFirst => "-modified-date",
            Order::ById => "id",
            Order::OldestCreatedFirst => "created-date",
            Order::NewestCreatedFirst => "-created-date",
        };
        let mut query = vec![("limit", ROWS_PER_ANSWER.to_owned()), ("sort", order.to_owned())];
        query.extend(counted_statuses(listing.doc_type).iter().map(|status| ("status", (*status).to_owned())));
        query.extend(listing.spaces.iter().map(|space| ("space-id", space.to_string())));
        self.list_docs(listing.doc_type, &query, listing.turn, cursor).await
    }

    /// These docs, at most 250, whatever has become of them. One that is left out is out of sight.
    pub async fn docs_by_id(
        &self,
        doc_type: DocType,
        docs: &[DocId],
        cursor: Option<&Cursor>,
    ) -> Result<Listing<DocRow>, Failure> {
        let mut query = vec![("limit", ROWS_PER_ANSWER.to_owned())];
        let statuses = counted_statuses(doc_type).iter().chain(&["deleted"]);
        query.extend(statuses.map(|status| ("status", (*status).to_owned())));
        query.extend(docs.iter().map(|doc| ("id", doc.to_string())));
        self.list_docs(doc_type, &query, Turn::Rest, cursor).await
    }

    async fn list_docs(
        &self,
        doc_type: DocType,
        query: &[(&'static str, String)],
        turn: Turn,
        cursor: Option<&Cursor>,
    ) -> Result<Listing<DocRow>, Failure> {
        let (operation, path, kind) = match doc_type {
            DocType::Page => (Operation::Pages, "/wiki/api/v2/pages", "page"),
            DocType::Blogpost => (Operation::Blogposts, "/wiki/api/v2/blogposts", "blogpost"),
        };
        let question = Question { operation, path, query, body: None, turn };
        let mut met = HashSet::new();
        self.list(question, cursor, kind, |json, _| {
            let row = doc(doc_type, kind, json)?;
            // Of two docs with one id nobody knows which is meant: the second must not overwrite the first.
            if met.insert(row.id) { Ok(row) } else { Err("doc_id") }
        })
        .await
    }
}

/// Without being asked, the site leaves trashed docs out. A blog post cannot be archived, and asking for it is an error.
const fn counted_statuses(doc_type: DocType) -> &'static [&'static str] {
    match doc_type {
        DocType::Page => &["current", "archived", "trashed"],
        DocType::Blogpost => &["current", "trashed"],
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocJson {
    id: Id,
    status: String,
    space_id: Id,
    author_id: Option<String>,
    owner_id: Option<String>,
    created_at: Date,
    version: VersionJson,
    #[serde(default, deserialize_with = "if_readable")]
    title: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    last_owner_id: Option<String>,
    #[serde(default, rename = "_links", deserialize_with = "if_readable")]
    links: Option<LinksJson>,
}

#[derive(Deserialize)]
struct LinksJson {
    webui: Option<String>,
}

fn doc(doc_type: DocType, kind: &'static str, json: DocJson) -> Row<DocRow> {
    let status = match json.status.as_str() {
        "current" => Some(DocStatus::Current),
        "archived" => Some(DocStatus::Archived),
        "trashed" => Some(DocStatus::Trashed),
        "deleted" => None,
        _ => return Err("doc_status"),
    };
    Ok(DocRow {
        id: DocId(json.id.0),
        doc_type,
        space: SpaceId(json.space_id.0),
        status,
        author: account(json.author_id),
        owner: account(json.owner_id),
        created_at: json.created_at.0,
        version: json.version.row().ok_or(kind)?,
        papers: Papers {
            title: json.title.map(String::into_boxed_str),
            path: json.links.and_then(|links| links.webui).map(|path| format!("/wiki{path}").into()),
            last_owner: account(json.last_owner_id),
        },
    })
}

/// Whatever the site may send.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of(body: &[u8]) -> Option<Listing<DocRow>> {
    super::listing::listing_of(body, "page", |json, _| doc(DocType::Page, "page", json))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page() -> Value {
        json!({
            "id": "70001", "status": "current", "title": "Runbook", "spaceId": "42", "parentId": null, "parentType": "folder",
            "position": null, "authorId": "712020:ann", "ownerId": null, "createdAt": "2026-03-04T05:06:07Z", "body": {},
            "version": {"number": 3, "createdAt": "2026-03-05T05:06:07.089Z", "authorId": null, "minorEdit": false},
            "somethingNew": [1],
        })
    }

    fn read(json: &Value) -> Result<DocRow, &'static str> {
        // As in a listing: a row that is not of the shape counts under its kind.
        serde_json::from_str(&json.to_string()).map_err(|_| "page").and_then(|json| doc(DocType::Page, "page", json))
    }

    #[test]
    fn a_row_is_read_with_its_nulls_and_with_what_nobody_asked_for() {
        let row = read(&page()).unwrap();

        assert_eq!((row.id, row.space, row.status), (DocId(70_001), SpaceId(42), Some(DocStatus::Current)));
        assert_eq!(row.author.map(|author| author.0.to_string()).as_deref(), Some("712020:ann"));
        assert_eq!(row.owner, None);
        assert_eq!(row.created_at.to_string(), "2026-03-04T05:06:07Z");
        assert_eq!((row.version.number, row.version.author), (3, None));
        assert_eq!(row.version.created_at.to_string(), "2026-03-05T05:06:07.089Z");
    }

    #[test]
    fn what_the_numbers_need_must_be_readable() {
        for (path, value) in [
            ("/id", json!("7000x")),
            ("/id", json!("-7")),
            ("/id", json!("")),
            ("/id", json!(null)),
            ("/spaceId", json!(null)),
            ("/spaceId", json!([42])),
            ("/status", json!(null)),
            ("/createdAt", json!(null)),
            ("/createdAt", json!("yesterday")),
            ("/createdAt", json!(1_790_000_000)),
            ("/version", json!(null)),
            ("/version/number", json!(0)),
            ("/version/number", json!(-1)),
            ("/version/number", json!("3")),
            ("/version/number", json!(4_294_967_296_u64)),
            ("/version/createdAt", json!("")),
        ] {
            let mut row = page();
            *row.pointer_mut(path).unwrap() = value.clone();
            assert_eq!(read(&row), Err("page"), "{path} {value}");
        }
    }

    #[test]
    fn a_status_nobody_knows_is_counted_as_such() {
        for status in ["draft", "historical", "", "CURRENT"] {
            let mut row = page();
            row["status"] = json!(status);
            assert_eq!(read(&row), Err("doc_status"), "{status}");
        }
        let mut row = page();
        row["status"] = json!("deleted");
        assert_eq!(read(&row).map(|row| row.status), Ok(None));
    }

    #[test]
    fn an_id_may_be_a_number_and_a_date_of_any_year() {
        let mut row = page();
        row["id"] = json!(70_001);
        row["createdAt"] = json!("1970-01-01T00:00:00.000Z");
        row["version"]["createdAt"] = json!("2100-01-01T00:00:00Z");
        assert_eq!(read(&row).map(|row| (row.id, row.created_at.as_millis())), Ok((DocId(70_001), 0)));
    }
}
