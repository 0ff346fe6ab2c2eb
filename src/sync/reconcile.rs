//! The reconciling walk: the whole site by id, a step at a time, so that a doc that moves meanwhile is met exactly once.
//!
//! It finds what no date tells: moves, statuses, owners, deleted versions, and docs that are out of sight.

use tracing::{debug, info};

use super::base::{Failed, at_home, list_operation};
use super::places;
use super::site_state::SiteState;
use super::walk::{self, readable_part};
use super::{Shared, rest};
use crate::confluence::{DocsListing, Order};
use crate::connection::{Failure, Turn};
use crate::model::{Collector, Cursor, DocId, DocType, Reconciling, ReconcilingStep};

/// The most docs that one request may name.
const DOCS_A_QUESTION: usize = 250;

/// Whether a step is to be made: a walk is under way, or due. A walk counts from the base before it, and so does when the
/// next is due: where no base succeeds any more, an old one would have the site walked again and again. A walk of new spaces
/// goes first, unless nothing comes of it any more: then this one meets them, and may even be the first over the whole site.
pub(super) fn has_work(shared: &Shared) -> bool {
    let mut state = shared.state();
    if state.reconciling.is_some() {
        return true;
    }
    let Some(began) = state.ledger.moment() else { return false };
    let is_due = state.ledger.whole_walk_is_due(shared.settings.reconcile_interval);
    let has_turn = match &state.walk {
        None => is_due,
        Some(_) => walk::is_stuck(&state.listings) && (is_due || state.ledger.first_walk_is_due()),
    };
    if !has_turn {
        return false;
    }
    debug!(connection = %shared.name, "a reconciling walk begins");
    let step = ReconcilingStep::Read { doc_type: DocType::Page, cursor: None, come_by: None };
    let spaces = state.walk.as_ref().map(|walk| walk.spaces.clone()).unwrap_or_default();
    state.reconciling = Some(Reconciling { began, step, rows: 0, unreadable: 0, failures: 0, spaces });
    true
}

/// Makes one step, which is one request. One that the rest before has begun and not ended is waited for: it would move, or even
/// end, a walk that has gone on or begun anew meanwhile.
pub(super) async fn make_step(shared: &Shared) -> Result<(), Failure> {
    let _only_one = shared.step_under_way.lock().await;
    let step = shared.state().reconciling.as_ref().map(|walk| walk.step.clone());
    let made = match step {
        None => Ok(()),
        Some(ReconcilingStep::Read { doc_type, cursor, come_by }) => read(shared, doc_type, cursor, come_by).await,
        Some(ReconcilingStep::Confirm) => confirm(shared).await,
    };
    // It goes on without the store, which tells of its trouble itself.
    let _ = shared.commit().await;
    made
}

async fn read(
    shared: &Shared,
    doc_type: DocType,
    cursor: Option<Cursor>,
    come_by: Option<DocId>,
) -> Result<(), Failure> {
    let listing = DocsListing { doc_type, order: Order::ById, spaces: Vec::new(), turn: Turn::Rest };
    let answer = shared.note(list_operation(doc_type), shared.site.docs(&listing, cursor.as_ref()).await)?;
    shared.count_unreadable(&answer.unreadable);
    let (rows, unreadable) = (answer.rows.len() as u64, answer.unreadable.len() as u64);
    let last = answer.rows.iter().map(|row| row.id).max();
    // A space that is new since the base is met by the next one.
    let at_home = at_home(shared, answer.rows).await.map_err(Failed::into_failure)?;
    let mut state = shared.state();
    let date = state.believable(answer.date, shared.clock.now());
    let learnt = state.ledger.learn_docs(&at_home, date);
    shared.count_learnt(&learnt, doc_type, answer.date, answer.trace.as_deref());
    let SiteState { ledger, reconciling: Some(walk), expected, .. } = &mut *state else { return Ok(()) };
    walk.failures = 0;
    walk.rows += rows;
    walk.unreadable += unreadable + learnt.conflicting;
    if expected.as_ref().is_none_or(|(of, _)| *of != doc_type) {
        *expected = Some((doc_type, ledger.by_id(doc_type)));
    }
    let (_, by_id) = expected.as_ref().expect("it has just been put there");
    // The list has no end of its own in ids: with its last answer all docs have been come by.
    let has_come_by = answer.next.as_ref().and(come_by.max(last));
    ledger.miss(by_id, (come_by, has_come_by), walk.began, date);
    walk.step = match (answer.next, doc_type) {
        (Some(next), doc_type) => ReconcilingStep::Read { doc_type, cursor: Some(next), come_by: has_come_by },
        (None, DocType::Page) => ReconcilingStep::Read { doc_type: DocType::Blogpost, cursor: None, come_by: None },
        (None, DocType::Blogpost) => ReconcilingStep::Confirm,
    };
    let is_over = walk.step == ReconcilingStep::Confirm && ledger.missed().is_empty();
    drop(state);
    if is_over {
        end(shared);
    }
    Ok(())
}

/// A doc that the list did not have is asked for by name, whatever its status. One that is not there either is out of
/// sight: deleted, or hidden from us, which the API answers alike.
async fn confirm(shared: &Shared) -> Result<(), Failure> {
    let (doc_type, ids, is_last) = {
        let state = shared.state();
        let missed = state.ledger.missed();
        let Some((doc_type, _)) = missed.first().copied() else {
            drop(state);
            end(shared);
            return Ok(());
        };
        let of_type = missed.iter().filter(|(of, _)| *of == doc_type).map(|(_, id)| *id).collect();
        let ids = state.stumbling.unconfirmed.deal(of_type, DOCS_A_QUESTION).swap_remove(0);
        let is_last = ids.len() == missed.len();
        (doc_type, ids, is_last)
    };
    let confirmed = confirm_these(shared, doc_type, &ids).await;
    let mut state = shared.state();
    state.stumbling.unconfirmed.note(&ids, confirmed.is_err());
    if confirmed.is_ok() {
        state.ledger.give_up_missed(&ids);
        drop(state);
        if is_last {
            end(shared);
        }
    }
    confirmed
}

/// A step failed, or came to no end.
pub(super) fn note_failure(shared: &Shared, failure: &Failure) {
    let mut state = shared.state();
    let Some(walk) = state.reconciling.as_mut() else { return };
    match &mut walk.step {
        ReconcilingStep::Read { cursor, .. } => {
            // Where cursors die as fast as they are given, a new beginning a refresh is enough.
            if places::is_lost(&mut walk.failures, failure) {
                *cursor = None;
            }
        }
        ReconcilingStep::Confirm => {
            if is_overdue(shared, &state) {
                break_off(&mut state);
            }
        }
    }
}

/// The next walk would be due by now.
fn is_overdue(shared: &Shared, state: &SiteState) -> bool {
    let walk = state.reconciling.as_ref();
    walk.is_some_and(|walk| shared.clock.now().since(walk.began) >= shared.settings.reconcile_interval)
}

/// One doc that can never be confirmed would make it the last walk of all. It counts as none, and another may begin.
fn break_off(state: &mut SiteState) {
    let missed: Vec<DocId> = state.ledger.missed().into_iter().map(|(_, id)| id).collect();
    state.ledger.give_up_missed(&missed);
    state.reconciling = None;
    state.expected = None;
}

async fn confirm_these(shared: &Shared, doc_type: DocType, ids: &[DocId]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut unreadable = false;
    let mut cursor: Option<Cursor> = None;
    let (answered, trace) = loop {
        if cursor.is_some() {
            shared.budget.owe(Some(Collector::Docs));
        }
        let answer = shared.site.docs_by_id(doc_type, ids, cursor.as_ref()).await;
        // How it is with the list as a whole each base tells.
        let answer = shared.note_one(list_operation(doc_type), answer)?;
        shared.count_unreadable(&answer.unreadable);
        unreadable |= !answer.unreadable.is_empty();
        rows.extend(answer.rows);
        cursor = answer.next;
        if cursor.is_none() {
            break (answer.date, answer.trace);
        }
    };
    let mut state = shared.state();
    let answered = state.believable(answered, shared.clock.now());
    let learnt = state.ledger.learn_docs(&rows, answered);
    shared.count_learnt(&learnt, doc_type, answered, trace.as_deref());
    // Of an answer that can't be read whole nobody can say who was missing in it.
    if !unreadable {
        let gone: Vec<DocId> = ids.iter().copied().filter(|id| rows.iter().all(|row| row.id != *id)).collect();
        state.ledger.lose(&gone, answered);
    }
    Ok(())
}

fn end(shared: &Shared) {
    let mut state = shared.state();
    let Some(walk) = state.reconciling.take() else { return };
    state.expected = None;
    let (ages, now) = (shared.settings.collectors.max_ages(), shared.clock.now());
    let goals = state.ledger.goals(&ages, now);
    let is_short = |collector: &Collector| !goals[*collector as usize].reached;
    let short: Vec<Collector> = rest::COLLECTORS.iter().copied().filter(is_short).collect();
    state.ledger.note_whole_walk(walk.began, readable_part(walk.rows, walk.unreadable), &short);
    state.note_met(&walk.spaces);
    state.decide_folding(&shared.settings);
    info!(connection = %shared.name, docs = walk.rows, "the whole site has been compared");
}
