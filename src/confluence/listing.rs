//! One answer of a listing: its rows one by one, and where the next answer begins. What a row holds is its endpoint's
//! business.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::Site;
use crate::connection::{Answer, Failure, Question};
use crate::model::{Cursor, Timestamp};

/// One answer's rows.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    /// Where the listing goes on; `None` at its end. A short answer is not the end.
    pub next: Option<Cursor>,
    /// The site's time when it answered.
    pub date: Timestamp,
    /// Atlassian's word for the answer.
    pub trace: Option<String>,
    /// The kind of each row or field that could not be read, for the caller to count. Such a row is left out, the
    /// others stay.
    pub unreadable: Vec<&'static str>,
}

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
        row: impl FnMut(J, &mut Vec<&'static str>) -> Row<T>,
    ) -> Result<Listing<T>, Failure> {
        let operation = question.operation;
        let mut query = question.query.to_vec();
        query.extend(cursor.map(|cursor| ("cursor", cursor.value.clone())));
        if cursor.is_some_and(|cursor| cursor.answers >= MOST_ANSWERS) {
            return Err(Failure::lost_place(operation));
        }
        let answer = self.connection().ask(Question { query: &query, ..question }).await?;
        let listing = read(answer, cursor, kind, row).ok_or_else(|| Failure::unusable_answer(operation))?;
        for kind in &listing.unreadable {
            self.tell_unreadable(operation, kind, listing.date, listing.trace.as_deref());
        }
        Ok(listing)
    }
}

fn read<J: DeserializeOwned, T>(
    answer: Answer<ListingJson>,
    asked: Option<&Cursor>,
    kind: &'static str,
    mut row: impl FnMut(J, &mut Vec<&'static str>) -> Row<T>,
) -> Option<Listing<T>> {
    let next = match answer.value.links.and_then(|links| links.next).or(answer.next_link) {
        Some(link) => Some(next_place(&link, asked)?),
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
    Some(Listing { rows, next, date: answer.date, trace: answer.trace, unreadable })
}

/// What an answer's body comes to, where it is a list at all.
#[cfg(any(test, fuzzing))]
pub(super) fn listing_of<J: DeserializeOwned, T>(
    body: &[u8],
    kind: &'static str,
    row: impl Fn(J, &mut Vec<&'static str>) -> Row<T>,
) -> Option<Listing<T>> {
    let value = serde_json::from_slice(body).ok()?;
    read(Answer { value, date: Timestamp::from_millis(0), next_link: None, trace: None }, None, kind, row)
}

/// More than the largest site has in one listing: five million rows. Beyond it the places lead in a circle.
const MOST_ANSWERS: u32 = 20_000;

/// A next answer without a place, or at the place just read, would end the listing early or never.
fn next_place(link: &str, asked: Option<&Cursor>) -> Option<Cursor> {
    let value = cursor_of(link).filter(|value| asked.is_none_or(|asked| asked.value != *value))?;
    Some(Cursor { value, answers: asked.map_or(0, |asked| asked.answers) + 1 })
}

/// Longer ones would not fit a request's line.
const LONGEST_CURSOR: usize = 6_000;

/// Takes the cursor's value out of a link and nothing else: where the link leads is not followed.
fn cursor_of(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let value = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
    // The site writes the value as it is, `+` and `=` included; a proxy may have percent-encoded it on the way.
    let pair = format!("cursor={}", value.replace('+', "%2B"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    (1..=LONGEST_CURSOR).contains(&value.len()).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str, next_link: Option<&str>) -> Answer<ListingJson> {
        let value = serde_json::from_str(json).unwrap();
        Answer { value, date: Timestamp::from_millis(0), next_link: next_link.map(str::to_owned), trace: None }
    }

    fn number(json: u32, unreadable: &mut Vec<&'static str>) -> Row<u32> {
        match json {
            0 => Err("zero"),
            1 => {
                unreadable.push("one");
                Ok(1)
            }
            _ => Ok(json),
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_counted_and_the_others_stay() {
        let answer = answer(r#"{"results":[5,null,0,"six",{},1,7],"_links":{}}"#, None);

        let listing = read(answer, None, "number", number).unwrap();

        assert_eq!(listing.rows, [5, 1, 7]);
        assert_eq!(listing.unreadable, ["number", "zero", "number", "number", "one"]);
        assert_eq!(listing.next, None);
    }

    #[test]
    fn only_the_cursor_is_taken_from_a_link() {
        for (link, cursor) in [
            ("/wiki/api/v2/pages?cursor=eyJpZCI6MX0==", Some("eyJpZCI6MX0==")),
            ("/wiki/api/v2/pages?limit=250&cursor=a+b/c=&sort=id", Some("a+b/c=")),
            ("/wiki/api/v2/pages?cursor=a%2Bb%2Fc%3D&limit=250", Some("a+b/c=")),
            ("https://evil.example/steal?cursor=abc#fragment", Some("abc")),
            ("/wiki/api/v2/pages?limit=250", None),
            ("/wiki/api/v2/pages?cursor=", None),
            ("/wiki/api/v2/pages?precursor=abc", None),
            ("", None),
        ] {
            assert_eq!(cursor_of(link).as_deref(), cursor, "{link}");
        }
        assert_eq!(cursor_of(&format!("/?cursor={}", "a".repeat(LONGEST_CURSOR + 1))), None);
    }

    #[test]
    fn the_body_is_believed_before_the_header() {
        let body = r#"{"results":[],"_links":{"next":"/list?cursor=body"}}"#;
        let listing = read(answer(body, Some("/list?cursor=header")), None, "number", number).unwrap();
        assert_eq!(listing.next, Some(place("body", 1)));

        let listing = read(answer(r#"{"results":[]}"#, Some("/list?cursor=header")), None, "number", number).unwrap();
        assert_eq!(listing.next, Some(place("header", 1)));
    }

    #[test]
    fn a_next_answer_that_leads_nowhere_is_no_answer() {
        let asked = place("same", 1);
        for next in ["/list?limit=250", "/list?cursor=same"] {
            let body = format!(r#"{{"results":[],"_links":{{"next":"{next}"}}}}"#);
            assert!(read(answer(&body, None), Some(&asked), "number", number).is_none(), "{next}");
        }
    }

    #[test]
    fn a_place_knows_how_many_answers_lie_before_it() {
        assert_eq!(next_place("/list?cursor=b", Some(&place("a", 7))), Some(place("b", 8)));
    }

    fn place(value: &str, answers: u32) -> Cursor {
        Cursor { value: value.to_owned(), answers }
    }
}
