//! What the configuration says of one connection. What becomes of it is the other files' business.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::address::{GatewayUrl, InstanceUrl};
use super::text::{parsed, parsed_if_given};
use super::token::BadToken;
use super::values::{ConcurrencyLevel, CredentialChoice, ExpiryDate, Username};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConcurrencyLevel;

    fn read(yaml: &str) -> Result<Settings, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.without_snippet().to_string())
    }

    #[test]
    fn the_least_that_a_connection_needs_gets_the_documented_defaults() {
        let settings =
            read("instance_url: acme.atlassian.net\nusername: ann@acme.example\napi_token_file: /token").unwrap();

        assert_eq!(settings.credential, CredentialChoice::Auto);
        assert_eq!(settings.gateway_url, "https://api.atlassian.com".parse().unwrap());
        assert_eq!(settings.concurrency_level, ConcurrencyLevel::default());
        assert_eq!(settings.concurrency_level.get(), 5);
        assert_eq!(settings.patience.retries, 4);
        assert!(settings.api_token_expires.is_none());
    }

    #[test]
    fn everything_can_be_set() {
        let settings = read(
            "instance_url: https://acme.atlassian.net\ncredential: scoped\ngateway_url: https://proxy.example:8443/atlassian/\n\
             username: ann@acme.example\napi_token_env: ACME_TOKEN\napi_token_expires: 2027-06-30\nconcurrency_level: 25",
        )
        .unwrap();

        assert_eq!(settings.credential, CredentialChoice::Scoped);
        assert_eq!(settings.concurrency_level.get(), 25);
        assert_eq!(settings.api_token_expires.map(ExpiryDate::moment), "2027-06-30T00:00:00Z".parse().ok());
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_and_never_quoted() {
        let good = [
            ("instance_url", "acme.atlassian.net"),
            ("username", "ann@acme.example"),
            ("api_token_file", "/token"),
            ("gateway_url", "https://api.atlassian.com"),
            ("credential", "auto"),
            ("api_token_expires", "2027-06-30"),
            ("concurrency_level", "5"),
        ];
        let bad = [
            ("instance_url", "https://ann:CANARY@acme.atlassian.net"),
            ("gateway_url", "http://CANARY.example"),
            ("username", "ann:CANARY"),
            ("username", ""),
            ("credential", "CANARY"),
            ("api_token_expires", "CANARY"),
            ("api_token_expires", "2027-02-30"),
            ("concurrency_level", "CANARY"),
            ("concurrency_level", "0"),
            ("concurrency_level", "26"),
            ("concurrency_level", "-1"),
            ("concurrency_level", "[CANARY]"),
            ("concurency_level", "5"),
        ];
        for (key, value) in bad {
            let mut settings: std::collections::BTreeMap<&str, &str> = good.into();
            settings.insert(key, value);
            let quoted = |value: &str| if value.starts_with('[') { value.to_owned() } else { format!("{value:?}") };
            let yaml: Vec<String> = settings.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();

            let error = read(&yaml.join("\n")).expect_err(value);

            assert!(error.contains(key) || error.contains("line"), "{error}");
            assert!(!error.contains("CANARY"), "{error}");
        }
    }
}
