//! What the configuration says of one connection. What becomes of it is the other files' business.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::address::{GatewayUrl, InstanceUrl};
use super::token::BadToken;
use crate::model::Timestamp;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `acme.atlassian.net`, any URL of the site copied from the browser, or the gateway's base with the cloud id.
    pub instance_url: InstanceUrl,
    /// Default: auto.
    #[serde(default)]
    pub credential: CredentialChoice,
    /// Where scoped tokens go. Default: `https://api.atlassian.com`.
    #[serde(default)]
    pub gateway_url: GatewayUrl,
    pub username: Username,
    /// A file that holds the token. Either this or `api_token_env`.
    pub api_token_file: Option<PathBuf>,
    /// The name of the environment variable that holds the token.
    pub api_token_env: Option<String>,
    /// When the token ends: the site tells nobody. Default: not known.
    #[serde(default, deserialize_with = "date")]
    pub api_token_expires: Option<Timestamp>,
    /// How many requests may be under way at once, 1 to 25. Default: 5.
    #[serde(default)]
    pub concurrency_level: ConcurrencyLevel,
    /// How long to wait and how often to try again: Atlassian's numbers, which only tests change.
    #[serde(skip)]
    pub patience: Patience,
}

/// Where to try the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyLevel(usize);

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
}

impl Username {
    pub fn new(name: &str) -> Result<Self, BadUsername> {
        // A colon would end the name in a Basic header.
        let fits =
            !name.is_empty() && !name.contains(|char: char| char == ':' || char.is_whitespace() || char.is_control());
        if fits { Ok(Self(name.to_owned())) } else { Err(BadUsername) }
    }

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

impl ConcurrencyLevel {
    pub fn new(level: usize) -> Result<Self, BadConcurrencyLevel> {
        if (1..=25).contains(&level) { Ok(Self(level)) } else { Err(BadConcurrencyLevel) }
    }

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
            attempt: Duration::from_secs(60),
            retries: 4,
            first_delay: Duration::from_secs(2),
            longest_delay: Duration::from_secs(30),
            longest_wait: Duration::from_mins(5),
            longest_pause: Duration::from_hours(1),
        }
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ConcurrencyLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(usize::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The beginning of a day in UTC: what ends that day may have ended by then.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let date = format!("{text}T00:00:00Z").parse();
    date.map(Some).map_err(|_| serde::de::Error::custom("not a date: write it like 2027-06-30"))
}
