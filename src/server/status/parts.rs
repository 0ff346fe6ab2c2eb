//! The parts of a connection's view. How they are drawn is `page`'s business.

use std::time::Duration;

use serde::Serialize;

use crate::cache::Watched;
use crate::model::{
    Code, ConnectionStatus, DocStatus, Finding, Numbers, RefreshResult, Test, TestCourse, Timestamp, TokenSlot,
    WalkStatus, summary,
};

use super::moment::{Moment, Seconds};

#[derive(Debug, Serialize)]
pub(super) struct ProblemView {
    pub(super) code: Code,
    pub(super) meaning: &'static str,
    pub(super) to_do: Vec<String>,
}

/// The documentation's numbers, in short.
#[derive(Debug, Serialize)]
pub(super) struct NumbersView {
    pub(super) as_of: Option<Moment>,
    pub(super) on_show: bool,
    /// Nothing while not all of them have been read once.
    pub(super) spaces: Option<u64>,
    pub(super) docs: Option<u64>,
    /// Older ones are left out.
    pub(super) left_out_after_seconds: Seconds,
}

#[derive(Debug, Serialize)]
pub(super) struct RefreshView {
    pub(super) began: Option<Moment>,
    pub(super) base_ended: Option<Moment>,
    pub(super) ended: Option<Moment>,
    pub(super) result: Option<RefreshResult>,
    /// The first scrape from then on starts one; nothing where any would.
    pub(super) not_due_before: Option<Moment>,
    pub(super) interval_seconds: Seconds,
}

#[derive(Debug, Serialize)]
pub(super) struct WalkView {
    pub(super) docs_read: u64,
    pub(super) lists_done: usize,
    pub(super) lists: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct TokenView {
    /// Which of `api_token_files` serves; `current` where there is but one token.
    pub(super) in_use: Option<TokenSlot>,
    pub(super) expires: Option<Moment>,
    /// Whole days; below zero when it has ended.
    pub(super) days_left: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct RateLimitView {
    pub(super) paused_until: Option<Moment>,
    /// What the site bears, as far as it has refused more.
    pub(super) requests_a_second: Option<f64>,
    pub(super) remaining: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) reset: Option<Moment>,
}

#[derive(Debug, Serialize)]
pub(super) struct RequestsView {
    pub(super) since_start: u64,
    pub(super) under_way: u64,
    pub(super) at_once_at_most: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct TestView {
    /// `none`, `under_way`, `ended`, `given_up`
    pub(super) course: &'static str,
    pub(super) began: Option<Moment>,
    pub(super) summary: Option<String>,
    pub(super) is_good: Option<bool>,
    /// Another may begin then.
    pub(super) rests_for_seconds: Seconds,
}

const DAY_MILLIS: i64 = 86_400_000;

impl ProblemView {
    pub(super) fn of(code: Code, status: &ConnectionStatus) -> Self {
        Self { code, meaning: code.meaning(), to_do: status.to_do(code) }
    }
}

impl NumbersView {
    pub(super) fn of(watched: &Watched, now: Timestamp) -> Self {
        let on_show = watched.summary.shows_numbers;
        let snapshot = watched.summary.snapshot.as_deref();
        let numbers = snapshot.and_then(|snapshot| snapshot.numbers.as_ref());
        let numbers = numbers.filter(|_| on_show && watched.status.first_walk.is_none());
        Self {
            as_of: snapshot.and_then(|snapshot| snapshot.health.moment).map(|at| Moment::new(at, now)),
            on_show,
            spaces: numbers.map(spaces),
            docs: numbers.map(docs),
            left_out_after_seconds: Seconds(watched.max_stale),
        }
    }
}

fn spaces(numbers: &Numbers) -> u64 {
    let seen = numbers.spaces.iter().filter(|((_, status), _)| &**status != "unseen");
    seen.map(|(_, count)| count).sum()
}

fn docs(numbers: &Numbers) -> u64 {
    let of_types = numbers.groups.iter().flat_map(|group| &group.types);
    of_types.map(|numbers| numbers.docs[DocStatus::Current as usize]).sum()
}

impl RefreshView {
    pub(super) fn of(watched: &Watched, now: Timestamp) -> Self {
        let refresh = &watched.status.refresh;
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, now));
        Self {
            began: moment(refresh.began),
            base_ended: moment(refresh.base_ended),
            ended: moment(refresh.ended.map(|(at, _)| at)),
            result: refresh.ended.map(|(_, result)| result),
            not_due_before: moment(watched.not_due_before),
            interval_seconds: Seconds(refresh.interval),
        }
    }
}

impl WalkView {
    pub(super) fn of(walk: &WalkStatus) -> Self {
        Self { docs_read: walk.docs, lists_done: walk.lists_done, lists: walk.lists }
    }
}

impl TokenView {
    pub(super) fn of(status: &ConnectionStatus, now: Timestamp) -> Self {
        let days = |at: Timestamp| (at.as_millis() - now.as_millis()).div_euclid(DAY_MILLIS);
        let expires = status.token_expires;
        Self {
            in_use: status.token_in_use,
            expires: expires.map(|at| Moment::new(at, now)),
            days_left: expires.map(days),
        }
    }
}

impl RateLimitView {
    pub(super) fn of(status: &ConnectionStatus, now: Timestamp) -> Self {
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, now));
        Self {
            paused_until: moment(status.paused_until),
            requests_a_second: status.pace.map(|pace| (pace * 10.0).round() / 10.0),
            remaining: status.rate_limit.remaining,
            limit: status.rate_limit.limit,
            reset: moment(status.rate_limit.reset),
        }
    }
}

impl RequestsView {
    pub(super) fn of(status: &ConnectionStatus) -> Self {
        Self {
            since_start: status.operations.iter().map(|operation| operation.requests).sum(),
            under_way: status.requests_in_flight,
            at_once_at_most: status.concurrency_level,
        }
    }
}

impl TestView {
    /// After an hour, what stands says more than what was tested.
    pub(super) fn is_of_interest(began: Timestamp, now: Timestamp) -> bool {
        now.since(began) < Duration::from_hours(1)
    }

    pub(super) fn of(status: &ConnectionStatus, now: Timestamp) -> Self {
        let test = status.test.as_ref().filter(|test| Self::is_of_interest(test.began, now));
        let rests_for_seconds = Seconds(status.no_test_for);
        let Some(Test { began, course }) = test else {
            return Self { course: "none", began: None, summary: None, is_good: None, rests_for_seconds };
        };
        let (course, findings) = match course {
            TestCourse::UnderWay => ("under_way", None),
            TestCourse::Ended(findings) => ("ended", Some(findings)),
            TestCourse::GivenUp => ("given_up", None),
        };
        Self {
            course,
            began: Some(Moment::new(*began, now)),
            summary: findings.map(summary),
            is_good: findings.map(|findings| findings.iter().all(Finding::is_fine)),
            rests_for_seconds,
        }
    }
}
