//! What the newest refresh is doing, so that only its base is joined and its rest makes way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::NotBegun;

/// What the newest refresh is doing. Older ones may still be finishing a request.
#[derive(Debug, Default)]
pub(super) struct Phase(Mutex<Doing>);

/// A refresh under way. Over when it is dropped, however it ended: one that breaks off must not hold up the next.
#[derive(Debug)]
pub(super) struct Refreshing {
    phase: Arc<Phase>,
    rest: CancellationToken,
}

#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    Base,
    Rest(CancellationToken),
}

impl Phase {
    /// Begins a refresh, unless a base is under way. A rest under way is told to end.
    pub(super) fn begin(self: &Arc<Self>) -> Result<Refreshing, NotBegun> {
        match std::mem::replace(&mut *self.doing(), Doing::Base) {
            Doing::Base => return Err(NotBegun::BaseUnderWay),
            Doing::Rest(running) => running.cancel(),
            Doing::Nothing => {}
        }
        Ok(Refreshing { phase: Arc::clone(self), rest: CancellationToken::new() })
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refreshing {
    /// From here on another refresh may begin; the token then tells this one to end.
    pub(super) fn end_base(&self) -> CancellationToken {
        *self.phase.doing() = Doing::Rest(self.rest.clone());
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

        let rest = first.end_base();
        let second = phase.begin().unwrap();
        assert!(rest.is_cancelled());
        drop(first);
        assert_eq!(phase.begin().err(), Some(NotBegun::BaseUnderWay), "the end of an older refresh changes nothing");
        drop(second);
        assert!(phase.begin().is_ok());
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
