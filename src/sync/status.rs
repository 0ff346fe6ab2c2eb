//! How a connection stands right now. Asks nobody, and starts nothing.

use std::time::Duration;

use super::report::is_the_connections_own;
use super::site_state::SiteState;
use super::{Shared, Sync, walk};
use crate::model::{Collector, CollectorRules, ConnectionStatus, Operation, OperationStatus, WalkStatus};

impl Sync {
    /// It may have to wait for a census to end: not for a thread that answers scrapes.
    pub fn status(&self) -> ConnectionStatus {
        let shared = &*self.0;
        let connection = shared.site.connection();
        let state = shared.state();
        ConnectionStatus {
            address: connection.whereabouts().0,
            site: connection.site(),
            errors: state.access.errors(|operation| is_the_connections_own(shared, operation)),
            operations: Operation::ALL.iter().map(|operation| operation_status(shared, &state, *operation)).collect(),
            token_expires: connection.token_expires(),
            token_in_use: connection.token_in_use(),
            first_walk: first_walk(&state),
            refresh: shared.latest.status(shared.settings.refresh_interval),
            collectors: Collector::ALL.iter().map(|collector| rules(shared, *collector)).collect(),
            budget: shared.budget.status(),
            rate_limit: shared.asking.rate_limit_told(),
            paused_until: connection.paused_until(),
            pace: connection.pace(),
            requests_in_flight: shared.asking.requests_in_flight(),
            concurrency_level: shared.concurrency(),
            test: shared.testing.last(),
            no_test_for: shared.testing.rests_for(),
        }
    }
}

fn operation_status(shared: &Shared, state: &SiteState, operation: Operation) -> OperationStatus {
    let is_enabled = |collector| shared.settings.collectors.is_enabled(collector);
    OperationStatus {
        standing: state.access.standing(operation),
        is_needed: operation.collector().is_some_and(is_enabled),
        requests: shared.asking.requests(operation),
    }
}

fn first_walk(state: &SiteState) -> Option<WalkStatus> {
    state.walk.as_ref().filter(|walk| walk.is_whole)?;
    let docs = state.listings.iter().map(|listing| listing.rows).sum();
    let lists_done = state.listings.iter().filter(|listing| listing.is_done).count();
    Some(WalkStatus { docs, lists_done, lists: state.listings.len(), is_stuck: walk::is_stuck(&state.listings) })
}

fn rules(shared: &Shared, collector: Collector) -> CollectorRules {
    let settings = &shared.settings;
    let ages = settings.collectors.max_ages();
    let renewed_after: Duration = match collector {
        Collector::Spaces | Collector::Versions => settings.refresh_interval,
        Collector::Docs => settings.reconcile_interval,
        Collector::Users => ages.users,
        Collector::Labels => ages.labels,
        Collector::States => ages.states,
        Collector::Views => ages.views,
    };
    CollectorRules { collector, is_enabled: settings.collectors.is_enabled(collector), renewed_after }
}
