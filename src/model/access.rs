//! Whether each operation is open to us, and since when: what a refusal is worth, and when to knock again.

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
    /// It was answered, and the account sees nothing there: a finding about its permissions, which counts at once.
    SeesNothing,
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
    /// When the standing access, or its refusal, began.
    #[serde(default)]
    since: Option<Timestamp>,
    /// Why it is refused: it shows nothing.
    #[serde(default)]
    sees_nothing: bool,
}

/// What is known of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub operation: Operation,
    /// It has been answered or refused.
    pub is_known: bool,
    /// Why not, where it is refused.
    pub refusal: Option<Code>,
    /// When that began; nothing where it was known before this was kept.
    pub since: Option<Timestamp>,
    /// It is refused because the account sees nothing there.
    pub sees_nothing: bool,
    /// It fails now, which says nothing of access.
    pub passing: Option<Code>,
    /// When it was asked last.
    pub asked_at: Option<Timestamp>,
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
        let before = (entry.is_known(), entry.standing);
        entry.asked_at = Some(now);
        match outcome {
            Outcome::Answered => {
                *entry = Entry { has_worked: true, asked_at: Some(now), since: entry.since, ..Entry::default() };
            }
            Outcome::Refused { code, names_its_cause } => entry.note_refusal(code, names_its_cause, now),
            Outcome::SeesNothing => {
                entry.note_refusal(Code::InvalidPermissions, true, now);
                entry.sees_nothing = true;
            }
            Outcome::Passing(code) => entry.passing = Some(code),
        }
        if (entry.is_known(), entry.standing) != before {
            entry.since = Some(now);
        }
    }

    /// Whether to ask this now. What is refused has a turn every ten minutes, what is suspected or failing one a refresh.
    pub fn has_turn(&self, operation: Operation, refresh_began: Timestamp, now: Timestamp) -> bool {
        let entry = &self.entries[operation as usize];
        // Where our clock was ahead once, that time is no reason to wait for it.
        entry.asked_at.filter(|asked_at| !asked_at.is_far_after(now)).is_none_or(|asked_at| {
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
            entry.is_known().then_some((*operation, entry.standing))
        };
        Operation::ALL.iter().filter_map(known).collect()
    }

    /// What is known of this operation.
    pub fn standing(&self, operation: Operation) -> Standing {
        let entry = &self.entries[operation as usize];
        Standing {
            operation,
            is_known: entry.is_known(),
            refusal: entry.standing,
            since: entry.since,
            sees_nothing: entry.sees_nothing,
            passing: entry.passing,
            asked_at: entry.asked_at,
        }
    }
}

impl Entry {
    fn is_known(&self) -> bool {
        self.has_worked || self.standing.is_some()
    }

    fn note_refusal(&mut self, code: Code, names_its_cause: bool, now: Timestamp) {
        self.passing = None;
        let suspected_since = *self.suspected_since.get_or_insert(now);
        let is_condemned = names_its_cause
            || !self.has_worked
            || self.standing.is_some()
            || now.since(suspected_since) >= SUSPICION_LASTS;
        if is_condemned {
            self.standing = Some(code);
            self.sees_nothing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANONYMOUS: Outcome = Outcome::Refused { code: Code::InvalidCredentials, names_its_cause: false };
    const TEN_SECONDS: Duration = Duration::from_secs(10);
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
    fn access_and_its_refusal_tell_since_when_they_stand() {
        let mut access = Access::default();
        let since = |access: &Access| access.standing(Operation::Pages).since;
        assert_eq!(since(&access), None);
        for (outcome, began) in [
            (Outcome::Answered, 0),
            (Outcome::Answered, 0),
            (Outcome::Passing(Code::UpstreamError), 0),
            (ANONYMOUS, 0),
            (SCOPE, 40),
            (SCOPE, 40),
            (Outcome::Passing(Code::Unreachable), 40),
            (ANONYMOUS, 70),
            (Outcome::Answered, 80),
        ] {
            let now = access.standing(Operation::Pages).asked_at.map_or(at(0), |asked| asked.later_by(TEN_SECONDS));
            access.note(Operation::Pages, outcome, now);
            assert_eq!(since(&access), Some(at(began)), "{outcome:?} at {now}");
        }
    }

    #[test]
    fn an_account_that_sees_nothing_is_refused_for_that_reason_and_since_the_first_time() {
        let mut access = Access::default();
        access.note(Operation::Spaces, Outcome::SeesNothing, at(0));
        access.note(Operation::Spaces, Outcome::SeesNothing, at(60));
        let standing = access.standing(Operation::Spaces);
        assert_eq!((standing.refusal, standing.since), (Some(Code::InvalidPermissions), Some(at(0))));
        assert!(standing.sees_nothing);

        access.note(Operation::Spaces, SCOPE, at(120));
        assert!(!access.standing(Operation::Spaces).sees_nothing);
    }

    #[test]
    fn what_was_kept_before_since_when_was_told_is_still_read() {
        let kept =
            r#"[["pages",{"has_worked":true,"asked_at":1000,"standing":null,"suspected_since":null,"passing":null}]]"#;
        let mut access: Access = serde_json::from_str(kept).unwrap();
        access.note(Operation::Pages, Outcome::Answered, at(5));
        assert_eq!(access.standing(Operation::Pages).since, None, "nobody knows when it began");
        assert!(access.is_open(Operation::Pages));

        access.note(Operation::Pages, SCOPE, at(6));
        let copy: Access = serde_json::from_str(&serde_json::to_string(&access).unwrap()).unwrap();
        assert_eq!(copy.standing(Operation::Pages).since, Some(at(6)));
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
