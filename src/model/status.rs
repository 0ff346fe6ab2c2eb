//! How a connection stands right now, beside its numbers: what a person asks who looks after it.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Code, Collector, Finding, Operation, RefreshResult, SiteInfo, Standing, Test, Timestamp, TokenSlot, Tried,
};

/// One connection at this moment. Nothing of it is asked for: it is what is known.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// The site's, as far as the configuration tells it; else the gateway's.
    pub address: Arc<str>,
    /// What has been found out of the site.
    pub site: Option<SiteInfo>,
    /// As `Health::errors`, but of this moment.
    pub errors: Vec<Code>,
    /// Every operation, in `Operation::ALL`'s order.
    pub operations: Vec<OperationStatus>,
    pub token_expires: Option<Timestamp>,
    /// Which of the tokens was taken last; nothing before one was.
    pub token_in_use: Option<TokenSlot>,
    /// While the walk over all docs is under way that the first numbers wait for.
    pub first_walk: Option<WalkStatus>,
    pub refresh: RefreshStatus,
    /// All seven, in `Collector::ALL`'s order.
    pub collectors: Vec<CollectorRules>,
    pub budget: BudgetStatus,
    pub rate_limit: RateLimit,
    /// Until then the site wants no request.
    pub paused_until: Option<Timestamp>,
    /// How many requests a second the site bears, as far as it has refused any.
    pub pace: Option<f64>,
    pub requests_in_flight: u64,
    pub concurrency_level: usize,
    pub test: Option<Test>,
    /// How long it takes until another test may begin.
    pub no_test_for: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct OperationStatus {
    pub standing: Standing,
    /// Its collector is on.
    pub is_needed: bool,
    /// HTTP requests since the start, retries counted.
    pub requests: u64,
}

/// How far a walk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkStatus {
    pub docs: u64,
    pub lists_done: usize,
    pub lists: usize,
    /// None of the lists that are left gives an answer any more.
    pub is_stuck: bool,
}

/// The newest refresh since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshStatus {
    pub began: Option<Timestamp>,
    /// When its base ended.
    pub base_ended: Option<Timestamp>,
    pub ended: Option<(Timestamp, RefreshResult)>,
    /// At least so far apart do refreshes begin, give or take a little.
    pub interval: Duration,
}

/// What the configuration wants of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorRules {
    pub collector: Collector,
    pub is_enabled: bool,
    /// When what it knows is asked for anew.
    pub renewed_after: Duration,
}

/// The bucket that all is paid from but bases and first walks.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetStatus {
    pub a_minute: f64,
    /// Below zero: owed.
    pub left: f64,
    pub most: f64,
    /// Requests since the start, by what they were for. Nobody's are the tests'.
    pub spent: Vec<(Option<Collector>, u64)>,
}

/// What the site's answers have told of its own limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimit {
    pub remaining: Option<f64>,
    pub limit: Option<f64>,
    pub reset: Option<Timestamp>,
}

impl ConnectionStatus {
    /// Every code that stands, and what a test has found since: sorted, each once.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = self.errors.clone();
        codes.extend(self.found_by_test().filter_map(|finding| finding.access.code()));
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Whether a test has found since that the connection as a whole does not work.
    pub fn is_down_by_test(&self) -> bool {
        self.found_by_test().any(|finding| finding.operation == Operation::Spaces)
    }

    /// What a person can do about a code of this connection, each once.
    pub fn to_do(&self, code: Code) -> Vec<String> {
        let standing = self.operations.iter().filter(|operation| operation.has(code));
        let standing = standing.map(|operation| operation.standing.to_do(code));
        let found = self.found_by_test().filter(|finding| finding.access == Tried::Closed(code));
        let mut list: Vec<String> = Vec::new();
        for to_do in standing.chain(found.map(|finding| finding.to_do.clone())) {
            // A test tells the same with more words.
            match list.iter_mut().find(|known| to_do.starts_with(known.as_str())) {
                Some(known) => *known = to_do,
                None => list.push(to_do),
            }
        }
        list
    }

    /// What the last test has found closed, while no refresh has begun since.
    fn found_by_test(&self) -> impl Iterator<Item = &Finding> {
        let is_newer = |test: &&Test| self.refresh.began.is_none_or(|began| began <= test.began);
        let findings = self.test.as_ref().filter(is_newer).map_or(&[][..], Test::findings);
        findings.iter().filter(|finding| !finding.is_fine())
    }
}

impl OperationStatus {
    fn has(&self, code: Code) -> bool {
        let Standing { operation, refusal, passing, .. } = self.standing;
        let is_the_connections = self.is_needed && operation != Operation::CurrentUser;
        is_the_connections && [refusal, passing].contains(&Some(code))
    }
}

impl Standing {
    /// What a person can do about this code of this operation.
    pub fn to_do(&self, code: Code) -> String {
        if self.sees_nothing && code == Code::InvalidPermissions {
            return super::NO_VISIBLE_SPACE.to_owned();
        }
        code.to_do(self.operation)
    }
}
