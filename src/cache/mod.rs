//! When a refresh is due, one at a time; and the page's bytes. What a refresh asks is `sync`'s business.

mod pages;
mod refreshes;
mod shown;
mod status;

use std::slice;
use std::sync::{Arc, PoisonError, RwLock};
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
    now: RwLock<Arc<Set>>,
    clock: Clock,
    started: Timestamp,
    process: Process,
    refreshes: Refreshes,
    /// One looks at a time: a crowd that does must not take the threads that pages of metrics are made by.
    looking: tokio::sync::Mutex<()>,
}

/// The connections between two reloads, with the pages that show them and no others.
#[derive(Debug)]
struct Set {
    connections: Vec<Arc<Shown>>,
    pages: Pages,
}

impl Cache {
    /// Turns snapshots into text from now on, in tasks that end with the last clone.
    pub fn new(connections: Vec<Sync>, clock: Clock, process: Process) -> Self {
        let set = Set::of(connections.into_iter().map(|sync| Arc::new(Shown::of(sync))).collect());
        Self(Arc::new(Shared {
            now: RwLock::new(Arc::new(set)),
            started: clock.now(),
            clock,
            process,
            refreshes: Refreshes::default(),
            looking: tokio::sync::Mutex::default(),
        }))
    }

    /// From the next scrape on these are shown, and no others. What goes on keeps its text; what has a snapshot is not
    /// without one for a moment.
    pub async fn replace(&self, connections: Vec<Sync>) {
        let before = self.0.set();
        let mut shown = Vec::with_capacity(connections.len());
        for sync in connections {
            let same = before.connections.iter().find(|shown| shown.sync().is_same(&sync));
            if let Some(same) = same {
                shown.push(Arc::clone(same));
                continue;
            }
            self.0.refreshes.keep_interval_of(&sync).await;
            let new = Shown::of(sync);
            new.written().await;
            shown.push(Arc::new(new));
        }
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Set::of(shown));
    }

    /// Starts what is due and answers from what is there; waits at most so long, and only while nothing is there, or what
    /// is there has never been text.
    pub async fn page(
        &self,
        target: Target,
        dialect: Dialect,
        coding: Coding,
        patience: Duration,
    ) -> Result<Bytes, UnknownConnection> {
        let set = self.0.set();
        let targeted = set.targeted(&target)?;
        for shown in targeted {
            self.0.refreshes.begin_if_due(shown.sync(), &shown.rest).await;
        }
        if !targeted.iter().all(|shown| shown.is_known()) {
            // Whoever has no more patience gets the page without: a scrape never fails for Confluence's sake.
            let _ = timeout(patience, enough_known(targeted)).await;
        }
        // A page made while less was known must not hide what has been learnt since.
        let known = targeted.iter().filter(|shown| shown.is_known()).count();
        let wanted = Wanted { target, dialect, coding, known };
        let (shared, shown) = (Arc::clone(&self.0), Arc::clone(&set));
        Ok(set.pages.get(wanted, move |wanted| shared.render(&shown, wanted)).await)
    }

    /// In the configuration's order.
    pub fn names(&self) -> Vec<ConnectionName> {
        self.0.set().connections.iter().map(|shown| shown.sync().name().clone()).collect()
    }

    /// All connections, in the configuration's order.
    pub fn summaries(&self) -> Vec<Summary> {
        let now = self.0.clock.now();
        self.0.set().connections.iter().map(|shown| shown.summary(now)).collect()
    }
}

impl Set {
    fn of(connections: Vec<Arc<Shown>>) -> Self {
        Self { pages: Pages::for_connections(connections.len()), connections }
    }

    fn targeted(&self, target: &Target) -> Result<&[Arc<Shown>], UnknownConnection> {
        match target {
            Target::All => Ok(&self.connections),
            Target::One(name) => {
                let found = self.connections.iter().find(|shown| shown.sync().name() == name);
                found.map(slice::from_ref).ok_or_else(|| UnknownConnection(name.clone()))
            }
        }
    }
}

impl Shared {
    fn set(&self) -> Arc<Set> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn render(&self, set: &Set, wanted: &Wanted) -> Vec<u8> {
        let now = self.clock.now();
        let targeted = set.targeted(&wanted.target).unwrap_or_default();
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

/// Until all that has been found out is text, and any of them has something to show.
async fn enough_known(targeted: &[Arc<Shown>]) {
    // After a restart each has its last snapshot: a small one, written first, must not take the others off the page.
    for shown in targeted {
        shown.written().await;
    }
    if !targeted.iter().any(|shown| shown.is_known()) {
        any_known(targeted).await;
    }
}

/// Until any of them has something to show.
async fn any_known(targeted: &[Arc<Shown>]) {
    let mut waits = JoinSet::new();
    for shown in targeted {
        waits.spawn(shown.known());
    }
    while let Some(Ok(false) | Err(_)) = waits.join_next().await {}
}
