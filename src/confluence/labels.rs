//! The labels of one doc.

use serde::Deserialize;

use super::Site;
use super::listing::{Listing, ROWS_PER_ANSWER, Row};
use crate::connection::{Failure, Question, Turn};
use crate::model::{Cursor, DocId, DocType, LabelRow, Operation};

impl Site {
    pub async fn labels(
        &self,
        doc_type: DocType,
        doc: DocId,
        cursor: Option<&Cursor>,
    ) -> Result<Listing<LabelRow>, Failure> {
        let (operation, path) = match doc_type {
            DocType::Page => (Operation::PageLabels, format!("/wiki/api/v2/pages/{doc}/labels")),
            DocType::Blogpost => (Operation::BlogpostLabels, format!("/wiki/api/v2/blogposts/{doc}/labels")),
        };
        let query = [("limit", ROWS_PER_ANSWER.to_owned())];
        let question = Question { operation, path: &path, query: &query, body: None, turn: Turn::Rest };
        self.list(question, cursor, "label", label).await
    }
}

#[derive(Deserialize)]
struct LabelJson {
    name: String,
    prefix: Option<String>,
}

fn label(json: LabelJson, _: &mut Vec<&'static str>) -> Row<LabelRow> {
    if json.name.is_empty() {
        return Err("label");
    }
    Ok(LabelRow { prefix: json.prefix.unwrap_or_default().into(), name: json.name.into() })
}

/// Whatever the site may send.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of(body: &[u8]) -> Option<Listing<LabelRow>> {
    super::listing::listing_of(body, "label", label)
}
