//! Views observed, while spaces change the names under which they are counted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{DocId, DocRow, DocStatus, DocType, Fact, Papers, SpaceRow, SpaceStatus, VersionRow};

/// Keys, and ids: of the space and of its page.
const SPACES: [(&str, u64); 2] = [("ENG", 1), ("OPS", 2)];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000 + seconds * 1_000)
}

/// Two spaces, each with a page that has been looked at once.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(Duration::from_hours(24));
    let space = |(key, id): (&str, u64)| {
        let key: Arc<str> = key.into();
        let status = SpaceStatus::Current;
        SpaceRow { id: SpaceId(id), name: key.clone(), key, space_type: "global".into(), status }
    };
    ledger.learn_spaces(SPACES.map(space).to_vec(), true, at(0));
    let page = |(_, id): (&str, u64)| DocRow {
        id: DocId(id),
        doc_type: DocType::Page,
        space: SpaceId(id),
        status: Some(DocStatus::Current),
        author: None,
        owner: None,
        created_at: at(0),
        version: VersionRow { number: 1, created_at: at(0), author: None },
        papers: Papers::default(),
    };
    ledger.learn_docs(&SPACES.map(page), at(1));
    ledger.note_walked(&SPACES.map(|(_, id)| SpaceId(id)));
    for (_, id) in SPACES {
        ledger.learn_views(DocId(id), &Fact::Known(100), true, at(2));
    }
    ledger
}

fn observed(ledger: &Ledger) -> Vec<(String, u64)> {
    let settings = CensusSettings {
        windows: vec![Window::of_days(1)],
        fold_personal: true,
        top_labels: 20,
        named_labels: Vec::new(),
        max_series: 1_000,
        switched_off: Vec::new(),
    };
    let numbers = take_census(ledger, &settings, at(10)).numbers;
    let observed =
        |group: &crate::model::GroupNumbers| (group.space.to_string(), group.types[0].views.unwrap().observed);
    numbers.groups.iter().map(observed).collect()
}

/// What is told, by the value of `space`.
type Named = &'static [(&'static str, u64)];

#[test]
fn views_observed_never_fall_and_never_jump_when_spaces_are_folded_and_unfolded() {
    let mut ledger = ledger();
    let folded = |spaces: &[u64]| spaces.iter().copied().map(SpaceId).collect::<HashSet<_>>();
    let named =
        |names: &[(&str, u64)]| names.iter().map(|(name, views)| ((*name).to_owned(), *views)).collect::<Vec<_>>();
    // Who is folded, how often the two pages have been viewed by then, and what is told before that look and after it.
    let story: [(&[u64], [u64; 2], Named, Named); 5] = [
        (&[], [103, 104], &[("ENG", 0), ("OPS", 0)], &[("ENG", 3), ("OPS", 4)]),
        (&[1], [105, 104], &[("(other)", 0), ("OPS", 4)], &[("(other)", 2), ("OPS", 4)]),
        (&[1, 2], [106, 105], &[("(other)", 2)], &[("(other)", 4)]),
        (&[], [111, 105], &[("ENG", 3), ("OPS", 4)], &[("ENG", 8), ("OPS", 4)]),
        (&[2], [111, 106], &[("ENG", 8), ("(other)", 4)], &[("ENG", 8), ("(other)", 5)]),
    ];

    for (spaces, views, before, after) in story {
        ledger.fold(folded(spaces));
        assert_eq!(observed(&ledger), named(before), "{spaces:?} folded");
        for ((_, id), views) in SPACES.into_iter().zip(views) {
            ledger.learn_views(DocId(id), &Fact::Known(views), true, at(5));
        }
        assert_eq!(observed(&ledger), named(after), "{spaces:?} folded, and looked at");
    }
}
