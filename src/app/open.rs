//! Opens a connection as its configuration says, or tells which one cannot be opened and why.

use std::path::Path;
use std::time::Duration;

use tracing::error;

use crate::cli::ConfigFile;
use crate::clock::Clock;
use crate::config::{Config, ConnectionConfig, Files};
use crate::confluence::Site;
use crate::connection::{Connection, OpenError, Settings};
use crate::metrics::Asking;
use crate::model::ConnectionName;

use super::with_causes;

#[derive(Debug, thiserror::Error)]
#[error("connection {name}{place}")]
pub(super) struct CannotOpen {
    name: ConnectionName,
    place: String,
    #[source]
    source: OpenError,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no connection of that name; there are {names}")]
pub(super) struct NoSuchConnection {
    names: String,
}

/// Tried again once: long enough for a hiccup, short enough for a person who waits.
const RETRIES: u32 = 1;
/// A site that wants more quiet than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where the flags say that the configuration is.
pub(super) fn files(flags: &ConfigFile) -> Files {
    Files::new(flags.path.as_deref(), flags.connections.as_deref(), flags.key.as_deref())
}

/// Reads the token, and asks nothing of Confluence. `lender` shares its permits. A sealed token that does not open is this
/// connection's trouble alone: it is told, and the connection is down until its files change.
pub(super) fn open(
    name: &ConnectionName,
    settings: &Settings,
    asking: &Asking,
    lender: Option<&Connection>,
) -> Result<Connection, CannotOpen> {
    let (own_name, clock, own_asking) = (name.clone(), Clock::system(), asking.clone());
    let opened = match lender {
        Some(lender) => lender.open_beside(own_name, settings, clock, own_asking),
        None => Connection::open(own_name, settings, clock, own_asking),
    };
    let cannot = |source| CannotOpen::because(name, settings, source);
    let connection = opened.map_err(cannot)?;
    if let Err(cause) = connection.check_token().map_err(cannot) {
        error!(connection = %name, error = with_causes(&cause), "the connection is down for want of its token");
    }
    Ok(connection)
}

/// The same for one that is alone in its process' eyes, but fails where there is no token.
fn open_with_token(name: &ConnectionName, settings: &Settings) -> Result<Connection, CannotOpen> {
    let cannot = |source| CannotOpen::because(name, settings, source);
    let connection = Connection::open(name.clone(), settings, Clock::system(), Asking::new(name)).map_err(cannot)?;
    connection.check_token().map_err(cannot)?;
    Ok(connection)
}

/// Those who lend permits before those who borrow them; nobody does both.
pub(super) fn lenders_first(connections: &[ConnectionConfig]) -> impl Iterator<Item = &ConnectionConfig> {
    let borrows = |config: &&ConnectionConfig| config.connection.borrow_concurrency_from.is_some();
    connections.iter().filter(move |config| !borrows(config)).chain(connections.iter().filter(borrows))
}

/// Opens it for somebody who waits for the answer. It is alone in its process' eyes: a borrower asks with the level that it
/// borrows.
pub(super) fn open_for_a_person(config: &ConnectionConfig) -> Result<Site, CannotOpen> {
    let mut settings = config.connection.clone();
    settings.patience.retries = RETRIES;
    settings.patience.longest_wait = LONGEST_WAIT;
    Ok(Site::new(open_with_token(&config.name, &settings)?))
}

/// The connection of this name, or all of them without one.
pub(super) fn chosen<'a>(
    config: &'a Config,
    name: Option<&str>,
) -> Result<Vec<&'a ConnectionConfig>, NoSuchConnection> {
    let all = &config.connections;
    let chosen: Vec<_> =
        all.iter().filter(|connection| name.is_none_or(|name| connection.name.as_str() == name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|connection| connection.name.as_str()).collect();
        return Err(NoSuchConnection { names: names.join(", ") });
    }
    Ok(chosen)
}

/// Whether each of these could be opened now.
pub(super) fn check(connections: &[ConnectionConfig]) -> Result<(), CannotOpen> {
    connections.iter().try_for_each(|config| open_with_token(&config.name, &config.connection).map(drop))
}

impl CannotOpen {
    fn because(name: &ConnectionName, settings: &Settings, source: OpenError) -> Self {
        Self { name: name.clone(), place: place(settings, &source).unwrap_or_default(), source }
    }

    /// All of it in one line, for whoever has named the connection already.
    pub(super) fn reason(&self) -> String {
        let causes = with_causes(&self.source);
        match self.place.strip_prefix(", ") {
            Some(place) => format!("{place}: {causes}"),
            None => causes,
        }
    }
}

/// Where the trouble lies, as far as it may be told: somebody may have pasted the token where its file's path
/// belongs, so that only what does exist is named.
fn place(settings: &Settings, error: &OpenError) -> Option<String> {
    let (what, file) = match error {
        OpenError::SealedToken(_) => ("saved connection", settings.token.first_file()?),
        OpenError::TokenFile(_) | OpenError::TokenFiles(_) => ("token file", settings.token.first_file()?),
        OpenError::CaFile(_) => ("CA file", settings.ca_file.as_deref()?),
        OpenError::TokenVariable(_) | OpenError::ProxyOnLoopback | OpenError::Proxy | OpenError::Client(_) => {
            return None;
        }
    };
    if file.exists() {
        return Some(format!(", {what} {}", file.display()));
    }
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().ok()?;
    Some(format!(", {what} in {}", folder.display()))
}
