//! What to ask next, and when. How to ask is `connection`'s business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::metrics::Asking;
use crate::model::{ConnectionName, Snapshot};

/// Keeps one connection's facts true. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Sync {
    name: ConnectionName,
    refresh_interval: Duration,
    max_stale: Duration,
    asking: Asking,
    standing: Arc<Standing>,
}

/// What a test holds of a stand-in.
#[derive(Debug)]
pub struct Standing {
    pub snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    pub begun: AtomicUsize,
    pub base_under_way: AtomicBool,
}

#[derive(Clone, Debug)]
pub struct Begun;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base is under way")]
pub struct BaseUnderWay;

impl Sync {
    pub fn standing(name: ConnectionName, refresh_interval: Duration, max_stale: Duration) -> (Self, Arc<Standing>) {
        let standing = Arc::new(Standing {
            snapshots: watch::Sender::new(None),
            begun: AtomicUsize::new(0),
            base_under_way: AtomicBool::new(false),
        });
        let asking = Asking::new(&name);
        (Self { name, refresh_interval, max_stale, asking, standing: Arc::clone(&standing) }, standing)
    }

    pub fn begin(&self) -> Result<Begun, BaseUnderWay> {
        if self.standing.base_under_way.load(Ordering::Relaxed) {
            return Err(BaseUnderWay);
        }
        self.standing.begun.fetch_add(1, Ordering::Relaxed);
        Ok(Begun)
    }

    pub fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.standing.snapshots.subscribe()
    }

    pub fn name(&self) -> &ConnectionName {
        &self.name
    }

    pub fn refresh_interval(&self) -> Duration {
        self.refresh_interval
    }

    pub fn max_stale(&self) -> Duration {
        self.max_stale
    }

    pub fn asking(&self) -> &Asking {
        &self.asking
    }
}
