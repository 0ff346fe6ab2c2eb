//! The door to a site, held against sites that take, refuse, throttle and deceive.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod deception;
mod endpoints;
mod failures;
mod manners;
mod networks;
mod origins;
mod rotation;
mod scripted;
mod secrets;
mod setting;
mod sharing;
mod ways_in;
