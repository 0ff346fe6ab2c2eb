//! The serving side: the text as Prometheus' own programs judge it, HTTP as a client sees it, when a scrape
//! refreshes, and the status page in a browser.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod browser;
mod certificates;
mod connected;
mod discovery;
mod encrypted;
mod examples;
mod exposition;
mod http;
mod locked;
mod manners;
mod page;
mod passwords;
mod prometheus;
mod refreshing;
mod snapshots;
mod status;
