//! When the place of a walk, which may be days old, is lost: then its listing begins anew.

use super::fault::Fault;
use crate::connection::{Failure, Verdict};

/// A site that stumbles for a moment costs no listing what it has read.
const MOST_FAILURES: u32 = 3;

/// Whether to go on from a place no more, which had given no answer in so many refreshes in a row. Not every one that has died
/// says so.
pub(super) fn is_lost(failures: &mut u32, failure: &Failure) -> bool {
    if Fault::of(failure) != Fault::Operation {
        *failures += 1;
    }
    let is_lost = is_dead_cursor(failure) || *failures >= MOST_FAILURES;
    if is_lost {
        *failures = 0;
    }
    is_lost
}

pub(super) fn is_dead_cursor(failure: &Failure) -> bool {
    failure.verdict() == Verdict::DeadCursor
}
