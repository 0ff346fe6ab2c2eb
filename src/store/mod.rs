//! What survives a restart: facts, progress and the last snapshot of each connection, in one SQLite file. What they mean is
//! `model`'s business.
//!
//! One thread of its own owns the file. Whatever waits for it at one time is committed together, synced to disk; a commit
//! that fails is tried again with the next, before it, so that the file never vouches for what it doesn't have.

mod file;
mod load;
mod spelling;
mod thread;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::metrics::StoreUp;
use crate::model::{ConnectionName, Facts, Ledger, Progress, ProgressChange, Snapshot};

pub use file::OpenError;

use thread::Command;

/// The file. Clones share it and its thread.
#[derive(Clone, Debug)]
pub struct Store {
    commands: mpsc::Sender<Command>,
}

/// One connection's part of the file. Clones share it.
#[derive(Clone, Debug)]
pub struct Kept {
    store: Store,
    connection: i64,
}

/// Which site the kept facts are about: its cloud id, where both are known, else its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub site: Arc<str>,
    pub cloud_id: Option<Arc<str>>,
}

/// One step of a refresh, with what vouches for it.
#[derive(Debug, Default)]
pub struct Batch {
    pub facts: Facts,
    pub progress: Vec<ProgressChange>,
    pub snapshot: Option<Arc<Snapshot>>,
    /// Where it has become known, or has changed.
    pub identity: Option<Identity>,
}

/// What a connection knew when it was stopped.
#[derive(Debug)]
pub struct Loaded {
    pub ledger: Ledger,
    pub progress: Progress,
    pub identity: Identity,
}

/// A place in the queue of commits.
#[derive(Debug)]
pub struct Slot<'a> {
    place: mpsc::Permit<'a, Command>,
    connection: i64,
}

/// A commit that is under way.
#[derive(Debug)]
pub struct Committing(oneshot::Receiver<bool>);

/// The store takes no writes now: it will try again with the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store takes no writes")]
pub struct NotCommitted;

/// What is kept cannot be read now. It stays as it is, and nothing is added to it unless it can be read another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the store keeps cannot be read now")]
pub struct NotLoaded;

/// More commits at once than connections have steps under way would be queued.
const QUEUE: usize = 64;

impl Store {
    /// Opens the file, or makes it. One process at a time may have it open.
    pub fn open(path: &Path, up: StoreUp) -> Result<Self, OpenError> {
        let file = file::File::open(path)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        thread::start(file, up, queue).map_err(OpenError::NoThread)?;
        Ok(Self { commands })
    }

    /// One connection's part, with its last snapshot; an empty one if the kept one is about another site.
    pub async fn connection(
        &self,
        name: &ConnectionName,
        identity: Identity,
    ) -> Result<(Kept, Option<Snapshot>), OpenError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Connection { name: name.clone(), identity, reply };
        self.commands.send(command).await.map_err(|_| OpenError::ThreadEnded)?;
        let (connection, snapshot) = answer.await.map_err(|_| OpenError::ThreadEnded)??;
        Ok((Kept { store: self.clone(), connection }, snapshot))
    }

    /// Waits until all that was put has been written, and the file is closed.
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Close { reply }).await.is_ok() {
            let _ = done.await;
        }
    }
}

impl Kept {
    /// All that is kept, for windows that reach back as far as `reach`; nothing on the first start.
    pub async fn load(&self, reach: Duration) -> Result<Option<Loaded>, NotLoaded> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Load { connection: self.connection, reach, reply };
        self.store.commands.send(command).await.map_err(|_| NotLoaded)?;
        let loaded = answer.await.map_err(|_| NotLoaded)??;
        Ok(loaded.map(|loaded| *loaded))
    }

    /// Waits for a place in the queue of commits, which are written in the order in which they are put.
    pub async fn slot(&self) -> Option<Slot<'_>> {
        let place = self.store.commands.reserve().await.ok()?;
        Some(Slot { place, connection: self.connection })
    }
}

impl Slot<'_> {
    pub fn put(self, batch: Batch) -> Committing {
        let (reply, done) = oneshot::channel();
        self.place.send(Command::Commit { connection: self.connection, batch: Box::new(batch), reply });
        Committing(done)
    }

    /// All that was kept up to here is about another site.
    pub fn forget(self) {
        self.place.send(Command::Forget { connection: self.connection });
    }
}

impl Committing {
    /// Waits until it is on the disk.
    pub async fn done(self) -> Result<(), NotCommitted> {
        if self.0.await.unwrap_or(false) { Ok(()) } else { Err(NotCommitted) }
    }
}

impl Batch {
    /// Whether there is nothing in it to write.
    pub fn is_empty(&self) -> bool {
        self.facts == Facts::default() && self.progress.is_empty() && self.snapshot.is_none() && self.identity.is_none()
    }
}

impl From<(Arc<str>, Option<Arc<str>>)> for Identity {
    fn from((site, cloud_id): (Arc<str>, Option<Arc<str>>)) -> Self {
        Self { site, cloud_id }
    }
}

impl Identity {
    pub fn is_same_site(&self, other: &Self) -> bool {
        match (&self.cloud_id, &other.cloud_id) {
            (Some(one), Some(another)) => one == another,
            _ => self.site == other.site,
        }
    }
}
