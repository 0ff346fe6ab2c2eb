//! It asks for no more than it needs, and for nothing when nobody asks it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::{Fault, FaultKind, Operation, Options};

use crate::observer::{Observer, START_MS};

const YEAR_MS: i64 = 365 * 86_400_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_site_costs_three_requests_whatever_its_size() {
    for docs in [30, 600] {
        let observer = Observer::of(Options { seed: 2, spaces: 5, docs, ..Options::default() }).await;
        observer.catch_up_on(Collector::ALL).await;
        observer.pass(Duration::from_hours(1));
        observer.refresh().await;

        observer.site.clear_journal();
        observer.refresh().await;

        assert_eq!(observer.asked(), 3, "{docs} docs: {:?}", observer.site.totals());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_edits_cost_so_many_answers_and_no_question_about_versions() {
    let observer = Observer::of(Options { seed: 2, spaces: 5, docs: 900, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.pass(Duration::from_hours(1));
    observer.refresh().await;
    let author = observer.site.world().accounts().next().unwrap();
    let docs = observer.site.world().docs();
    let edited = docs.into_iter().filter(|doc| observer.site.world().edit(*doc, author)).take(400).count();

    observer.site.clear_journal();
    observer.refresh().await;

    let listings = observer.asked_for(Operation::Spaces)
        + observer.asked_for(Operation::Pages)
        + observer.asked_for(Operation::Blogposts);
    assert!(edited >= 400 && listings <= 3 + 2 + 1, "{listings} for {edited} edits");
    assert_eq!(observer.asked_for(Operation::PageVersions) + observer.asked_for(Operation::BlogpostVersions), 0);
    observer.check(observer.catch_up_on(&[Collector::Versions]).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_asked_only_where_rows_cannot_tell_them() {
    let observer = Observer::of(Options { seed: 11, spaces: 5, docs: 400, ..Options::default() }).await;
    let needed: BTreeSet<String> = {
        let world = observer.site.world();
        let docs = world.docs().into_iter().filter_map(|doc| world.doc(doc).map(|facts| (doc, facts)));
        docs.filter(|(_, facts)| facts.versions.len() >= 3)
            .filter(|(_, facts)| facts.versions.last().unwrap().created_ms > START_MS - YEAR_MS)
            .map(|(doc, _)| doc.0.to_string())
            .collect()
    };

    observer.catch_up_on(Collector::ALL).await;

    let asked: BTreeSet<String> = observer
        .site
        .journal()
        .iter()
        .filter(|asked| matches!(asked.operation, Some(Operation::PageVersions | Operation::BlogpostVersions)))
        .filter_map(|asked| asked.path.split('/').rev().nth(1).map(str::to_owned))
        .collect();
    let beyond: Vec<_> = asked.difference(&needed).collect();
    assert!(!needed.is_empty() && beyond.len() <= 1, "one probe at the most: {beyond:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unscraped_it_asks_nothing() {
    let observer =
        Observer::with(Options::default(), |settings| settings.refresh_interval = Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(observer.asked(), 0, "nobody has asked yet");

    observer.refresh().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    observer.site.clear_journal();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(observer.asked(), 0, "nobody asks any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_is_kept_and_shared_by_the_collectors() {
    let budget = NonZeroU32::new(20).unwrap();
    let options = Options { seed: 4, spaces: 4, docs: 300, ..Options::default() };
    let observer = Observer::with(options, |settings| settings.request_budget = budget).await;

    let snapshot = observer.refresh().await;

    let rest = [
        [Operation::PageVersions, Operation::BlogpostVersions],
        [Operation::UsersBulk, Operation::UsersBulk],
        [Operation::PageLabels, Operation::BlogpostLabels],
        [Operation::ContentState, Operation::ContentState],
        [Operation::ContentViews, Operation::ContentViews],
    ];
    let asked =
        rest.map(|operations| BTreeSet::from(operations).into_iter().map(|one| observer.asked_for(one)).sum::<u64>());
    assert!(asked.iter().all(|asked| *asked >= 1), "each has had a turn: {asked:?}");
    assert!((30..=43).contains(&asked.iter().sum::<u64>()), "two minutes' worth, and what dripped in: {asked:?}");
    let labels = snapshot.health.collectors.iter().find(|health| health.collector == Collector::Labels).unwrap();
    assert!(labels.coverage > 0.0 && labels.coverage < 1.0, "{labels:?}");
    assert!(
        snapshot.numbers.as_ref().unwrap().groups.iter().all(|group| group.labels.is_none()),
        "half known is not shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_are_under_way_than_the_concurrency_level_allows() {
    let observer = Observer::of(Options {
        seed: 4,
        spaces: 20,
        docs: 900,
        latency: Duration::from_millis(3),
        ..Options::default()
    })
    .await;
    observer.catch_up_on(Collector::ALL).await;
    assert!((6..=8).contains(&observer.site.max_in_flight()), "{}", observer.site.max_in_flight());
}

#[tokio::test(flavor = "multi_thread")]
async fn excluded_spaces_are_neither_counted_nor_walked() {
    let options = Options { seed: 9, spaces: 8, docs: 200, ..Options::default() };
    let excluded = Observer::of(options.clone()).await.site.world().spaces()[0].key.to_string();
    let observer = Observer::with(options, |settings| {
        settings.spaces.exclude = vec![serde_json::from_value(serde_json::Value::from(excluded.clone())).unwrap()];
    })
    .await;

    let snapshot = observer.catch_up_on(Collector::ALL).await;

    let (told, truth) = observer.compare(&snapshot);
    let of_space = format!("space=\"{excluded}\"");
    assert!(
        truth.keys().any(|series| series.contains(&of_space)) && !told.keys().any(|series| series.contains(&of_space))
    );
    let docs = |series: &str| series.starts_with("docs{") && !series.contains(&of_space);
    assert!(truth.iter().filter(|(series, _)| docs(series)).all(|(series, value)| told.get(series) == Some(value)));
    let id = observer.site.world().spaces().iter().find(|space| *space.key == *excluded).unwrap().id;
    assert!(observer.site.journal().iter().all(|asked| !asked.query.contains(&format!("space-id={}&", id.0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_no_list_shows_is_looked_for_once() {
    let observer = Observer::of(Options { seed: 2, spaces: 5, docs: 600, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.site.inject(Fault::new(FaultKind::UnlistedSpace).on(Operation::Pages));
    observer.refresh().await;
    observer.pass(Duration::from_hours(7));

    observer.site.clear_journal();
    observer.refresh().await;

    assert!(observer.asked_for(Operation::Pages) > 1, "a base and a reconciling walk");
    assert_eq!(observer.asked_for(Operation::Spaces), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doc_edited_in_the_very_second_of_an_answer_is_asked_for_once_a_refresh() {
    let observer = Observer::of(Options { seed: 2, spaces: 2, docs: 20, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;
    // The answers of the next refresh have the date of the second that this millisecond is in.
    observer.pass(Duration::from_millis(500));
    let author = observer.site.world().accounts().next().unwrap();
    let docs = observer.site.world().docs();
    let edited = docs.into_iter().filter(|doc| observer.site.world().edit(*doc, author)).count() as u64;
    assert!(edited > 0);

    observer.site.clear_journal();
    observer.begin().await.unwrap();
    observer.silence().await;

    assert!(observer.asked_for(Operation::ContentState) <= edited, "{:?}", observer.site.totals());
    observer.pass(Duration::from_hours(8 * 24));
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_compared_once_after_a_base_however_long_the_next_one_fails() {
    let observer = Observer::of(Options { seed: 2, spaces: 2, docs: 20, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;
    // A refusal that leaves something to ask.
    observer.site.inject(Fault::new(FaultKind::ScopeMismatch).on(Operation::Spaces));
    observer.pass(Duration::from_hours(7));

    observer.site.clear_journal();
    observer.begin().await.unwrap();
    observer.silence().await;

    assert!(observer.asked_for(Operation::Pages) <= 2, "{:?}", observer.site.totals());
}
