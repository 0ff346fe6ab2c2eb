//! The walk by id: every doc of the spaces that have not been met yet, group by group.
//!
//! It is a task of its own beside the refreshes. One that fails keeps its places, and the next good base lets it go on. A space
//! whose listings never give an answer keeps no other waiting: the reconciling walk, which lists the whole site, meets its docs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::{info, warn};

use super::Shared;
use super::base::list_operation;
use super::places;
use super::report::After;
use super::site_state::SiteState;
use crate::confluence::{DocsListing, Order};
use crate::connection::{Failure, Turn};
use crate::model::{DocType, SpaceId, Walk, WalkListing};
use crate::store::NotCommitted;

/// The most spaces that one listing may name.
const SPACES_A_LISTING: usize = 100;
/// Listings of unequal length keep all permits busy to the end only if there are several for each.
const LISTINGS_A_PERMIT: usize = 3;
/// A listing that has lost its place so often, and got no further, is expected to lose it again.
const MOST_LOSSES: u32 = 2;

/// Why a listing broke off.
enum Broken {
    Asking {
        failure: Failure,
        spaces: Vec<SpaceId>,
    },
    /// The store takes no writes: a walk that went on would have to be made again.
    NotCommitted(NotCommitted),
}

/// Starts or continues the walk of what has not been met. Waits for it only where the site as a whole has been met
/// before: then it is a few new spaces, which belong to this refresh. What has often failed takes as long again, and is not
/// waited for.
pub(super) async fn go_on(shared: &Arc<Shared>) {
    let takes_long = {
        let state = shared.state();
        state.ledger.first_walk_is_due() || is_stuck(&state.listings)
    };
    let walker = Arc::clone(shared);
    let task = shared.spawn(async move { walk_what_is_new(&walker).await });
    if !takes_long && let Err(error) = task.await {
        warn!(connection = %shared.name, %error, "the walk of new spaces broke off");
    }
}

async fn walk_what_is_new(shared: &Arc<Shared>) {
    let Ok(_only_one) = shared.walk_under_way.try_lock() else { return };
    while let Some(listings) = begin_or_resume(shared) {
        let mut failed = None;
        let mut listings = listings.into_iter();
        let mut tasks = JoinSet::new();
        // Each to its end, and the long ones begin first, so that none is left over.
        loop {
            while tasks.len() < at_once(shared.concurrency())
                && failed.is_none()
                && let Some((place, progress)) = listings.next()
            {
                let own = Arc::clone(shared);
                tasks.spawn(shared.tasks.track_future(async move { read_listing(&own, place, progress).await }));
            }
            match tasks.join_next().await {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => failed = Some(failure),
                Some(Err(error)) => {
                    warn!(connection = %shared.name, %error, "a listing of the walk broke off");
                    return;
                }
            }
        }
        if let Some(failure) = failed {
            warn!(connection = %shared.name, %failure, "the walk goes on after the next good refresh");
            if settle(shared) {
                shared.publish(After::Walk).await;
                // The store tells of its trouble itself.
                let _ = shared.commit().await;
            }
            return;
        }
        end(shared);
        shared.publish(After::Walk).await;
        if shared.commit().await.is_err() {
            return;
        }
    }
}

/// The unfinished listings of the walk under way, or of a new one, and of spaces that are new since; none when everything has
/// been met.
fn begin_or_resume(shared: &Shared) -> Option<Vec<(usize, WalkListing)>> {
    let mut state = shared.state();
    let SiteState { ledger, walk, listings, .. } = &mut *state;
    let mut spaces = ledger.unwalked_spaces();
    let walk = if let Some(walk) = walk {
        walk
    } else {
        let is_whole = ledger.first_walk_is_due();
        let began = ledger.moment().filter(|_| is_whole || !spaces.is_empty())?;
        if spaces.is_empty() {
            ledger.note_whole_walk(began, 1.0, &[]);
            return None;
        }
        walk.insert(Walk { began, is_whole, spaces: Vec::new() })
    };
    let has_begun: HashSet<SpaceId> = walk.spaces.iter().copied().collect();
    spaces.retain(|(space, _)| !has_begun.contains(space));
    if !spaces.is_empty() {
        let new = plan(&spaces, shared.concurrency());
        info!(connection = %shared.name, spaces = spaces.len(), listings = new.len(), "reading all docs of the spaces that are new");
        walk.spaces.extend(spaces.into_iter().map(|(space, _)| space));
        listings.extend(new);
    }
    let mut unfinished: Vec<_> =
        listings.iter().cloned().enumerate().filter(|(_, progress)| !progress.is_done).collect();
    // After one that fails none begins any more.
    unfinished.sort_by_key(|(_, progress)| (progress.losses, progress.failures));
    Some(unfinished)
}

/// Nothing is left of the walk but listings that time and again gave no answer.
pub(super) fn is_stuck(listings: &[WalkListing]) -> bool {
    let mut unfinished = listings.iter().filter(|progress| !progress.is_done).peekable();
    unfinished.peek().is_some() && unfinished.all(|progress| progress.losses >= MOST_LOSSES)
}

/// What a walk that has broken off has read to the end counts all the same. Of the first walk it does only when no more is to
/// be hoped for: which spaces share a series is decided once their docs have been met. Tells whether there was any.
fn settle(shared: &Shared) -> bool {
    let mut state = shared.state();
    let SiteState { ledger, walk: Some(walk), listings, .. } = &mut *state else { return false };
    if walk.is_whole && !is_stuck(listings) {
        return false;
    }
    let unfinished: HashSet<SpaceId> =
        listings.iter().filter(|progress| !progress.is_done).flat_map(|progress| progress.spaces.clone()).collect();
    let (unfinished, read): (Vec<_>, Vec<_>) = walk.spaces.iter().partition(|space| unfinished.contains(space));
    if read.is_empty() {
        return false;
    }
    ledger.note_walked(&read);
    walk.spaces = unfinished;
    if !walk.is_whole {
        for done in listings.extract_if(.., |progress| progress.is_done) {
            ledger.note_unreadable_rows(done.unreadable);
        }
    }
    state.decide_folding(&shared.settings);
    true
}

/// How many listings are under way. None asks on before its last answer is on the disk; meanwhile others have its permit.
fn at_once(concurrency: usize) -> usize {
    concurrency + concurrency.div_ceil(5)
}

/// How many listings a walk over so many spaces has.
pub(super) fn listings(spaces: u64, concurrency: usize) -> u64 {
    (groups(usize::try_from(spaces).unwrap_or(usize::MAX), concurrency) * DocType::ALL.len()) as u64
}

fn groups(spaces: usize, concurrency: usize) -> usize {
    (concurrency * LISTINGS_A_PERMIT).max(spaces.div_ceil(SPACES_A_LISTING)).min(spaces)
}

/// Deals the spaces out to groups: as few as keep all permits busy, as each costs a request more. How large a space is
/// nobody tells; of a large one more docs were in the base. So those begin first, and share their group with few.
fn plan(spaces: &[(SpaceId, u64)], concurrency: usize) -> Vec<WalkListing> {
    let count = groups(spaces.len(), concurrency);
    let mut groups: Vec<(u64, Vec<SpaceId>)> = vec![(0, Vec::new()); count];
    let mut largest_first = spaces.to_vec();
    largest_first.sort_unstable_by_key(|(id, met)| (Reverse(*met), *id));
    for (space, met) in largest_first {
        let has_room = groups.iter_mut().filter(|(_, spaces)| spaces.len() < SPACES_A_LISTING);
        if let Some((weight, spaces)) = has_room.min_by_key(|(weight, _)| *weight) {
            *weight += met + 1;
            spaces.push(space);
        }
    }
    groups.sort_by_key(|(weight, _)| Reverse(*weight));
    let of_type = |doc_type: &DocType| {
        groups.iter().map(|(_, spaces)| WalkListing::new(*doc_type, spaces.clone())).collect::<Vec<_>>()
    };
    DocType::ALL.iter().flat_map(of_type).collect()
}

async fn read_listing(shared: &Shared, place: usize, progress: WalkListing) -> Result<(), Broken> {
    let WalkListing { doc_type, spaces, mut cursor, .. } = progress;
    let listing = DocsListing { doc_type, order: Order::ById, spaces, turn: Turn::Rest };
    loop {
        let answer = shared.site.docs(&listing, cursor.as_ref()).await;
        // How it is with the list as a whole each base tells.
        let answer = match shared.note_one(list_operation(doc_type), answer) {
            Ok(answer) => answer,
            Err(failure) => {
                let mut state = shared.state();
                // Where cursors die as fast as they are given, a new beginning a refresh is enough.
                if let Some(progress) = state.listings.get_mut(place)
                    && places::is_lost(&mut progress.failures, &failure)
                {
                    progress.begin_anew();
                }
                return Err(Broken::Asking { failure, spaces: listing.spaces });
            }
        };
        shared.count_unreadable(&answer.unreadable);
        {
            let mut state = shared.state();
            let date = state.believable(answer.date, shared.clock.now());
            let SiteState { ledger, listings, .. } = &mut *state;
            // The reconciling walk may have been faster, or the spaces are out of sight.
            let Some(progress) = listings.get_mut(place).filter(|progress| !progress.is_done) else { return Ok(()) };
            let learnt = ledger.learn_docs(&answer.rows, date);
            shared.count_learnt(&learnt, doc_type, answer.date, answer.trace.as_deref());
            let unreadable = answer.unreadable.len() as u64 + learnt.conflicting;
            progress.go_on(answer.rows.len() as u64, unreadable, answer.next.clone());
        }
        // No walk runs ahead of the disk.
        shared.commit().await.map_err(Broken::NotCommitted)?;
        cursor = answer.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn end(shared: &Shared) {
    let mut state = shared.state();
    let Some(walk) = state.walk.take() else { return };
    let listings = std::mem::take(&mut state.listings);
    let rows = listings.iter().map(|progress| progress.rows).sum();
    let unreadable = listings.iter().map(|progress| progress.unreadable).sum();
    state.ledger.note_walked(&walk.spaces);
    if walk.is_whole {
        // Before the first walk nobody has reached a goal.
        state.ledger.note_whole_walk(walk.began, readable_part(rows, unreadable), &[]);
    } else {
        state.ledger.note_unreadable_rows(unreadable);
    }
    state.decide_folding(&shared.settings);
    info!(connection = %shared.name, docs = rows, "all docs of these spaces have been read");
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
pub(super) fn readable_part(rows: u64, unreadable: u64) -> f64 {
    if unreadable == 0 { 1.0 } else { rows as f64 / (rows + unreadable) as f64 }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking { failure, spaces } => match &spaces[..] {
                [space] => write!(formatter, "{failure} (docs of the space whose id is {space})"),
                spaces => write!(formatter, "{failure} (docs of {} spaces)", spaces.len()),
            },
            Self::NotCommitted(failure) => failure.fmt(formatter),
        }
    }
}

impl Shared {
    pub(super) fn concurrency(&self) -> usize {
        self.site.connection().concurrency_level()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_is_in_one_listing_of_each_type_and_none_names_too_many() {
        for (count, concurrency) in [(1, 25), (7, 1), (250, 5), (2_000, 2)] {
            let spaces: Vec<_> = (0..count).map(|id| (SpaceId(id), id % 13)).collect();
            let listings = plan(&spaces, concurrency);
            for doc_type in DocType::ALL {
                let of_type = || listings.iter().filter(|listing| listing.doc_type == *doc_type);
                assert!(of_type().all(|listing| (1..=SPACES_A_LISTING).contains(&listing.spaces.len())));
                let mut named: Vec<_> = of_type().flat_map(|listing| listing.spaces.clone()).collect();
                named.sort_unstable();
                assert_eq!(named, spaces.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_large_space_begins_first_and_shares_its_group_with_few() {
        let spaces: Vec<_> = (0..40).map(|id| (SpaceId(id), if id == 33 { 100 } else { 1 })).collect();
        let listings = plan(&spaces, 2);
        assert_eq!(listings[0].spaces, [SpaceId(33)]);
    }
}
