//! The guard against too many series: which spaces share `(other)`.

use std::collections::HashSet;
use std::sync::Arc;

use super::{CensusSettings, group_name};
use crate::model::ledger::Ledger;
use crate::model::{DocType, SpaceId};

/// Spaces are taken back from `(other)` only below this part of the limit, so that none flips.
const SLACK: f64 = 0.9;
/// Docs by status, staleness, unlabelled and the three views series: what a type has beside its windows.
const SERIES_PER_TYPE: usize = 3 + super::AGES.len() + 1 + 3;
/// New, updated, updates and edit sessions.
const SERIES_PER_TYPE_AND_WINDOW: usize = 4;
/// The space's info and last update, five owner statuses, and a handful of states.
const SERIES_PER_SPACE: usize = 2 + 5 + 4;
/// More labels than one space shows, few enough that no sum of them overflows.
const MOST_LABELS: usize = 1_000;
/// People and apps.
const ACCOUNT_TYPES: usize = 2;

/// The spaces that are to share `(other)` from now on: the smallest, until the rest fits `max_series`.
pub fn decide_folding(ledger: &Ledger, settings: &CensusSettings) -> HashSet<SpaceId> {
    let mut docs = vec![[0_usize; DocType::ALL.len()]; ledger.spaces.len()];
    for doc in ledger.docs.iter().filter(|doc| doc.status.is_some()) {
        docs[doc.space as usize][doc.doc_type as usize] += 1;
    }
    let nothing_folded = HashSet::new();
    let mut spaces: Vec<(usize, SpaceId, usize)> = ledger
        .spaces
        .iter()
        .zip(&docs)
        .filter(|(space, _)| {
            space.is_listed() && Arc::ptr_eq(&group_name(space, settings, &nothing_folded), &space.key)
        })
        .map(|(space, docs)| (docs.iter().sum(), space.id, series_of(docs, settings)))
        .collect();
    spaces.sort_unstable();

    let mut folded = ledger.folded.clone();
    folded.retain(|id| spaces.iter().any(|(_, space, _)| space == id));
    let mut series: usize = spaces.iter().filter(|(_, id, _)| !folded.contains(id)).map(|(_, _, series)| series).sum();
    let comfortable = comfortable(settings.max_series);
    if series > settings.max_series {
        for (_, id, cost) in &spaces {
            if series <= comfortable {
                break;
            }
            if folded.insert(*id) {
                series -= cost;
            }
        }
    } else {
        for (_, id, cost) in spaces.iter().rev() {
            if folded.contains(id) && series + cost <= comfortable {
                folded.remove(id);
                series += cost;
            }
        }
    }
    folded
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rough limit"
)]
fn comfortable(max_series: usize) -> usize {
    (max_series as f64 * SLACK) as usize
}

fn series_of(docs: &[usize; DocType::ALL.len()], settings: &CensusSettings) -> usize {
    let types = docs.iter().filter(|docs| **docs > 0).count();
    let windows = settings.windows.len();
    SERIES_PER_SPACE
        + types * (SERIES_PER_TYPE + windows * SERIES_PER_TYPE_AND_WINDOW)
        + windows * ACCOUNT_TYPES
        // Labels are learnt after the walk that decides: as if every space had all of those on show.
        + settings.top_labels.saturating_add(settings.named_labels.len()).min(MOST_LABELS)
}
