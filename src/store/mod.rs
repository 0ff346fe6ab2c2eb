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
use tokio::time::timeout;
use tracing::error;

use crate::metrics::StoreUp;
use crate::model::{ConnectionName, Facts, Ledger, Progress, ProgressChange, Snapshot};

pub use file::OpenError;

use thread::Command;

/// The file. Clones share it and its thread.
#[derive(Clone, Debug)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    up: StoreUp,
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

/// Longer than any commit takes on a disk that works, be it behind a large site that is being loaded.
const PATIENCE: Duration = Duration::from_mins(1);
const PATIENCE_WHILE_DOWN: Duration = Duration::from_secs(1);
/// More commits at once than connections have steps under way would be queued.
const QUEUE: usize = 64;

impl Store {
    /// Opens the file, or makes it. One process at a time may have it open.
    pub fn open(path: &Path, up: StoreUp) -> Result<Self, OpenError> {
        let file = file::File::open(path)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        thread::start(file, up.clone(), queue).map_err(OpenError::NoThread)?;
        Ok(Self { commands, up })
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
    pub async fn slot(&self) -> Result<Slot<'_>, NotCommitted> {
        let place = self.store.commands.reserve().await.map_err(|_| NotCommitted)?;
        Ok(Slot { place, connection: self.connection })
    }

    /// Whether the last step of any connection could be written.
    pub fn takes_writes(&self) -> bool {
        self.store.up.get()
    }

    /// Waits for a commit, but not for ever: a disk that hangs tells no error.
    pub async fn patiently(&self, commit: impl Future<Output = Result<(), NotCommitted>>) -> Result<(), NotCommitted> {
        let was_up = self.takes_writes();
        let patience = if was_up { PATIENCE } else { PATIENCE_WHILE_DOWN };
        timeout(patience, commit).await.unwrap_or_else(|_| {
            // Who had a second only may have come as it was on its way up: what had gathered takes longer to write.
            if was_up && self.takes_writes() {
                error!(
                    seconds = PATIENCE.as_secs(),
                    "the store does not answer; everything goes on, but what is learnt now is lost with a restart"
                );
                self.store.up.set(false);
            }
            Err(NotCommitted)
        })
    }
}

impl Slot<'_> {
    /// An empty batch has nothing written but what was put before it.
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
    /// Waits until it is on the disk, with all that was put before. Of a connection that could not be read nothing is to be.
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

    /// The same, with the cloud id by which that site was known before, where it is not known now.
    #[must_use]
    pub fn completed_by(&self, before: &Self) -> Self {
        let known = before.cloud_id.as_ref().filter(|_| self.is_same_site(before));
        Self { site: Arc::clone(&self.site), cloud_id: self.cloud_id.as_ref().or(known).cloned() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_waited_for_once_and_then_no_longer_than_a_refresh_can_bear() {
        let up = StoreUp::default();
        up.set(true);
        // Nobody takes anything out of it.
        let (commands, _queue) = mpsc::channel(QUEUE);
        let kept = Kept { store: Store { commands, up: up.clone() }, connection: 1 };
        let wait = async || {
            let began = Instant::now();
            let commit = async { kept.slot().await?.put(Batch::default()).done().await };
            assert_eq!(kept.patiently(commit).await, Err(NotCommitted));
            began.elapsed()
        };

        assert!(wait().await >= PATIENCE);
        assert!(!up.get());
        for _ in 0..2 * QUEUE {
            assert!(wait().await < 2 * PATIENCE_WHILE_DOWN);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_comes_back_and_has_much_to_write_is_not_told_to_be_down() {
        let up = StoreUp::default();
        let (commands, _queue) = mpsc::channel(QUEUE);
        let kept = Kept { store: Store { commands, up: up.clone() }, connection: 1 };

        let commit = async {
            up.set(true);
            std::future::pending().await
        };

        assert_eq!(kept.patiently(commit).await, Err(NotCommitted));
        assert!(up.get());
    }
}
