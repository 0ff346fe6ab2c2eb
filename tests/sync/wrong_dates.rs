//! Answers whose own date is wrong: what they taught is corrected by the next right one, and nothing waits for that day.

use std::time::Duration;

use confluence_exporter::model::{Collector, CollectorHealth, Snapshot, Timestamp};
use confluence_simulator::{DocId, DocType, Fault, FaultKind, Operation, Options};

use crate::observer::Observer;

const DAY: Duration = Duration::from_hours(24);

fn site() -> Options {
    Options { seed: 4, spaces: 4, docs: 120, ..Options::default() }
}

/// Everything has been asked on a wrong day, of the first answers and of the last.
async fn looked_at_on_a_wrong_day(docs: usize) -> Observer {
    let observer = Observer::of(Options { docs, ..site() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.pass(DAY);
    observer.refresh().await;
    observer.refresh().await;
    turn_back(&observer, DAY);
    observer
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_after_a_day_that_has_not_come_are_met_at_once() {
    let observer = looked_at_on_a_wrong_day(120).await;
    let edited = edit(&observer, 40);
    assert!(edited > 30);

    observer.refresh().await;
    let snapshot = observer.refresh().await;

    let vouches_for =
        |health: &CollectorHealth| health.success.is_none_or(|at| at.as_millis() <= observer.site.now_ms());
    assert!(snapshot.health.collectors.iter().all(vouches_for), "{:?}", snapshot.health);
    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doc_that_is_gone_after_such_a_day_leaves_with_the_next_walk() {
    let observer = looked_at_on_a_wrong_day(60).await;
    let is_gone = {
        let mut world = observer.site.world();
        let is_page = |doc: &DocId| world.doc(*doc).unwrap().doc_type == DocType::Page;
        let page = world.docs().into_iter().find(is_page).unwrap();
        world.trash(page) && world.purge(page)
    };
    assert!(is_gone);

    observer.pass(Duration::from_hours(7));
    observer.refresh().await;
    let snapshot = observer.refresh().await;

    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_edits_than_one_answer_holds_are_met_after_such_a_day() {
    let observer = looked_at_on_a_wrong_day(700).await;
    let edited = edit(&observer, 700);
    assert!(edited > 2 * 250);
    observer.pass(Duration::from_mins(20));

    observer.refresh().await;
    let snapshot = observer.refresh().await;

    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_of_a_wrong_day_changes_neither_the_moment_nor_what_is_known() {
    for operation in [
        Operation::Spaces,
        Operation::Pages,
        Operation::Blogposts,
        Operation::PageLabels,
        Operation::ContentState,
        Operation::ContentViews,
        Operation::UsersBulk,
    ] {
        let observer = Observer::of(site()).await;
        observer.catch_up_on(Collector::ALL).await;
        // Everything is old, so that everything is asked.
        observer.pass(8 * DAY);
        observer.site.inject(Fault::new(FaultKind::DateAhead).on(operation).times(1));
        let snapshot = observer.refresh().await;
        observer.site.clear_faults();
        assert!(nothing_lies_ahead(&snapshot, observer.site.now_ms()), "{operation:?}: {:?}", snapshot.health);

        edit(&observer, 40);
        observer.refresh().await;
        let snapshot = observer.refresh().await;

        assert!(nothing_lies_ahead(&snapshot, observer.site.now_ms()), "{operation:?}: {:?}", snapshot.health);
        observer.check(&snapshot);
    }
}

/// The clock goes back to where it should be, for the exporter too.
fn turn_back(observer: &Observer, span: Duration) {
    let millis = i64::try_from(span.as_millis()).unwrap();
    observer.site.clock().fetch_sub(millis, std::sync::atomic::Ordering::SeqCst);
}

fn edit(observer: &Observer, most: usize) -> usize {
    observer.pass(Duration::from_mins(5));
    let mut world = observer.site.world();
    let author = world.accounts().next().unwrap();
    world.edit_many(most, None, author)
}

/// Neither the moment nor what vouches for a collector.
fn nothing_lies_ahead(snapshot: &Snapshot, now_ms: i64) -> bool {
    let is_past = |at: Timestamp| at.as_millis() <= now_ms;
    let collectors = &snapshot.health.collectors;
    snapshot.health.moment.is_some_and(is_past)
        && collectors.iter().filter_map(|health| health.success).all(is_past)
        && collectors.iter().filter_map(|health| health.oldest_fact).all(is_past)
}
