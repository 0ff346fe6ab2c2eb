//! What the newest refresh is doing, so that only its base is joined and its rest makes way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::NotBegun;

/// What the newest refresh is doing. Older ones may still be finishing a request.
#[derive(Debug, Default)]
pub(super) struct Phase(Mutex<Doing>);

/// A refresh under way. Over when it is dropped, however it ended: one that breaks off must not hold up the next.
#[derive(Debug)]
pub(super) struct Refreshing {
    phase: Arc<Phase>,
    begun: Instant,
    rest: CancellationToken,
}

#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    Base,
    Rest {
        stop: CancellationToken,
        /// It has had its time then.
        due: Instant,
    },
}

impl Phase {
    /// Begins a refresh, unless a base is under way. A rest under way is told to end, but not before it has had its time.
    pub(super) fn begin(self: &Arc<Self>) -> Result<Refreshing, NotBegun> {
        let mut doing = self.doing();
        match &*doing {
            Doing::Base => return Err(NotBegun::BaseUnderWay),
            Doing::Rest { due, .. } if *due > Instant::now() => return Err(NotBegun::RestJustBegun),
            Doing::Rest { stop, .. } => stop.cancel(),
            Doing::Nothing => {}
        }
        *doing = Doing::Base;
        Ok(Refreshing { phase: Arc::clone(self), begun: Instant::now(), rest: CancellationToken::new() })
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refreshing {
    /// From here on another refresh may begin; the token then tells this one to end. The rest has as much time as the base has
    /// taken, and no more than `most`: where bases take nearly as long as the scrapes' interval, nothing else would ever be
    /// asked.
    pub(super) fn end_base(&self, most: Duration) -> CancellationToken {
        let due = Instant::now() + self.begun.elapsed().min(most);
        *self.phase.doing() = Doing::Rest { stop: self.rest.clone(), due };
        self.rest.clone()
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        // Under the lock, as `begin` cancels under it: once told to end, this is another refresh's phase.
        let mut doing = self.phase.doing();
        if !self.rest.is_cancelled() {
            *doing = Doing::Nothing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_joined_and_a_rest_makes_way() {
        let phase = Arc::new(Phase::default());
        let first = phase.begin().unwrap();
        assert_eq!(phase.begin().err(), Some(NotBegun::BaseUnderWay));

        let rest = first.end_base(Duration::ZERO);
        let second = phase.begin().unwrap();
        assert!(rest.is_cancelled());
        drop(first);
        assert_eq!(phase.begin().err(), Some(NotBegun::BaseUnderWay), "the end of an older refresh changes nothing");
        drop(second);
        assert!(phase.begin().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_has_as_much_time_as_its_base_has_taken_up_to_a_bound() {
        let most = Duration::from_secs(6);
        for (base_seconds, rest_seconds) in [(2, 2), (55, 6)] {
            let phase = Arc::new(Phase::default());
            let refreshing = phase.begin().unwrap();
            tokio::time::advance(Duration::from_secs(base_seconds)).await;
            let stop = refreshing.end_base(most);
            tokio::time::advance(Duration::from_secs(rest_seconds - 1)).await;
            assert_eq!(phase.begin().err(), Some(NotBegun::RestJustBegun));
            assert!(!stop.is_cancelled());

            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(phase.begin().is_ok());
            assert!(stop.is_cancelled());
        }
    }

    #[test]
    fn a_base_that_breaks_off_holds_up_no_other() {
        let phase = Arc::new(Phase::default());
        let refreshing = phase.begin().unwrap();
        let task = std::thread::spawn(move || {
            let _refreshing = refreshing;
            panic!("as a refresh never should");
        });
        assert!(task.join().is_err());
        assert!(phase.begin().is_ok());
    }
}
