//! The simulator, asked over real HTTP: what it shows, how it fails, whether its truth is true.

mod client;
mod control;
mod failures;
mod lists;
mod truth;
