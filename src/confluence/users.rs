//! What kind of accounts the ids stand for. Names and addresses are in the answer too, and are not read.

use serde::Deserialize;
use serde_json::json;

use super::Site;
use super::listing::{Listing, Row};
use crate::connection::{Failure, Question, Turn};
use crate::model::{AccountId, Operation, UserRow};

impl Site {
    /// At most 250. The site leaves out ids that it does not know, without a word.
    pub async fn users(&self, accounts: &[AccountId]) -> Result<Listing<UserRow>, Failure> {
        let ids: Vec<&str> = accounts.iter().map(|account| &*account.0).collect();
        let question = Question {
            operation: Operation::UsersBulk,
            path: "/wiki/api/v2/users-bulk",
            query: &[],
            body: Some(json!({ "accountIds": ids })),
            turn: Turn::Rest,
        };
        self.list(question, None, "user", user).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserJson {
    account_id: String,
    account_status: Option<String>,
    account_type: Option<String>,
}

/// The site's own word for what it does not tell.
const UNKNOWN: &str = "unknown";

fn user(json: UserJson, _: &mut Vec<&'static str>) -> Row<UserRow> {
    if json.account_id.is_empty() {
        return Err("user");
    }
    let or_unknown = |text: Option<String>| text.filter(|text| !text.is_empty()).map_or(UNKNOWN.into(), Into::into);
    Ok(UserRow {
        account: AccountId(json.account_id.into()),
        status: or_unknown(json.account_status),
        account_type: or_unknown(json.account_type),
    })
}
