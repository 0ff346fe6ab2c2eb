//! What time it is on the site: the machine's time until somebody takes the hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Clones share the hands: milliseconds since 1970, or `SiteClock::RUNNING`.
#[derive(Clone, Debug)]
pub struct SiteClock(Arc<AtomicI64>);

impl SiteClock {
    /// The hands' value while nobody holds them: the machine's time counts.
    pub const RUNNING: i64 = i64::MIN;

    pub fn running() -> Self {
        Self(Arc::new(AtomicI64::new(Self::RUNNING)))
    }

    /// A clock that stands at `millis` until it is moved.
    pub fn standing_at(millis: i64) -> Self {
        Self(Arc::new(AtomicI64::new(millis)))
    }

    pub fn now_ms(&self) -> i64 {
        match self.0.load(Ordering::SeqCst) {
            Self::RUNNING => machine_ms(),
            millis => millis,
        }
    }

    /// The other end of the hands: whoever stores a time there stops the clock at it.
    pub fn hands(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.0)
    }

    pub fn set_ms(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulator's one reading of the wall clock")]
fn machine_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
