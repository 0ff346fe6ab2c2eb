//! How everything stands, for a person who looks after it. To look starts no refresh.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::model::{ConnectionName, ConnectionStatus, Timestamp};

use super::refreshes::not_due_for;
use super::shown::Shown;
use super::{Cache, Shared, Summary, Target, UnknownConnection};

/// The exporter at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    pub now: Timestamp,
    pub started: Timestamp,
    /// Whether the store takes writes; nothing without a store.
    pub store_up: Option<bool>,
    /// In the configuration's order.
    pub connections: Vec<Watched>,
}

/// One connection: what is on show of it, and how it stands.
#[derive(Clone, Debug)]
pub struct Watched {
    pub summary: Summary,
    pub status: ConnectionStatus,
    /// The first scrape from then on starts a refresh; nothing while any scrape would.
    pub not_due_before: Option<Timestamp>,
    /// Older numbers are left out.
    pub max_stale: Duration,
}

/// Whoever had a connection tested looks at the result then, or finds the test still under way.
const LONGEST_WAIT_FOR_A_TEST: Duration = Duration::from_secs(20);

impl Cache {
    pub async fn status(&self) -> Status {
        let _only_one = self.0.looking.lock().await;
        let shared = Arc::clone(&self.0);
        // It may have to wait for a census to end: too long for a thread that answers scrapes.
        let looking = spawn_blocking(move || shared.status());
        looking.await.expect("looking does not panic, and who waits for it lives no longer than the runtime")
    }

    /// Has each operation asked once, now, unless that was done a moment ago; waits for the result, but not for long.
    pub async fn test(&self, connection: &ConnectionName) -> Result<(), UnknownConnection> {
        let sync = self.0.set().targeted(&Target::One(connection.clone()))?[0].sync().clone();
        // A test that takes longer goes on.
        let _ = timeout(LONGEST_WAIT_FOR_A_TEST, sync.test()).await;
        Ok(())
    }
}

impl Shared {
    fn status(&self) -> Status {
        let now = self.clock.now();
        let watched = |shown: &Arc<Shown>| {
            let status = shown.sync().status();
            let due = status.refresh.began.map(|began| began.later_by(not_due_for(status.refresh.interval)));
            Watched {
                summary: shown.summary(now),
                not_due_before: due.filter(|due| *due > now),
                max_stale: shown.sync().max_stale(),
                status,
            }
        };
        Status {
            now,
            started: self.started,
            store_up: self.process.store_up(),
            connections: self.set().connections.iter().map(watched).collect(),
        }
    }
}
