//! What holds of every list that a site sends, and of the place where it says that the list goes on.

use serde_json::{Value, json};
use url::Url;

use super::listing::{Listing, ROWS_PER_ANSWER};
use super::{docs, labels, spaces, users, versions};
use crate::connection::fuzzed::{next_link, url_of};
use crate::connection::{Question, Turn};
use crate::model::{Cursor, Operation};

/// Fields that a row can do without: it is counted among the rows all the same.
const SPARE_FIELDS: [&str; 2] = ["space_name", "space_type"];

const BASE: &str = "https://acme.atlassian.net";

/// Every row of it is either read or counted as unreadable.
pub fn list_answers(body: &[u8]) {
    let rows = serde_json::from_slice(body).ok().and_then(|json: Value| Some(json["results"].as_array()?.len()));
    check(spaces::listing_of(body), rows);
    check(docs::listing_of(body), rows);
    check(versions::listing_of(body), rows);
    check(labels::listing_of(body), rows);
    check(users::listing_of(body), rows);
}

fn check<T>(listing: Option<Listing<T>>, rows_sent: Option<usize>) {
    let Some(Listing { rows, unreadable, .. }) = listing else { return };
    let lost = unreadable.iter().filter(|kind| !SPARE_FIELDS.contains(kind)).count();
    // What one reader of JSON passes over, another may refuse, such as a number that is out of its range.
    if let Some(rows_sent) = rows_sent {
        assert_eq!(rows.len() + lost, rows_sent, "{unreadable:?}");
    }
}

/// Wherever a list goes on, in its body or its head, the next question goes to the same page of the same site.
pub fn cursor(input: &[u8]) {
    let link = String::from_utf8_lossy(input);
    for link in [Some(link.into_owned()), next_link(input)].into_iter().flatten() {
        let body = json!({ "results": [], "_links": { "next": link, "base": link } });
        let listing = spaces::listing_of(body.to_string().as_bytes());
        let Some(cursor) = listing.and_then(|listing| listing.next) else { continue };
        check_question(&cursor);
    }
}

fn check_question(cursor: &Cursor) {
    assert!(!cursor.value.is_empty(), "{cursor:?}");
    let query = [("limit", ROWS_PER_ANSWER.to_owned()), ("cursor", cursor.value.clone())];
    let path = "/wiki/api/v2/spaces";
    let question = Question { operation: Operation::Spaces, path, query: &query, body: None, turn: Turn::Base };
    let url: Url = url_of(BASE, &question);
    assert_eq!((url.origin().ascii_serialization().as_str(), url.path(), url.fragment()), (BASE, path, None), "{url}");
    let sent: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(sent, query.map(|(name, value)| (name.to_owned(), value)), "{url}");
}
