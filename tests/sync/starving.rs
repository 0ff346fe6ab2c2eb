//! What fails again and again holds up nothing else for good.

use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_simulator::{DocId, DocType, Fault, FaultKind, Operation, Options};

use crate::observer::Observer;

/// How often one question is asked.
const TRIES: u32 = 5;
/// So many questions a minute.
const BUDGET: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciling_walk_whose_missing_docs_cannot_be_asked_for_makes_way_for_the_next() {
    let observer = Observer::of(Options { seed: 3, spaces: 3, docs: 60, ..Options::default() }).await;
    observer.catch_up_on(Collector::ALL).await;
    let is_gone = {
        let mut world = observer.site.world();
        let pages = world.docs().into_iter().filter(|doc| world.doc(*doc).unwrap().doc_type == DocType::Page);
        let page = pages.collect::<Vec<_>>()[0];
        world.trash(page) && world.purge(page)
    };
    assert!(is_gone);
    // The base lists pages once, the walk once, and then asks for the one that it misses.
    observer.pass(Duration::from_hours(7));
    observer.site.inject(Fault::new(FaultKind::Unavailable).on(Operation::Pages).after(2).times(TRIES));
    observer.refresh().await;
    assert_eq!((walks(&observer), confirmations(&observer)), (1, TRIES as usize));

    observer.pass(Duration::from_hours(7));
    observer.site.inject(Fault::new(FaultKind::Unavailable).on(Operation::Pages).after(1).times(TRIES));
    observer.refresh().await;
    assert_eq!((walks(&observer), confirmations(&observer)), (1, 2 * TRIES as usize), "the same walk");
    let snapshot = observer.refresh().await;

    assert_eq!((walks(&observer), confirmations(&observer)), (2, 2 * TRIES as usize + 1), "another one, to its end");
    observer.check(&snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doc_s_long_list_is_left_between_two_answers_when_the_refresh_is_over() {
    let options = Options { seed: 3, spaces: 3, docs: 60, ..Options::default() };
    let observer = Observer::with(options, |settings| settings.refresh_interval = Duration::from_secs(2)).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;
    {
        let mut world = observer.site.world();
        let is_page = |doc: &DocId| world.doc(*doc).unwrap().doc_type == DocType::Page;
        let page = world.docs().into_iter().find(is_page).unwrap();
        let author = world.accounts().next().unwrap();
        // Five answers' worth.
        assert!(world.autosave_burst(page, author, 1_200));
    }
    observer.pass(Duration::from_mins(1));
    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::Slow).on(Operation::PageVersions).seconds(1));

    let mut snapshots = observer.sync.snapshots();
    observer.begin().await.unwrap();
    for _after in ["the base", "the rest"] {
        snapshots.changed().await.unwrap();
    }

    let answers = observer.asked_for(Operation::PageVersions);
    assert!((1..=3).contains(&answers), "of a second each, in two: {answers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_that_are_edited_all_the_time_starve_no_other() {
    let observer = Observer::with(Options { seed: 8, spaces: 1, docs: 12, ..Options::default() }, |settings| {
        let collectors = &mut settings.collectors;
        for collector in [&mut collectors.users, &mut collectors.states, &mut collectors.views] {
            collector.enabled = false;
        }
        settings.request_budget = BUDGET.try_into().unwrap();
    })
    .await;
    let docs = observer.site.world().docs();
    let author = observer.site.world().accounts().next().unwrap();
    let labels_are_known = |snapshot: &Snapshot| {
        let labels = snapshot.health.collectors.iter().find(|health| health.collector == Collector::Labels);
        labels.is_some_and(|labels| labels.coverage >= 1.0)
    };
    let mut refreshes = 0;
    while !labels_are_known(observer.refresh().await.as_ref()) {
        refreshes += 1;
        assert!(refreshes < 60, "as many are edited as can be asked for");
        for doc in docs.iter().take(BUDGET as usize) {
            observer.site.world().edit(*doc, author);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_takes_longer_than_the_scrapes_interval_leaves_time_for_the_rest() {
    let latency = Duration::from_millis(400);
    let options = Options { seed: 9, spaces: 2, docs: 30, latency, ..Options::default() };
    // Three requests, one after the other.
    let interval = Duration::from_secs(1);
    let observer = Observer::with(options, |settings| settings.refresh_interval = interval).await;
    let mut scrapes = 0;
    while observer.asked_for(Operation::PageLabels) == 0 {
        scrapes += 1;
        assert!(scrapes < 20, "nothing but bases is asked for");
        let _ = observer.sync.begin();
        tokio::time::sleep(interval).await;
    }
}

/// How many lists of pages by id the site has been asked for, beside the first walk's.
fn walks(observer: &Observer) -> usize {
    let journal = observer.site.journal();
    let of_pages = journal.iter().filter(|asked| asked.operation == Some(Operation::Pages));
    of_pages.filter(|asked| asked.query.contains("sort=id") && !asked.query.contains("space-id=")).count()
}

fn confirmations(observer: &Observer) -> usize {
    let journal = observer.site.journal();
    let of_pages = journal.iter().filter(|asked| asked.operation == Some(Operation::Pages));
    of_pages.filter(|asked| asked.query.split('&').any(|pair| pair.starts_with("id="))).count()
}
