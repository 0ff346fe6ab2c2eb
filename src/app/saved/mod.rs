//! The commands that make, show, change and remove saved connections, and change the key to their tokens.

mod add;
mod candidate;
mod edit;
mod guide;
mod list;
mod questions;
mod remove;
mod reseal;

use crate::config::{Config, ConfigError, Files, PlaceKind};
use crate::model::ConnectionName;

pub(super) use add::add;
pub(super) use edit::edit;
pub(super) use list::list;
pub(super) use remove::remove;
pub(super) use reseal::reseal;

/// Why a saved connection is not there to be changed.
#[derive(Debug, thiserror::Error)]
enum NotSaved {
    #[error("there is no saved connection {name}; `confluence-exporter connection list` shows which there are")]
    Unknown { name: ConnectionName },
    #[error("{name} stands in {file}, line {line}: change it there")]
    Configured { name: ConnectionName, file: String, line: u64 },
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Fails where it is not a saved one, and says where it is.
fn check_saved(files: &Files, name: &ConnectionName) -> Result<(), NotSaved> {
    // Looked for first: one that cannot be read can still be removed.
    if files.saved.contains(name) {
        return Ok(());
    }
    match Config::gather(files)?.places.get(name).map(|place| (&place.file, place.kind)) {
        Some((file, PlaceKind::Config { line })) => {
            Err(NotSaved::Configured { name: name.clone(), file: file.display().to_string(), line })
        }
        // A saved one may have come this moment.
        Some((_, PlaceKind::Saved { .. })) => Ok(()),
        None => Err(NotSaved::Unknown { name: name.clone() }),
    }
}
