//! What follows the base, within the budget: versions, users, labels, states, views.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::base::is_dead_cursor;
use super::queue::{Queue, Work};
use super::reconcile;
use crate::confluence::Cursor;
use crate::connection::{Failure, Verdict};
use crate::model::{Collector, DocId, DocType, Fact, Timestamp, VersionRow};

/// What may be asked beyond base and first walk: a token a request.
#[derive(Debug)]
pub(super) struct Budget {
    bucket: DefaultDirectRateLimiter,
    a_minute: NonZeroU32,
}

/// How a question ended, for the collector that asked it.
enum Ended {
    Learnt,
    /// A step of the reconciling walk has been made.
    Stepped,
    /// This collector had better ask no more in this refresh.
    Stuck(Collector),
}

/// When a refresh is told to end, so long may a request that is under way still take.
const GRACE: Duration = Duration::from_secs(5);

impl Budget {
    /// Holds two minutes' worth and starts full.
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(a_minute).allow_burst(a_minute.saturating_mul(TWO));
        Self { bucket: RateLimiter::direct(quota), a_minute }
    }

    fn take(&self) -> bool {
        self.bucket.check().is_ok()
    }

    /// What one refresh can spend at the most, roughly: the bucket and what drips into it meanwhile.
    fn most(&self, interval: Duration) -> usize {
        let minutes = interval.as_secs() / 60 + 3;
        usize::try_from(u64::from(self.a_minute.get()).saturating_mul(minutes)).unwrap_or(usize::MAX)
    }
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Asks until bucket or work is empty, or `stop` or `until` comes. Tells which collectors got stuck.
pub(super) async fn ask(shared: &Arc<Shared>, stop: &CancellationToken, until: Instant) -> Vec<Collector> {
    let began = shared.clock.now();
    let mut queue = Queue::new(&shared.settings.collectors);
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    let mut stuck = Vec::new();
    fill(shared, &mut queue);
    let work_is_done = async {
        let mut asked_since_filling = 0;
        let mut has_budget = true;
        loop {
            while under_way.len() < shared.concurrency() {
                let work =
                    queue.next(|operation| shared.state().access.take_turn(operation, began, shared.clock.now()));
                let Some(work) = work else { break };
                if !shared.budget.take() {
                    has_budget = false;
                    queue = Queue::new(&shared.settings.collectors);
                    asked_since_filling = 0;
                    break;
                }
                asked_since_filling += 1;
                let shared = Arc::clone(shared);
                under_way.spawn(async move { perform(&shared, work).await });
            }
            match under_way.join_next().await {
                Some(Ok(Ended::Learnt)) => {}
                Some(Ok(Ended::Stepped)) => {
                    if has_budget && reconcile::has_work(shared, shared.clock.now()) {
                        queue.reconcile();
                    }
                }
                Some(Ok(Ended::Stuck(collector))) => {
                    queue.close(collector);
                    stuck.push(collector);
                }
                Some(Err(error)) => warn!(connection = %shared.name, %error, "a question was dropped"),
                // All is asked that was wanted; asking may have brought new wants, such as authors.
                None if asked_since_filling > 0 => {
                    asked_since_filling = 0;
                    fill(shared, &mut queue);
                }
                None => break,
            }
        }
    };
    tokio::select! {
        () = work_is_done => {}
        () = stop.cancelled() => {}
        () = tokio::time::sleep_until(until) => {}
    }
    let finish = async { while under_way.join_next().await.is_some() {} };
    if timeout(GRACE, finish).await.is_err() {
        debug!(connection = %shared.name, "gave up requests that would not end");
    }
    note_goals(shared);
    stuck
}

fn fill(shared: &Shared, queue: &mut Queue) {
    if reconcile::has_work(shared, shared.clock.now()) {
        queue.reconcile();
    }
    let most = shared.budget.most(shared.settings.refresh_interval);
    let state = shared.state();
    queue.fill(&state.ledger, &state.stumbling, &shared.settings.collectors, most, shared.clock.now());
    queue.probe_versions(&state.access, state.ledger.newest_page());
}

/// A collector that has nothing left to ask has reached its goal.
fn note_goals(shared: &Shared) {
    let now = shared.clock.now();
    let ages = shared.settings.collectors.max_ages();
    let mut state = shared.state();
    let Some(moment) = state.ledger.moment() else { return };
    for collector in [Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views] {
        let is_enabled = shared.settings.collectors.is_enabled(collector);
        if is_enabled && state.ledger.goal(collector, &ages, now).reached {
            state.ledger.succeed(collector, moment);
        }
    }
}

async fn perform(shared: &Shared, work: Work) -> Ended {
    let collector = work.collector();
    let operation = work.operation();
    let doc = work.doc();
    let ended = match work {
        Work::Reconcile => reconcile::make_step(shared).await,
        Work::Versions(id, doc_type) => versions(shared, id, doc_type).await,
        Work::Labels(id, doc_type) => labels(shared, id, doc_type).await,
        Work::Users(accounts) => shared.note(operation, shared.site.users(&accounts).await).map(|answer| {
            shared.count_unreadable(&answer.unreadable);
            shared.state().ledger.learn_users(&accounts, answer.rows, answer.date);
        }),
        Work::State(id) => {
            let answer = shared.note(operation, shared.site.state(id).await);
            settle(shared, collector, id, answer).map(|answer| {
                let (fact, date) =
                    answer.map_or((Fact::Refused, shared.clock.now()), |a| (Fact::Known(a.value), a.date));
                shared.state().ledger.learn_state(id, &fact, date);
            })
        }
        Work::Views(id) => {
            let answer = shared.note(operation, shared.site.views(id).await);
            settle(shared, collector, id, answer).map(|answer| {
                let (fact, date) =
                    answer.map_or((Fact::Refused, shared.clock.now()), |a| (Fact::Known(a.value), a.date));
                shared.state().ledger.learn_views(id, &fact, date);
            })
        }
    };
    if let Some(id) = doc {
        shared.state().note_doc(collector, id, ended.is_err());
    }
    match ended {
        Ok(()) if collector == Collector::Docs => Ended::Stepped,
        Ok(()) => Ended::Learnt,
        Err(failure) => {
            warn!(connection = %shared.name, %collector, %failure, "the collector rests until the next refresh");
            Ended::Stuck(collector)
        }
    }
}

/// A doc or a space that is refused to a collector is a fact about it; anything else stops the collector.
fn settle<T>(
    shared: &Shared,
    collector: Collector,
    id: DocId,
    answer: Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) => match failure.verdict() {
            Verdict::NotForThisDoc => Ok(None),
            Verdict::NotForThisSpace => {
                shared.state().ledger.refuse_space_of(id, collector, shared.clock.now());
                Ok(None)
            }
            Verdict::Refused { .. } | Verdict::Passing { .. } | Verdict::DeadCursor => Err(failure),
        },
    }
}

/// Reads a doc's versions down to the longest window.
async fn versions(shared: &Shared, id: DocId, doc_type: DocType) -> Result<(), Failure> {
    let operation = Work::Versions(id, doc_type).operation();
    let horizon = shared.clock.now().earlier_by(shared.settings.longest_window());
    let mut rows: Vec<VersionRow> = Vec::new();
    let mut answered: Option<Timestamp> = None;
    let mut unreadable = false;
    let mut cursor: Option<Cursor> = None;
    let to_the_end = loop {
        let answer = shared.note(operation, shared.site.versions(doc_type, id, cursor.as_ref()).await);
        let Some(answer) = settle(shared, Collector::Versions, id, answer)? else {
            shared.state().ledger.learn_versions(id, &Fact::Refused, false, shared.clock.now());
            return Ok(());
        };
        if cursor.is_some() {
            shared.budget.take();
        }
        shared.count_unreadable(&answer.unreadable);
        unreadable |= !answer.unreadable.is_empty();
        answered.get_or_insert(answer.date);
        rows.extend(answer.rows);
        cursor = answer.next;
        if cursor.is_none() {
            break true;
        }
        if rows.last().is_some_and(|row| row.created_at <= horizon) {
            break false;
        }
    };
    let answered = answered.unwrap_or_else(|| shared.clock.now());
    let fact = if unreadable { Fact::Refused } else { Fact::Known(rows.as_slice()) };
    shared.state().ledger.learn_versions(id, &fact, to_the_end, answered);
    Ok(())
}

async fn labels(shared: &Shared, id: DocId, doc_type: DocType) -> Result<(), Failure> {
    let operation = Work::Labels(id, doc_type).operation();
    let mut rows = Vec::new();
    let mut answered: Option<Timestamp> = None;
    let mut unreadable = false;
    let mut cursor: Option<Cursor> = None;
    loop {
        let answer = shared.note(operation, shared.site.labels(doc_type, id, cursor.as_ref()).await);
        if answer.as_ref().is_err_and(is_dead_cursor) {
            return Ok(());
        }
        let Some(answer) = settle(shared, Collector::Labels, id, answer)? else {
            shared.state().ledger.learn_labels(id, &Fact::Refused, shared.clock.now());
            return Ok(());
        };
        if cursor.is_some() {
            shared.budget.take();
        }
        shared.count_unreadable(&answer.unreadable);
        unreadable |= !answer.unreadable.is_empty();
        answered.get_or_insert(answer.date);
        rows.extend(answer.rows);
        cursor = answer.next;
        if cursor.is_none() {
            break;
        }
    }
    let fact = if unreadable { Fact::Refused } else { Fact::Known(rows.as_slice()) };
    shared.state().ledger.learn_labels(id, &fact, answered.unwrap_or_else(|| shared.clock.now()));
    Ok(())
}
