//! What to change in the settings so that everything is known sooner.

use std::time::Duration;

use crate::model::Collector;

use super::super::settings::{CollectorSettings, Settings};
use super::{Demand, Means, Reach, SiteSize, max_age, whole};

/// A change, and what comes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// As the configuration spells it.
    pub setting: String,
    pub full: Reach,
}

/// Old enough for what changes seldom.
const OLDER: Duration = Duration::from_hours(7 * 24);
/// A change that helps less is not worth a word.
const WORTH_A_WORD: f64 = 0.9;

/// What helps, each on its own: nothing where everything is known within a day anyway.
pub fn advice(size: &SiteSize, settings: &Settings, means: Means) -> Vec<Advice> {
    let now = Demand::of(size, settings, means);
    if !now.takes_long() {
        return Vec::new();
    }
    let mut changes = vec![more_budget(&now, settings)];
    let switched = [Collector::Views, Collector::States, Collector::Labels].into_iter();
    changes.extend(switched.filter_map(|collector| switched_off(collector, settings)));
    changes.extend(older(settings));
    let advice = changes
        .into_iter()
        .map(|(setting, changed)| Advice { setting, full: Demand::of(size, &changed, means).full() });
    advice.filter(|advice| advice.full.is_worth_a_word_after(now.full())).collect()
}

/// What suffices for a day, in a number that a person would choose.
fn more_budget(now: &Demand, settings: &Settings) -> (String, Settings) {
    let allowed = f64::from(settings.request_budget.get());
    let wanted = now.wanted_a_day() / super::budget_a_day(settings) * allowed;
    // Two digits, rounded up, and a little above what is just enough.
    let digit = 10_f64.powf((wanted.log10().floor() - 1.0).max(0.0));
    let a_minute = u32::try_from(whole((wanted * 1.02 / digit).ceil() * digit)).unwrap_or(u32::MAX);
    let request_budget = a_minute.try_into().unwrap_or(settings.request_budget);
    (format!("request_budget: {request_budget}"), Settings { request_budget, ..settings.clone() })
}

fn switched_off(collector: Collector, settings: &Settings) -> Option<(String, Settings)> {
    let mut changed = settings.clone();
    let switched = of(collector, &mut changed)?;
    let was_enabled = std::mem::replace(&mut switched.enabled, false);
    was_enabled.then(|| (format!("collectors.{collector}.enabled: false"), changed))
}

/// Labels and states change seldom.
fn older(settings: &Settings) -> Option<(String, Settings)> {
    let mut changed = settings.clone();
    let mut names = Vec::new();
    for collector in [Collector::Labels, Collector::States] {
        let is_younger = max_age(collector, settings).is_some_and(|age| age < OLDER);
        if let Some(settings) = of(collector, &mut changed).filter(|settings| settings.enabled && is_younger) {
            settings.max_age = Some(OLDER);
            names.push(format!("collectors.{collector}.max_age: 7d"));
        }
    }
    (!names.is_empty()).then(|| (names.join(", "), changed))
}

fn of(collector: Collector, settings: &mut Settings) -> Option<&mut CollectorSettings> {
    match collector {
        Collector::Labels => Some(&mut settings.collectors.labels),
        Collector::States => Some(&mut settings.collectors.states),
        Collector::Views => Some(&mut settings.collectors.views),
        Collector::Spaces | Collector::Docs | Collector::Versions | Collector::Users => None,
    }
}

impl Reach {
    fn is_worth_a_word_after(self, before: Self) -> bool {
        match (self, before) {
            (Self::After(_), Self::Never { .. }) => true,
            (Self::Never { .. }, Self::After(_)) => false,
            (Self::After(after), Self::After(before)) => after < before.mul_f64(WORTH_A_WORD),
            (Self::Never { coverage: after }, Self::Never { coverage: before }) => before < after * WORTH_A_WORD,
        }
    }
}
