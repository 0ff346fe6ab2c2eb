//! What to ask next, and when. How to ask is `connection`'s business, what the facts add up to is `model`'s.
//!
//! A refresh is the base (`base.rs`), then the rest within the budget (`rest.rs`, in the order of `queue.rs`), of which the
//! reconciling walk (`reconcile.rs`) is a part. The first walk (`walk.rs`) runs beside the refreshes. All of them teach one ledger, and `report.rs` makes the snapshots of it.

mod base;
mod budget;
mod demand;
mod estimate;
mod halves;
mod keeping;
mod lock;
mod phase;
mod questions;
mod queue;
mod reconcile;
mod report;
mod rest;
mod settings;
mod site_state;
mod stumbling;
mod trial;
mod walk;

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::confluence::Site;
use crate::connection::Connection;
use crate::metrics::Asking;
use crate::model::{ConnectionName, Snapshot};
use crate::store::Kept;

pub use demand::{Advice, CollectorDemand, Demand, Means, Reach, Roughly, SiteSize, advice};
pub use estimate::{CannotEstimate, Estimate, Guess, estimate};
pub use settings::{
    CollectorSettings, CollectorsSettings, KeyPattern, LabelsSettings, PersonalSpaces, Settings, SpacesSettings, Switch,
};

use budget::Budget;
use keeping::Keeping;
use lock::Lock;
use phase::{Phase, Refreshing};
use site_state::SiteState;

/// One connection, kept up to date for as long as somebody wants its numbers. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sync(Arc<Shared>);

/// A refresh has been started.
#[derive(Clone, Copy, Debug)]
pub struct Begun;

/// The refresh under way is still reading the base; its numbers will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base is under way")]
pub struct BaseUnderWay;

#[derive(Debug)]
struct Shared {
    name: ConnectionName,
    settings: Settings,
    site: Site,
    clock: Clock,
    asking: Asking,
    budget: Budget,
    state: Lock<SiteState>,
    keeping: Option<Keeping>,
    phase: Arc<Phase>,
    walk_under_way: tokio::sync::Mutex<()>,
    /// When the numbers were asked for last.
    wanted: watch::Sender<Instant>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    stop: CancellationToken,
}

/// Scrapes come at their interval, give or take a little. A base that was cut where the next scrape is just arriving would
/// begin anew with each.
const PUNCTUALITY: f64 = 1.1;

impl Sync {
    /// Asks nothing yet, and forgets everything with its last clone. `stop` ends whatever is under way.
    pub fn new(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared::new(connection, settings, clock, asking, stop, None)))
    }

    /// The same, but goes on from what is kept, and keeps what it learns. `last` is on show until there is a newer one.
    pub fn kept(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: CancellationToken,
        (kept, last): (Kept, Option<Snapshot>),
    ) -> Self {
        let shared = Arc::new(Shared::new(connection, settings, clock, asking, stop, Some(Keeping::new(kept))));
        if let Some(last) = keeping::if_fresh(last, &shared) {
            shared.snapshots.send_replace(Some(last));
        }
        let taking_over = Arc::clone(&shared);
        // Beside the first scrape, which is answered from the kept snapshot.
        tokio::spawn(async move { taking_over.take_over().await });
        Self(shared)
    }

    /// Starts a refresh and doesn't wait for it. One that has got beyond its base is told to end.
    pub fn begin(&self) -> Result<Begun, BaseUnderWay> {
        self.0.wanted.send_replace(Instant::now());
        let refreshing = self.0.phase.begin()?;
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let stop = shared.stop.clone();
            stop.run_until_cancelled(shared.refresh(refreshing)).await;
        });
        Ok(Begun)
    }

    /// The newest snapshot; none until the first base since the start has ended, well or badly.
    pub fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.0.snapshots.subscribe()
    }

    pub fn name(&self) -> &ConnectionName {
        &self.0.name
    }

    pub fn refresh_interval(&self) -> Duration {
        self.0.settings.refresh_interval
    }

    pub fn max_stale(&self) -> Duration {
        self.0.settings.max_stale
    }

    pub fn asking(&self) -> &Asking {
        &self.0.asking
    }
}

impl Shared {
    fn new(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: CancellationToken,
        keeping: Option<Keeping>,
    ) -> Self {
        let reach = settings.longest_window();
        Self {
            name: connection.name().clone(),
            budget: Budget::new(settings.request_budget),
            settings,
            site: Site::new(connection),
            clock,
            asking,
            state: Lock::new(SiteState::new(reach)),
            keeping,
            phase: Arc::default(),
            walk_under_way: tokio::sync::Mutex::default(),
            wanted: watch::Sender::new(Instant::now()),
            snapshots: watch::Sender::new(None),
            stop,
        }
    }

    async fn refresh(self: &Arc<Self>, refreshing: Refreshing) {
        self.take_over().await;
        let started = Instant::now();
        // A base that hangs in a pause of the site is given up when nobody asks any more.
        let base = self.while_wanted(base::read(self)).await.unwrap_or(Err(base::Failed::Unwanted));
        if let Err(failure) = &base {
            warn!(connection = %self.name, %failure, "the refresh failed; the last numbers stay on show");
        }
        self.state().up = base.is_ok();
        self.publish().await;
        // It goes on without the store, which tells of its trouble itself.
        let _ = self.commit().await;
        let rest = refreshing.end_base();

        if base.is_ok() {
            walk::go_on(self).await;
        }
        let mut stuck = Vec::new();
        if base.as_ref().map_or_else(base::Failed::leaves_something_to_ask, |_| true) {
            let until = started + self.settings.refresh_interval;
            stuck = rest::ask(self, &rest, until).await;
            self.publish().await;
            let _ = self.commit().await;
        }
        let result = match &base {
            Err(_) => "failure",
            Ok(_) if stuck.is_empty() => "success",
            Ok(_) => "partial",
        };
        self.asking.refresh(result, started.elapsed().as_secs_f64());
        debug!(connection = %self.name, result, "a refresh has ended");
    }

    /// Runs until it ends, or until nobody has asked for the numbers for an interval.
    async fn while_wanted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let nobody_asks = async {
            loop {
                let until = *self.wanted.borrow() + self.settings.refresh_interval.mul_f64(PUNCTUALITY);
                if until <= Instant::now() {
                    break;
                }
                sleep_until(until).await;
            }
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = nobody_asks => None,
        }
    }

    /// Makes a snapshot of what is known now.
    async fn publish(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        // The census of a large site takes a while; other connections' requests go on meanwhile.
        if let Err(error) = tokio::task::spawn_blocking(move || report::publish(&shared)).await {
            warn!(connection = %self.name, %error, "no snapshot could be made");
        }
    }

    fn state(&self) -> MutexGuard<'_, SiteState> {
        self.state.lock()
    }
}
