//! Whatever a site answers: nothing panics, what cannot be read is counted, and when it is over every number is right again.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::{Fault, FaultKind, Options};
use tokio::task::JoinSet;

use crate::observer::Observer;

/// Faults that are met at once: each holds a core for a moment.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn after_any_fault_every_number_is_right_again() {
    let mut stories = JoinSet::new();
    for (seed, kind) in (0..).zip(FaultKind::ALL.iter().copied()) {
        if stories.len() == AT_ONCE {
            stories.join_next().await.unwrap().unwrap();
        }
        stories.spawn(break_look_mend_look(seed, kind));
    }
    while let Some(story) = stories.join_next().await {
        story.unwrap();
    }
}

async fn break_look_mend_look(seed: u64, kind: FaultKind) {
    println!("{}", kind.as_str());
    let observer = Observer::of(Options { seed, spaces: 4, docs: 40, ..Options::default() }).await;
    // In the midst of the first walk, and again when everything is known.
    observer.site.inject(Fault::new(kind).after(2).times(6).seconds(1));
    for _ in 0..3 {
        observer.refresh().await;
    }
    observer.site.clear_faults();
    observer.pass(Duration::from_hours(8 * 24));
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());

    observer.site.inject(Fault::new(kind).times(8).seconds(1));
    let author = observer.site.world().accounts().next().unwrap();
    for doc in observer.site.world().docs() {
        observer.site.world().edit(doc, author);
    }
    for _ in 0..2 {
        observer.refresh().await;
    }
    observer.site.clear_faults();
    observer.pass(Duration::from_hours(8 * 24));
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted() {
    for kind in [FaultKind::WrongTypes, FaultKind::NullFields, FaultKind::UnknownStatus, FaultKind::UnlistedSpace] {
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
