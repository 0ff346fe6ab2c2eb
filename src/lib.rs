//! Prometheus exporter for Confluence Cloud. ARCHITECTURE.md says which room does what.

pub mod app;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod confluence;
pub mod connection;
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod metrics;
pub mod model;
pub mod server;
pub mod store;
pub mod sync;
pub mod yaml;
