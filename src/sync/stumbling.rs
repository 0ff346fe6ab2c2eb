//! Whose questions have failed. One that always fails would be the first each time, and its numbers would never be known.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{AccountId, Collector, DocId, Timestamp};

use super::halves::Halves;
use super::queue::Subject;

/// Docs and accounts that are asked for after all others.
#[derive(Debug, Default)]
pub(super) struct Stumbling {
    subjects: HashMap<Subject, Stumbles>,
    pub(super) accounts: Halves<AccountId>,
    /// Docs that the reconciling walk has missed.
    pub(super) unconfirmed: Halves<DocId>,
}

#[derive(Clone, Copy, Debug)]
struct Stumbles {
    last_at: Timestamp,
    /// In how many refreshes others were answered meanwhile.
    by_own_fault: u32,
}

/// An outage makes a few docs a refresh stumble; which they were is not worth keeping for ever.
const MOST: usize = 1_000;
/// Where there is always more to ask than can be paid for, who is last is never asked. So this ends.
const IS_LAST_FOR: Duration = Duration::from_hours(1);
/// In so many refreshes something must fail by its own fault before it counts as refused. One alone may be chance.
const REFRESHES_UNTIL_REFUSED: u32 = 3;

impl Stumbling {
    pub(super) fn failed(&mut self, subject: Subject, now: Timestamp) {
        if self.subjects.len() >= MOST {
            self.subjects.clear();
        }
        self.subjects.entry(subject).or_insert(Stumbles { last_at: now, by_own_fault: 0 }).last_at = now;
    }

    pub(super) fn answered(&mut self, subject: &Subject) {
        self.subjects.remove(subject);
    }

    /// It has failed in this refresh while others were answered. Tells whether that makes it count as refused.
    pub(super) fn has_failed_by_its_own_fault(&mut self, subject: &Subject) -> bool {
        let Some(stumbles) = self.subjects.get_mut(subject) else { return false };
        stumbles.by_own_fault += 1;
        stumbles.by_own_fault >= REFRESHES_UNTIL_REFUSED
    }

    pub(super) fn has(&self, subject: &Subject) -> bool {
        self.subjects.contains_key(subject)
    }

    pub(super) fn has_lately(&self, collector: Collector, id: DocId, now: Timestamp) -> bool {
        let stumbles = self.subjects.get(&Subject::Doc(collector, id));
        stumbles.is_some_and(|stumbles| now.since(stumbles.last_at) < IS_LAST_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: Subject = Subject::Doc(Collector::Labels, DocId(7));

    #[test]
    fn a_doc_is_last_for_an_hour_and_not_for_good() {
        let mut stumbling = Stumbling::default();
        let failed_at = Timestamp::from_millis(0);
        stumbling.failed(DOC, failed_at);

        let is_last =
            |hours| stumbling.has_lately(Collector::Labels, DocId(7), failed_at.later_by(Duration::from_hours(hours)));
        assert!(is_last(0) && !is_last(1));
        assert!(!stumbling.has_lately(Collector::States, DocId(7), failed_at));
    }

    #[test]
    fn three_refreshes_make_a_refusal_and_an_answer_forgives() {
        let mut stumbling = Stumbling::default();
        let mut fails = |by_own_fault| {
            stumbling.failed(DOC, Timestamp::from_millis(0));
            by_own_fault && stumbling.has_failed_by_its_own_fault(&DOC)
        };
        assert!(!fails(true) && !fails(false) && !fails(true) && fails(true));
        stumbling.answered(&DOC);
        assert!(!stumbling.has_failed_by_its_own_fault(&DOC));
    }
}
