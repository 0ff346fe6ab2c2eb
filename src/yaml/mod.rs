//! Reads YAML, and tells by line and key what is wrong with it. A value is never quoted: it may be a token in the wrong line.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod text;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use serde_saphyr::Error;

pub use serde_saphyr::Spanned;
pub use text::{parsed, parsed_if_given};

/// Reads YAML, or tells line, key and what to write instead.
pub fn read<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
    let mut key = None;
    let result = serde_saphyr::with_deserializer_from_str(yaml, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            key = Some(spelt(error.path()));
            error.into_inner()
        })
    });
    result.map_err(|error| tell(&error, key.as_deref().filter(|key| !key.is_empty())))
}

/// Longer than any key that there is.
const LONGEST_KEY: usize = 40;

/// Shorter than any token.
const SHORT_KEY: usize = 8;

/// A key as it stands there, but for what is like none: that may be a token as well, and may hold a new line. A token has
/// digits, and so have only short keys, such as `http2`.
fn key_or_nothing(key: &str) -> &str {
    let may_have_digits = key.len() <= SHORT_KEY;
    let fits =
        |byte: u8| byte.is_ascii_alphabetic() || b"_-".contains(&byte) || (may_have_digits && byte.is_ascii_digit());
    if key.len() <= LONGEST_KEY && key.bytes().all(fits) { key } else { "(what is no key)" }
}

fn spelt(path: &Path) -> String {
    let mut spelt = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => spelt.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                spelt.push_str(if spelt.is_empty() { "" } else { "." });
                spelt.push_str(key_or_nothing(key));
            }
            Segment::Unknown => {}
        }
    }
    spelt
}

fn tell(error: &Error, key: Option<&str>) -> String {
    let error = error.without_snippet();
    let line = error.location().map(|location| format!("line {}: ", location.line()));
    let key = key.map(|key| format!("{key}: "));
    format!("{}{}{}", line.unwrap_or_default(), key.unwrap_or_default(), what_is_wrong(error))
}

fn what_is_wrong(error: &Error) -> String {
    match error {
        Error::SerdeInvalidType { expected, .. }
        | Error::SerdeInvalidValue { expected, .. }
        | Error::SerdeInvalidLength { expected, .. } => misplaced(expected),
        Error::SerdeUnknownVariant { expected, .. } => format!("not one of {}", expected.join(", ")),
        Error::SerdeUnknownField { expected, .. } => format!("there is no such key; there are {}", expected.join(", ")),
        Error::SerdeMissingField { field, .. } => format!("{field} is missing"),
        Error::DuplicateMappingKey { key, .. } => {
            format!("{} stands here twice", key.as_deref().map_or("one key", key_or_nothing))
        }
        Error::Unexpected { expected, .. } => misplaced(expected),
        Error::InvalidScalar { ty, .. } => misplaced(ty),
        // Our own types' words, which quote nothing.
        Error::Message { msg, .. } => msg.clone(),
        _ => "this is not YAML as it should be: look at indentation, colons and quotes".to_owned(),
    }
}

/// The parser's words for what it expected, in those of somebody who writes YAML.
fn misplaced(expected: &str) -> String {
    let wanted = match expected {
        "mapping start" => "keys with values of their own",
        "sequence start" => "a list",
        "string scalar" | "scalar" => "one value",
        "boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" => "a whole number",
        other => other,
    };
    format!("not what belongs here, which is {wanted}")
}
