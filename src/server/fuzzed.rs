//! What holds of every request's headers, whoever sent them.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue};

use super::negotiation::{coding, dialect, patience};
use crate::cache::Coding;
use crate::metrics::Dialect;

pub use super::door::fuzzed::{login, web_config};

/// Nobody gets a dialect or a coding that he does not know, or waits for ever. A line for each header: what is accepted, in
/// which codings, and for how many seconds the client is patient.
pub fn accept(input: &[u8]) {
    let headers = [ACCEPT, ACCEPT_ENCODING, HeaderName::from_static("x-prometheus-scrape-timeout-seconds")];
    let values = input.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let headers = headers.into_iter().zip(values);
    let headers: HeaderMap = headers.filter_map(|(name, value)| Some((name, value.ok()?))).collect();
    let names = |header: &HeaderName, wanted: &str| {
        let text = headers.get(header).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
        text.is_some_and(|text| text.contains(wanted) || text.contains('*'))
    };

    match dialect(&headers) {
        Dialect::OpenMetrics => assert!(names(&ACCEPT, "openmetrics-text"), "{headers:?}"),
        Dialect::Classic => {}
    }
    match coding(&headers) {
        Coding::Gzip => assert!(names(&ACCEPT_ENCODING, "gzip"), "{headers:?}"),
        Coding::Identity => {}
    }
    assert!(patience(&headers) <= Duration::from_mins(10), "{headers:?}");
}
