//! Cursors die in more ways than they tell: a walk that cannot go on from its place begins that listing anew, but not at once.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_exporter::sync::Settings;
use confluence_simulator::{Fault, FaultKind, Operation, Options};

use crate::observer::Observer;

/// After so many refreshes in a row without an answer a place is lost.
const PATIENCE: usize = 3;

pub(crate) fn docs_alone(settings: &mut Settings) {
    let collectors = &mut settings.collectors;
    let others = [&mut collectors.users, &mut collectors.labels, &mut collectors.states, &mut collectors.views];
    for collector in others {
        collector.enabled = false;
    }
    settings.collectors.versions.enabled = false;
}

async fn observer(seed: u64) -> Observer {
    Observer::with(Options { seed, spaces: 1, docs: 1_500, ..Options::default() }, docs_alone).await
}

/// How often a walk by id over pages has begun.
fn beginnings(observer: &Observer) -> usize {
    let journal = observer.site.journal();
    let of_pages = journal.iter().filter(|asked| asked.operation == Some(Operation::Pages));
    of_pages.filter(|asked| asked.query.contains("sort=id") && !asked.query.contains("cursor=")).count()
}

/// Its first answer comes, and no other for some refreshes.
async fn lose_the_place(observer: &Observer) {
    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::LostPlace).on(Operation::Pages));
    for _ in 0..PATIENCE {
        observer.refresh().await;
        assert_eq!(beginnings(observer), 1, "it may be a moment's fault");
    }
    observer.refresh().await;
    assert_eq!(beginnings(observer), 2);
    observer.site.clear_faults();
    observer.refresh().await;
    assert_eq!(beginnings(observer), 2, "the new place is as good as any");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_walk_begins_a_listing_anew_whose_place_gives_no_answer() {
    let observer = observer(11).await;
    lose_the_place(&observer).await;
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    check_docs(&observer, &snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciling_walk_does_so_too() {
    let observer = observer(12).await;
    observer.catch_up_on(&[Collector::Docs]).await;
    let docs = observer.site.world().docs();
    observer.pass(Duration::from_hours(7));
    for doc in docs.iter().step_by(7) {
        observer.site.world().purge(*doc);
    }
    observer.pass(Duration::from_hours(7));

    lose_the_place(&observer).await;

    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    check_docs(&observer, &snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_place_hangs_until_the_next_refresh_does_so_too() {
    let settings = |settings: &mut Settings| {
        docs_alone(settings);
        settings.refresh_interval = Duration::from_secs(1);
    };
    let observer = Observer::with(Options { seed: 14, spaces: 1, docs: 1_500, ..Options::default() }, settings).await;
    observer.catch_up_on(&[Collector::Docs]).await;
    observer.pass(Duration::from_hours(7));
    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::Silence).on(Operation::Pages).only("sort=id").after(1));
    for _ in 0..PATIENCE {
        observer.refresh().await;
        assert_eq!(beginnings(&observer), 1);
    }
    observer.refresh().await;
    assert!(beginnings(&observer) > 1);

    observer.site.clear_faults();
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    check_docs(&observer, &snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_space_that_nobody_may_list_now_is_asked_for_once_a_refresh() {
    let observer = observer(13).await;
    observer.catch_up_on(&[Collector::Docs]).await;
    observer.pass(Duration::from_hours(7));
    observer.site.inject(Fault::new(FaultKind::LostPlace).on(Operation::Pages));
    // It begins a reconciling walk.
    observer.refresh().await;
    observer.site.clear_faults();
    let elsewhere = observer.site.world().add_space("ELSE", "Elsewhere", "global");
    let docs = observer.site.world().docs();
    for doc in docs.iter().skip(docs.len() / 2) {
        observer.site.world().move_to(*doc, elsewhere);
    }
    observer.site.inject(Fault::new(FaultKind::ScopeMismatch).on(Operation::Spaces));
    observer.site.clear_journal();

    observer.refresh().await;

    let rows = observer.site.journal();
    assert!(rows.iter().any(|asked| asked.query.contains("sort=id") && asked.query.contains("cursor=")));
    assert!(observer.asked() < 20, "{:?}", observer.site.totals());
    observer.site.clear_faults();
    observer.pass(Duration::from_hours(7));
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    check_docs(&observer, &snapshot);
}

pub(crate) fn check_docs(observer: &Observer, snapshot: &confluence_exporter::model::Snapshot) {
    let (told, truth) = observer.compare(snapshot);
    let of_docs = |(series, _): &(&String, &i64)| series.starts_with("docs{");
    assert!(truth.iter().any(|series| of_docs(&series)));
    assert_eq!(told.iter().filter(of_docs).collect::<Vec<_>>(), truth.iter().filter(of_docs).collect::<Vec<_>>());
}
