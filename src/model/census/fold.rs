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

/// The spaces that are to share `(other)` from now on: the smallest, until the rest fits `max_series`. How large one is shows
/// when all its docs have been met; until then it stays where it was.
pub fn decide_folding(ledger: &Ledger, settings: &CensusSettings) -> HashSet<SpaceId> {
    let mut docs = vec![[0_usize; DocType::ALL.len()]; ledger.spaces.len()];
    for doc in ledger.docs.iter().filter(|doc| doc.status.is_some()) {
        docs[doc.space as usize][doc.doc_type as usize] += 1;
    }
    let nothing_folded = HashSet::new();
    let foldable = ledger.spaces.iter().zip(&docs).filter(|(space, _)| {
        space.is_listed() && Arc::ptr_eq(&group_name(space, settings.fold_personal, &nothing_folded), &space.key)
    });
    let mut spaces: Vec<(usize, SpaceId, usize)> = foldable
        .clone()
        .filter(|(space, _)| space.walked)
        .map(|(space, docs)| (docs.iter().sum(), space.id, series_of(docs, settings)))
        .collect();
    spaces.sort_unstable();

    let mut folded = ledger.folded.clone();
    let foldable: HashSet<SpaceId> = foldable.map(|(space, _)| space.id).collect();
    folded.retain(|id| foldable.contains(id));
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
        // The largest first, and no smaller one in its stead: it would be folded again with the next change.
        for (_, id, cost) in spaces.iter().rev().filter(|(_, id, _)| ledger.folded.contains(id)) {
            if series + cost > comfortable {
                break;
            }
            folded.remove(id);
            series += cost;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{DocId, DocRow, DocStatus, Papers, SpaceRow, SpaceStatus, Timestamp, VersionRow, Window};

    fn row(id: u64, space: u64, doc_type: DocType) -> DocRow {
        let created_at = Timestamp::from_millis(1);
        let version = VersionRow { number: 1, created_at, author: None };
        let status = Some(DocStatus::Current);
        DocRow {
            id: DocId(id),
            doc_type,
            space: SpaceId(space),
            status,
            author: None,
            owner: None,
            created_at,
            version,
            papers: Papers::default(),
        }
    }

    #[test]
    fn what_is_folded_stays_folded_while_nothing_changes() {
        let mut ledger = Ledger::new(Duration::from_hours(24));
        let space = |id: u64| {
            let key: Arc<str> = format!("S{id}").into();
            let status = SpaceStatus::Current;
            SpaceRow { id: SpaceId(id), name: key.clone(), key, space_type: "global".into(), status }
        };
        ledger.learn_spaces((1..=20).map(space).collect(), true, Timestamp::from_millis(1));
        // The smaller ones have one type, the larger ones two, which costs more series.
        let docs = (1..=20_u64).flat_map(|space| (0..space).map(move |doc| (space, doc)));
        let row = |(space, doc): (u64, u64)| {
            let doc_type = if space > 4 && doc == 0 { DocType::Blogpost } else { DocType::Page };
            row(space * 100 + doc, space, doc_type)
        };
        let settings = |max_series| CensusSettings {
            windows: vec![Window::of_days(1)],
            fold_personal: true,
            top_labels: 20,
            named_labels: Vec::new(),
            max_series,
            switched_off: Vec::new(),
        };
        ledger.learn_docs(&docs.map(row).collect::<Vec<_>>(), Timestamp::from_millis(1));
        assert_eq!(decide_folding(&ledger, &settings(0)), HashSet::new(), "nobody knows yet how large they are");
        ledger.note_walked(&(1..=20).map(SpaceId).collect::<Vec<_>>());
        for max_series in 0..900 {
            ledger.fold(HashSet::new());
            let first = decide_folding(&ledger, &settings(max_series));
            ledger.fold(first.clone());
            assert_eq!(decide_folding(&ledger, &settings(max_series)), first, "max_series {max_series}");
        }
    }
}
