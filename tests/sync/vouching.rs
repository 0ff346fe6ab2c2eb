//! What a success vouches for.

use std::time::Duration;

use confluence_exporter::model::{Collector, CollectorHealth, Timestamp};
use confluence_simulator::{DocStatus, DocType, Fault, FaultKind, Operation, Options};

use crate::observer::Observer;

const DAY: Duration = Duration::from_hours(24);
const BUT_DOCS: [Collector; 6] =
    [Collector::Spaces, Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views];

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_finds_what_nobody_could_ask_about_takes_back_what_was_vouched_for() {
    let options = Options { seed: 4, spaces: 3, docs: 60, ..Options::default() };
    let observer = Observer::with(options, |settings| settings.reconcile_interval = 30 * DAY).await;
    // In the trash its labels are nobody's business, and that it comes back only a walk can tell.
    let page = {
        let mut world = observer.site.world();
        let mut pages = world.docs().into_iter().filter_map(|doc| world.doc(doc));
        let is_labelled = |facts: &confluence_simulator::world::DocFacts| {
            facts.doc_type == DocType::Page && facts.status == DocStatus::Current && !facts.labels.is_empty()
        };
        let page = pages.find(is_labelled).unwrap().id;
        drop(pages);
        assert!(world.trash(page));
        page
    };
    observer.catch_up_on(Collector::ALL).await;
    observer.pass(Duration::from_mins(5));
    assert!(observer.site.world().restore(page));
    let happened = Timestamp::from_millis(observer.site.world().last_change_ms());
    observer.pass(8 * DAY);
    observer.catch_up_on(&BUT_DOCS).await;

    // The walk finds it, and its labels can't be asked for.
    observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::PageLabels));
    observer.pass(25 * DAY);
    observer.refresh().await;
    let snapshot = observer.refresh().await;

    let success = |collector| {
        let is_its = |health: &&CollectorHealth| health.collector == collector;
        snapshot.health.collectors.iter().find(is_its).unwrap().success
    };
    assert!(success(Collector::Docs) > Some(happened) && success(Collector::States) > Some(happened));
    assert!(success(Collector::Labels) < Some(happened), "{:?} of {happened}", success(Collector::Labels));
    observer.site.clear_faults();
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}
