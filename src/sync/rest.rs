//! What follows the base, within the budget: versions, users, labels, states, views.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::queue::{Queue, Work};
use super::reconcile;
use crate::confluence::{Listing, Site};
use crate::connection::{Failure, Verdict};
use crate::model::{AccountId, Collector, Cursor, DocId, DocType, Fact, Operation, Timestamp, VersionRow};

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

/// Asks until bucket or work is empty, or `stop` or `until` comes. Tells which collectors got stuck.
pub(super) async fn ask(shared: &Arc<Shared>, stop: &CancellationToken, until: Instant) -> Vec<Collector> {
    let began = shared.clock.now();
    let mut queue = Queue::new(&shared.settings.collectors, shared.state().turn);
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    let mut stuck = Vec::new();
    fill(shared, &mut queue);
    let work_is_done = async {
        let mut asked_since_filling = 0;
        let mut has_budget = true;
        // An answer tells its second only: a doc edited within it would be asked for over and over until it is past.
        let mut asked = HashSet::new();
        loop {
            while under_way.len() < shared.concurrency() {
                let now = shared.clock.now();
                let is_new = |work: &Work| work.doc().is_none_or(|id| !asked.contains(&(work.collector(), id)));
                if !queue.has_next(|work| is_new(work) && is_open(shared, work, began, now)) {
                    break;
                }
                // Only now, as a turn that nobody can pay for is no turn.
                if !shared.budget.take() {
                    has_budget = false;
                    queue = Queue::new(&shared.settings.collectors, queue.turn());
                    asked_since_filling = 0;
                    break;
                }
                let Some(work) = queue.next() else { break };
                shared.budget.note_spent(Some(work.collector()));
                let mut state = shared.state();
                state.access.note_asked(work.operation(), now);
                state.turn = queue.turn();
                drop(state);
                asked_since_filling += 1;
                asked.extend(work.doc().map(|id| (work.collector(), id)));
                let own = Arc::clone(shared);
                under_way.spawn(shared.tasks.track_future(async move { perform(&own, work).await }));
            }
            match under_way.join_next().await {
                Some(Ok(Ended::Learnt)) => {}
                Some(Ok(Ended::Stepped)) => {
                    if has_budget && reconcile::has_work(shared) {
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
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep_until(until) => {}
        () = work_is_done => {}
    }
    let finish = async { while under_way.join_next().await.is_some() {} };
    if timeout(GRACE, finish).await.is_err() {
        debug!(connection = %shared.name, "gave up requests that would not end");
    }
    note_goals(shared);
    stuck
}

/// Whether to ask this now: its operation is open to us, and nothing learnt meanwhile has made it needless.
fn is_open(shared: &Shared, work: &Work, refresh_began: Timestamp, now: Timestamp) -> bool {
    let state = shared.state();
    let is_wanted = match work {
        Work::State(id) | Work::Views(id) | Work::Labels(id, _) => {
            state.ledger.wants(work.collector(), *id, &shared.settings.collectors.max_ages(), now)
        }
        // Versions may be asked for the sake of access alone.
        Work::Reconcile | Work::Versions(..) | Work::Users(_) => true,
    };
    is_wanted && state.access.has_turn(work.operation(), refresh_began, now)
}

fn fill(shared: &Shared, queue: &mut Queue) {
    if reconcile::has_work(shared) {
        queue.reconcile();
    }
    let most = shared.budget.most(shared.settings.refresh_interval);
    let state = shared.state();
    queue.fill(&state.ledger, &state.stumbling, &shared.settings.collectors, most, shared.clock.now());
    queue.probe_versions(&state.access, &state.ledger);
}

/// A collector that has nothing left to ask has reached its goal, once all docs have been met that it could ask for.
fn note_goals(shared: &Shared) {
    let now = shared.clock.now();
    let ages = shared.settings.collectors.max_ages();
    let mut state = shared.state();
    let Some(moment) = state.ledger.moment().filter(|_| state.ledger.has_met_all()) else { return };
    let goals = state.ledger.goals(&ages, now);
    for collector in [Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views] {
        let is_enabled = shared.settings.collectors.is_enabled(collector);
        if is_enabled && goals[collector as usize].reached {
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
        Work::Users(accounts) => users(shared, &accounts).await,
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
                let fold_personal = shared.settings.spaces.fold_personal();
                shared.state().ledger.learn_views(id, &fact, fold_personal, date);
            })
        }
    };
    if let Some(id) = doc {
        shared.state().stumbling.note_doc(collector, id, ended.is_err(), shared.clock.now());
    }
    // It goes on without the store, which tells of its trouble itself.
    let _ = shared.commit().await;
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
    let horizon = shared.clock.now().earlier_by(shared.settings.longest_window());
    let ask = |site: Site, cursor: Option<Cursor>| async move { site.versions(doc_type, id, cursor.as_ref()).await };
    let is_enough = |rows: &[VersionRow]| rows.last().is_some_and(|row| row.created_at <= horizon);
    let Some(newest) = shared.state().ledger.newest_version(id) else { return Ok(()) };
    let read = read_list(shared, &Work::Versions(id, doc_type), id, ask, is_enough).await?;
    shared.state().ledger.learn_versions(id, newest, &read.fact, read.to_the_end, read.answered);
    Ok(())
}

async fn users(shared: &Shared, accounts: &[AccountId]) -> Result<(), Failure> {
    let answer = shared.note(Operation::UsersBulk, shared.site.users(accounts).await);
    let mut state = shared.state();
    state.stumbling.accounts.note(accounts, answer.is_err());
    let answer = answer?;
    shared.count_unreadable(&answer.unreadable);
    let unreadable = !answer.unreadable.is_empty();
    state.ledger.learn_users(accounts, answer.rows, unreadable, answer.date);
    Ok(())
}

async fn labels(shared: &Shared, id: DocId, doc_type: DocType) -> Result<(), Failure> {
    let ask = |site: Site, cursor: Option<Cursor>| async move { site.labels(doc_type, id, cursor.as_ref()).await };
    let read = read_list(shared, &Work::Labels(id, doc_type), id, ask, |_| false).await?;
    shared.state().ledger.learn_labels(id, &read.fact, read.answered);
    Ok(())
}

/// What a doc's list had to say.
struct Read<T> {
    /// Refused too where a row could not be read: half a list is no list.
    fact: Fact<Vec<T>>,
    to_the_end: bool,
    /// The date of the first answer.
    answered: Timestamp,
}

/// Reads a doc's list to its end, or until it `is_enough`. The first answer is paid for; the others are owed.
async fn read_list<T, A: Future<Output = Result<Listing<T>, Failure>>>(
    shared: &Shared,
    work: &Work,
    id: DocId,
    ask: impl Fn(Site, Option<Cursor>) -> A,
    is_enough: impl Fn(&[T]) -> bool,
) -> Result<Read<T>, Failure> {
    let mut rows: Vec<T> = Vec::new();
    let mut answered: Option<Timestamp> = None;
    let mut every_row_was_read = true;
    let mut cursor: Option<Cursor> = None;
    let to_the_end = loop {
        if cursor.is_some() {
            shared.budget.owe(Some(work.collector()));
        }
        let answer = shared.note(work.operation(), ask(shared.site.clone(), cursor.take()).await);
        let Some(answer) = settle(shared, work.collector(), id, answer)? else {
            return Ok(Read { fact: Fact::Refused, to_the_end: false, answered: shared.clock.now() });
        };
        shared.count_unreadable(&answer.unreadable);
        every_row_was_read &= answer.unreadable.is_empty();
        answered.get_or_insert(answer.date);
        rows.extend(answer.rows);
        cursor = answer.next;
        if cursor.is_none() {
            break true;
        }
        if is_enough(&rows) {
            break false;
        }
    };
    let fact = if every_row_was_read { Fact::Known(rows) } else { Fact::Refused };
    Ok(Read { fact, to_the_end, answered: answered.unwrap_or_else(|| shared.clock.now()) })
}
