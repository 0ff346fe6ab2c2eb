//! What the status page shows and `/api/v1/connections` tells: one view for both, so that they cannot say different things.
//! Every field is told; docs/API.md names them.

mod moment;
mod page;
mod parts;
mod state;
mod tables;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::cache::{Status, Watched};
use crate::metrics::Build;
use crate::model::{ConnectionStatus, Credential, Timestamp};

use moment::{Moment, Seconds};
use parts::{NumbersView, ProblemView, RateLimitView, RefreshView, RequestsView, TestView, TokenView, WalkView};
use state::State;
use tables::{BudgetView, CollectorView, OperationView};

pub(super) use page::{Surroundings, page};

/// The exporter, and each of its connections.
#[derive(Debug, Serialize)]
pub(super) struct View {
    now: Moment,
    started: Moment,
    uptime_seconds: Seconds,
    version: &'static str,
    revision: &'static str,
    /// Nothing without a store.
    store_up: Option<bool>,
    connections: Vec<ConnectionView>,
}

#[derive(Debug, Serialize)]
struct ConnectionView {
    name: String,
    site: String,
    cloud_id: Option<String>,
    credential: Option<Credential>,
    state: State,
    says: String,
    note: Option<String>,
    problems: Vec<ProblemView>,
    numbers: NumbersView,
    refresh: RefreshView,
    first_walk: Option<WalkView>,
    token: TokenView,
    rate_limit: RateLimitView,
    requests: RequestsView,
    budget: BudgetView,
    collectors: Vec<CollectorView>,
    operations: Vec<OperationView>,
    test: TestView,
}

impl View {
    pub(super) fn of(status: &Status) -> Self {
        let now = status.now;
        let build = Build::this();
        Self {
            now: Moment::new(now, now),
            started: Moment::new(status.started, now),
            uptime_seconds: Seconds(now.since(status.started)),
            version: build.version,
            revision: build.revision,
            store_up: status.store_up,
            connections: status.connections.iter().map(|watched| ConnectionView::of(watched, now)).collect(),
        }
    }
}

impl ConnectionView {
    fn of(watched: &Watched, now: Timestamp) -> Self {
        let Watched { summary, status, .. } = watched;
        let ConnectionStatus { site, .. } = status;
        let state = State::of(watched);
        Self {
            name: summary.connection.to_string(),
            site: status.address.to_string(),
            cloud_id: site.as_ref().and_then(|site| site.cloud_id.as_ref()).map(ToString::to_string),
            credential: site.as_ref().map(|site| site.credential),
            state,
            says: state.says(watched),
            note: state::note(watched, now),
            problems: status.codes().into_iter().map(|code| ProblemView::of(code, status)).collect(),
            numbers: NumbersView::of(watched, now),
            refresh: RefreshView::of(watched, now),
            first_walk: status.first_walk.as_ref().map(WalkView::of),
            token: TokenView::of(status, now),
            rate_limit: RateLimitView::of(status, now),
            requests: RequestsView::of(status),
            budget: BudgetView::of(&status.budget),
            collectors: CollectorView::all(watched, now),
            operations: OperationView::all(status, now),
            test: TestView::of(status, now),
        }
    }
}
