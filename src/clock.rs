//! The only reader of the wall clock, and of the clock that counts what a thread has computed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::model::Timestamp;

/// What time it is. Clones share the hands.
#[derive(Clone, Debug)]
pub struct Clock(Hands);

#[derive(Clone, Debug)]
enum Hands {
    System,
    /// Milliseconds since 1970, moved by whoever holds the other end.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub const fn system() -> Self {
        Self(Hands::System)
    }

    /// A clock that stands until `millis`, milliseconds since 1970, is changed.
    pub const fn manual(millis: Arc<AtomicI64>) -> Self {
        Self(Hands::Manual(millis))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Hands::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Hands::Manual(millis) => millis.load(Ordering::Relaxed),
        };
        Timestamp::from_millis(millis)
    }
}

/// What this gives, and the CPU time that the thread has used for it.
pub fn cpu_time_of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = thread_cpu_time();
    let done = work();
    (done, thread_cpu_time().saturating_sub(began))
}

fn thread_cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
