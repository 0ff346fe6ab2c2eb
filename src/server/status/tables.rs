//! The rows of a connection's tables: what the budget is spent on, collectors, operations.

use serde::Serialize;

use crate::cache::Watched;
use crate::model::{
    BudgetStatus, Code, Collector, CollectorHealth, CollectorRules, ConnectionStatus, Finding, Operation,
    OperationStatus, Test, Timestamp, Tried,
};

use super::moment::{Moment, Seconds};
use super::parts::TestView;

#[derive(Debug, Serialize)]
pub(super) struct BudgetView {
    pub(super) a_minute: u64,
    /// Below zero: owed.
    pub(super) left: i64,
    pub(super) saved_at_most: u64,
    pub(super) spent: Vec<SpentView>,
}

#[derive(Debug, Serialize)]
pub(super) struct SpentView {
    /// A collector, or `tests`.
    pub(super) on: &'static str,
    pub(super) requests: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct CollectorView {
    pub(super) collector: Collector,
    pub(super) enabled: bool,
    /// Nothing before the first good base.
    pub(super) coverage: Option<f64>,
    pub(super) oldest_fact: Option<Moment>,
    pub(super) age_seconds: Option<Seconds>,
    pub(super) renewed_after_seconds: Seconds,
    pub(super) last_success: Option<Moment>,
}

#[derive(Debug, Serialize)]
pub(super) struct OperationView {
    pub(super) operation: Operation,
    pub(super) scope: Option<&'static str>,
    pub(super) needed: bool,
    pub(super) access: Tried,
    pub(super) since: Option<Moment>,
    /// A failure that says nothing of access.
    pub(super) failing: Option<Code>,
    pub(super) costs: &'static str,
    pub(super) to_do: Option<String>,
    pub(super) last_asked: Option<Moment>,
    pub(super) requests: u64,
    /// What the last test has shown.
    pub(super) tested: Option<TestedView>,
}

#[derive(Debug, Serialize)]
pub(super) struct TestedView {
    pub(super) access: Tried,
    pub(super) to_do: Option<String>,
}

impl BudgetView {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of requests")]
    pub(super) fn of(budget: &BudgetStatus) -> Self {
        let spent = |(on, requests): &(Option<Collector>, u64)| SpentView {
            on: on.map_or("tests", Collector::as_str),
            requests: *requests,
        };
        Self {
            a_minute: budget.a_minute.round() as u64,
            left: budget.left.floor() as i64,
            saved_at_most: budget.most.round() as u64,
            // The list of spaces is the base's, which is not paid from it.
            spent: budget.spent.iter().filter(|(on, _)| *on != Some(Collector::Spaces)).map(spent).collect(),
        }
    }
}

impl CollectorView {
    pub(super) fn all(watched: &Watched, now: Timestamp) -> Vec<Self> {
        let health = watched.summary.snapshot.as_ref().map(|snapshot| &snapshot.health);
        // Of a site that has shown nothing yet, all that there is to know is known.
        let health = health.filter(|health| health.moment.is_some()).map(|health| &health.collectors);
        let of = |collector: Collector| health.into_iter().flatten().find(|health| health.collector == collector);
        let view = |rules: &CollectorRules| {
            let health: Option<&CollectorHealth> = of(rules.collector).filter(|_| rules.is_enabled);
            let oldest_fact = health.and_then(|health| health.oldest_fact);
            Self {
                collector: rules.collector,
                enabled: rules.is_enabled,
                coverage: health.map(|health| health.coverage),
                oldest_fact: oldest_fact.map(|at| Moment::new(at, now)),
                age_seconds: oldest_fact.map(|at| Seconds(now.since(at))),
                renewed_after_seconds: Seconds(rules.renewed_after),
                last_success: health.and_then(|health| health.success).map(|at| Moment::new(at, now)),
            }
        };
        watched.status.collectors.iter().map(view).collect()
    }
}

impl OperationView {
    /// Those that a collector asks.
    pub(super) fn all(status: &ConnectionStatus, now: Timestamp) -> Vec<Self> {
        let test = status.test.as_ref().filter(|test| TestView::is_of_interest(test.began, now));
        let findings = test.map_or(&[][..], Test::findings);
        let asked = status.operations.iter().filter(|status| status.standing.operation.collector().is_some());
        asked.map(|status| Self::of(status, findings, now)).collect()
    }

    fn of(status: &OperationStatus, findings: &[Finding], now: Timestamp) -> Self {
        let standing = &status.standing;
        let operation = standing.operation;
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, now));
        let trouble = standing.refusal.or(standing.passing).filter(|_| status.is_needed);
        let tested = findings.iter().find(|finding| finding.operation == operation).map(|finding| TestedView {
            access: finding.access,
            to_do: Some(finding.to_do.clone()).filter(|to_do| !to_do.is_empty()),
        });
        Self {
            operation,
            scope: operation.scope(),
            needed: status.is_needed,
            access: match standing.refusal {
                Some(code) => Tried::Closed(code),
                None if standing.is_known => Tried::Open,
                None => Tried::NotAsked,
            },
            since: moment(standing.since),
            failing: standing.passing,
            costs: operation.costs(!status.is_needed),
            to_do: trouble.map(|code| standing.to_do(code)),
            last_asked: moment(standing.asked_at),
            requests: status.requests,
            tested,
        }
    }
}
