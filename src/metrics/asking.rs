//! What one connection's exporter side counts. Who counts, and when, is the callers' business.

use crate::model::{ConnectionName, Operation, Timestamp};

/// Clones share the counters.
#[derive(Clone, Debug)]
pub struct Asking;

#[must_use]
#[derive(Debug)]
pub struct InFlight;

#[expect(clippy::unused_self, clippy::needless_pass_by_value, reason = "nothing is counted yet")]
impl Asking {
    pub fn new(_connection: &ConnectionName) -> Self {
        Self
    }

    pub fn request(&self, _operation: Operation, _status: &str, _seconds: f64) {}

    pub fn retry(&self, _reason: &'static str) {}

    pub fn in_flight(&self) -> InFlight {
        InFlight
    }

    pub fn concurrency_limit(&self, _limit: usize) {}

    pub fn rate_limit(&self, _remaining: Option<f64>, _limit: Option<f64>, _reset: Option<Timestamp>) {}

    pub fn throttled_until(&self, _until: Option<Timestamp>) {}

    pub fn refresh(&self, _result: &'static str, _seconds: f64) {}

    pub fn unreadable(&self, _kind: &str, _rows: u64) {}
}
