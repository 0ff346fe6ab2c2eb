//! Prometheus exporter for Confluence Cloud. ARCHITECTURE.md says which room does what.

pub mod clock;
pub mod confluence;
pub mod connection;
pub mod metrics;
pub mod model;
pub mod sync;
