//! What may be asked beyond base and first walk. What it is spent on is `rest`'s business.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of requests that fills by so many a minute. It may owe some: then what it gets goes there first.
#[derive(Debug)]
pub(super) struct Budget {
    a_minute: f64,
    left: Mutex<Left>,
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
        Self { a_minute, left: Mutex::new(Left { requests: a_minute * MINUTES_SAVED, at: Instant::now() }) }
    }

    /// Pays for a request, if that much is there.
    pub(super) fn take(&self) -> bool {
        let mut left = self.left();
        let is_there = left.requests >= 1.0;
        if is_there {
            left.requests -= 1.0;
        }
        is_there
    }

    /// Pays for a request that must be sent, be it later: an answer that is not read to its end was asked for in vain.
    pub(super) fn owe(&self) {
        self.left().requests -= 1.0;
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
            budget.owe();
        }

        sleep(Duration::from_mins(1)).await;
        assert_eq!(taken(&budget), 0);
        sleep(Duration::from_mins(1)).await;

        assert_eq!(taken(&budget), 30, "in two minutes 120 in all");
    }
}
