//! A refresh lets the requests of the one before end for a moment: what they bring late moves no walk that is not theirs.

use std::cmp::Reverse;
use std::time::Duration;

use confluence_exporter::model::{Collector, Timestamp};
use confluence_simulator::{DocId, DocStatus, DocType, Fault, FaultKind, Operation, Options};

use crate::lost_places::{check_docs, docs_alone};
use crate::observer::Observer;

const ROWS_AN_ANSWER: usize = 250;

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_about_a_missed_doc_ends_no_walk_but_its_own() {
    let observer = Observer::with(Options { seed: 31, spaces: 1, docs: 1_000, ..Options::default() }, docs_alone).await;
    observer.catch_up_on(&[Collector::Docs]).await;
    observer.silence().await;
    let (gone, unseen) = (pages(&observer)[0], a_page_that_only_a_long_walk_meets(&observer));
    assert!(observer.site.world().trash(gone) && observer.site.world().purge(gone));
    observer.pass(Duration::from_hours(7));
    let late = |after| Fault::new(FaultKind::Slow).on(Operation::Pages).after(after).times(1).seconds(2);
    // A base asks once for pages, and the walk until it has come by all: then it asks for the one that it has missed.
    let answers = u32::try_from(1 + pages(&observer).len().div_ceil(ROWS_AN_ANSWER)).unwrap();
    observer.site.inject(late(answers));
    observer.site.clear_journal();
    observer.begin().await.unwrap();
    let asks_for_the_missed = || observer.asked_for(Operation::Blogposts) == 2 && observer.site.in_flight() == 1;
    while !asks_for_the_missed() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // The next refresh ends that walk, or waits for its end.
    let before = success(&observer);
    observer.pass(Duration::from_mins(1));
    observer.begin().await.unwrap();
    while success(&observer) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // And the one after begins another, which has far to go.
    assert!(observer.site.world().trash(unseen));
    let trashed_at = Timestamp::from_millis(observer.site.world().last_change_ms());
    observer.pass(Duration::from_hours(7));
    observer.site.inject(late(1));
    let snapshot = observer.refresh().await;

    assert!(success(&observer).is_some_and(|success| success > trashed_at));
    check_docs(&observer, &snapshot);
}

/// All that the lists have, by id.
fn pages(observer: &Observer) -> Vec<DocId> {
    let world = observer.site.world();
    let is_listed_page = |doc: &DocId| {
        let Some(doc) = world.doc(*doc) else { return false };
        doc.doc_type == DocType::Page && !matches!(doc.status, DocStatus::Deleted | DocStatus::Purged)
    };
    let mut pages: Vec<DocId> = world.docs().into_iter().filter(is_listed_page).collect();
    pages.sort_unstable();
    pages
}

/// It is in the first answer of no list.
fn a_page_that_only_a_long_walk_meets(observer: &Observer) -> DocId {
    let mut pages = pages(observer).split_off(ROWS_AN_ANSWER);
    let world = observer.site.world();
    pages.retain(|page| world.doc(*page).is_some_and(|page| page.status == DocStatus::Current));
    pages.sort_by_key(|page| Reverse(world.doc(*page).and_then(|page| Some(page.versions.last()?.created_ms))));
    pages[ROWS_AN_ANSWER]
}

/// When the walk of the whole site that ended last had begun.
fn success(observer: &Observer) -> Option<Timestamp> {
    let snapshots = observer.sync.snapshots();
    let snapshot = snapshots.borrow();
    snapshot.as_ref()?.health.collectors.iter().find(|health| health.collector == Collector::Docs)?.success
}
