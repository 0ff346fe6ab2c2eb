//! Whose questions have failed. One that always fails would be the first each time, and as its collector rests then, the last.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::model::{AccountId, Collector, DocId, Timestamp};

/// Docs and accounts that are asked for after all others.
#[derive(Debug, Default)]
pub(super) struct Stumbling {
    docs: HashMap<(Collector, DocId), Timestamp>,
    /// Each with how many accounts were in its question.
    accounts: HashMap<AccountId, usize>,
}

/// An outage makes a few questions a refresh stumble; which they were is not worth keeping for ever.
const MOST: usize = 1_000;
/// Where there is always more to ask than can be paid for, who is last is never asked. So this ends.
const DOCS_ARE_LAST_FOR: Duration = Duration::from_hours(1);

impl Stumbling {
    /// How a collector's question about this doc ended.
    pub(super) fn note_doc(&mut self, collector: Collector, id: DocId, has_failed: bool, now: Timestamp) {
        if !has_failed {
            self.docs.remove(&(collector, id));
            return;
        }
        if self.docs.len() >= MOST {
            self.docs.clear();
        }
        self.docs.insert((collector, id), now);
    }

    /// How a question about these accounts ended.
    pub(super) fn note_accounts(&mut self, asked: &[AccountId], has_failed: bool) {
        if !has_failed {
            self.accounts.retain(|account, _| !asked.contains(account));
            return;
        }
        if self.accounts.len() >= MOST {
            self.accounts.clear();
        }
        self.accounts.extend(asked.iter().map(|account| (account.clone(), asked.len())));
    }

    pub(super) fn has_doc(&self, collector: Collector, id: DocId, now: Timestamp) -> bool {
        self.docs.get(&(collector, id)).is_some_and(|failed_at| now.since(*failed_at) < DOCS_ARE_LAST_FOR)
    }

    /// Deals accounts out to questions of at most `most`. Those that have failed come last, by halves of the question that
    /// did, until the one that spoils it is alone.
    pub(super) fn deal(&self, accounts: Vec<AccountId>, most: usize) -> Vec<Vec<AccountId>> {
        let (mut failed, sound): (Vec<_>, Vec<_>) =
            accounts.into_iter().partition(|account| self.accounts.contains_key(account));
        let asked_with = |account: &AccountId| self.accounts.get(account).copied().unwrap_or(most);
        // The larger question has the more that nothing is wrong with.
        failed.sort_by_key(|account| Reverse(asked_with(account)));
        let mut questions: Vec<Vec<AccountId>> = sound.chunks(most).map(<[AccountId]>::to_vec).collect();
        for of_one_size in failed.chunk_by(|one, other| asked_with(one) == asked_with(other)) {
            let half = asked_with(&of_one_size[0]).div_ceil(2).clamp(1, most);
            questions.extend(of_one_size.chunks(half).map(<[AccountId]>::to_vec));
        }
        questions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(numbers: std::ops::Range<u32>) -> Vec<AccountId> {
        numbers.map(|number| AccountId(format!("712020:{number}").into())).collect()
    }

    #[test]
    fn one_account_that_spoils_every_question_is_soon_alone_and_keeps_no_other_waiting() {
        let mut stumbling = Stumbling::default();
        let mut wanted = accounts(0..700);
        let spoiler = wanted[300].clone();
        let mut refreshes = 0;

        while wanted.len() > 1 {
            refreshes += 1;
            for question in stumbling.deal(wanted.clone(), 250) {
                let fails = question.contains(&spoiler);
                stumbling.note_accounts(&question, fails);
                if fails {
                    // The collector rests.
                    break;
                }
                wanted.retain(|account| !question.contains(account));
            }
        }

        assert_eq!(wanted, [spoiler.clone()]);
        assert!(refreshes <= 10, "{refreshes} refreshes");
        let next = stumbling.deal(accounts(0..700), 250);
        assert_eq!(next.last(), Some(&vec![spoiler]));
    }

    #[test]
    fn what_has_been_answered_is_asked_for_with_the_others_again() {
        let mut stumbling = Stumbling::default();
        stumbling.note_accounts(&accounts(0..10), true);
        assert_eq!(stumbling.deal(accounts(0..10), 250).len(), 2);

        stumbling.note_accounts(&accounts(0..5), false);
        stumbling.note_accounts(&accounts(5..10), false);

        assert_eq!(stumbling.deal(accounts(0..10), 250), [accounts(0..10)]);
    }

    #[test]
    fn a_doc_is_last_for_an_hour_and_not_for_good() {
        let mut stumbling = Stumbling::default();
        let failed_at = Timestamp::from_millis(0);
        stumbling.note_doc(Collector::Labels, DocId(7), true, failed_at);

        let has =
            |hours| stumbling.has_doc(Collector::Labels, DocId(7), failed_at.later_by(Duration::from_hours(hours)));
        assert!(has(0) && !has(1));
        assert!(!stumbling.has_doc(Collector::States, DocId(7), failed_at));
    }
}
