//! The program as a person or a service manager runs it: what it takes, what it says, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod borrowing;
mod canary;
mod configuration;
mod connection_test;
mod crowd;
mod echo;
mod ending;
mod help;
mod idle;
mod killing;
mod networks;
mod plan;
mod program;
mod reload;
mod reload_refused;
mod rotating;
mod secrets;
mod serving;
mod shielding;
mod sockets;
mod storing;
mod unreadable;
mod web_config;
