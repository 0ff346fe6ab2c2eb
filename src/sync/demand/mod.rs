//! What a site of some size asks of the request budget, and when all of it will be known. Pure; whose size it is, found or
//! guessed, is for others to say.

mod advice;
mod course;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use crate::model::{Collector, DocStatus, Numbers, Roughly, Snapshot};

use super::budget::MINUTES_SAVED;
use super::settings::Settings;
use super::walk;

pub use advice::{Advice, advice};

/// How large a site is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteSize {
    pub spaces: u64,
    /// Current, archived and trashed.
    pub docs: u64,
    /// Those whose labels, states and views are asked for.
    pub current_docs: u64,
    /// Those whose versions are asked for, because their row does not tell all of the longest window.
    pub docs_of_many_versions: u64,
    pub users: u64,
}

/// How fast a site can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// How long an answer takes.
    pub answer: Duration,
}

/// What it takes to know a site of some size, with some settings. What changes meanwhile comes on top: a few requests for
/// each doc that is edited.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Requests a day for the bases, which are not paid from the budget.
    pub base_a_day: f64,
    /// Requests of the first walk, which are not paid from it either.
    pub first_walk: u64,
    pub first_walk_takes: Duration,
    /// Requests a day that the budget allows.
    pub budget_a_day: f64,
    /// Those that are enabled and paid from the budget, in their order.
    pub collectors: Vec<CollectorDemand>,
}

/// What one collector takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CollectorDemand {
    pub collector: Collector,
    /// Requests until all has been asked for once.
    pub at_first: f64,
    /// Requests a day from then on, as knowledge grows old.
    pub a_day: f64,
    pub full: Reach,
}

/// When everything is known, and nothing of it is older than it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    After(Duration),
    /// The budget does not suffice; this is the part that is known at any time.
    Never {
        coverage: f64,
    },
}

const DAY: Duration = Duration::from_hours(24);
const SECONDS_A_DAY: f64 = 86_400.0;
/// The most rows of a listing, or accounts, that one request asks for.
const ROWS_A_REQUEST: f64 = 250.0;
impl SiteSize {
    /// As it has been found.
    pub(super) fn found(snapshot: &Snapshot) -> Option<Self> {
        let mut collectors = snapshot.health.collectors.iter();
        let versions = collectors.find(|health| health.collector == Collector::Versions)?;
        Some(Self::of(snapshot.numbers.as_ref()?, versions.coverage))
    }

    fn of(numbers: &Numbers, coverage_of_versions: f64) -> Self {
        let by_status = numbers.groups.iter().flat_map(|group| &group.types).map(|numbers| numbers.docs);
        let docs = by_status.clone().flatten().sum();
        Self {
            spaces: numbers.space_infos.len() as u64 + numbers.folded_spaces,
            docs,
            current_docs: by_status.map(|docs| docs[DocStatus::Current as usize]).sum(),
            docs_of_many_versions: part(docs, 1.0 - coverage_of_versions),
            users: numbers.users.as_ref().map_or(0, |users| users.values().sum()),
        }
    }
}

impl Demand {
    pub fn of(size: &SiteSize, settings: &Settings, means: Means) -> Self {
        let at_once = number(means.concurrency as u64);
        let budget_a_day = budget_a_day(settings).min(at_once * SECONDS_A_DAY / means.answer.as_secs_f64());
        let listings = number(walk::listings(size.spaces, means.concurrency));
        // The last answer of each is half empty on average.
        let first_walk = listings.max(number(size.docs) / ROWS_A_REQUEST + listings / 2.0).ceil();
        let enabled = COLLECTORS.into_iter().filter(|collector| settings.collectors.is_enabled(*collector));
        let mut collectors: Vec<_> = enabled.map(|collector| CollectorDemand::of(collector, size, settings)).collect();
        course::foresee(&mut collectors, settings, budget_a_day);
        Self {
            base_a_day: (requests_for(size.spaces) + 2.0) * times_a_day(settings.refresh_interval),
            first_walk: whole(first_walk),
            first_walk_takes: means.answer.mul_f64((first_walk / at_once).ceil()),
            budget_a_day,
            collectors,
        }
    }

    /// When the last collector has got there.
    pub fn full(&self) -> Reach {
        let latest = |reach: Reach, next: &CollectorDemand| match (reach, next.full) {
            (Reach::After(one), Reach::After(other)) => Reach::After(one.max(other)),
            (Reach::Never { coverage: one }, Reach::Never { coverage: other }) => {
                Reach::Never { coverage: one.min(other) }
            }
            (never @ Reach::Never { .. }, Reach::After(_)) | (Reach::After(_), never @ Reach::Never { .. }) => never,
        };
        self.collectors.iter().fold(Reach::After(Duration::ZERO), latest)
    }

    /// So long that the user had better know.
    pub fn takes_long(&self) -> bool {
        !self.full().is_within(DAY)
    }

    /// What all collectors take a day.
    pub fn wanted_a_day(&self) -> f64 {
        self.wanted_by_collector().into_iter().map(|(_, requests)| requests).sum()
    }

    /// What each collector takes a day: to be done with the first reading in one, or to keep up afterwards, whichever is
    /// more in all.
    pub fn wanted_by_collector(&self) -> Vec<(Collector, f64)> {
        let first_day = |demand: &CollectorDemand| match demand.collector {
            Collector::Docs => demand.a_day,
            _ => demand.at_first,
        };
        let each = |requests: fn(&CollectorDemand) -> f64| -> Vec<_> {
            self.collectors.iter().map(|demand| (demand.collector, requests(demand))).collect()
        };
        let sum = |wanted: &[(Collector, f64)]| wanted.iter().map(|(_, requests)| requests).sum::<f64>();
        let (first, afterwards) = (each(first_day), each(|demand| demand.a_day));
        if sum(&first) >= sum(&afterwards) { first } else { afterwards }
    }
}

impl Reach {
    pub fn is_within(self, time: Duration) -> bool {
        matches!(self, Self::After(after) if after <= time)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(formatter, "after {}", Roughly(*time)),
            Self::Never { coverage } => write!(formatter, "never, {:.0} % at any time", (coverage * 100.0).floor()),
        }
    }
}

/// Those that share the budget. The reconciling walk is the docs' part in it.
const COLLECTORS: [Collector; 6] =
    [Collector::Docs, Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views];

impl CollectorDemand {
    fn of(collector: Collector, size: &SiteSize, settings: &Settings) -> Self {
        let at_first = match collector {
            Collector::Spaces | Collector::Docs => 0.0,
            Collector::Versions => number(size.docs_of_many_versions),
            Collector::Users => requests_for(size.users),
            Collector::Labels | Collector::States | Collector::Views => number(size.current_docs),
        };
        let a_day = match collector {
            // Two lists, each at least one answer.
            Collector::Docs => (requests_for(size.docs) + 1.0) * times_a_day(settings.reconcile_interval),
            _ => max_age(collector, settings).map_or(0.0, |age| at_first * times_a_day(age)),
        };
        Self { collector, at_first, a_day, full: Reach::After(Duration::ZERO) }
    }
}

/// A refresh finds no more in the bucket than is saved up, and ends when it is empty.
fn budget_a_day(settings: &Settings) -> f64 {
    let minutes = (settings.refresh_interval.as_secs_f64() / 60.0).min(MINUTES_SAVED);
    f64::from(settings.request_budget.get()) * minutes * times_a_day(settings.refresh_interval)
}

/// How old this collector's knowledge may be; it is not asked for twice in a refresh.
fn max_age(collector: Collector, settings: &Settings) -> Option<Duration> {
    let ages = settings.collectors.max_ages();
    let age = match collector {
        Collector::Spaces | Collector::Docs | Collector::Versions => return None,
        Collector::Users => ages.users,
        Collector::Labels => ages.labels,
        Collector::States => ages.states,
        Collector::Views => ages.views,
    };
    Some(age.max(settings.refresh_interval))
}

fn times_a_day(interval: Duration) -> f64 {
    DAY.as_secs_f64() / interval.as_secs_f64()
}

/// How many requests list so many rows; an empty list takes one too.
fn requests_for(rows: u64) -> f64 {
    (number(rows) / ROWS_A_REQUEST).ceil().max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "no site has so many docs that a double could not count them")]
fn number(count: u64) -> f64 {
    count as f64
}

pub(super) fn part(count: u64, part: f64) -> u64 {
    whole(number(count) * part)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are no larger, and not negative")]
pub(super) fn whole(count: f64) -> u64 {
    count.round() as u64
}
