//! How single values are spelt in Confluence's JSON. Where they stand is each endpoint's business.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::model::{AccountId, Timestamp};

/// An id: a string in v2, a number in v1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) u64);

/// A date and time, with a fraction of a second or without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub(super) Timestamp);

/// Nobody where the site names nobody.
pub(super) fn account(id: Option<String>) -> Option<AccountId> {
    id.filter(|id| !id.is_empty()).map(|id| AccountId(id.into()))
}

/// A field that no number depends on: of the wrong type it is as good as absent.
pub(super) fn if_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Text(String),
            Number(u64),
        }
        match Spelling::deserialize(deserializer)? {
            Spelling::Number(id) => Ok(Self(id)),
            Spelling::Text(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map(Self).map_err(D::Error::custom)
            }
            Spelling::Text(_) => Err(D::Error::custom("an id that is not a number")),
        }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}
