//! The questions beyond the base: how each is asked, and its answer learnt. Which, and when, is `rest`'s business.

use tokio_util::sync::CancellationToken;

use super::Shared;
use super::queue::Work;
use super::reconcile;
use super::site_state::SiteState;
use crate::confluence::{Listing, Site};
use crate::connection::{Answer, Failure, Verdict};
use crate::model::{AccountId, Collector, Cursor, DocId, DocType, Fact, Operation, Timestamp, VersionRow};

/// How a question ended.
#[derive(Debug)]
pub(super) enum Ended {
    Learnt,
    /// A list was left between two answers, since the refresh is over.
    LeftOff,
    Failed(Failure),
}

/// Asks, and learns what is answered. A list is left between two answers once it is `over`.
pub(super) async fn perform(shared: &Shared, work: &Work, over: &CancellationToken) -> Ended {
    let asked = match work {
        Work::Reconcile => reconcile::make_step(shared).await.map(|()| Ended::Learnt),
        Work::Versions(id, doc_type) => versions(shared, *id, *doc_type, over).await,
        Work::Labels(id, doc_type) => labels(shared, *id, *doc_type, over).await,
        Work::Users(accounts) => users(shared, accounts).await,
        Work::State(id) => {
            let answer = shared.note_one(work.operation(), shared.site.state(*id).await);
            settle(shared, work.collector(), *id, answer).map(|answer| {
                let (fact, date) = fact(shared, answer);
                shared.state().ledger.learn_state(*id, &fact, date);
                Ended::Learnt
            })
        }
        Work::Views(id) => {
            let answer = shared.note_one(work.operation(), shared.site.views(*id).await);
            settle(shared, work.collector(), *id, answer).map(|answer| {
                let (fact, date) = fact(shared, answer);
                let fold_personal = shared.settings.spaces.fold_personal();
                shared.state().ledger.learn_views(*id, &fact, fold_personal, date);
                Ended::Learnt
            })
        }
    };
    // It goes on without the store, which tells of its trouble itself.
    let _ = shared.commit().await;
    asked.unwrap_or_else(Ended::Failed)
}

/// What it is about counts as refused from now on.
pub(super) fn refuse(state: &mut SiteState, work: &Work, now: Timestamp) {
    let now = state.site_time(now);
    let ledger = &mut state.ledger;
    match work {
        Work::Reconcile => {}
        Work::Versions(id, _) => {
            if let Some(newest) = ledger.newest_version(*id) {
                ledger.learn_versions(*id, newest, &Fact::Refused, false, now);
            }
        }
        Work::Users(accounts) => ledger.learn_users(accounts, Vec::new(), true, now),
        Work::Labels(id, _) => ledger.learn_labels(*id, &Fact::Refused, now),
        Work::State(id) => ledger.learn_state(*id, &Fact::Refused, now),
        Work::Views(id) => ledger.learn_views(*id, &Fact::Refused, false, now),
    }
}

/// A doc or a space that is refused to a collector is a fact about it; anything else is a failure.
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
                let mut state = shared.state();
                let refused_at = state.site_time(shared.clock.now());
                state.ledger.refuse_space_of(id, collector, refused_at);
                Ok(None)
            }
            Verdict::Refused { .. } | Verdict::Passing { .. } | Verdict::DeadCursor => Err(failure),
        },
    }
}

/// What an answer says, and since when it is known; without one it was refused just now.
fn fact<T>(shared: &Shared, answer: Option<Answer<T>>) -> (Fact<T>, Timestamp) {
    let (state, now) = (shared.state(), shared.clock.now());
    match answer {
        Some(Answer { value, date, .. }) => (Fact::Known(value), state.believable(date, now)),
        None => (Fact::Refused, state.site_time(now)),
    }
}

/// Reads a doc's versions down to the longest window.
async fn versions(shared: &Shared, id: DocId, doc_type: DocType, over: &CancellationToken) -> Result<Ended, Failure> {
    let horizon = shared.clock.now().earlier_by(shared.settings.longest_window());
    let ask = |site: Site, cursor: Option<Cursor>| async move { site.versions(doc_type, id, cursor.as_ref()).await };
    let is_enough = |rows: &[VersionRow]| rows.last().is_some_and(|row| row.created_at <= horizon);
    let Some(newest) = shared.state().ledger.newest_version(id) else { return Ok(Ended::Learnt) };
    let list = DocsList { work: Work::Versions(id, doc_type), id, over };
    let Some(read) = list.read(shared, ask, is_enough).await? else { return Ok(Ended::LeftOff) };
    shared.state().ledger.learn_versions(id, newest, &read.fact, read.to_the_end, read.answered);
    Ok(Ended::Learnt)
}

async fn users(shared: &Shared, accounts: &[AccountId]) -> Result<Ended, Failure> {
    let answer = shared.note_one(Operation::UsersBulk, shared.site.users(accounts).await)?;
    shared.count_unreadable(&answer.unreadable);
    let unreadable = !answer.unreadable.is_empty();
    let mut state = shared.state();
    let answered = state.believable(answer.date, shared.clock.now());
    state.ledger.learn_users(accounts, answer.rows, unreadable, answered);
    Ok(Ended::Learnt)
}

async fn labels(shared: &Shared, id: DocId, doc_type: DocType, over: &CancellationToken) -> Result<Ended, Failure> {
    let ask = |site: Site, cursor: Option<Cursor>| async move { site.labels(doc_type, id, cursor.as_ref()).await };
    let list = DocsList { work: Work::Labels(id, doc_type), id, over };
    let Some(read) = list.read(shared, ask, |_| false).await? else { return Ok(Ended::LeftOff) };
    shared.state().ledger.learn_labels(id, &read.fact, read.answered);
    Ok(Ended::Learnt)
}

/// A list that a doc has, to be read.
struct DocsList<'a> {
    work: Work,
    id: DocId,
    over: &'a CancellationToken,
}

/// What a doc's list had to say.
struct Read<T> {
    /// Refused too where a row could not be read: half a list is no list.
    fact: Fact<Vec<T>>,
    to_the_end: bool,
    /// The date of the first answer.
    answered: Timestamp,
}

impl DocsList<'_> {
    /// Reads it to its end, or until it `is_enough`; nothing where it is left off. The first answer is paid for; the others
    /// are owed.
    async fn read<T, A: Future<Output = Result<Listing<T>, Failure>>>(
        &self,
        shared: &Shared,
        ask: impl Fn(Site, Option<Cursor>) -> A,
        is_enough: impl Fn(&[T]) -> bool,
    ) -> Result<Option<Read<T>>, Failure> {
        let mut rows: Vec<T> = Vec::new();
        let mut answered: Option<Timestamp> = None;
        let mut every_row_was_read = true;
        let mut cursor: Option<Cursor> = None;
        let to_the_end = loop {
            if cursor.is_some() {
                if self.over.is_cancelled() {
                    return Ok(None);
                }
                shared.budget.owe(Some(self.work.collector()));
            }
            let answer = shared.note_one(self.work.operation(), ask(shared.site.clone(), cursor.take()).await);
            let Some(answer) = settle(shared, self.work.collector(), self.id, answer)? else {
                let answered = shared.state().site_time(shared.clock.now());
                return Ok(Some(Read { fact: Fact::Refused, to_the_end: false, answered }));
            };
            shared.count_unreadable(&answer.unreadable);
            every_row_was_read &= answer.unreadable.is_empty();
            answered.get_or_insert_with(|| shared.state().believable(answer.date, shared.clock.now()));
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
        Ok(Some(Read { fact, to_the_end, answered: answered.unwrap_or_else(|| shared.clock.now()) }))
    }
}
