//! The versions of one doc.

use serde::Deserialize;

use super::Site;
use super::listing::{Listing, ROWS_PER_ANSWER, Row};
use super::wire::{Date, account};
use crate::connection::{Failure, Question, Turn};
use crate::model::{Cursor, DocId, DocType, Operation, VersionRow};

impl Site {
    /// Newest first.
    pub async fn versions(
        &self,
        doc_type: DocType,
        doc: DocId,
        cursor: Option<&Cursor>,
    ) -> Result<Listing<VersionRow>, Failure> {
        let (operation, path) = match doc_type {
            DocType::Page => (Operation::PageVersions, format!("/wiki/api/v2/pages/{doc}/versions")),
            DocType::Blogpost => (Operation::BlogpostVersions, format!("/wiki/api/v2/blogposts/{doc}/versions")),
        };
        let query = [("limit", ROWS_PER_ANSWER.to_owned()), ("sort", "-modified-date".to_owned())];
        let question = Question { operation, path: &path, query: &query, body: None, turn: Turn::Rest };
        self.list(question, cursor, "version", version).await
    }
}

/// A version, by itself and as part of its doc.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionJson {
    number: u32,
    created_at: Date,
    author_id: Option<String>,
}

impl VersionJson {
    /// Numbers begin at one.
    pub(super) fn row(self) -> Option<VersionRow> {
        (self.number > 0).then(|| VersionRow {
            number: self.number,
            created_at: self.created_at.0,
            author: account(self.author_id),
        })
    }
}

fn version(json: VersionJson, _: &mut Vec<&'static str>) -> Row<VersionRow> {
    json.row().ok_or("version")
}

/// Whatever the site may send.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of(body: &[u8]) -> Option<Listing<VersionRow>> {
    super::listing::listing_of(body, "version", version)
}
