//! Single values of a connection's settings: checked when they are read, proven by their types ever after.

use std::fmt;
use std::str::FromStr;

use crate::model::Timestamp;

/// Where to try the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialChoice {
    /// Service accounts go to the gateway, others try the site first.
    #[default]
    Auto,
    /// The gateway.
    Scoped,
    /// The site.
    Unscoped,
}

/// An account's e-mail address, fit for an `Authorization` header.
#[derive(Clone, PartialEq, Eq)]
pub struct Username(String);

/// From 1 to 25.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyLevel(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryDate(Timestamp);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a username: write the account's e-mail address, without ':' and blanks")]
pub struct BadUsername;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of credential: write auto, scoped or unscoped")]
pub struct BadCredentialChoice;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date: write it like 2027-06-30")]
pub struct BadExpiryDate;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a concurrency level: write a whole number from 1 to 25")]
pub struct BadConcurrencyLevel;

impl Username {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Service accounts have scoped tokens only, which the site itself does not take.
    pub(super) fn is_service_account(&self) -> bool {
        self.0.to_ascii_lowercase().ends_with("@serviceaccount.atlassian.com")
    }
}

/// A person's address: not for logs.
impl fmt::Debug for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Username(..)")
    }
}

impl ExpiryDate {
    pub(super) const fn moment(self) -> Timestamp {
        self.0
    }
}

impl ConcurrencyLevel {
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for ConcurrencyLevel {
    fn default() -> Self {
        Self(5)
    }
}

impl FromStr for CredentialChoice {
    type Err = BadCredentialChoice;

    fn from_str(text: &str) -> Result<Self, BadCredentialChoice> {
        match text {
            "auto" => Ok(Self::Auto),
            "scoped" => Ok(Self::Scoped),
            "unscoped" => Ok(Self::Unscoped),
            _ => Err(BadCredentialChoice),
        }
    }
}

impl FromStr for Username {
    type Err = BadUsername;

    fn from_str(text: &str) -> Result<Self, BadUsername> {
        // A colon would end the name in a Basic header.
        let has_no_place = |char: char| char == ':' || char.is_whitespace() || char.is_control();
        if text.is_empty() || text.contains(has_no_place) { Err(BadUsername) } else { Ok(Self(text.to_owned())) }
    }
}

impl FromStr for ExpiryDate {
    type Err = BadExpiryDate;

    /// The beginning of the day: what ends on it may have ended by then.
    fn from_str(text: &str) -> Result<Self, BadExpiryDate> {
        format!("{text}T00:00:00Z").parse().map(Self).map_err(|_| BadExpiryDate)
    }
}

impl FromStr for ConcurrencyLevel {
    type Err = BadConcurrencyLevel;

    fn from_str(text: &str) -> Result<Self, BadConcurrencyLevel> {
        match text.parse() {
            Ok(level @ 1..=25) => Ok(Self(level)),
            _ => Err(BadConcurrencyLevel),
        }
    }
}
