//! The walk by id: every doc of the spaces that have not been met yet, group by group.
//!
//! It is a task of its own beside the refreshes. One that fails keeps its places, and the next good base lets it go on.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::{info, warn};

use super::Shared;
use super::base::{is_dead_cursor, list_operation};
use crate::confluence::{Cursor, DocsListing, Order};
use crate::connection::{Failure, Turn};
use crate::model::{DocType, SpaceId, Timestamp, decide_folding};

/// A walk under way, and how far it has come.
#[derive(Debug)]
pub(super) struct Walk {
    began: Timestamp,
    /// It goes over all the spaces that are listed.
    is_whole: bool,
    spaces: Vec<SpaceId>,
    listings: Vec<Progress>,
    rows: u64,
    unreadable: u64,
}

/// One listing of the walk: a group of spaces and a type.
#[derive(Clone, Debug)]
struct Progress {
    doc_type: DocType,
    spaces: Vec<SpaceId>,
    /// Where it goes on.
    cursor: Option<Cursor>,
    is_done: bool,
}

/// The most spaces that one listing may name.
const SPACES_A_LISTING: usize = 100;
/// Listings of unequal length keep all permits busy to the end only if there are several for each.
const LISTINGS_A_PERMIT: usize = 3;

/// Starts or continues the walk of what has not been met. Waits for it only where the site as a whole has been met
/// before: then it is a few new spaces, which belong to this refresh.
pub(super) async fn go_on(shared: &Arc<Shared>) {
    let is_first = shared.state().ledger.first_walk_is_due();
    let walker = Arc::clone(shared);
    let task = tokio::spawn(async move {
        let stop = walker.stop.clone();
        stop.run_until_cancelled(walk_what_is_new(&walker)).await;
    });
    if !is_first && let Err(error) = task.await {
        warn!(connection = %shared.name, %error, "the walk of new spaces broke off");
    }
}

async fn walk_what_is_new(shared: &Arc<Shared>) {
    let Ok(_only_one) = shared.walk_under_way.try_lock() else { return };
    while let Some(listings) = begin_or_resume(shared) {
        let mut tasks = JoinSet::new();
        for (place, progress) in listings {
            let shared = Arc::clone(shared);
            tasks.spawn(async move { read_listing(&shared, place, progress).await });
        }
        let mut failed = None;
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => failed = Some(failure),
                Err(error) => warn!(connection = %shared.name, %error, "a listing of the walk broke off"),
            }
        }
        if let Some(failure) = failed {
            warn!(connection = %shared.name, %failure, "the walk goes on after the next good refresh");
            return;
        }
        end(shared);
        shared.publish().await;
    }
}

/// The unfinished listings of the walk under way, or of a new one; none when everything has been met.
fn begin_or_resume(shared: &Shared) -> Option<Vec<(usize, Progress)>> {
    let mut state = shared.state();
    if state.walk.is_none() {
        let is_whole = state.ledger.first_walk_is_due();
        let spaces = state.ledger.unwalked_spaces();
        let began = state.ledger.moment().filter(|_| is_whole || !spaces.is_empty())?;
        if spaces.is_empty() {
            state.ledger.note_whole_walk(began, 1.0);
            return None;
        }
        let listings = plan(&spaces, shared.concurrency());
        info!(connection = %shared.name, spaces = spaces.len(), listings = listings.len(), "reading all docs of the spaces that are new");
        state.walk = Some(Walk { began, is_whole, spaces, listings, rows: 0, unreadable: 0 });
    }
    let walk = state.walk.as_ref()?;
    let unfinished = walk.listings.iter().cloned().enumerate().filter(|(_, progress)| !progress.is_done);
    Some(unfinished.collect())
}

/// Deals the spaces out to groups: as few as keep all permits busy, as each costs a request more.
fn plan(spaces: &[SpaceId], concurrency: usize) -> Vec<Progress> {
    let groups = (concurrency * LISTINGS_A_PERMIT).max(spaces.len().div_ceil(SPACES_A_LISTING)).min(spaces.len());
    let mut listings = Vec::with_capacity(groups * DocType::ALL.len());
    for doc_type in DocType::ALL {
        for group in 0..groups {
            let spaces = spaces.iter().copied().skip(group).step_by(groups).collect();
            listings.push(Progress { doc_type: *doc_type, spaces, cursor: None, is_done: false });
        }
    }
    listings
}

async fn read_listing(shared: &Shared, place: usize, progress: Progress) -> Result<(), Failure> {
    let Progress { doc_type, spaces, mut cursor, .. } = progress;
    let listing = DocsListing { doc_type, order: Order::ById, spaces, turn: Turn::Rest };
    loop {
        let answer = match shared.note(list_operation(doc_type), shared.site.docs(&listing, cursor.as_ref()).await) {
            Ok(answer) => answer,
            Err(failure) if is_dead_cursor(&failure) && cursor.is_some() => {
                cursor = None;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        shared.count_unreadable(&answer.unreadable);
        let mut state = shared.state();
        let learnt = state.ledger.learn_docs(&answer.rows, answer.date);
        shared.count_learnt(&learnt);
        let Some(walk) = state.walk.as_mut() else { return Ok(()) };
        walk.rows += answer.rows.len() as u64;
        walk.unreadable += answer.unreadable.len() as u64 + learnt.conflicting;
        let progress = &mut walk.listings[place];
        progress.cursor.clone_from(&answer.next);
        progress.is_done = answer.next.is_none();
        cursor = answer.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn end(shared: &Shared) {
    let mut state = shared.state();
    let Some(walk) = state.walk.take() else { return };
    state.ledger.note_walked(&walk.spaces);
    if walk.is_whole {
        state.ledger.note_whole_walk(walk.began, readable_part(walk.rows, walk.unreadable));
    }
    let folded = decide_folding(&state.ledger, &shared.settings.census());
    state.ledger.fold(folded);
    info!(connection = %shared.name, docs = walk.rows, "all docs of these spaces have been read");
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
pub(super) fn readable_part(rows: u64, unreadable: u64) -> f64 {
    if unreadable == 0 { 1.0 } else { rows as f64 / (rows + unreadable) as f64 }
}

impl Shared {
    pub(super) fn concurrency(&self) -> usize {
        self.site.connection().concurrency_level()
    }
}
