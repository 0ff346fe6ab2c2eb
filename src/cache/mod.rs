//! When a refresh is due, one at a time; and the page's bytes. What a refresh asks is `sync`'s business.

mod pages;
mod refreshes;
mod shown;
mod status;

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::metrics::{Dialect, Part, Process, page};
use crate::model::{ConnectionName, Snapshot, Timestamp};
use crate::sync::Sync;

pub use pages::Coding;
use pages::{Pages, Wanted};
use refreshes::Refreshes;
use shown::Shown;
pub use status::{Status, Watched};

/// Answers scrapes from the newest snapshots and lets them drive the refreshes. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Shared>);

/// Whose series are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Those of every connection, and the process's own.
    All,
    One(ConnectionName),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no connection named {0}")]
pub struct UnknownConnection(pub ConnectionName);

/// A connection in short.
#[derive(Clone, Debug)]
pub struct Summary {
    pub connection: ConnectionName,
    /// Nothing before the first base since the start has ended.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Whether its numbers are on show: there are some, and they are not too old.
    pub shows_numbers: bool,
}

#[derive(Debug)]
struct Shared {
    connections: Vec<Shown>,
    clock: Clock,
    started: Timestamp,
    process: Process,
    refreshes: Refreshes,
    pages: Pages,
    /// One looks at a time: a crowd that does must not take the threads that pages of metrics are made by.
    looking: tokio::sync::Mutex<()>,
}

impl Cache {
    /// Turns snapshots into text from now on, in tasks that end with the last clone.
    pub fn new(connections: Vec<Sync>, clock: Clock, process: Process) -> Self {
        let refreshes = Refreshes::default();
        let pages = Pages::for_connections(connections.len());
        let connections = connections.into_iter().map(Shown::of).collect();
        let started = clock.now();
        let looking = tokio::sync::Mutex::default();
        Self(Arc::new(Shared { connections, clock, started, process, refreshes, pages, looking }))
    }

    /// Starts what is due and answers from what is there; waits at most so long, and only while nothing is there.
    pub async fn page(
        &self,
        target: Target,
        dialect: Dialect,
        coding: Coding,
        patience: Duration,
    ) -> Result<Bytes, UnknownConnection> {
        let targeted = self.0.targeted(&target)?;
        for shown in targeted {
            self.0.refreshes.begin_if_due(shown.sync()).await;
        }
        if !targeted.iter().any(Shown::is_known) {
            // Whoever has no more patience gets the page without: a scrape never fails for Confluence's sake.
            let _ = timeout(patience, any_known(targeted)).await;
        }
        // A page made while less was known must not hide what has been learnt since.
        let known = targeted.iter().filter(|shown| shown.is_known()).count();
        let wanted = Wanted { target, dialect, coding, known };
        let shared = Arc::clone(&self.0);
        Ok(self.0.pages.get(wanted, move |wanted| shared.render(wanted)).await)
    }

    /// All connections, in the configuration's order.
    pub fn summaries(&self) -> Vec<Summary> {
        let now = self.0.clock.now();
        self.0.connections.iter().map(|shown| shown.summary(now)).collect()
    }
}

impl Shared {
    fn targeted(&self, target: &Target) -> Result<&[Shown], UnknownConnection> {
        match target {
            Target::All => Ok(&self.connections),
            Target::One(name) => {
                let found = self.connections.iter().find(|shown| shown.sync().name() == name);
                found.map(slice::from_ref).ok_or_else(|| UnknownConnection(name.clone()))
            }
        }
    }

    fn render(&self, wanted: &Wanted) -> Vec<u8> {
        let now = self.clock.now();
        let targeted = self.targeted(&wanted.target).unwrap_or_default();
        let shown: Vec<_> = targeted.iter().map(|shown| (shown, shown.encoded())).collect();
        let parts = shown.iter().map(|(shown, encoded)| Part {
            encoded: encoded.as_deref(),
            asking: shown.sync().asking(),
            with_numbers: encoded.as_deref().is_some_and(|encoded| shown.is_fresh(encoded.moment(), now)),
        });
        let parts: Vec<Part<'_>> = parts.collect();
        let process = match wanted.target {
            Target::All => Some(&self.process),
            // Told with each connection, the process's series would be told more than once.
            Target::One(_) => None,
        };
        page(wanted.dialect, &parts, process)
    }
}

/// Until any of them has something to show.
async fn any_known(targeted: &[Shown]) {
    let mut waits = JoinSet::new();
    for shown in targeted {
        waits.spawn(shown.known());
    }
    while let Some(Ok(false) | Err(_)) = waits.join_next().await {}
}
