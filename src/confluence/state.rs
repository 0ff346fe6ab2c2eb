//! The content state of one doc, such as "Rough draft" or "Verified".

use std::sync::Arc;

use serde::Deserialize;

use super::Site;
use crate::connection::{Answer, Failure, Question, Turn};
use crate::model::{DocId, Operation};

impl Site {
    /// The state's name; `None` for a doc without one.
    pub async fn state(&self, doc: DocId) -> Result<Answer<Option<Arc<str>>>, Failure> {
        let path = format!("/wiki/rest/api/content/{doc}/state");
        let question =
            Question { operation: Operation::ContentState, path: &path, query: &[], body: None, turn: Turn::Rest };
        let answer = self.connection().ask::<AnswerJson>(question).await?;
        Ok(answer.map(|value| value.content_state.map(|state| state.name.into())))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerJson {
    content_state: Option<StateJson>,
}

#[derive(Deserialize)]
struct StateJson {
    name: String,
}
