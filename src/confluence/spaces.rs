//! The list of spaces.

use std::sync::Arc;

use serde::Deserialize;

use super::Site;
use super::listing::{Listing, ROWS_PER_ANSWER, Row};
use super::wire::Id;
use crate::connection::{Failure, Question, Turn};
use crate::model::{Cursor, Operation, SpaceId, SpaceRow, SpaceStatus};

impl Site {
    /// Every space that the token can see, current and archived.
    pub async fn spaces(&self, cursor: Option<&Cursor>) -> Result<Listing<SpaceRow>, Failure> {
        let question = Question {
            operation: Operation::Spaces,
            path: "/wiki/api/v2/spaces",
            query: &[("limit", ROWS_PER_ANSWER.to_owned())],
            body: None,
            turn: Turn::Base,
        };
        self.list(question, cursor, "space", space).await
    }
}

#[derive(Deserialize)]
struct SpaceJson {
    id: Id,
    key: String,
    name: Option<String>,
    #[serde(rename = "type")]
    space_type: Option<String>,
    status: String,
}

/// A name or a type that is missing costs only itself: the space's docs are counted all the same.
fn space(json: SpaceJson, unreadable: &mut Vec<&'static str>) -> Row<SpaceRow> {
    if json.key.is_empty() {
        return Err("space");
    }
    let key: Arc<str> = json.key.into();
    let name = json.name.map_or_else(
        || {
            unreadable.push("space_name");
            Arc::clone(&key)
        },
        Arc::from,
    );
    let space_type = json.space_type.map_or_else(
        || {
            unreadable.push("space_type");
            Arc::from("unknown")
        },
        Arc::from,
    );
    let status = match json.status.as_str() {
        "current" => SpaceStatus::Current,
        "archived" => SpaceStatus::Archived,
        _ => SpaceStatus::Other(json.status.into()),
    };
    Ok(SpaceRow { id: SpaceId(json.id.0), key, name, space_type, status })
}

/// Whatever the site may send.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of(body: &[u8]) -> Option<Listing<SpaceRow>> {
    super::listing::listing_of(body, "space", space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Option<SpaceRow>, Vec<&'static str>) {
        let mut unreadable = Vec::new();
        let row = serde_json::from_str(json).ok().and_then(|json| space(json, &mut unreadable).ok());
        (row, unreadable)
    }

    #[test]
    fn words_nobody_knows_are_kept_as_they_came() {
        let (row, unreadable) =
            read(r#"{"id":"1","key":"~ann \"\\\n☕","name":"Ann","type":"xflow_sample_space","status":"dormant"}"#);

        let row = row.unwrap();
        assert_eq!(
            (&*row.key, &*row.space_type, row.status.as_str()),
            ("~ann \"\\\n☕", "xflow_sample_space", "dormant")
        );
        assert!(unreadable.is_empty());
    }

    #[test]
    fn a_missing_name_or_type_costs_only_itself() {
        let (row, unreadable) = read(r#"{"id":"1","key":"ENG","name":null,"status":"current"}"#);

        let row = row.unwrap();
        assert_eq!((&*row.name, &*row.space_type, row.status), ("ENG", "unknown", SpaceStatus::Current));
        assert_eq!(unreadable, ["space_name", "space_type"]);
    }

    #[test]
    fn a_space_without_an_id_a_key_or_a_status_cannot_be_counted() {
        for json in [
            r#"{"key":"ENG","name":"x","type":"global","status":"current"}"#,
            r#"{"id":"1","key":null,"name":"x","type":"global","status":"current"}"#,
            r#"{"id":"1","key":"","name":"x","type":"global","status":"current"}"#,
            r#"{"id":"1","key":"ENG","name":"x","type":"global","status":null}"#,
        ] {
            assert_eq!(read(json).0, None, "{json}");
        }
    }
}
