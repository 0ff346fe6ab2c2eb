//! What to ask next, and when. How to ask is `connection`'s business, what the facts add up to is `model`'s.
//!
//! A refresh is the base (`base.rs`), then the rest within the budget (`rest.rs`, in the order of `queue.rs`), of which the
//! reconciling walk (`reconcile.rs`) is a part. The first walk (`walk.rs`) runs beside the refreshes. All of them teach one ledger, and `report.rs` makes the snapshots of it.
//! Beside all that, a person may have a connection tested (`trial.rs`, `testing.rs`) and look how it stands (`status.rs`).

mod base;
mod budget;
mod demand;
mod estimate;
mod fault;
mod halves;
mod keeping;
mod latest;
mod lock;
mod phase;
mod places;
mod questions;
mod queue;
mod reconcile;
mod report;
mod rest;
mod settings;
mod site_state;
mod status;
mod stumbling;
mod testing;
mod trial;
mod walk;

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::confluence::Site;
use crate::connection::Connection;
use crate::metrics::Asking;
use crate::model::{ConnectionName, RefreshResult, Snapshot};
use crate::store::Kept;

pub use demand::{Advice, CollectorDemand, Demand, Means, Reach, SiteSize, advice};
pub use estimate::{CannotEstimate, Estimate, Guess, estimate};
pub use settings::{
    CollectorSettings, CollectorsSettings, KeyPattern, LabelsSettings, PersonalSpaces, Settings, SpacesSettings, Switch,
};
pub use trial::{Trial, to_do};

use budget::Budget;
use keeping::Keeping;
use latest::{Latest, Number};
use lock::Lock;
use phase::{Phase, Refreshing};
use report::After;
use site_state::SiteState;
use testing::Testing;

/// One connection, kept up to date for as long as somebody wants its numbers. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sync(Arc<Shared>);

/// A refresh has been started.
#[derive(Clone, Copy, Debug)]
pub struct Begun;

/// Why no refresh has been started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// The refresh under way is still reading the base; its numbers will do.
    #[error("a base is under way")]
    BaseUnderWay,
    /// The refresh under way has asked little but its base, which took long; its numbers are new.
    #[error("a rest has just begun")]
    RestJustBegun,
    #[error("the connection has ended")]
    Ended,
}

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
    latest: Latest,
    testing: Testing,
    walk_under_way: tokio::sync::Mutex<()>,
    /// A list of spaces, which the reconciling walk may have to read beside a base.
    spaces_under_way: tokio::sync::Mutex<()>,
    /// A step of the reconciling walk.
    step_under_way: tokio::sync::Mutex<()>,
    /// When the numbers were asked for last.
    wanted: watch::Sender<Instant>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    stop: CancellationToken,
    /// Whatever may still learn or keep something.
    tasks: TaskTracker,
}

/// Scrapes come at their interval, give or take a little. A base that was cut where the next scrape is just arriving would
/// begin anew with each, and a rest never get beyond its first question.
const PUNCTUALITY: f64 = 1.1;
/// After the longest base the rest has this part of the interval: a tenth.
const A_REST_OF_THE_INTERVAL: u32 = 10;

impl Sync {
    /// Asks nothing yet, and forgets everything with its last clone. `stop` ends whatever is under way.
    pub fn new(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: &CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared::new(connection, settings, clock, asking, stop, None)))
    }

    /// The same, but goes on from what is kept, and keeps what it learns. `last` is on show until there is a newer one.
    pub fn kept(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: &CancellationToken,
        (kept, last): (Kept, Option<Snapshot>),
    ) -> Self {
        let shared = Arc::new(Shared::new(connection, settings, clock, asking, stop, Some(Keeping::new(kept))));
        if let Some(last) = keeping::if_fresh(last, &shared) {
            shared.snapshots.send_replace(Some(last));
        }
        let taking_over = Arc::clone(&shared);
        // Beside the first scrape, which is answered from the kept snapshot.
        shared.spawn(async move { taking_over.take_over().await });
        Self(shared)
    }

    /// Starts a refresh and doesn't wait for it. One that has got beyond its base is told to end.
    pub fn begin(&self) -> Result<Begun, NotBegun> {
        if self.0.stop.is_cancelled() {
            return Err(NotBegun::Ended);
        }
        self.0.wanted.send_replace(Instant::now());
        let refreshing = self.0.phase.begin()?;
        let shared = Arc::clone(&self.0);
        let number = shared.latest.begin(shared.clock.now());
        self.0.spawn(async move { shared.refresh(refreshing, number).await });
        Ok(Begun)
    }

    /// Ends whatever is under way, and keeps what has been learnt: whoever takes the connection's part of the store over
    /// after this finds all of it. The last snapshot stays.
    pub async fn end(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.save().await;
        // A large site would be in memory twice while its successor loads.
        *self.0.state() = SiteState::new(Duration::ZERO);
    }

    /// Keeps what has been learnt and is not in the store yet.
    pub async fn save(&self) {
        if self.0.has_taken_over() {
            // The store tells of its trouble itself.
            let _ = self.0.commit().await;
        }
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

    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Shared {
    fn new(
        connection: Connection,
        settings: Settings,
        clock: Clock,
        asking: Asking,
        stop: &CancellationToken,
        keeping: Option<Keeping>,
    ) -> Self {
        let reach = settings.longest_window();
        connection.show_limits();
        Self {
            name: connection.name().clone(),
            budget: Budget::new(settings.request_budget, clock.clone()),
            settings,
            site: Site::new(connection),
            clock,
            asking,
            state: Lock::new(SiteState::new(reach)),
            keeping,
            phase: Arc::default(),
            latest: Latest::default(),
            testing: Testing::default(),
            walk_under_way: tokio::sync::Mutex::default(),
            spaces_under_way: tokio::sync::Mutex::default(),
            step_under_way: tokio::sync::Mutex::default(),
            wanted: watch::Sender::new(Instant::now()),
            snapshots: watch::Sender::new(None),
            // Its own, which ends this connection alone.
            stop: stop.child_token(),
            tasks: TaskTracker::new(),
        }
    }

    async fn refresh(self: &Arc<Self>, refreshing: Refreshing, number: Number) {
        self.take_over().await;
        let started = Instant::now();
        // A base that hangs in a pause of the site is given up when nobody asks any more.
        let base = self.while_wanted(base::read(self)).await.unwrap_or(Err(base::Failed::Unwanted));
        if let Err(failure) = &base {
            warn!(connection = %self.name, %failure, "the refresh failed; the last numbers stay on show");
        }
        self.state().up = base.is_ok();
        self.latest.end_base(number, self.clock.now());
        self.publish(After::Base).await;
        // It goes on without the store, which tells of its trouble itself.
        let _ = self.commit().await;
        let rest = refreshing.end_base(self.settings.refresh_interval / A_REST_OF_THE_INTERVAL);

        if base.is_ok() {
            walk::go_on(self).await;
        }
        let mut stuck = Vec::new();
        if base.as_ref().map_or_else(base::Failed::leaves_something_to_ask, |_| true) {
            stuck = rest::ask(self, &rest).await;
            self.publish(After::Rest).await;
            let _ = self.commit().await;
        }
        let result = match &base {
            Err(_) => RefreshResult::Failure,
            Ok(_) if stuck.is_empty() => RefreshResult::Success,
            Ok(_) => RefreshResult::Partial,
        };
        self.latest.end(number, result, self.clock.now());
        self.asking.refresh(result.as_str(), started.elapsed().as_secs_f64());
        debug!(connection = %self.name, %result, "a refresh has ended");
    }

    /// Runs until it ends, or until nobody has asked for the numbers for an interval.
    async fn while_wanted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.is_unwanted() => None,
        }
    }

    /// Waits until nobody has asked for the numbers for an interval.
    async fn is_unwanted(&self) {
        loop {
            let until = *self.wanted.borrow() + self.settings.refresh_interval.mul_f64(PUNCTUALITY);
            if until <= Instant::now() {
                break;
            }
            sleep_until(until).await;
        }
    }

    /// Makes a snapshot of what is known now.
    async fn publish(self: &Arc<Self>, after: After) {
        let shared = Arc::clone(self);
        // The census of a large site takes a while; other connections' requests go on meanwhile.
        if let Err(error) = self.tasks.spawn_blocking(move || report::publish(&shared, after)).await {
            warn!(connection = %self.name, %error, "no snapshot could be made");
        }
    }

    /// A task that the stop signal ends, and that `end` waits for.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
        })
    }

    fn state(&self) -> MutexGuard<'_, SiteState> {
        self.state.lock()
    }
}
