//! A test of the running connection, for a person who wants to know now: one at a time, and not too often.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::trial::Trial;
use super::{Shared, Sync};
use crate::model::{Finding, Operation, Outcome, Test, TestCourse};

/// The last test, and whether another may begin.
#[derive(Debug)]
pub(super) struct Testing(watch::Sender<Option<Begun>>);

#[derive(Debug)]
struct Begun {
    at: Instant,
    test: Test,
}

/// A test under way. Given up when it is dropped before it has ended: one that breaks off must not hold up the next.
struct UnderWay<'a>(&'a Testing);

/// Whoever keeps clicking has Confluence asked no more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// Longer than ten questions take, tried again or not, on any site that one would call open.
const LONGEST: Duration = Duration::from_mins(1);

impl Sync {
    /// Asks each operation once, unless one is under way, or was a moment ago, or the site wants quiet. Returns when the last
    /// test has ended, which goes on if nobody waits for that.
    pub async fn test(&self) {
        let shared = &self.0;
        let is_quiet = shared.site.connection().paused_until().is_some();
        if !is_quiet && shared.testing.begin(shared) {
            let asking = Arc::clone(shared);
            shared.spawn(async move {
                let under_way = UnderWay(&asking.testing);
                if let Ok(findings) = timeout(LONGEST, ask(&asking)).await {
                    under_way.0.end(TestCourse::Ended(findings));
                }
            });
        }
        let mut last = shared.testing.0.subscribe();
        // The sender lives as long as the connection.
        let _ = last.wait_for(|last| !last.as_ref().is_some_and(Begun::is_under_way)).await;
    }
}

async fn ask(shared: &Shared) -> Vec<Finding> {
    // What is kept would replace what is noted.
    shared.take_over().await;
    let note = |operation: Operation, outcome: Outcome| {
        shared.budget.owe(None);
        shared.state().access.note(operation, outcome, shared.clock.now());
    };
    let mut trial = Trial::of(&shared.site, &shared.settings.collectors, note);
    trial.ask_everything().await;
    let findings = trial.findings();
    // It has been found out, even where it cannot be kept.
    let _ = shared.commit().await;
    findings
}

impl Testing {
    pub(super) fn last(&self) -> Option<Test> {
        self.0.borrow().as_ref().map(|begun| begun.test.clone())
    }

    /// How long it takes until another may begin.
    pub(super) fn rests_for(&self) -> Duration {
        self.0.borrow().as_ref().map_or(Duration::ZERO, |begun| AT_MOST_EVERY.saturating_sub(begun.at.elapsed()))
    }

    fn begin(&self, shared: &Shared) -> bool {
        self.0.send_if_modified(|last| {
            let may_begin = last.as_ref().is_none_or(|last| !last.is_under_way() && last.at.elapsed() >= AT_MOST_EVERY);
            if may_begin {
                let test = Test { began: shared.clock.now(), course: TestCourse::UnderWay };
                *last = Some(Begun { at: Instant::now(), test });
            }
            may_begin
        })
    }

    fn end(&self, course: TestCourse) {
        self.0.send_modify(|last| {
            if let Some(last) = last {
                last.test.course = course;
            }
        });
    }
}

impl Default for Testing {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Begun {
    fn is_under_way(&self) -> bool {
        self.test.course == TestCourse::UnderWay
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.0.borrow().as_ref().is_some_and(Begun::is_under_way) {
            self.0.end(TestCourse::GivenUp);
        }
    }
}
