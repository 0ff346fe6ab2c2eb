//! Opens a connection as its configuration says, or tells which one cannot be opened and why.

use std::path::Path;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Config, ConnectionConfig};
use crate::confluence::Site;
use crate::connection::{Connection, OpenError, Settings};
use crate::metrics::Asking;
use crate::model::ConnectionName;

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

/// Reads the token, and asks nothing of Confluence. `lender` shares its permits.
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
    opened.map_err(|source| CannotOpen {
        name: name.clone(),
        place: place(settings, &source).unwrap_or_default(),
        source,
    })
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
    Ok(Site::new(open(&config.name, &settings, &Asking::new(&config.name), None)?))
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
    connections
        .iter()
        .try_for_each(|config| open(&config.name, &config.connection, &Asking::new(&config.name), None).map(drop))
}

/// Where the trouble lies, as far as it may be told: somebody may have pasted the token where its file's path
/// belongs, so that only what does exist is named.
fn place(settings: &Settings, error: &OpenError) -> Option<String> {
    let (what, file) = match error {
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
