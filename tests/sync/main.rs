//! Keeping one connection's facts true: every number against the truth of a simulated site.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod access;
mod cuts;
mod exact;
mod hostile;
mod keeping;
mod kept;
mod late_steps;
mod lost_places;
mod observer;
mod one_of_many;
mod opened_anew;
mod questions;
mod settings;
mod slow_bases;
mod soak;
mod sparing;
mod starving;
mod stuck_walks;
mod throttled;
mod unseen;
mod vouching;
mod wrong_dates;
