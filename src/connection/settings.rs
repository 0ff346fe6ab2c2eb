//! What the configuration says of one connection. What becomes of it is the other files' business.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::address::{GatewayUrl, InstanceUrl};
use super::text::{parsed, parsed_if_given};
use super::token::BadToken;
use crate::model::Timestamp;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `acme.atlassian.net`, any URL of the site copied from the browser, or the gateway's base with the cloud id.
    #[serde(deserialize_with = "parsed")]
    pub instance_url: InstanceUrl,
    /// Default: auto.
    #[serde(default, deserialize_with = "parsed")]
    pub credential: CredentialChoice,
    /// Where scoped tokens go. Default: `https://api.atlassian.com`.
    #[serde(default, deserialize_with = "parsed")]
    pub gateway_url: GatewayUrl,
    #[serde(deserialize_with = "parsed")]
    pub username: Username,
    /// A file that holds the token. Either this or `api_token_env`.
    #[serde(default, deserialize_with = "parsed_if_given")]
    pub api_token_file: Option<PathBuf>,
    /// The name of the environment variable that holds the token.
    #[serde(default, deserialize_with = "parsed_if_given")]
    pub api_token_env: Option<String>,
    /// The date on which the token ends, which the site tells nobody. Default: not known.
    #[serde(default, deserialize_with = "parsed_if_given")]
    pub api_token_expires: Option<ExpiryDate>,
    /// How many requests may be under way at once, 1 to 25. Default: 5.
    #[serde(default, deserialize_with = "parsed")]
    pub concurrency_level: ConcurrencyLevel,
    /// How long to wait and how often to try again: Atlassian's numbers, which only tests change.
    #[serde(skip)]
    pub patience: Patience,
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    /// One attempt, from its first byte to its answer's last.
    pub attempt: Duration,
    /// How often a question is asked again.
    pub retries: u32,
    pub first_delay: Duration,
    pub longest_delay: Duration,
    /// A pause longer than this fails the question instead of holding it.
    pub longest_wait: Duration,
    /// A site that asks for more quiet than this is asked again all the same.
    pub longest_pause: Duration,
}

/// Why a connection cannot be opened. Quotes no setting.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("no token: set api_token_file or api_token_env")]
    NoToken,
    #[error("two tokens: set api_token_file or api_token_env, not both")]
    TwoTokens,
    #[error("api_token_file cannot be used")]
    TokenFile(#[source] BadToken),
    #[error("api_token_env cannot be used")]
    TokenVariable(#[source] BadToken),
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

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

impl Settings {
    /// The least that a connection needs; the rest is as if it had been left out of the configuration.
    pub fn new(instance_url: InstanceUrl, username: Username, api_token_file: PathBuf) -> Self {
        Self {
            instance_url,
            credential: CredentialChoice::default(),
            gateway_url: GatewayUrl::default(),
            username,
            api_token_file: Some(api_token_file),
            api_token_env: None,
            api_token_expires: None,
            concurrency_level: ConcurrencyLevel::default(),
            patience: Patience::default(),
        }
    }

    /// Whether nothing leaves this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.instance_url.is_loopback() && self.gateway_url.is_loopback()
    }
}

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

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(30),
            retries: 4,
            first_delay: Duration::from_secs(2),
            longest_delay: Duration::from_secs(30),
            longest_wait: Duration::from_mins(5),
            longest_pause: Duration::from_hours(1),
        }
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
