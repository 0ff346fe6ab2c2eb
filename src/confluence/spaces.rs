//! The list of spaces.

use std::sync::Arc;

use serde::Deserialize;

use super::Site;
use super::listing::{Cursor, Listing, ROWS_PER_ANSWER, Row};
use super::wire::Id;
use crate::connection::{Failure, Question, Turn};
use crate::model::{Operation, SpaceId, SpaceRow, SpaceStatus};

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
