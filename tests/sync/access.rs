//! What a refusal is worth: which code is shown, what goes on, and how often it is tried again.

use std::time::Duration;

use confluence_exporter::model::{Code, Collector, Operation as Ours, Snapshot};
use confluence_simulator::{Fault, FaultKind, Operation, Options};

use crate::observer::{Observer, told};

const SUMMARY: &str = "read:confluence-content.summary";

const SOME_DOCS: &str = r#"docs{space="ENG",type="page",status="current"}"#;

fn site() -> Options {
    Options { seed: 6, spaces: 4, docs: 60, ..Options::default() }
}

/// `ok`, a code, or nothing of an operation that was never asked.
fn access(snapshot: &Snapshot, operation: Ours) -> Option<&'static str> {
    let (_, code) = snapshot.health.access.iter().find(|(asked, _)| *asked == operation)?;
    Some(code.map_or("ok", Code::as_str))
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_four_scopes_open_everything_that_is_needed() {
    let observer = Observer::of(site()).await;

    let snapshot = observer.catch_up_on(Collector::ALL).await;

    assert!(snapshot.health.up && snapshot.health.errors.is_empty(), "{:?}", snapshot.health);
    for operation in Ours::ALL.iter().filter(|operation| operation.is_essential()) {
        assert_eq!(access(&snapshot, *operation), Some("ok"), "{operation}");
    }
    assert!(snapshot.health.collectors.iter().all(|health| (health.coverage - 1.0).abs() < f64::EPSILON));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_rests_its_collectors_and_no_other() {
    let observer = Observer::of(site()).await;
    assert!(observer.site.take_scope(&observer.token, SUMMARY));

    let snapshot =
        observer.catch_up_on(&[Collector::Docs, Collector::Versions, Collector::Users, Collector::Labels]).await;

    assert!(snapshot.health.up);
    assert_eq!(snapshot.health.errors, [Code::InvalidPermissions]);
    assert_eq!(access(&snapshot, Ours::ContentViews), Some("invalid_permissions"));
    assert_eq!(access(&snapshot, Ours::PageLabels), Some("ok"));

    observer.site.clear_journal();
    for _ in 0..25 {
        observer.refresh().await;
    }
    let probes = observer.asked_for(Operation::ContentViews);
    assert!((2..=3).contains(&probes), "every ten minutes in twenty-five: {probes}");

    assert!(observer.site.give_scope(&observer.token, SUMMARY));
    let snapshot = observer.catch_up_on(Collector::ALL).await;
    assert!(snapshot.health.errors.is_empty());
    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_spaces_that_becomes_empty_is_a_finding_and_changes_no_fact() {
    let observer = Observer::of(site()).await;
    let before = told(observer.catch_up_on(Collector::ALL).await.as_ref());
    observer.site.inject(Fault::new(FaultKind::EmptyList).on(Operation::Spaces));

    let snapshot = observer.refresh().await;

    assert!(!snapshot.health.up);
    assert_eq!(snapshot.health.errors, [Code::InvalidPermissions]);
    let docs = |told: &std::collections::BTreeMap<String, i64>| -> i64 {
        told.iter().filter(|(series, _)| series.starts_with("docs{")).map(|(_, docs)| docs).sum()
    };
    assert_eq!(docs(&told(&snapshot)), docs(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_spaces_none_of_which_can_be_read_is_no_finding_about_permissions() {
    let observer = Observer::of(Options { spaces: 1, ..site() }).await;
    let before = told(observer.catch_up_on(Collector::ALL).await.as_ref());
    observer.site.inject(Fault::new(FaultKind::NullFields).on(Operation::Spaces));

    let snapshot = observer.refresh().await;

    assert!(!snapshot.health.up);
    assert_eq!(snapshot.health.errors, [Code::BadResponse]);
    assert_eq!(told(&snapshot).get(SOME_DOCS), before.get(SOME_DOCS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_false_refusals_condemns_nothing_and_two_do() {
    let observer = Observer::of(site()).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.site.inject(Fault::new(FaultKind::InvalidCredentials));

    for _ in 0..2 {
        let snapshot = observer.refresh().await;
        assert!(!snapshot.health.up && snapshot.health.errors.is_empty(), "{:?}", snapshot.health.errors);
    }
    observer.refresh().await;
    let snapshot = observer.refresh().await;
    assert_eq!(snapshot.health.errors, [Code::InvalidCredentials]);

    observer.site.clear_faults();
    observer.site.inject(Fault::new(FaultKind::Unavailable));
    let snapshot = observer.refresh().await;
    assert_eq!(
        snapshot.health.errors,
        [Code::InvalidCredentials, Code::UpstreamError],
        "it stands beside, and replaces nothing"
    );

    observer.site.clear_faults();
    assert!(observer.refresh().await.health.errors.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_invalid_credentials_from_the_first_base_on() {
    let observer = Observer::of(site()).await;
    assert!(observer.site.revoke(&observer.token));

    let snapshot = observer.refresh().await;

    assert!(!snapshot.health.up && snapshot.numbers.is_none());
    assert_eq!(snapshot.health.errors, [Code::InvalidCredentials]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_one_doc_or_one_space_sets_no_code_and_lowers_coverage() {
    let observer = Observer::of(site()).await;
    let doc = {
        let world = observer.site.world();
        let docs = world.docs();
        let current = |doc: &&confluence_simulator::DocId| {
            world.doc(**doc).is_some_and(|facts| facts.status == confluence_simulator::DocStatus::Current)
        };
        docs.iter().find(current).unwrap().0.to_string()
    };
    observer.site.inject(Fault::new(FaultKind::Absent).on(Operation::PageLabels).only(&doc));
    observer.site.inject(Fault::new(FaultKind::AnalyticsRestricted).on(Operation::ContentViews).only(&doc));
    observer.site.inject(Fault::new(FaultKind::StatesOffForbidden).on(Operation::ContentState).only(&doc));

    let mut snapshot = observer.refresh().await;
    for _ in 0..3 {
        snapshot = observer.refresh().await;
    }

    assert!(snapshot.health.up && snapshot.health.errors.is_empty(), "{:?}", snapshot.health);
    for health in &snapshot.health.collectors {
        let is_hit = matches!(health.collector, Collector::Labels | Collector::Views | Collector::States);
        assert_eq!(health.coverage < 1.0, is_hit, "{health:?}");
    }
    assert!(
        snapshot.numbers.as_ref().unwrap().groups.iter().all(|group| group.labels.is_some()),
        "a refusal is no gap"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_pause_ends_the_refresh_and_is_told() {
    let observer = Observer::of(site()).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.site.inject(Fault::new(FaultKind::RateLimited).seconds(1_800).times(1));

    let snapshot = observer.refresh().await;
    let asked = observer.asked();
    let later = observer.refresh().await;

    assert_eq!(snapshot.health.errors, [Code::RateLimited]);
    assert!(!later.health.up);
    assert_eq!(observer.asked(), asked, "nothing is asked while the site wants quiet");
    assert!(observer.counted("confluence_api_throttled_until_timestamp_seconds") > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doc_that_always_fails_starves_no_other() {
    let observer = Observer::of(site()).await;
    observer.catch_up_on(Collector::ALL).await;
    let docs = observer.site.world().docs();
    let bad = docs.into_iter().find(|doc| is_current(&observer, *doc)).unwrap();
    let author = observer.site.world().accounts().next().unwrap();
    observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::ContentViews).only(&bad.0.to_string()));
    observer.pass(Duration::from_mins(1));
    assert!(observer.site.world().edit(bad, author));
    observer.refresh().await;

    observer.pass(Duration::from_hours(8 * 24));
    observer.refresh().await;
    let snapshot = observer.refresh().await;

    let views = snapshot.health.collectors.iter().find(|health| health.collector == Collector::Views).unwrap();
    assert!(views.coverage > 0.9 && views.coverage < 1.0, "all but one: {views:?}");
}

fn is_current(observer: &Observer, doc: confluence_simulator::DocId) -> bool {
    let world = observer.site.world();
    world.doc(doc).is_some_and(|facts| facts.status == confluence_simulator::DocStatus::Current)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_refused_is_left_in_peace() {
    let observer = Observer::of(Options { seed: 6, spaces: 1, docs: 120, ..Options::default() }).await;
    observer.site.inject(Fault::new(FaultKind::AnalyticsRestricted).on(Operation::ContentViews));

    for _ in 0..3 {
        observer.refresh().await;
    }

    let asked = observer.asked_for(Operation::ContentViews);
    assert!(asked <= 40, "one refusal speaks for all docs of the space, but for those under way: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_were_refused_are_probed_although_no_doc_needs_them() {
    let observer = Observer::of(site()).await;
    observer.catch_up_on(Collector::ALL).await;
    let docs = observer.site.world().docs();
    let doc = docs.into_iter().find(|doc| is_current(&observer, *doc)).unwrap();
    let author = observer.site.world().accounts().next().unwrap();
    observer.site.inject(Fault::new(FaultKind::ScopeMismatch).on(Operation::PageVersions));
    observer.pass(Duration::from_mins(10));
    for _ in 0..3 {
        assert!(observer.site.world().edit(doc, author));
    }
    let snapshot = observer.refresh().await;
    assert_eq!(snapshot.health.errors, [Code::InvalidPermissions]);

    assert!(observer.site.world().trash(doc));
    assert!(observer.site.world().purge(doc));
    observer.pass(Duration::from_hours(7));
    observer.refresh().await;
    observer.site.clear_faults();
    observer.pass(Duration::from_mins(10));

    assert!(observer.refresh().await.health.errors.is_empty());
}
