//! Whatever a site answers: nothing panics, what cannot be read is counted, and when it is over every number is right again.
//! Where it only refuses or breaks off, no number is wrong even meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_simulator::{DocType, Fault, FaultKind, Options};
use tokio::sync::Semaphore;

use crate::observer::Observer;

/// Faults that are met at once: each holds a core for a moment.
const AT_ONCE: usize = 4;

/// They tell something false in good answers, or say that a doc is not there.
pub(crate) const FALSE: [FaultKind; 12] = [
    FaultKind::Absent,
    FaultKind::EmptyList,
    FaultKind::WrongTypes,
    FaultKind::NullFields,
    FaultKind::UnknownStatus,
    FaultKind::UnknownType,
    FaultKind::UnknownEnum,
    FaultKind::UnlistedSpace,
    FaultKind::VersionFalls,
    FaultKind::DoubleId,
    FaultKind::Date1970,
    FaultKind::Date2100,
];
/// One doc's or space's refusal, which is a fact about it.
const REFUSALS: [FaultKind; 4] = [
    FaultKind::AnalyticsRestricted,
    FaultKind::StatesOffBadRequest,
    FaultKind::StatesOffForbidden,
    FaultKind::StatesOffNotFound,
];
/// A sample, and accounts as they are met: both grow while docs are read.
const GROWING: [&str; 3] = ["doc_views{", "views_sampled_docs{", "users{"];

#[tokio::test(flavor = "multi_thread")]
async fn after_any_fault_every_number_is_right_again() {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let wanted = std::env::var("FAULT").ok();
    let kinds =
        FaultKind::ALL.iter().copied().filter(|kind| wanted.as_deref().is_none_or(|name| name == kind.as_str()));
    let stories: Vec<_> = (0..)
        .zip(kinds)
        .map(|(seed, kind)| {
            let places = Arc::clone(&places);
            let story = tokio::spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                break_look_mend_look(seed, kind).await;
            });
            (kind.as_str(), story)
        })
        .collect();
    let mut bad_ends = Vec::new();
    for (kind, story) in stories {
        if story.await.is_err() {
            bad_ends.push(kind);
        }
    }
    assert!(bad_ends.is_empty(), "not right again after {bad_ends:?}; FAULT=name tries one");
}

async fn break_look_mend_look(seed: u64, kind: FaultKind) {
    let observer = Observer::of(Options { seed, spaces: 4, docs: 40, ..Options::default() }).await;
    let shown = record(&observer);
    // In the midst of the first walk, and again when everything is known.
    observer.site.inject(Fault::new(kind).after(2).times(6).seconds(1));
    for _ in 0..3 {
        observer.refresh().await;
    }
    mend(&observer);
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());

    // What happens in the very millisecond of a moment would belong to it.
    observer.pass(Duration::from_secs(30));
    observer.site.inject(Fault::new(kind).times(8).seconds(1));
    let author = observer.site.world().accounts().next().unwrap();
    let docs = observer.site.world().docs();
    for doc in docs {
        observer.site.world().edit(doc, author);
    }
    for _ in 0..2 {
        observer.refresh().await;
    }
    if !FALSE.contains(&kind) && !REFUSALS.contains(&kind) {
        for snapshot in shown.lock().unwrap().iter() {
            check_what_is_shown(&observer, snapshot);
        }
    }
    mend(&observer);
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

/// Every snapshot from now on, but for such as are overtaken at once.
fn record(observer: &Observer) -> Arc<Mutex<Vec<Arc<Snapshot>>>> {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut snapshots = observer.sync.snapshots();
    let kept = Arc::clone(&shown);
    tokio::spawn(async move {
        while snapshots.changed().await.is_ok() {
            kept.lock().unwrap().extend(snapshots.borrow_and_update().clone());
        }
    });
    shown
}

/// Numbers may be absent, and old. Those that are there are the truth of their moment.
fn check_what_is_shown(observer: &Observer, snapshot: &Snapshot) {
    if snapshot.numbers.is_none() {
        return;
    }
    let (told, truth) = observer.compare(snapshot);
    let is_wrong = |(series, value): &(&String, &i64)| {
        !GROWING.iter().any(|family| series.starts_with(family)) && truth.get(*series).unwrap_or(&0) != *value
    };
    let wrong: Vec<_> = told.iter().filter(is_wrong).collect();
    assert!(wrong.is_empty(), "at {:?}: {:?}", snapshot.health.moment, &wrong[..wrong.len().min(9)]);
}

/// What was learnt from wrong answers has grown old, and must be learnt anew, before anything is compared.
fn mend(observer: &Observer) {
    observer.site.clear_faults();
    observer.pass(Duration::from_hours(8 * 24));
    observer.site.world().add_user("active", "atlassian");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted() {
    for kind in [
        FaultKind::WrongTypes,
        FaultKind::NullFields,
        FaultKind::UnknownStatus,
        FaultKind::UnlistedSpace,
        FaultKind::DoubleId,
    ] {
        let observer = Observer::of(Options { seed: 8, spaces: 3, docs: 30, ..Options::default() }).await;
        observer.site.inject(Fault::new(kind).on(confluence_simulator::Operation::Pages).times(2));
        observer.refresh().await;
        assert!(observer.counted("confluence_unreadable_total") > 0.0, "{}", kind.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_lowers_the_coverage_until_a_whole_walk_has_read_it() {
    let observer = Observer::of(Options { seed: 8, spaces: 3, docs: 30, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    let author = observer.site.world().accounts().next().unwrap();
    let mut before = 1.0;
    for is_new in [false, true] {
        // Later than the overlap, so that each base reads one row.
        observer.pass(Duration::from_hours(1));
        if is_new {
            let space = observer.site.world().add_space("NEW", "New", "global");
            observer.site.world().create(space, DocType::Page, author).unwrap();
        } else {
            let mut world = observer.site.world();
            let pages = world.docs().into_iter().filter(|doc| world.doc(*doc).unwrap().doc_type == DocType::Page);
            let page = pages.collect::<Vec<_>>()[0];
            world.edit(page, author);
        }
        observer.site.inject(Fault::new(FaultKind::NullFields).on(confluence_simulator::Operation::Pages));
        let after = docs_coverage(observer.refresh().await.as_ref());
        assert!(after < before, "{after} of {before}");
        let again = docs_coverage(observer.refresh().await.as_ref());
        observer.site.clear_faults();
        assert!((again - after).abs() < f64::EPSILON, "the same row counts once: {again} and {after}");
        before = after;
    }

    observer.pass(Duration::from_hours(7));
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    assert!((docs_coverage(&snapshot) - 1.0).abs() < f64::EPSILON);
}

fn docs_coverage(snapshot: &Snapshot) -> f64 {
    let docs = snapshot.health.collectors.iter().find(|health| health.collector == Collector::Docs);
    docs.unwrap().coverage
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_come_through_whole() {
    let observer = Observer::of(Options { seed: 8, spaces: 3, docs: 30, ..Options::default() }).await;
    observer.site.world().add_odd_names();
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_whose_row_cannot_be_read_keeps_its_docs() {
    let observer = Observer::of(Options { seed: 8, spaces: 3, docs: 30, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.site.inject(Fault::new(FaultKind::NullFields).on(confluence_simulator::Operation::Spaces).times(1));
    let snapshot = observer.refresh().await;
    assert!(observer.counted("confluence_unreadable_total") > 0.0);
    observer.check(&snapshot);
}
