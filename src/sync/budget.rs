//! What may be asked beyond base and first walk. What it is spent on is `rest`'s business.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{BudgetStatus, Collector};

/// A bucket of requests that fills by so many a minute. It may owe some: then what it gets goes there first.
#[derive(Debug)]
pub(super) struct Budget {
    a_minute: f64,
    left: Mutex<Left>,
    /// By collector, in `Collector::ALL`'s order.
    spent: [AtomicU64; Collector::ALL.len()],
    spent_on_tests: AtomicU64,
}

#[derive(Debug)]
struct Left {
    /// Below zero: owed.
    requests: f64,
    at: Instant,
}

/// So many minutes' worth are saved up, and there at the start.
pub(super) const MINUTES_SAVED: f64 = 2.0;

impl Budget {
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        let a_minute = f64::from(a_minute.get());
        let left = Mutex::new(Left { requests: a_minute * MINUTES_SAVED, at: Instant::now() });
        Self { a_minute, left, spent: Default::default(), spent_on_tests: AtomicU64::new(0) }
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
        let dripped = left.at.elapsed().as_secs_f64() / 60.0 * self.a_minute;
        left.requests = (left.requests + dripped).min(self.a_minute * MINUTES_SAVED);
        left.at = Instant::now();
        left
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn taken(budget: &Budget) -> u32 {
        (0..1_000).take_while(|_| budget.take()).count().try_into().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_starts_with_two_minutes_worth_and_saves_up_no_more() {
        let budget = Budget::new(NonZeroU32::new(30).unwrap());
        assert_eq!(taken(&budget), 60);

        sleep(Duration::from_secs(10)).await;
        assert_eq!(taken(&budget), 5);

        sleep(Duration::from_hours(1)).await;
        assert_eq!(taken(&budget), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_owed_is_paid_before_anything_else() {
        let budget = Budget::new(NonZeroU32::new(60).unwrap());
        taken(&budget);
        for _ in 0..90 {
            budget.owe(None);
        }

        sleep(Duration::from_mins(1)).await;
        assert_eq!(taken(&budget), 0);
        sleep(Duration::from_mins(1)).await;

        assert_eq!(taken(&budget), 30, "in two minutes 120 in all");
    }
}
