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
struct UserJson {
    #[serde(rename = "accountId")]
    id: String,
    #[serde(rename = "accountStatus")]
    status: Option<String>,
    #[serde(rename = "accountType")]
    account_type: Option<String>,
}

/// The site's own word for what it does not tell.
const UNKNOWN: &str = "unknown";

fn user(json: UserJson, _: &mut Vec<&'static str>) -> Row<UserRow> {
    if json.id.is_empty() {
        return Err("user");
    }
    let or_unknown = |text: Option<String>| text.filter(|text| !text.is_empty()).map_or(UNKNOWN.into(), Into::into);
    Ok(UserRow {
        account: AccountId(json.id.into()),
        status: or_unknown(json.status),
        account_type: or_unknown(json.account_type),
    })
}

/// Whatever the site may send.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of(body: &[u8]) -> Option<Listing<UserRow>> {
    super::listing::listing_of(body, "user", user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_site_does_not_tell_of_an_account_is_unknown() {
        for (json, status, account_type) in [
            (r#"{"accountId":"a","accountStatus":"closed","accountType":"app","email":""}"#, "closed", "app"),
            (r#"{"accountId":"a","accountStatus":"suspended","accountType":"robot"}"#, "suspended", "robot"),
            (r#"{"accountId":"a","accountStatus":null,"accountType":""}"#, "unknown", "unknown"),
        ] {
            let row = user(serde_json::from_str(json).unwrap(), &mut Vec::new()).unwrap();
            assert_eq!((&*row.status, &*row.account_type), (status, account_type), "{json}");
        }
        assert!(user(serde_json::from_str(r#"{"accountId":""}"#).unwrap(), &mut Vec::new()).is_err());
    }
}
