//! What can be asked of Confluence, and how questions and answers are spelt. How they travel is `connection`'s business.

mod current_user;
mod docs;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod labels;
mod listing;
mod spaces;
mod state;
mod users;
mod versions;
mod views;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, warn};

use crate::connection::Connection;
use crate::model::Operation;

pub use docs::{DocsListing, Order};
pub use listing::Listing;

/// One Confluence site, and what can be asked of it. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Site {
    connection: Connection,
    /// Kinds of unreadable rows that the log has been told of.
    told: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Site {
    pub fn new(connection: Connection) -> Self {
        Self { connection, told: Arc::default() }
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Warns once of each kind: a row that cannot be read today cannot be read a minute later either.
    fn tell_unreadable(&self, operation: Operation, kinds: &[&'static str]) {
        for kind in kinds {
            let connection = self.connection.name();
            let first = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(kind);
            if first {
                warn!(%connection, %operation, kind, "part of an answer could not be read and is left out");
            } else {
                debug!(%connection, %operation, kind, "part of an answer could not be read and is left out");
            }
        }
    }
}
