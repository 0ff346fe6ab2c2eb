//! Whose questions have failed. One that always fails would be the first each time, and as its collector rests then, the last.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{AccountId, Collector, DocId, Timestamp};

use super::halves::Halves;

/// Docs and accounts that are asked for after all others.
#[derive(Debug, Default)]
pub(super) struct Stumbling {
    docs: HashMap<(Collector, DocId), Timestamp>,
    pub(super) accounts: Halves<AccountId>,
    /// Docs that the reconciling walk has missed.
    pub(super) unconfirmed: Halves<DocId>,
}

/// An outage makes a few docs a refresh stumble; which they were is not worth keeping for ever.
const MOST_DOCS: usize = 1_000;
/// Where there is always more to ask than can be paid for, who is last is never asked. So this ends.
const DOCS_ARE_LAST_FOR: Duration = Duration::from_hours(1);

impl Stumbling {
    /// How a collector's question about this doc ended.
    pub(super) fn note_doc(&mut self, collector: Collector, id: DocId, has_failed: bool, now: Timestamp) {
        if !has_failed {
            self.docs.remove(&(collector, id));
            return;
        }
        if self.docs.len() >= MOST_DOCS {
            self.docs.clear();
        }
        self.docs.insert((collector, id), now);
    }

    pub(super) fn has_doc(&self, collector: Collector, id: DocId, now: Timestamp) -> bool {
        self.docs.get(&(collector, id)).is_some_and(|failed_at| now.since(*failed_at) < DOCS_ARE_LAST_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_is_last_for_an_hour_and_not_for_good() {
        let mut stumbling = Stumbling::default();
        let failed_at = Timestamp::from_millis(0);
        stumbling.note_doc(Collector::Labels, DocId(7), true, failed_at);

        let is_last =
            |hours| stumbling.has_doc(Collector::Labels, DocId(7), failed_at.later_by(Duration::from_hours(hours)));
        assert!(is_last(0) && !is_last(1));
        assert!(!stumbling.has_doc(Collector::States, DocId(7), failed_at));
    }
}
