//! The serving side: the text as Prometheus' own programs judge it, HTTP as a client sees it, and when a scrape refreshes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod connected;
mod exposition;
mod http;
mod manners;
mod refreshing;
mod snapshots;
