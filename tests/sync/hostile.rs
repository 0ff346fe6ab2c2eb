//! Whatever a site answers: nothing panics, what cannot be read is counted, and when it is over every number is right again.

use std::sync::Arc;
use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::{Fault, FaultKind, Options};
use tokio::sync::Semaphore;

use crate::observer::Observer;

/// Faults that are met at once: each holds a core for a moment.
const AT_ONCE: usize = 4;

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
    // In the midst of the first walk, and again when everything is known.
    observer.site.inject(Fault::new(kind).after(2).times(6).seconds(1));
    for _ in 0..3 {
        observer.refresh().await;
    }
    mend(&observer);
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());

    observer.site.inject(Fault::new(kind).times(8).seconds(1));
    let author = observer.site.world().accounts().next().unwrap();
    let docs = observer.site.world().docs();
    for doc in docs {
        observer.site.world().edit(doc, author);
    }
    for _ in 0..2 {
        observer.refresh().await;
    }
    mend(&observer);
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
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
