//! Opens a connection as its configuration says, or tells which one cannot be opened and why.

use std::path::Path;

use crate::clock::Clock;
use crate::config::ConnectionConfig;
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

/// Reads the token, and asks nothing of Confluence.
pub(super) fn open(name: &ConnectionName, settings: &Settings, asking: &Asking) -> Result<Connection, CannotOpen> {
    Connection::open(name.clone(), settings, Clock::system(), asking.clone()).map_err(|source| CannotOpen {
        name: name.clone(),
        place: place(settings, &source).unwrap_or_default(),
        source,
    })
}

/// Whether each of these could be opened now.
pub(super) fn check(connections: &[ConnectionConfig]) -> Result<(), CannotOpen> {
    connections
        .iter()
        .try_for_each(|config| open(&config.name, &config.connection, &Asking::new(&config.name)).map(drop))
}

/// Where the trouble lies, as far as it may be told: somebody may have pasted the token where its file's path
/// belongs, so that only what does exist is named.
fn place(settings: &Settings, error: &OpenError) -> Option<String> {
    let OpenError::TokenFile(_) = error else { return None };
    let file = settings.api_token_file.as_deref()?;
    if file.exists() {
        return Some(format!(", token file {}", file.display()));
    }
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().ok()?;
    Some(format!(", token file in {}", folder.display()))
}
