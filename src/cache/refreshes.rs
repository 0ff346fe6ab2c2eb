//! One refresh a connection and refresh interval, however many scrapes there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::model::ConnectionName;
use crate::sync::{NotBegun, Sync};

/// The refreshes that have been begun lately: while one stands here, none is due.
#[derive(Debug)]
pub(super) struct Refreshes(Cache<ConnectionName, Begun>);

#[derive(Clone, Copy, Debug)]
struct Begun {
    at: tokio::time::Instant,
    /// From the moment on in which this was noted.
    not_due_for: Duration,
}

/// Until when nothing is due of one connection, as far as somebody has looked.
#[derive(Debug)]
pub(super) struct Rest {
    begun: tokio::time::Instant,
    /// In milliseconds from then on.
    until: AtomicU64,
}

struct UntilDue;

impl Refreshes {
    /// Begins a refresh when the last one, failed or not, was begun long enough ago.
    pub(super) async fn begin_if_due(&self, sync: &Sync, rest: &Rest) {
        // Nearly every scrape of a crowd ends here: to look at a clock costs less than to take part in a flight.
        if rest.goes_on() {
            return;
        }
        if let Some(begun) = self.0.get(sync.name()).await {
            rest.until(begun.at + begun.not_due_for);
            return;
        }
        let begin = async {
            sync.begin()?;
            Ok::<_, NotBegun>(Begun {
                at: tokio::time::Instant::now(),
                not_due_for: not_due_for(sync.refresh_interval()),
            })
        };
        // A base under way answers what this scrape wanted; the next scrape asks again.
        let _ = self.0.try_get_with_by_ref(sync.name(), begin).await;
    }

    /// A connection that was opened anew is due when its interval has passed since the last refresh of that name was begun:
    /// many reloads must not become many requests, nor a long interval of before hold a short one up.
    pub(super) async fn keep_interval_of(&self, sync: &Sync) {
        if let Some(Begun { at, .. }) = self.0.get(sync.name()).await {
            let not_due_for = not_due_for(sync.refresh_interval()).saturating_sub(at.elapsed());
            self.0.insert(sync.name().clone(), Begun { at, not_due_for }).await;
        }
    }
}

impl Rest {
    fn goes_on(&self) -> bool {
        self.begun.elapsed().as_millis() < u128::from(self.until.load(Ordering::Relaxed))
    }

    fn until(&self, due: tokio::time::Instant) {
        let span = due.saturating_duration_since(self.begun).as_millis();
        self.until.store(u64::try_from(span).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self { begun: tokio::time::Instant::now(), until: AtomicU64::new(0) }
    }
}

/// How long after a refresh has begun none is due.
pub(super) fn not_due_for(refresh_interval: Duration) -> Duration {
    // A scrape that comes a little early must not find the refresh not due and halve the rate.
    refresh_interval * 9 / 10
}

impl Default for Refreshes {
    fn default() -> Self {
        Self(Cache::builder().expire_after(UntilDue).build())
    }
}

impl Expiry<ConnectionName, Begun> for UntilDue {
    fn expire_after_create(&self, _: &ConnectionName, begun: &Begun, _: Instant) -> Option<Duration> {
        Some(begun.not_due_for)
    }

    fn expire_after_update(
        &self,
        _: &ConnectionName,
        begun: &Begun,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(begun.not_due_for)
    }
}
