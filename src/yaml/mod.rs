//! Reads YAML, and tells by line and key what is wrong with it. A value is never quoted: it may be a token in the wrong line.

mod text;

use serde::de::DeserializeOwned;
use serde_saphyr::Error;

pub use serde_saphyr::Spanned;
pub use text::{parsed, parsed_if_given};

/// Reads YAML, or tells line, key and what to write instead.
pub fn read<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
    let mut key = None;
    let result = serde_saphyr::with_deserializer_from_str(yaml, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            key = Some(error.path().to_string());
            error.into_inner()
        })
    });
    result.map_err(|error| tell(&error, key.as_deref().filter(|key| *key != ".")))
}

fn tell(error: &Error, key: Option<&str>) -> String {
    let error = error.without_snippet();
    let line = error.location().map(|location| format!("line {}: ", location.line()));
    let key = key.map(|key| format!("{}: ", key.trim_end_matches(".?")));
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
            format!("{} stands here twice", key.as_deref().unwrap_or("one key"))
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
