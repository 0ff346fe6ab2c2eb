//! The only reader of the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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
