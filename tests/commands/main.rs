//! The program as a person or a service manager runs it: what it takes, what it says, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod canary;
mod configuration;
mod connection_test;
mod crowd;
mod echo;
mod ending;
mod help;
mod killing;
mod plan;
mod program;
mod secrets;
mod serving;
mod shielding;
mod sockets;
mod storing;
mod web_config;
