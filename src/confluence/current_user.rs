//! Whether the credential is alive, told without touching any content.

use serde::de::IgnoredAny;

use super::Site;
use crate::connection::{Failure, Question, Turn};
use crate::model::Operation;

impl Site {
    /// Wants a scope beyond the usual four: a scoped token without it is refused by that name.
    pub async fn current_user(&self) -> Result<(), Failure> {
        let question = Question {
            operation: Operation::CurrentUser,
            path: "/wiki/rest/api/user/current",
            query: &[],
            body: None,
            turn: Turn::Rest,
        };
        self.connection().ask::<IgnoredAny>(question).await?;
        Ok(())
    }
}
