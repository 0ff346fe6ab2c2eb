//! What may be asked beyond base and first walk. What it is spent on is `rest`'s business.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::model::{BudgetStatus, Collector, Timestamp};

/// A bucket of requests that fills by so many a minute. It may owe some: then what it gets goes there first.
#[derive(Debug)]
pub(super) struct Budget {
    a_minute: f64,
    clock: Clock,
    left: Mutex<Left>,
    /// By collector, in `Collector::ALL`'s order.
    spent: [AtomicU64; Collector::ALL.len()],
    spent_on_tests: AtomicU64,
}

#[derive(Debug)]
struct Left {
    /// Below zero: owed.
    requests: f64,
    at: Timestamp,
}

/// So many minutes' worth are saved up, and there at the start.
pub(super) const MINUTES_SAVED: f64 = 2.0;

impl Budget {
    pub(super) fn new(a_minute: NonZeroU32, clock: Clock) -> Self {
        let a_minute = f64::from(a_minute.get());
        let left = Mutex::new(Left { requests: a_minute * MINUTES_SAVED, at: clock.now() });
        Self { a_minute, clock, left, spent: Default::default(), spent_on_tests: AtomicU64::new(0) }
    }

    /// Pays for a request, if that much is there. What it was for is told by `note_spent`, once that is known.
    pub(super) fn take(&self) -> bool {
        let mut left = self.left();
        let is_there = left.requests >= 1.0;
        if is_there {
            left.requests -= 1.0;
        }
        is_there
    }

    /// Pays for a request that must be sent, be it later: an answer that is not read to its end was asked for in vain.
    pub(super) fn owe(&self, on: Option<Collector>) {
        self.left().requests -= 1.0;
        self.note_spent(on);
    }

    /// A request was paid for this collector, or for a test.
    pub(super) fn note_spent(&self, on: Option<Collector>) {
        let count = on.map_or(&self.spent_on_tests, |collector| &self.spent[collector as usize]);
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> BudgetStatus {
        let left = self.left().requests;
        let collectors = Collector::ALL.iter().map(|collector| Some(*collector)).zip(&self.spent);
        let spent = collectors.chain([(None, &self.spent_on_tests)]);
        BudgetStatus {
            a_minute: self.a_minute,
            left,
            most: self.a_minute * MINUTES_SAVED,
            spent: spent.map(|(on, count)| (on, count.load(Ordering::Relaxed))).collect(),
        }
    }

    /// What one refresh can spend at the most, roughly: the bucket and what drips into it meanwhile.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and more than enough")]
    pub(super) fn most(&self, interval: Duration) -> usize {
        (self.a_minute * (interval.as_secs_f64() / 60.0 + MINUTES_SAVED + 1.0)) as usize
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that is set back costs what would have dripped in, and no more.
        let now = self.clock.now();
        let dripped = now.since(left.at).as_secs_f64() / 60.0 * self.a_minute;
        left.requests = (left.requests + dripped).min(self.a_minute * MINUTES_SAVED);
        left.at = now;
        left
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A bucket, and the hands of its clock.
    fn budget(a_minute: u32) -> (Budget, Arc<AtomicI64>) {
        let hands = Arc::new(AtomicI64::new(1_781_784_000_000));
        (Budget::new(NonZeroU32::new(a_minute).unwrap(), Clock::manual(Arc::clone(&hands))), hands)
    }

    fn pass(hands: &AtomicI64, seconds: i64) {
        hands.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    fn taken(budget: &Budget) -> u32 {
        (0..1_000).take_while(|_| budget.take()).count().try_into().unwrap()
    }

    #[test]
    fn it_starts_with_two_minutes_worth_and_saves_up_no_more() {
        let (budget, hands) = budget(30);
        assert_eq!(taken(&budget), 60);

        pass(&hands, 10);
        assert_eq!(taken(&budget), 5);

        pass(&hands, 3_600);
        assert_eq!(taken(&budget), 60);
    }

    #[test]
    fn what_is_owed_is_paid_before_anything_else() {
        let (budget, hands) = budget(60);
        taken(&budget);
        for _ in 0..90 {
            budget.owe(None);
        }

        pass(&hands, 60);
        assert_eq!(taken(&budget), 0);
        pass(&hands, 60);

        assert_eq!(taken(&budget), 30, "in two minutes 120 in all");
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let (budget, hands) = budget(60);
        assert_eq!(taken(&budget), 120);

        pass(&hands, -86_400);
        assert_eq!(taken(&budget), 0);
        pass(&hands, 10);

        assert_eq!(taken(&budget), 10);
    }
}
