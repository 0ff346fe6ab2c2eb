//! A base that takes longer than anybody waits is cut, and goes on where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_exporter::sync::Settings;
use confluence_simulator::{Fault, FaultKind, Operation, Options};
use tempfile::tempdir;

use crate::observer::Observer;

/// Scraped more seldom than this, a base is cut; of answers that take a second each it gets three.
const REFRESH_INTERVAL: Duration = Duration::from_secs(3);
/// What 1,500 edits take, and then some.
const BASES: usize = 12;

fn quick(settings: &mut Settings) {
    settings.refresh_interval = REFRESH_INTERVAL;
    let collectors = &mut settings.collectors;
    for collector in [&mut collectors.labels, &mut collectors.states, &mut collectors.views] {
        collector.enabled = false;
    }
}

/// A site that is known, and then edited all over while nobody looks; its lists of pages take a second each from then on.
async fn edited_all_over(observer: &Observer) {
    observer.catch_up_on(&[Collector::Versions]).await;
    observer.silence().await;
    let docs = observer.site.world().docs();
    let author = observer.site.world().accounts().next().unwrap();
    observer.pass(Duration::from_hours(2));
    for doc in docs {
        observer.site.world().edit(doc, author);
    }
    observer.pass(Duration::from_hours(2));
    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::Slow).on(Operation::Pages).seconds(1));
}

/// How often each place of the list of pages was asked for.
fn places(observer: &Observer) -> BTreeMap<String, usize> {
    let mut places = BTreeMap::new();
    let journal = observer.site.journal();
    for asked in journal.iter().filter(|asked| asked.operation == Some(Operation::Pages)) {
        if let Some(cursor) = asked.query.split('&').find(|pair| pair.starts_with("cursor=")) {
            *places.entry(cursor.to_owned()).or_default() += 1;
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_and_slow_answers_come_to_their_end_although_each_refresh_is_cut() {
    let observer = Observer::with(Options { seed: 5, spaces: 3, docs: 1_500, ..Options::default() }, quick).await;
    edited_all_over(&observer).await;

    let mut cut = 0;
    while !observer.refresh().await.health.up {
        cut += 1;
        assert!(cut < BASES, "{:?}", places(&observer));
    }

    assert!(cut >= 1, "nothing was cut");
    let places = places(&observer);
    assert!(places.len() >= 4, "{places:?}");
    let again = places.values().sum::<usize>() - places.len();
    assert!(again <= cut, "only what was under way when a base was cut is asked again: {places:?}");
    observer.site.clear_faults();
    let snapshot = observer.catch_up_on(&[Collector::Versions]).await;
    let (told, truth) = observer.compare(&snapshot);
    for (series, value) in truth.iter().filter(|(series, _)| series.starts_with("doc_updates{")) {
        assert_eq!(told.get(series), Some(value), "{series}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_was_cut_goes_on_after_a_restart() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::with(Options { seed: 6, spaces: 3, docs: 1_500, ..Options::default() }, quick).await;
    observer.restart(&store).await;
    edited_all_over(&observer).await;
    assert!(!observer.refresh().await.health.up, "it is cut");
    let before = places(&observer);

    observer.restart(&store).await;
    observer.site.clear_journal();
    observer.site.clear_faults();
    observer.refresh().await;

    let after = places(&observer);
    let again = after.keys().filter(|place| before.contains_key(*place)).count();
    assert!(before.len() >= 2 && again <= 1, "{before:?}, then {after:?}");
    observer.catch_up_on(&[Collector::Versions]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_has_died_meanwhile_is_no_obstacle() {
    let observer = Observer::with(Options { seed: 7, spaces: 3, docs: 1_500, ..Options::default() }, quick).await;
    for dying in [FaultKind::DeadCursor, FaultKind::InternalError] {
        edited_all_over(&observer).await;
        assert!(!observer.refresh().await.health.up, "it is cut");
        observer.site.clear_faults();
        observer.site.inject(Fault::new(dying).on(Operation::Pages).times(5));

        let mut refreshes = 1;
        while !observer.refresh().await.health.up {
            refreshes += 1;
            assert!(refreshes < 5, "{}", dying.as_str());
        }
        observer.site.clear_faults();
    }
}
