//! How often one doc has been viewed, over its whole life.

use serde::Deserialize;

use super::Site;
use crate::connection::{Answer, Failure, Question, Turn};
use crate::model::{DocId, Operation};

impl Site {
    pub async fn views(&self, doc: DocId) -> Result<Answer<u64>, Failure> {
        let path = format!("/wiki/rest/api/analytics/content/{doc}/views");
        let question =
            Question { operation: Operation::ContentViews, path: &path, query: &[], body: None, turn: Turn::Rest };
        let answer = self.connection().ask::<ViewsJson>(question).await?;
        Ok(answer.map(|views| views.count))
    }
}

#[derive(Deserialize)]
struct ViewsJson {
    count: u64,
}
