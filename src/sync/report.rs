//! From what is known to a snapshot: the census, and the health beside it.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::demand::{Demand, Means, SiteSize, advice};
use super::site_state::SiteState;
use super::{Shared, base, rest};
use crate::clock::cpu_time_of;
use crate::model::{Collector, CollectorHealth, DocType, Goal, Health, Operation, Snapshot, take_census};

/// What has ended when a snapshot is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Base,
    Walk,
    /// In which collectors may have reached their goals.
    Rest,
}

/// Under one lock, so that of two at once the later one stays on show.
pub(super) fn publish(shared: &Shared, after: After) {
    let mut state = shared.state();
    let (snapshot, cpu) = cpu_time_of(|| Arc::new(snapshot(shared, &mut state, after)));
    debug!(connection = %shared.name, cpu_microseconds = cpu.as_micros(), "a snapshot has been made");
    if shared.keeping.is_some() {
        state.unsaved_snapshot = Some(Arc::clone(&snapshot));
    }
    let before = shared.snapshots.send_replace(Some(Arc::clone(&snapshot)));
    drop(state);
    // Whichever walk has been the first over the whole site.
    if before.is_some_and(|before| !has_been_walked(&before)) && has_been_walked(&snapshot) {
        tell_demand(shared, &snapshot);
    }
}

fn has_been_walked(snapshot: &Snapshot) -> bool {
    let mut collectors = snapshot.health.collectors.iter();
    collectors.any(|health| health.collector == Collector::Docs && health.success.is_some())
}

fn snapshot(shared: &Shared, state: &mut SiteState, after: After) -> Snapshot {
    let now = shared.clock.now();
    let ages = shared.settings.collectors.max_ages();
    let connection = shared.site.connection();
    let goals = state.ledger.goals(&ages, now);
    if after == After::Rest {
        note_goals(shared, state, &goals);
    }
    let numbers = state.ledger.moment().map(|moment| {
        let census = take_census(&state.ledger, &shared.settings.census(), moment);
        state.ledger.remember_shown(census.shown);
        census.numbers
    });
    let collector_health = |(collector, goal): (&Collector, Goal)| {
        let is_enabled = shared.settings.collectors.is_enabled(*collector);
        CollectorHealth {
            collector: *collector,
            success: state.ledger.vouching_success(*collector).filter(|_| is_enabled),
            oldest_fact: goal.oldest_fact.filter(|_| is_enabled),
            // Who is switched off should know nothing, and knows it.
            coverage: if is_enabled { goal.coverage } else { 1.0 },
        }
    };
    Snapshot {
        connection: shared.name.clone(),
        health: Health {
            up: state.up,
            site: connection.site(),
            errors: state.access.errors(|operation| is_the_connections_own(shared, operation)),
            access: state.access.known(),
            token_expires: connection.token_expires(),
            token_in_use: connection.token_in_use(),
            moment: state.ledger.moment(),
            collectors: Collector::ALL.iter().zip(goals).map(collector_health).collect(),
        },
        numbers,
    }
}

/// A collector that has nothing left to ask has reached its goal, once all docs have been met that it could ask for.
fn note_goals(shared: &Shared, state: &mut SiteState, goals: &[Goal]) {
    let enabled = rest::COLLECTORS.iter().filter(|collector| shared.settings.collectors.is_enabled(**collector));
    let Some(moment) = state.ledger.moment().filter(|_| state.ledger.has_met_all()) else { return };
    for collector in enabled.filter(|collector| goals[**collector as usize].reached) {
        state.ledger.succeed(*collector, moment);
    }
}

/// The base's operations, and the enabled ones of the seven endpoints.
pub(super) fn is_the_connections_own(shared: &Shared, operation: Operation) -> bool {
    let is_enabled = |collector| shared.settings.collectors.is_enabled(collector);
    operation == Operation::Spaces
        || DocType::ALL.iter().any(|doc_type| operation == base::list_operation(*doc_type))
        || (operation.is_essential() && operation.collector().is_some_and(is_enabled))
}

/// Says after the first walk, when the site's size is known, what it will take to know it in full, where that is long.
fn tell_demand(shared: &Shared, snapshot: &Snapshot) {
    let Some(size) = SiteSize::found(snapshot) else { return };
    // How long answers take is left out: it is the budget that bounds this.
    let means = Means { concurrency: shared.concurrency(), answer: Duration::ZERO };
    let demand = Demand::of(&size, &shared.settings, means);
    if !demand.takes_long() {
        return;
    }
    let advice = advice(&size, &shared.settings, means);
    let advice: Vec<_> = advice.iter().map(|advice| format!("{} ({})", advice.setting, advice.full)).collect();
    let wanted = demand.wanted_by_collector().into_iter();
    let wanted: Vec<_> = wanted.map(|(collector, requests)| format!("{collector} {requests:.0}")).collect();
    info!(
        connection = %shared.name,
        spaces = size.spaces,
        docs = size.docs,
        requests_a_day = demand.wanted_a_day().round(),
        by_collector = wanted.join(", "),
        budget_a_day = demand.budget_a_day.round(),
        known_in_full = %demand.full(),
        faster = advice.join("; "),
        "the request budget will not have paid for everything within a day"
    );
}
