//! Questions about many at once, of which one may spoil the whole: what has failed is asked again by halves, after all others.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

/// Those whose question failed, each with how many were in it.
#[derive(Debug)]
pub(super) struct Halves<T>(HashMap<T, usize>);

/// An outage makes a few questions a refresh fail; which they were is not worth keeping for ever.
const MOST: usize = 1_000;

impl<T> Default for Halves<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Halves<T> {
    /// How a question about these ended.
    pub(super) fn note(&mut self, asked: &[T], has_failed: bool) {
        if !has_failed {
            for one in asked {
                self.0.remove(one);
            }
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.extend(asked.iter().map(|one| (one.clone(), asked.len())));
    }

    /// Deals these out to questions of at most `most`; those that have failed come last, by halves of the question that did,
    /// until the one that spoils it is alone.
    pub(super) fn deal(&self, wanted: Vec<T>, most: usize) -> Vec<Vec<T>> {
        let (mut failed, sound): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|one| self.0.contains_key(one));
        let asked_with = |one: &T| self.0.get(one).copied().unwrap_or(most);
        // The larger question has the more that nothing is wrong with.
        failed.sort_by_key(|one| Reverse(asked_with(one)));
        let mut questions: Vec<Vec<T>> = sound.chunks(most).map(<[T]>::to_vec).collect();
        for of_one_size in failed.chunk_by(|one, other| asked_with(one) == asked_with(other)) {
            let half = asked_with(&of_one_size[0]).div_ceil(2).clamp(1, most);
            questions.extend(of_one_size.chunks(half).map(<[T]>::to_vec));
        }
        questions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_spoils_every_question_is_soon_alone_and_keeps_no_other_waiting() {
        let mut halves = Halves::default();
        let mut wanted: Vec<u32> = (0..700).collect();
        let mut refreshes = 0;

        while wanted.len() > 1 {
            refreshes += 1;
            for question in halves.deal(wanted.clone(), 250) {
                let fails = question.contains(&300);
                halves.note(&question, fails);
                if fails {
                    // The collector rests.
                    break;
                }
                wanted.retain(|one| !question.contains(one));
            }
        }

        assert_eq!(wanted, [300]);
        assert!(refreshes <= 10, "{refreshes} refreshes");
        assert_eq!(halves.deal((0..700).collect(), 250).last(), Some(&vec![300]));
    }

    #[test]
    fn what_has_been_answered_is_asked_for_with_the_others_again() {
        let mut halves = Halves::default();
        let all: Vec<u32> = (0..10).collect();
        halves.note(&all, true);
        assert_eq!(halves.deal(all.clone(), 250).len(), 2);

        halves.note(&all[..5], false);
        halves.note(&all[5..], false);

        assert_eq!(halves.deal(all.clone(), 250), [all]);
    }
}
