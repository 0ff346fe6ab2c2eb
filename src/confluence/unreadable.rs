//! What could not be read of answers, for the log. Whoever asked counts it.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use tracing::{debug, warn};

use super::Site;
use crate::model::{Operation, Timestamp};

/// By kind, when it came last.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<&'static str, Timestamp>);

/// A kind that stayed away for so long is news again, as it is to the alert.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

impl Site {
    /// Warns of each kind when it begins to come, and not each time: what cannot be read today cannot be read a minute
    /// later either.
    pub fn tell_unreadable(&self, operation: Operation, kind: &'static str, date: Timestamp, trace: Option<&str>) {
        let connection = self.connection.name();
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).is_news(kind, date) {
            warn!(%connection, %operation, kind, trace, "part of an answer could not be read and is left out");
        } else {
            debug!(%connection, %operation, kind, trace, "part of an answer could not be read and is left out");
        }
    }
}

impl Told {
    fn is_news(&mut self, kind: &'static str, date: Timestamp) -> bool {
        self.0.insert(kind, date).is_none_or(|last| date.since(last) >= FORGOTTEN_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_news_at_first_and_after_a_day_without_it() {
        let mut told = Told::default();
        let hours = |hours: u64| Timestamp::from_millis(0).later_by(Duration::from_hours(hours));
        let news: Vec<bool> = [0, 0, 23, 46, 70, 71].map(|at| told.is_news("page", hours(at))).to_vec();
        assert_eq!(news, [true, false, false, false, true, false]);
        assert!(told.is_news("label", hours(71)));
    }
}
