//! Cursors as the site makes them: opaque, ended by raw `=`, and good for the list alone that gave them.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::query::Query;
use super::rules::Operation;
use crate::world::{DocId, Position, PositionKey};

/// What a cursor is true to: another list, or the same one asked otherwise, does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// The variable part of the path counts too.
    pub(crate) fn of(operation: Operation, path: &str, query: &Query<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        operation.hash(&mut hasher);
        path.hash(&mut hasher);
        query.without_paging().for_each(|pair| pair.hash(&mut hasher));
        Self(hasher.finish())
    }
}

pub(crate) fn write(fingerprint: Fingerprint, position: &Position) -> String {
    let key = match &position.key {
        PositionKey::Number(number) => format!("n{number}"),
        PositionKey::Text(text) => format!("t{text}"),
    };
    let mut text = format!("{{\"v\":\"{:016x}\",\"id\":{},\"at\":\"{key}\"}}", fingerprint.0, position.doc.0);
    // So that base64 ends in `=`: a client that takes the value apart at the wrong place shall notice.
    while text.len().is_multiple_of(3) {
        text.push(' ');
    }
    URL_SAFE.encode(text)
}

/// None is a bad cursor.
pub(crate) fn read(fingerprint: Fingerprint, cursor: &str) -> Option<Position> {
    let text = String::from_utf8(URL_SAFE.decode(cursor).ok()?).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    if value.get("v")?.as_str()? != format!("{:016x}", fingerprint.0) {
        return None;
    }
    let at = value.get("at")?.as_str()?;
    let key = match at.split_at_checked(1)? {
        ("n", number) => PositionKey::Number(number.parse().ok()?),
        ("t", text) => PositionKey::Text(text.to_owned()),
        _ => return None,
    };
    Some(Position { key, doc: DocId(value.get("id")?.as_u64()?) })
}
