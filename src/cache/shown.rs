//! One connection's newest snapshot as text, written as soon as it is made.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, error};

use crate::clock::cpu_time_of;
use crate::metrics::Encoded;
use crate::model::{Snapshot, Timestamp};
use crate::sync::Sync;

use super::Summary;
use super::refreshes::Rest;

#[derive(Debug)]
pub(super) struct Shown {
    sync: Sync,
    pub(super) rest: Rest,
    encoded: watch::Receiver<Option<Arc<Encoded>>>,
    _writer: AbortOnDropHandle<()>,
}

/// Longer than the text of the largest snapshot takes. What takes longer is shown when it is there.
const LONGEST_WRITING: Duration = Duration::from_secs(10);

impl Shown {
    pub(super) fn of(sync: Sync) -> Self {
        let (show, encoded) = watch::channel(None);
        let writer = AbortOnDropHandle::new(tokio::spawn(write_each(sync.snapshots(), show)));
        Self { sync, rest: Rest::default(), encoded, _writer: writer }
    }

    pub(super) fn sync(&self) -> &Sync {
        &self.sync
    }

    pub(super) fn encoded(&self) -> Option<Arc<Encoded>> {
        self.encoded.borrow().clone()
    }

    pub(super) fn is_known(&self) -> bool {
        self.encoded.borrow().is_some()
    }

    /// Waits until there is something to show; `false` if there never will be.
    pub(super) fn known(&self) -> impl Future<Output = bool> + Send + 'static {
        let mut encoded = self.encoded.clone();
        async move { encoded.wait_for(Option::is_some).await.is_ok() }
    }

    /// Waits for the first text of a snapshot that is there; not at all where there is none.
    pub(super) async fn written(&self) {
        let has_snapshot = self.sync.snapshots().borrow().is_some();
        if has_snapshot && !self.is_known() {
            let _ = timeout(LONGEST_WRITING, self.known()).await;
        }
    }

    pub(super) fn summary(&self, now: Timestamp) -> Summary {
        let snapshot = self.sync.snapshots().borrow().clone();
        let shows_numbers = snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.numbers.is_some() && self.is_fresh(snapshot.health.moment, now));
        Summary { connection: self.sync.name().clone(), snapshot, shows_numbers }
    }

    /// Whether numbers of that moment may still stand for the site as it is.
    pub(super) fn is_fresh(&self, moment: Option<Timestamp>, now: Timestamp) -> bool {
        moment.is_some_and(|moment| now.since(moment) <= self.sync.max_stale())
    }
}

async fn write_each(mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>, show: watch::Sender<Option<Arc<Encoded>>>) {
    loop {
        let newest = snapshots.borrow_and_update().clone();
        if let Some(snapshot) = newest {
            // Tens of milliseconds for a large site: too long for a thread that answers scrapes.
            match spawn_blocking(move || write(&snapshot)).await {
                Ok(encoded) => drop(show.send_replace(Some(Arc::new(encoded)))),
                Err(error) => error!(%error, "could not write a snapshot as text; the one before it stays on show"),
            }
        }
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

fn write(snapshot: &Snapshot) -> Encoded {
    let (encoded, cpu) = cpu_time_of(|| Encoded::of(snapshot));
    debug!(connection = %snapshot.connection, cpu_microseconds = cpu.as_micros(), "a snapshot has been written as text");
    encoded
}
