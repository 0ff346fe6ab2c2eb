//! How the budget is spent from the first question on, step by step, until everything is known.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Collector;

use super::super::budget::MINUTES_SAVED;
use super::super::settings::Settings;
use super::{CollectorDemand, DAY, Reach, SECONDS_A_DAY, max_age, number};

/// The shortest step in which the time to full coverage is counted.
const SHORTEST_STEP: f64 = 60.0 / SECONDS_A_DAY;
/// What one reading takes is divided into so many steps.
const STEPS_A_READING: f64 = 2_000.0;
/// A budget that is barely sufficient catches up slowly; this is slow enough to be called never.
const MOST_STEPS: usize = 50_000;
/// As far as it takes: of a request nobody sees the half.
const NOTHING_LEFT: f64 = 0.5;

/// Lets the collectors share the budget as the rest does, in turns, until each has been full once.
pub(super) fn foresee(collectors: &mut [CollectorDemand], settings: &Settings, budget_a_day: f64) {
    let keeping_up: Vec<f64> = collectors.iter().map(|demand| demand.a_day).collect();
    let shares = fair_shares(&keeping_up, budget_a_day);
    let in_all: f64 = collectors.iter().map(|demand| demand.at_first).sum();
    let step = (in_all / budget_a_day / STEPS_A_READING).max(SHORTEST_STEP);
    let mut open: Vec<usize> = Vec::new();
    for (place, demand) in collectors.iter_mut().enumerate() {
        if shares[place] < demand.a_day * 0.999 {
            demand.full = Reach::Never { coverage: shares[place] / demand.a_day };
        } else if demand.at_first > 0.0 {
            open.push(place);
        }
    }
    let mut lanes: Vec<Lane> = collectors.iter().map(|demand| Lane::of(demand, settings, step)).collect();
    let mut saved = f64::from(settings.request_budget.get()) * MINUTES_SAVED;
    for passed in 1..=MOST_STEPS {
        if open.is_empty() {
            return;
        }
        lanes.iter_mut().for_each(Lane::grow_old);
        let wants: Vec<f64> = lanes.iter().map(Lane::wants).collect();
        let shares = fair_shares(&wants, saved + budget_a_day * step);
        saved = 0.0;
        lanes.iter_mut().zip(shares).for_each(|(lane, share)| lane.ask(share));
        open.retain(|place| {
            let is_full = lanes[*place].wants() < NOTHING_LEFT;
            if is_full {
                collectors[*place].full = Reach::After(DAY.mul_f64(step * number(passed as u64)));
            }
            !is_full
        });
    }
    for place in open {
        let known = 1.0 - lanes[place].wants() / collectors[place].at_first;
        collectors[place].full = Reach::Never { coverage: known };
    }
}

/// Who has how much left to ask, step by step.
struct Lane {
    never_asked: f64,
    overdue: f64,
    /// What was asked, a step each, and will be overdue again.
    asked: VecDeque<f64>,
    /// After how many steps; none where knowledge does not grow old.
    old_after: Option<usize>,
    /// What falls due in each step whatever was asked.
    a_step: f64,
}

impl Lane {
    fn of(demand: &CollectorDemand, settings: &Settings, step: f64) -> Self {
        let age = max_age(demand.collector, settings).filter(|_| demand.at_first > 0.0);
        let a_step = if demand.collector == Collector::Docs { demand.a_day * step } else { 0.0 };
        Self {
            never_asked: demand.at_first,
            overdue: 0.0,
            asked: VecDeque::new(),
            old_after: age.map(|age| steps(age, step)),
            a_step,
        }
    }

    fn wants(&self) -> f64 {
        self.never_asked + self.overdue
    }

    fn grow_old(&mut self) {
        self.overdue += self.a_step;
        if self.old_after.is_some_and(|steps| self.asked.len() >= steps) {
            self.overdue += self.asked.pop_front().unwrap_or(0.0);
        }
    }

    /// What has never been learnt comes before what has only grown old.
    fn ask(&mut self, requests: f64) {
        let first = requests.min(self.never_asked);
        self.never_asked -= first;
        self.overdue = (self.overdue - (requests - first)).max(0.0);
        if self.old_after.is_some() {
            self.asked.push_back(requests);
        }
    }
}

/// Everybody gets the same, but nobody more than he wants: what turns come to.
pub(super) fn fair_shares(wants: &[f64], in_all: f64) -> Vec<f64> {
    let mut places: Vec<usize> = (0..wants.len()).collect();
    places.sort_by(|one, other| wants[*one].total_cmp(&wants[*other]));
    let mut shares = vec![0.0; wants.len()];
    let mut left = in_all;
    for (done, place) in places.into_iter().enumerate() {
        let share = wants[place].min(left / number((wants.len() - done) as u64));
        shares[place] = share;
        left -= share;
    }
    shares
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step is a minute at least")]
fn steps(age: Duration, step: f64) -> usize {
    (age.as_secs_f64() / SECONDS_A_DAY / step).ceil() as usize
}
