//! The reconciling walk: the whole site by id, a step at a time, so that a doc that moves meanwhile is met exactly once.
//!
//! It finds what no date tells: moves, statuses, owners, deleted versions, and docs that are out of sight.

use tracing::{debug, info};

use super::Shared;
use super::base::{at_home, is_dead_cursor, list_operation};
use super::walk::readable_part;
use crate::confluence::{Cursor, DocsListing, Order};
use crate::connection::{Failure, Turn};
use crate::model::{DocId, DocType, Timestamp, decide_folding};

/// A reconciling walk under way, and how far it has come.
#[derive(Debug)]
pub(super) struct Reconciling {
    /// The base before it: whoever was not seen since may be gone.
    began: Timestamp,
    step: Step,
    rows: u64,
    unreadable: u64,
}

#[derive(Clone, Debug)]
enum Step {
    /// Reads the list of this type from here on.
    Read(DocType, Option<Cursor>),
    /// Asks for docs that the list did not have.
    Confirm(Vec<(DocType, Vec<DocId>)>),
}

/// The most docs that one request may name.
const DOCS_A_QUESTION: usize = 250;

/// Whether a step is to be made: a walk is under way, or due.
pub(super) fn has_work(shared: &Shared, now: Timestamp) -> bool {
    let mut state = shared.state();
    if state.reconciling.is_some() {
        return true;
    }
    let is_due = |at: Timestamp| now.since(at) >= shared.settings.reconcile_interval;
    if state.walk.is_some() || !state.ledger.last_whole_walk().is_some_and(is_due) {
        return false;
    }
    let Some(began) = state.ledger.moment() else { return false };
    debug!(connection = %shared.name, "a reconciling walk begins");
    state.reconciling = Some(Reconciling { began, step: Step::Read(DocType::Page, None), rows: 0, unreadable: 0 });
    true
}

/// Makes one step, which is one request.
pub(super) async fn make_step(shared: &Shared) -> Result<(), Failure> {
    let step = shared.state().reconciling.as_ref().map(|walk| walk.step.clone());
    match step {
        None => Ok(()),
        Some(Step::Read(doc_type, cursor)) => read(shared, doc_type, cursor).await,
        Some(Step::Confirm(missing)) => confirm(shared, missing).await,
    }
}

async fn read(shared: &Shared, doc_type: DocType, cursor: Option<Cursor>) -> Result<(), Failure> {
    let listing = DocsListing { doc_type, order: Order::ById, spaces: Vec::new(), turn: Turn::Rest };
    let answer = match shared.note(list_operation(doc_type), shared.site.docs(&listing, cursor.as_ref()).await) {
        Ok(answer) => answer,
        Err(failure) => {
            // Where cursors die as fast as they are given, a new beginning a refresh is enough.
            if is_dead_cursor(&failure) {
                set_step(shared, Step::Read(doc_type, None));
            }
            return Err(failure);
        }
    };
    shared.count_unreadable(&answer.unreadable);
    let (rows, unreadable) = (answer.rows.len() as u64, answer.unreadable.len() as u64);
    // A space that is new since the base is met by the next one.
    let Ok(at_home) = at_home(shared, answer.rows).await else { return Ok(()) };
    let mut state = shared.state();
    shared.count_learnt(&state.ledger.learn_docs(&at_home, answer.date));
    let missing = |ledger: &crate::model::Ledger, began| {
        let missing = DocType::ALL.iter().flat_map(|doc_type| {
            let ids = ledger.not_seen_since(*doc_type, began);
            ids.chunks(DOCS_A_QUESTION).map(|ids| (*doc_type, ids.to_vec())).collect::<Vec<_>>()
        });
        missing.collect::<Vec<_>>()
    };
    let Some(began) = state.reconciling.as_ref().map(|walk| walk.began) else { return Ok(()) };
    let step = match (answer.next, doc_type) {
        (Some(next), doc_type) => Step::Read(doc_type, Some(next)),
        (None, DocType::Page) => Step::Read(DocType::Blogpost, None),
        (None, DocType::Blogpost) => Step::Confirm(missing(&state.ledger, began)),
    };
    let Some(walk) = state.reconciling.as_mut() else { return Ok(()) };
    walk.rows += rows;
    walk.unreadable += unreadable;
    let is_over = matches!(&step, Step::Confirm(missing) if missing.is_empty());
    walk.step = step;
    drop(state);
    if is_over {
        end(shared);
    }
    Ok(())
}

/// A doc that the list did not have is asked for by name, whatever its status. One that is not there either is out of
/// sight: deleted, or hidden from us, which the API answers alike.
async fn confirm(shared: &Shared, mut missing: Vec<(DocType, Vec<DocId>)>) -> Result<(), Failure> {
    let Some((doc_type, ids)) = missing.pop() else {
        end(shared);
        return Ok(());
    };
    let mut rows = Vec::new();
    let mut unreadable = false;
    let mut cursor: Option<Cursor> = None;
    let answered = loop {
        let answer = shared.site.docs_by_id(doc_type, &ids, cursor.as_ref()).await;
        let answer = shared.note(list_operation(doc_type), answer)?;
        shared.count_unreadable(&answer.unreadable);
        unreadable |= !answer.unreadable.is_empty();
        rows.extend(answer.rows);
        cursor = answer.next;
        if cursor.is_none() {
            break answer.date;
        }
    };
    let mut state = shared.state();
    shared.count_learnt(&state.ledger.learn_docs(&rows, answered));
    // Of an answer that can't be read whole nobody can say who was missing in it.
    if !unreadable {
        let gone: Vec<DocId> = ids.into_iter().filter(|id| rows.iter().all(|row| row.id != *id)).collect();
        state.ledger.lose(&gone, answered);
    }
    let is_over = missing.is_empty();
    if let Some(walk) = state.reconciling.as_mut() {
        walk.step = Step::Confirm(missing);
    }
    drop(state);
    if is_over {
        end(shared);
    }
    Ok(())
}

fn set_step(shared: &Shared, step: Step) {
    if let Some(walk) = shared.state().reconciling.as_mut() {
        walk.step = step;
    }
}

fn end(shared: &Shared) {
    let mut state = shared.state();
    let Some(walk) = state.reconciling.take() else { return };
    state.ledger.note_whole_walk(walk.began, readable_part(walk.rows, walk.unreadable));
    let folded = decide_folding(&state.ledger, &shared.settings.census());
    state.ledger.fold(folded);
    info!(connection = %shared.name, docs = walk.rows, "the whole site has been compared");
}
