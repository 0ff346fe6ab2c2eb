//! One doc, or one account, among many: whatever is wrong with it, the numbers of the others stay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use confluence_exporter::model::{Code, Collector, Snapshot};
use confluence_simulator::world::{DocFacts, Space, SpaceStatus};
use confluence_simulator::{DocId, DocStatus, DocType, Fault, FaultKind, Operation, Options, SpaceId};

use crate::observer::{Observer, START_MS, told};

/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);
const A_YEAR_AGO_MS: i64 = START_MS - 365 * 86_400_000;
/// What is told of docs one by one, under their space.
const OF_DOCS: [&str; 3] = ["docs_by_state{", "doc_views{", "views_sampled_docs{"];

#[tokio::test(flavor = "multi_thread")]
async fn one_doc_that_is_refused_takes_no_number_of_its_space_along() {
    for is_moved in [false, true] {
        let observer = Observer::of(site()).await;
        observer.catch_up_on(Collector::ALL).await;
        let (doc, home) = some_current_doc(&observer);
        if is_moved {
            // Where the doc is now no base can tell.
            let mut world = observer.site.world();
            let elsewhere = world.spaces().iter().find(|space| space.id != home && is_in_use(space)).unwrap().id;
            assert!(world.move_to(doc, elsewhere));
        }
        for (kind, operation) in [
            (FaultKind::StatesOffForbidden, Operation::ContentState),
            (FaultKind::AnalyticsRestricted, Operation::ContentViews),
        ] {
            observer.site.inject(Fault::new(kind).on(operation).only(&doc.0.to_string()));
        }

        observer.pass(A_WHILE);
        observer.refresh().await;
        let snapshot = observer.refresh().await;

        assert!(snapshot.health.errors.is_empty());
        let (told, truth) = observer.compare(&snapshot);
        assert_eq!(of_docs(told), without(&observer, doc, of_docs(truth)), "moved: {is_moved}");
    }
}

/// A site whose every account and every doc is asked for.
fn site() -> Options {
    Options { seed: 6, spaces: 4, docs: 60, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_doc_whose_versions_never_come_keeps_no_number_back_and_sets_no_code() {
    for (kind, concurrency) in [(FaultKind::Gone, 8), (FaultKind::InternalError, 1)] {
        let observer = Observer::asking_at_once(concurrency, site(), |_| {}).await;
        let bad = some_doc_of_many_versions(&observer);
        observer.site.inject(Fault::new(kind).on(Operation::PageVersions).only(&bad.0.to_string()));

        let snapshot = patiently(&observer).await;

        let (told, truth) = observer.compare(&snapshot);
        let of_windows = |series: &BTreeMap<String, i64>| -> Vec<String> {
            series.keys().filter(|name| name.contains("window=")).cloned().collect()
        };
        assert_eq!(of_windows(&told), of_windows(&truth), "{}", kind.as_str());
        assert!(coverage(&snapshot, Collector::Versions) < 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_that_nobody_can_ask_for_keeps_no_number_back_and_sets_no_code() {
    let observer = Observer::of(site()).await;
    let bad = {
        let world = observer.site.world();
        let owner = world.docs().into_iter().find_map(|doc| world.doc(doc)?.owner).unwrap();
        world.user(owner).account_id.to_string()
    };
    observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::UsersBulk).only(&bad));

    let snapshot = patiently(&observer).await;

    let (told, truth) = observer.compare(&snapshot);
    let shown = |series: &BTreeMap<String, i64>, family: &str| series.keys().any(|name| name.starts_with(family));
    for family in ["contributors{", "site_contributors{", "docs_by_owner_status{", "users{"] {
        assert!(shown(&truth, family) && shown(&told, family), "{family}");
    }
    assert!(coverage(&snapshot, Collector::Users) < 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_fails_for_every_doc_sets_its_code_and_refuses_none() {
    let observer = Observer::of(site()).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.pass(A_WHILE);
    observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::ContentViews));
    for _ in 0..6 {
        let snapshot = observer.refresh().await;
        assert_eq!(snapshot.health.errors, [Code::UpstreamError]);
    }

    observer.site.clear_faults();
    let snapshot = observer.refresh().await;

    assert!(snapshot.health.errors.is_empty());
    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_doc_that_is_never_answered_at_all_is_given_up_too() {
    let observer = Observer::with(site(), |settings| settings.refresh_interval = Duration::from_secs(1)).await;
    let bad = some_doc_of_many_versions(&observer);
    observer.site.inject(Fault::new(FaultKind::Silence).on(Operation::PageVersions).only(&bad.0.to_string()));

    let mut refreshes = 0;
    let snapshot = loop {
        let snapshot = observer.refresh().await;
        if told(&snapshot).keys().any(|series| series.starts_with("doc_updates{") && series.contains("365d")) {
            break snapshot;
        }
        refreshes += 1;
        assert!(refreshes < 60, "{:?}", snapshot.health);
    };

    assert!(snapshot.health.errors.is_empty(), "{:?}", snapshot.health.errors);
    assert!(coverage(&snapshot, Collector::Versions) < 1.0);
}

/// So many refreshes as it takes to single one out and to give it up. Nothing that is the one's own fault sets a code.
async fn patiently(observer: &Observer) -> Arc<Snapshot> {
    let mut snapshot = observer.refresh().await;
    for _ in 0..14 {
        assert!(snapshot.health.up && snapshot.health.errors.is_empty(), "{:?}", snapshot.health.errors);
        snapshot = observer.refresh().await;
    }
    snapshot
}

fn coverage(snapshot: &Snapshot, collector: Collector) -> f64 {
    snapshot.health.collectors.iter().find(|health| health.collector == collector).unwrap().coverage
}

/// A page whose row does not tell all its versions of the last year.
fn some_doc_of_many_versions(observer: &Observer) -> DocId {
    let world = observer.site.world();
    let mut docs = world.docs().into_iter().filter_map(|doc| world.doc(doc));
    let has_many =
        |facts: &DocFacts| facts.versions.iter().filter(|version| version.created_ms > A_YEAR_AGO_MS).count() > 2;
    docs.find(|facts| facts.doc_type == DocType::Page && has_many(facts)).unwrap().id
}

fn of_docs(series: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    series.into_iter().filter(|(name, _)| OF_DOCS.iter().any(|family| name.starts_with(family))).collect()
}

/// The truth but for this doc.
fn without(observer: &Observer, doc: DocId, mut truth: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let world = observer.site.world();
    let facts = world.doc(doc).unwrap();
    let space = &world.space(facts.space).unwrap().key;
    let state = facts.state.as_deref().unwrap_or("(none)");
    let doc_type = facts.doc_type.as_str();
    let shares = [
        (format!("docs_by_state{{space=\"{space}\",state=\"{state}\"}}"), 1),
        (format!("views_sampled_docs{{space=\"{space}\",type=\"{doc_type}\"}}"), 1),
        (format!("doc_views{{space=\"{space}\",type=\"{doc_type}\"}}"), i64::from(facts.views)),
    ];
    for (series, share) in shares {
        *truth.get_mut(&series).unwrap() -= share;
    }
    truth.retain(|series, value| *value > 0 || !series.starts_with("docs_by_state{"));
    truth
}

/// A doc that is asked for everything, and its space.
fn some_current_doc(observer: &Observer) -> (DocId, SpaceId) {
    let world = observer.site.world();
    let mut docs = world.docs().into_iter().filter_map(|doc| world.doc(doc));
    let is_asked_for =
        |facts: &DocFacts| facts.status == DocStatus::Current && is_in_use(world.space(facts.space).unwrap());
    docs.find(is_asked_for).map(|facts| (facts.id, facts.space)).unwrap()
}

/// Its docs are current, and counted under its own key.
fn is_in_use(space: &Space) -> bool {
    space.status == SpaceStatus::Current && &*space.space_type != "personal"
}
