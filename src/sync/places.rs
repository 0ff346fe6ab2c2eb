//! When the place of a walk, which may be days old, is lost: then its listing begins anew.

use std::collections::HashMap;

use super::fault::Fault;
use crate::connection::{Failure, Verdict};
use crate::model::Cursor;

/// The places that gave no answer when they were last gone on from, and in how many refreshes in a row.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Cursor, u32>);

/// A site that stumbles for a moment costs no listing what it has read.
const MOST_FAILURES: u32 = 3;

impl Places {
    /// Whether to go on from there no more. Not every place that has died says so.
    pub(super) fn is_lost(&mut self, place: Option<&Cursor>, failure: &Failure) -> bool {
        // A listing that has not begun has no place to lose.
        let Some(cursor) = place else { return false };
        let is_lost = is_dead_cursor(failure) || (Fault::of(failure) == Fault::Unclear && self.fails_again(cursor));
        if is_lost {
            self.answered(place);
        }
        is_lost
    }

    pub(super) fn answered(&mut self, place: Option<&Cursor>) {
        if let Some(cursor) = place {
            self.0.remove(cursor);
        }
    }

    fn fails_again(&mut self, place: &Cursor) -> bool {
        let failures = self.0.entry(place.clone()).or_default();
        *failures += 1;
        *failures >= MOST_FAILURES
    }
}

pub(super) fn is_dead_cursor(failure: &Failure) -> bool {
    failure.verdict() == Verdict::DeadCursor
}
