//! One answer of a listing: its rows one by one, and where the next answer begins. What a row holds is its endpoint's
//! business.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::Site;
use crate::connection::{Answer, Failure, Question};
use crate::model::Timestamp;

/// One answer's rows.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    /// Where the listing goes on; `None` at its end. A short answer is not the end.
    pub next: Option<Cursor>,
    /// The site's time when it answered.
    pub date: Timestamp,
    /// The kind of each row or field that could not be read, for the caller to count. Such a row is left out, the
    /// others stay.
    pub unreadable: Vec<&'static str>,
}

/// A place in a listing: an opaque word of the site's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

/// What a listing's answer looks like on the wire.
#[derive(Deserialize)]
pub(super) struct ListingJson {
    results: Vec<Box<RawValue>>,
    #[serde(rename = "_links")]
    links: Option<LinksJson>,
}

#[derive(Deserialize)]
struct LinksJson {
    next: Option<String>,
}

/// A row that was read, or the kind under which it is counted as unreadable.
pub(super) type Row<T> = Result<T, &'static str>;

impl Cursor {
    /// For a cursor that was kept.
    pub fn new(cursor: &str) -> Self {
        Self(cursor.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most rows that the API lets one answer hold.
pub(super) const ROWS_PER_ANSWER: &str = "250";

impl Site {
    /// Asks for one answer of a listing. `row` may also name fields that could not be read, of a row that can do
    /// without them.
    pub(super) async fn list<J: DeserializeOwned, T>(
        &self,
        question: Question<'_>,
        cursor: Option<&Cursor>,
        kind: &'static str,
        row: impl Fn(J, &mut Vec<&'static str>) -> Row<T>,
    ) -> Result<Listing<T>, Failure> {
        let operation = question.operation;
        let mut query = question.query.to_vec();
        query.extend(cursor.map(|cursor| ("cursor", cursor.0.clone())));
        let answer = self.connection().ask(Question { query: &query, ..question }).await?;
        let listing = read(answer, cursor, kind, row).ok_or_else(|| Failure::unusable_answer(operation))?;
        self.tell_unreadable(operation, &listing.unreadable);
        Ok(listing)
    }
}

fn read<J: DeserializeOwned, T>(
    answer: Answer<ListingJson>,
    asked: Option<&Cursor>,
    kind: &'static str,
    row: impl Fn(J, &mut Vec<&'static str>) -> Row<T>,
) -> Option<Listing<T>> {
    let next = match answer.value.links.and_then(|links| links.next).or(answer.next_link) {
        // A next answer without a place, or at the place just read, would end the listing early or never.
        Some(link) => Some(cursor_of(&link).filter(|cursor| Some(cursor) != asked)?),
        None => None,
    };
    let mut unreadable = Vec::new();
    let mut rows = Vec::with_capacity(answer.value.results.len());
    for raw in answer.value.results {
        match serde_json::from_str(raw.get()).map_err(|_| kind).and_then(|json| row(json, &mut unreadable)) {
            Ok(row) => rows.push(row),
            Err(kind) => unreadable.push(kind),
        }
    }
    Some(Listing { rows, next, date: answer.date, unreadable })
}

/// Longer ones would not fit a request's line.
const LONGEST_CURSOR: usize = 6_000;

/// Takes the cursor's value out of a link and nothing else: where the link leads is not followed.
fn cursor_of(link: &str) -> Option<Cursor> {
    let (_, query) = link.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let value = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
    // The site writes the value as it is, `+` and `=` included; a proxy may have percent-encoded it on the way.
    let pair = format!("cursor={}", value.replace('+', "%2B"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    (1..=LONGEST_CURSOR).contains(&value.len()).then(|| Cursor(value.into_owned()))
}
