//! Whether each operation is open to us: what a refusal is worth, and when to knock again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Code, Operation, Timestamp};

/// One connection's verdicts, an entry an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Operation, Entry)>", into = "Vec<(Operation, Entry)>")]
pub struct Access {
    entries: [Entry; Operation::ALL.len()],
}

/// How one question ended, as far as access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// A refusal that names its cause counts at once; an anonymous one may be a passing fault.
    Refused {
        code: Code,
        names_its_cause: bool,
    },
    /// It passes by itself, and says nothing of access.
    Passing(Code),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    has_worked: bool,
    asked_at: Option<Timestamp>,
    standing: Option<Code>,
    /// The first of the anonymous refusals since the last success.
    suspected_since: Option<Timestamp>,
    passing: Option<Code>,
}

/// How long anonymous refusals must go on before they condemn what has worked.
const SUSPICION_LASTS: Duration = Duration::from_mins(2);
/// How often a refused operation is tried again.
const PROBE_EVERY: Duration = Duration::from_mins(10);

impl Default for Access {
    fn default() -> Self {
        Self { entries: [Entry::default(); Operation::ALL.len()] }
    }
}

impl From<Vec<(Operation, Entry)>> for Access {
    fn from(kept: Vec<(Operation, Entry)>) -> Self {
        let mut access = Self::default();
        for (operation, entry) in kept {
            access.entries[operation as usize] = entry;
        }
        access
    }
}

impl From<Access> for Vec<(Operation, Entry)> {
    fn from(access: Access) -> Self {
        Operation::ALL.iter().copied().zip(access.entries).collect()
    }
}

impl Access {
    pub fn note(&mut self, operation: Operation, outcome: Outcome, now: Timestamp) {
        let entry = &mut self.entries[operation as usize];
        entry.asked_at = Some(now);
        match outcome {
            Outcome::Answered => {
                *entry = Entry { has_worked: true, asked_at: Some(now), ..Entry::default() };
            }
            Outcome::Refused { code, names_its_cause } => {
                entry.passing = None;
                let suspected_since = *entry.suspected_since.get_or_insert(now);
                let is_condemned = names_its_cause
                    || !entry.has_worked
                    || entry.standing.is_some()
                    || now.since(suspected_since) >= SUSPICION_LASTS;
                if is_condemned {
                    entry.standing = Some(code);
                }
            }
            Outcome::Passing(code) => entry.passing = Some(code),
        }
    }

    /// Whether to ask this now. What is refused has a turn every ten minutes, what is suspected or failing one a refresh.
    pub fn has_turn(&self, operation: Operation, refresh_began: Timestamp, now: Timestamp) -> bool {
        let entry = &self.entries[operation as usize];
        entry.asked_at.is_none_or(|asked_at| {
            if entry.standing.is_some() {
                now.since(asked_at) >= PROBE_EVERY
            } else if entry.suspected_since.is_some() || entry.passing.is_some() {
                asked_at < refresh_began
            } else {
                true
            }
        })
    }

    /// It is being asked now. The answer is noted when it comes; until then this takes the turn.
    pub fn note_asked(&mut self, operation: Operation, now: Timestamp) {
        self.entries[operation as usize].asked_at = Some(now);
    }

    /// Whether it is known to be open: it has been asked, and neither refused nor failing since.
    pub fn is_open(&self, operation: Operation) -> bool {
        let entry = &self.entries[operation as usize];
        entry.has_worked && entry.standing.is_none() && entry.suspected_since.is_none() && entry.passing.is_none()
    }

    /// The standing verdicts and passing failures of these operations, sorted, each once.
    pub fn errors(&self, of: impl Fn(Operation) -> bool) -> Vec<Code> {
        let mut codes: Vec<Code> = Operation::ALL
            .iter()
            .filter(|operation| of(**operation))
            .map(|operation| &self.entries[*operation as usize])
            .flat_map(|entry| entry.standing.into_iter().chain(entry.passing))
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Each operation that has been answered or refused: `None` is access, a code is why not.
    pub fn known(&self) -> Vec<(Operation, Option<Code>)> {
        let known = |operation: &Operation| {
            let entry = &self.entries[*operation as usize];
            (entry.has_worked || entry.standing.is_some()).then_some((*operation, entry.standing))
        };
        Operation::ALL.iter().filter_map(known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANONYMOUS: Outcome = Outcome::Refused { code: Code::InvalidCredentials, names_its_cause: false };
    const SCOPE: Outcome = Outcome::Refused { code: Code::InvalidPermissions, names_its_cause: true };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn errors(access: &Access) -> Vec<Code> {
        access.errors(Operation::is_essential)
    }

    #[test]
    fn a_refusal_that_names_its_cause_counts_at_once() {
        let mut access = Access::default();
        access.note(Operation::Pages, Outcome::Answered, at(0));
        access.note(Operation::Pages, SCOPE, at(1));
        assert_eq!(errors(&access), [Code::InvalidPermissions]);
        assert_eq!(access.known(), [(Operation::Pages, Some(Code::InvalidPermissions))]);
    }

    #[test]
    fn an_anonymous_refusal_condemns_what_has_never_worked() {
        let mut access = Access::default();
        access.note(Operation::Spaces, ANONYMOUS, at(0));
        assert_eq!(errors(&access), [Code::InvalidCredentials]);
    }

    #[test]
    fn a_minute_of_false_refusals_condemns_nothing_that_has_worked() {
        let mut access = Access::default();
        access.note(Operation::Spaces, Outcome::Answered, at(0));
        access.note(Operation::Spaces, ANONYMOUS, at(60));
        access.note(Operation::Spaces, ANONYMOUS, at(120));
        assert!(errors(&access).is_empty());
        access.note(Operation::Spaces, Outcome::Answered, at(130));
        access.note(Operation::Spaces, ANONYMOUS, at(180));
        assert!(errors(&access).is_empty(), "a success forgives");
        access.note(Operation::Spaces, ANONYMOUS, at(300));
        assert_eq!(errors(&access), [Code::InvalidCredentials], "two minutes without one do not");
    }

    #[test]
    fn a_passing_failure_stands_beside_a_verdict_and_replaces_none() {
        let mut access = Access::default();
        access.note(Operation::Pages, SCOPE, at(0));
        access.note(Operation::Pages, Outcome::Passing(Code::UpstreamError), at(1));
        assert_eq!(errors(&access), [Code::InvalidPermissions, Code::UpstreamError]);
        access.note(Operation::Pages, Outcome::Answered, at(2));
        assert!(errors(&access).is_empty());
    }

    #[test]
    fn what_is_refused_is_probed_every_ten_minutes_and_what_is_suspected_once_a_refresh() {
        let mut access = Access::default();
        let views = Operation::ContentViews;
        let take_turn = |access: &mut Access, began, now| {
            let has_turn = access.has_turn(views, began, now);
            if has_turn {
                access.note_asked(views, now);
            }
            has_turn
        };
        assert!(take_turn(&mut access, at(0), at(0)));
        access.note(views, Outcome::Answered, at(0));
        assert!(take_turn(&mut access, at(0), at(1)), "what works has as many turns as it likes");
        access.note(views, ANONYMOUS, at(10));
        assert!(!take_turn(&mut access, at(5), at(11)));
        assert!(take_turn(&mut access, at(60), at(60)));
        assert!(!take_turn(&mut access, at(60), at(61)), "a second before the first is answered");
        access.note(views, SCOPE, at(62));
        assert!(!take_turn(&mut access, at(120), at(661)));
        assert!(take_turn(&mut access, at(640), at(662)));
    }
}
