//! What can be asked of Confluence, and how questions and answers are spelt. How they travel is `connection`'s business.

mod current_user;
mod docs;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod labels;
mod listing;
mod spaces;
mod state;
mod unreadable;
mod users;
mod versions;
mod views;
mod wire;

use std::sync::{Arc, Mutex};

use crate::connection::Connection;

pub use docs::{DocsListing, Order};
pub use listing::Listing;

use unreadable::Told;

/// One Confluence site, and what can be asked of it. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Site {
    connection: Connection,
    /// What the log has been told of.
    told: Arc<Mutex<Told>>,
}

impl Site {
    pub fn new(connection: Connection) -> Self {
        Self { connection, told: Arc::default() }
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
