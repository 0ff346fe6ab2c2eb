//! When the newest refresh began, and how far it has come. What it does is `phase`'s business.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{RefreshResult, RefreshStatus, Timestamp};

/// The newest refresh since the start.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<Refresh>);

/// Which refresh it is, so that an older one that ends late says nothing of the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(u64);

#[derive(Debug, Default)]
struct Refresh {
    number: u64,
    began: Option<Timestamp>,
    base_ended: Option<Timestamp>,
    ended: Option<(Timestamp, RefreshResult)>,
}

impl Latest {
    pub(super) fn begin(&self, now: Timestamp) -> Number {
        let mut newest = self.newest();
        let number = newest.number + 1;
        *newest = Refresh { number, began: Some(now), ..Refresh::default() };
        Number(number)
    }

    pub(super) fn end_base(&self, of: Number, now: Timestamp) {
        self.with(of, |refresh| refresh.base_ended = Some(now));
    }

    pub(super) fn end(&self, of: Number, result: RefreshResult, now: Timestamp) {
        self.with(of, |refresh| refresh.ended = Some((now, result)));
    }

    pub(super) fn status(&self, interval: Duration) -> RefreshStatus {
        let newest = self.newest();
        RefreshStatus { began: newest.began, base_ended: newest.base_ended, ended: newest.ended, interval }
    }

    fn with(&self, of: Number, change: impl FnOnce(&mut Refresh)) {
        let mut newest = self.newest();
        if newest.number == of.0 {
            change(&mut newest);
        }
    }

    fn newest(&self) -> MutexGuard<'_, Refresh> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_refresh_that_ends_late_says_nothing_of_the_newest() {
        let latest = Latest::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let status = || latest.status(Duration::from_mins(1));
        let first = latest.begin(at(0));
        latest.end_base(first, at(1));
        let second = latest.begin(at(60));
        latest.end(first, RefreshResult::Partial, at(61));
        assert_eq!((status().began, status().base_ended, status().ended), (Some(at(60)), None, None));

        latest.end_base(second, at(62));
        latest.end(second, RefreshResult::Success, at(63));
        assert_eq!(status().ended, Some((at(63), RefreshResult::Success)));
    }
}
