//! What the configuration says of one connection. What becomes of it is the other files' business.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{GatewayUrl, InstanceUrl};
use super::authorities::BadCaFile;
use super::proxy::ProxyUrl;
use super::seal::BadSeal;
use super::sealed::SealedToken;
use super::token::BadToken;
use super::typed::TypedToken;
use super::values::{ConcurrencyLevel, CredentialChoice, ExpiryDate, Username};
use crate::model::ConnectionName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `acme.atlassian.net`, any URL of the site copied from the browser, or the gateway's base with the cloud id.
    pub instance_url: InstanceUrl,
    /// Default: auto.
    pub credential: CredentialChoice,
    /// Where scoped tokens go. Default: `https://api.atlassian.com`.
    pub gateway_url: GatewayUrl,
    pub username: Username,
    pub token: TokenFrom,
    /// The date on which the token ends, which the site tells nobody. Default: not known.
    pub api_token_expires: Option<ExpiryDate>,
    /// How many requests may be under way at once, 1 to 25. Default: 5.
    pub concurrency_level: ConcurrencyLevel,
    /// Whose permits are used, whose pause and pace are kept to, and whose level stands above. Default: its own.
    pub borrow_concurrency_from: Option<ConnectionName>,
    /// Goes before the environment's `HTTPS_PROXY` and `NO_PROXY`. Default: what they say.
    pub proxy_url: Option<ProxyUrl>,
    /// Certificates of authorities, PEM, that are trusted beside the system's. Default: none.
    pub ca_file: Option<PathBuf>,
    /// How long to wait and how often to try again: Atlassian's numbers, which only tests change.
    pub patience: Patience,
}

/// Where the API token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFrom {
    /// A file that holds it.
    File(PathBuf),
    /// Two files, the second for a token that is to come: it is asked with where the first one is refused. One alone is as `File`.
    Files { current: PathBuf, next: Option<PathBuf> },
    /// The environment variable of this name.
    Environment(String),
    /// A saved connection's file, sealed.
    Sealed(SealedToken),
    /// A person who has just given it.
    Typed(TypedToken),
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
    /// However many requests the site refuses, it gets one in this time.
    pub longest_gap: Duration,
}

/// Why a connection cannot be opened. Quotes no setting.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("api_token_file cannot be used")]
    TokenFile(#[source] BadToken),
    #[error("api_token_files cannot be used")]
    TokenFiles(#[source] BadToken),
    #[error("api_token_env cannot be used")]
    TokenVariable(#[source] BadToken),
    #[error("its token cannot be opened")]
    SealedToken(#[source] BadSeal),
    #[error("ca_file cannot be used")]
    CaFile(#[source] BadCaFile),
    #[error("proxy_url has no use here: what goes to a loopback address does not leave this machine")]
    ProxyOnLoopback,
    #[error("proxy_url cannot be used")]
    Proxy,
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TokenFrom {
    /// The file that is read first, where it is one.
    pub fn first_file(&self) -> Option<&Path> {
        match self {
            Self::File(file) | Self::Files { current: file, .. } => Some(file),
            Self::Sealed(sealed) => Some(&sealed.file),
            Self::Environment(_) | Self::Typed(_) => None,
        }
    }
}

impl Settings {
    /// The least that a connection needs; the rest is as if it had been left out of the configuration.
    pub fn new(instance_url: InstanceUrl, username: Username, api_token_file: PathBuf) -> Self {
        Self {
            instance_url,
            credential: CredentialChoice::default(),
            gateway_url: GatewayUrl::default(),
            username,
            token: TokenFrom::File(api_token_file),
            api_token_expires: None,
            concurrency_level: ConcurrencyLevel::default(),
            borrow_concurrency_from: None,
            proxy_url: None,
            ca_file: None,
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
            longest_gap: Duration::from_secs(10),
        }
    }
}
