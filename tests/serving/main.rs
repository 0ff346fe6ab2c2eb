//! The serving side: the text as Prometheus' own programs judge it, HTTP as a client sees it, and when a scrape refreshes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod certificates;
mod connected;
mod discovery;
mod encrypted;
mod examples;
mod exposition;
mod http;
mod locked;
mod manners;
mod passwords;
mod prometheus;
mod refreshing;
mod snapshots;
