//! Whose fault it is that a question about one doc or account failed: the operation's, or its own. Pure; asking is `rest`'s
//! business.
//!
//! What fails while others are answered fails by its own fault. Where nobody else was asked meanwhile, a witness is: the
//! question is put about one that is known to be answered.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::queue::Work;
use crate::connection::{Failure, Verdict};
use crate::model::{Code, Operation};

/// What a failure says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Only this doc or this list is concerned.
    Own,
    /// It names its cause, or asks for quiet: it would be the same for every other.
    Operation,
    Unclear,
}

/// What is known of it by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Own,
    Operation,
    /// A witness is to be asked.
    Open,
}

/// The questions that failed and have not been judged yet, by operation. They outlive a refresh that ends too early.
#[derive(Debug, Default)]
pub(super) struct Trials(BTreeMap<Operation, Trial>);

#[derive(Debug, Default)]
struct Trial {
    answered_at: Option<Instant>,
    suspects: Vec<Work>,
    witness: Option<Work>,
}

impl Fault {
    pub(super) fn of(failure: &Failure) -> Self {
        match failure.verdict() {
            Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => Self::Own,
            Verdict::Refused { named: true, .. } | Verdict::Passing { code: Code::RateLimited } => Self::Operation,
            Verdict::Refused { named: false, .. } | Verdict::Passing { .. } => Self::Unclear,
        }
    }
}

impl Trials {
    /// This question was answered. Tells which others have failed by their own fault, as is known now.
    pub(super) fn answered(&mut self, work: &Work, now: Instant) -> Vec<Work> {
        let trial = self.0.entry(work.operation()).or_default();
        *trial = Trial { answered_at: Some(now), suspects: std::mem::take(&mut trial.suspects), witness: None };
        let mut suspects = std::mem::take(&mut trial.suspects);
        suspects.retain(|suspect| suspect != work);
        suspects
    }

    /// This question, begun then, failed, and the failure alone does not tell why.
    pub(super) fn failed(&mut self, work: &Work, begun: Instant) -> Judgement {
        let trial = self.0.entry(work.operation()).or_default();
        if trial.answered_at.is_some_and(|answered_at| answered_at >= begun) {
            return Judgement::Own;
        }
        if trial.witness.as_ref() == Some(work) {
            self.end(work.operation());
            return Judgement::Operation;
        }
        if !trial.suspects.contains(work) {
            trial.suspects.push(work.clone());
        }
        Judgement::Open
    }

    /// What is still open of an operation has been judged.
    pub(super) fn end(&mut self, operation: Operation) {
        if let Some(trial) = self.0.get_mut(&operation) {
            trial.suspects.clear();
            trial.witness = None;
        }
    }

    pub(super) fn call(&mut self, witness: &Work) {
        self.0.entry(witness.operation()).or_default().witness = Some(witness.clone());
    }

    pub(super) fn is_witness(&self, work: &Work) -> bool {
        self.0.get(&work.operation()).is_some_and(|trial| trial.witness.as_ref() == Some(work))
    }

    pub(super) fn has_witness(&self, operation: Operation) -> bool {
        self.0.get(&operation).is_some_and(|trial| trial.witness.is_some())
    }

    pub(super) fn is_suspect(&self, work: &Work) -> bool {
        self.0.get(&work.operation()).is_some_and(|trial| trial.suspects.contains(work))
    }

    /// One question of each operation whose failures a refresh before has left open. The witnesses it called did not come.
    pub(super) fn reopen(&mut self) -> Vec<Work> {
        let open = self.0.values_mut().filter(|trial| !trial.suspects.is_empty());
        open.map(|trial| {
            trial.witness = None;
            trial.suspects[0].clone()
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::DocId;

    const BAD: Work = Work::Views(DocId(1));
    const GOOD: Work = Work::Views(DocId(2));

    #[test]
    fn who_fails_while_others_are_answered_fails_by_his_own_fault() {
        let (mut trials, begun) = (Trials::default(), Instant::now());
        assert_eq!(trials.answered(&GOOD, begun + Duration::from_secs(1)), []);

        assert_eq!(trials.failed(&BAD, begun), Judgement::Own);
        assert_eq!(trials.failed(&BAD, begun + Duration::from_secs(2)), Judgement::Open, "that was before");
    }

    #[test]
    fn a_witness_decides_where_nobody_else_was_asked() {
        let (mut trials, begun) = (Trials::default(), Instant::now());
        assert_eq!(trials.failed(&BAD, begun), Judgement::Open);
        trials.call(&GOOD);
        assert_eq!(trials.answered(&GOOD, begun), [BAD]);

        let later = begun + Duration::from_secs(9);
        assert_eq!(trials.failed(&BAD, later), Judgement::Open);
        trials.call(&GOOD);
        assert_eq!(trials.failed(&GOOD, later), Judgement::Operation);
        assert!(trials.reopen().is_empty(), "it is over");
    }

    #[test]
    fn what_a_refresh_leaves_open_is_open_in_the_next_and_who_is_answered_then_is_innocent() {
        let (mut trials, begun) = (Trials::default(), Instant::now());
        trials.failed(&BAD, begun);
        trials.call(&GOOD);

        assert_eq!(trials.reopen(), [BAD]);
        assert!(!trials.is_witness(&GOOD));
        assert_eq!(trials.answered(&BAD, begun), []);
    }
}
