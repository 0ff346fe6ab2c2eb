//! What one connection's exporter side counts as it asks. When to ask, and how, is decided elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts};

use crate::model::{ConnectionName, Operation, RateLimit, Timestamp};

use super::catalogue::{
    CONCURRENCY_LIMIT, CONNECTION, RATE_LIMIT, RATE_LIMIT_REMAINING, RATE_LIMIT_RESET, REFRESH_DURATION, REFRESHES,
    REQUEST_DURATION, REQUESTS, REQUESTS_IN_FLIGHT, RETRIES, Series, THROTTLED_UNTIL, UNREADABLE,
};
use super::text::Chunks;

/// One connection's counters. Clones share them.
#[derive(Clone, Debug)]
pub struct Asking(Arc<Counters>);

/// A request under way: counted until it is dropped.
#[derive(Debug)]
#[must_use = "the request counts as under way only until this is dropped"]
pub struct InFlight(Asking);

#[derive(Debug)]
struct Counters {
    connection: ConnectionName,
    refreshes: IntCounterVec,
    refresh_duration: HistogramVec,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    retries: IntCounterVec,
    requests_in_flight: IntGauge,
    concurrency_limit: IntGauge,
    unreadable: IntCounterVec,
    told: Mutex<Told>,
}

/// What only some sites tell, and only at times: shown when it is known.
#[derive(Debug, Default)]
struct Told {
    rate_limit: RateLimit,
    throttled_until: Option<Timestamp>,
}

/// An answer takes tens of milliseconds; a client gives up after about half a minute.
const REQUEST_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A base takes a second; the rest goes on for a refresh interval at most, a minute by default.
const REFRESH_SECONDS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

impl Asking {
    pub fn new(connection: &ConnectionName) -> Self {
        let counters = Counters {
            connection: connection.clone(),
            refreshes: counters(&REFRESHES),
            refresh_duration: histograms(&REFRESH_DURATION, REFRESH_SECONDS),
            requests: counters(&REQUESTS),
            request_duration: histograms(&REQUEST_DURATION, REQUEST_SECONDS),
            retries: counters(&RETRIES),
            requests_in_flight: gauge(&REQUESTS_IN_FLIGHT),
            concurrency_limit: gauge(&CONCURRENCY_LIMIT),
            unreadable: counters(&UNREADABLE),
            told: Mutex::default(),
        };
        // A counter that begins with its first event has no increase to show for it: what can happen starts at zero.
        for result in ["success", "partial", "failure"] {
            counters.refreshes.with_label_values(&[result]);
        }
        for reason in ["rate_limited", "upstream_error", "unreachable", "bad_response"] {
            counters.retries.with_label_values(&[reason]);
        }
        Self(Arc::new(counters))
    }

    /// One HTTP attempt has ended: with a status (`200`), or with `timeout`, `connect`, `tls` or `body`.
    pub fn request(&self, operation: Operation, status: &str, seconds: f64) {
        self.0.requests.with_label_values(&[operation.as_str(), status]).inc();
        self.0.request_duration.with_label_values(&[operation.as_str()]).observe(seconds);
    }

    /// A request is sent once more, because of `rate_limited`, `upstream_error`, `unreachable` or `bad_response`.
    pub fn retry(&self, reason: &'static str) {
        self.0.retries.with_label_values(&[reason]).inc();
    }

    pub fn in_flight(&self) -> InFlight {
        self.0.requests_in_flight.inc();
        InFlight(self.clone())
    }

    pub fn concurrency_limit(&self, limit: usize) {
        self.0.concurrency_limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
    }

    /// What an answer's headers said; a header that did not come leaves what an earlier one said.
    pub fn rate_limit(&self, remaining: Option<f64>, limit: Option<f64>, reset: Option<Timestamp>) {
        self.with_told(|Told { rate_limit: told, .. }| {
            told.remaining = remaining.or(told.remaining);
            told.limit = limit.or(told.limit);
            told.reset = reset.or(told.reset);
        });
    }

    pub fn throttled_until(&self, until: Option<Timestamp>) {
        self.with_told(|told| told.throttled_until = until);
    }

    /// A refresh has ended: `success`, `partial` or `failure`.
    pub fn refresh(&self, result: &'static str, seconds: f64) {
        self.0.refreshes.with_label_values(&[result]).inc();
        self.0.refresh_duration.with_label_values(&[] as &[&str]).observe(seconds);
    }

    /// So many rows or fields of this kind could not be read.
    pub fn unreadable(&self, kind: &str, rows: u64) {
        self.0.unreadable.with_label_values(&[kind]).inc_by(rows);
    }

    /// What the site has told of its limit.
    pub fn rate_limit_told(&self) -> RateLimit {
        let mut rate_limit = RateLimit::default();
        self.with_told(|told| rate_limit = told.rate_limit);
        rate_limit
    }

    pub fn requests_in_flight(&self) -> u64 {
        u64::try_from(self.0.requests_in_flight.get()).unwrap_or(0)
    }

    /// How many HTTP requests of this operation there were, whatever became of them.
    pub fn requests(&self, operation: Operation) -> u64 {
        let families = self.0.requests.collect();
        // Asked by its label, a counter that is not there yet would be made and shown.
        let of_operation = |metric: &&Metric| {
            metric.get_label().iter().any(|label| label.name() == "operation" && label.value() == operation.as_str())
        };
        let metrics = families.iter().flat_map(MetricFamily::get_metric).filter(of_operation);
        whole(metrics.map(|metric| metric.get_counter().get_value()).sum())
    }

    pub(super) fn connection(&self) -> &ConnectionName {
        &self.0.connection
    }

    pub(super) fn chunks(&self) -> Chunks {
        let counters = &*self.0;
        let connection = counters.connection.as_str();
        let mut chunks = Chunks::default();
        let collected: [(&Series, &dyn Collector); 8] = [
            (&REFRESHES, &counters.refreshes),
            (&REFRESH_DURATION, &counters.refresh_duration),
            (&REQUESTS, &counters.requests),
            (&REQUEST_DURATION, &counters.request_duration),
            (&RETRIES, &counters.retries),
            (&REQUESTS_IN_FLIGHT, &counters.requests_in_flight),
            (&CONCURRENCY_LIMIT, &counters.concurrency_limit),
            (&UNREADABLE, &counters.unreadable),
        ];
        for (series, collector) in collected {
            for family in collector.collect() {
                chunks.collect(series, Some(connection), family.get_metric());
            }
        }
        self.with_told(|told| {
            let RateLimit { remaining, limit, reset } = told.rate_limit;
            for (series, value) in [(&RATE_LIMIT_REMAINING, remaining), (&RATE_LIMIT, limit)] {
                chunks.family(series).push_known(&[connection], value);
            }
            for (series, moment) in [(&RATE_LIMIT_RESET, reset), (&THROTTLED_UNTIL, told.throttled_until)] {
                chunks.family(series).push_known(&[connection], moment);
            }
        });
        chunks
    }

    fn with_told(&self, visit: impl FnOnce(&mut Told)) {
        // Plain values: whoever panicked while holding them has left none half written.
        visit(&mut self.0.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.requests_in_flight.dec();
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that was whole and no less than 0"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

fn counters(series: &Series) -> IntCounterVec {
    IntCounterVec::new(Opts::new(series.name, series.help), own_labels(series)).expect(CATALOGUE_IS_VALID)
}

fn histograms(series: &Series, buckets: &[f64]) -> HistogramVec {
    let options = HistogramOpts::new(series.name, series.help).buckets(buckets.to_vec());
    HistogramVec::new(options, own_labels(series)).expect(CATALOGUE_IS_VALID)
}

fn gauge(series: &Series) -> IntGauge {
    IntGauge::new(series.name, series.help).expect(CATALOGUE_IS_VALID)
}

/// Without `connection`, which the encoder writes for all of them.
fn own_labels(series: &Series) -> &'static [&'static str] {
    match series.labels {
        [CONNECTION, own @ ..] => own,
        labels => labels,
    }
}

const CATALOGUE_IS_VALID: &str = "names and labels of the catalogue are valid";
