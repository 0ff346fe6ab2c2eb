//! The program as a person or a service manager runs it: what it takes, what it says, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod borrowing;
mod canary;
mod configuration;
mod connection_test;
mod connections_dir;
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
mod resealing;
mod rotating;
mod saved;
mod sealed;
mod secrets;
mod serving;
mod shielding;
mod sockets;
mod storing;
mod terminal;
mod unreadable;
mod web_config;
