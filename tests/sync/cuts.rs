//! Walks that are cut short, at each of their requests in turn, by a site that fails from there on and by a stop of the
//! exporter: what happened meanwhile is not lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_simulator::{DocType, Fault, FaultKind, Options, SpaceId};
use tempfile::{TempDir, tempdir};
use tokio::sync::Semaphore;

use crate::observer::Observer;

/// Which walk is cut.
#[derive(Clone, Copy, Debug)]
enum Walk {
    First,
    Refresh,
    Reconciling,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Every request fails from there on, until the site is mended.
    Fault,
    /// The same, and the exporter is stopped in the midst of it and started again.
    Restart,
}

/// Stories told at once: each waits for its site most of the time.
const AT_ONCE: usize = 6;
/// More than one answer of a listing.
const DOCS: usize = 300;
/// What is asked doc by doc is left out: it is no walk.
const READ: [Collector; 3] = [Collector::Spaces, Collector::Docs, Collector::Versions];
const LEFT_OUT: [&str; 5] = ["docs_by_label", "unlabelled_docs", "docs_by_state", "doc_views", "views_sampled_docs"];

#[tokio::test(flavor = "multi_thread")]
async fn no_first_walk_that_is_cut_short_loses_an_edit() {
    cut_everywhere(Walk::First).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_that_is_cut_short_loses_an_edit() {
    cut_everywhere(Walk::Refresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reconciling_walk_that_is_cut_short_loses_an_edit() {
    cut_everywhere(Walk::Reconciling).await;
}

async fn cut_everywhere(walk: Walk) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    for cut in [Cut::Fault, Cut::Restart] {
        let mut request = 0;
        // Until a walk has so few requests that no cut was met.
        loop {
            let stories: Vec<_> = (request..request + 4)
                .map(|after| {
                    let places = Arc::clone(&places);
                    tokio::spawn(async move {
                        let _place = places.acquire_owned().await.unwrap();
                        cut_and_go_on(walk, cut, after).await
                    })
                })
                .collect();
            let mut was_cut = true;
            for (after, story) in (request..).zip(stories) {
                was_cut &= story.await.unwrap_or_else(|_| panic!("{walk:?} cut by {cut:?} after {after} requests"));
            }
            if !was_cut {
                break;
            }
            request += 4;
        }
        assert!(request >= 4, "{walk:?} has had more than three requests");
    }
}

/// Tells whether there was something left to cut.
async fn cut_and_go_on(walk: Walk, cut: Cut, after: u32) -> bool {
    let (mut observer, folder, spaces) = site_of_three_spaces().await;
    let store = folder.path().join("store.db");
    observer.restart(&store).await;
    match walk {
        Walk::First => {}
        Walk::Refresh | Walk::Reconciling => {
            observer.catch_up_on(&READ).await;
            let hours = if matches!(walk, Walk::Reconciling) { 7 } else { 1 };
            observer.pass(Duration::from_hours(hours));
            change_everything(&observer, &spaces, 0);
        }
    }

    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::InternalError).after(after));
    match cut {
        Cut::Fault => {
            observer.refresh().await;
            change_everything(&observer, &spaces, 1);
        }
        Cut::Restart => {
            let _ = observer.begin().await;
            let was_struck = async {
                while !is_struck(&observer) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            // Where it is never struck, the walk was shorter.
            let _ = tokio::time::timeout(Duration::from_secs(3), was_struck).await;
            change_everything(&observer, &spaces, 1);
            observer.restart(&store).await;
        }
    }
    let was_cut = is_struck(&observer);
    observer.site.clear_faults();
    observer.refresh().await;
    // The next reconciling walk finds what no date tells.
    observer.pass(Duration::from_hours(7));
    check(&observer, observer.catch_up_on(&READ).await.as_ref());

    observer.restart(&store).await;
    check(&observer, observer.refresh().await.as_ref());
    was_cut
}

/// Every number of what is read here.
fn check(observer: &Observer, snapshot: &Snapshot) {
    let (told, truth) = observer.compare(snapshot);
    let is_left_out = |series: &str| LEFT_OUT.iter().any(|family| series.starts_with(family));
    let truth: BTreeMap<_, _> = truth.into_iter().filter(|(series, _)| !is_left_out(series)).collect();
    let told: BTreeMap<_, _> = told.into_iter().filter(|(series, _)| !is_left_out(series)).collect();
    assert!(truth.len() > 50);
    assert_eq!(told, truth);
}

fn is_struck(observer: &Observer) -> bool {
    observer.site.journal().iter().any(|asked| asked.fault.is_some())
}

/// One request at a time, so that a number tells which.
async fn site_of_three_spaces() -> (Observer, TempDir, [SpaceId; 3]) {
    let observer = Observer::asking_at_once(1, Options::empty(), |settings| {
        let collectors = &mut settings.collectors;
        for collector in [&mut collectors.labels, &mut collectors.states, &mut collectors.views] {
            collector.enabled = false;
        }
    })
    .await;
    let spaces = ["ONE", "TWO", "THREE"].map(|key| observer.site.world().add_space(key, key, "global"));
    let author = observer.site.world().accounts().next().unwrap();
    for number in 0..DOCS {
        // The first space has two answers' worth of pages, the second blog posts.
        let (space, doc_type) = match number % 20 {
            0 => (spaces[1], DocType::Blogpost),
            1 => (spaces[2], DocType::Page),
            _ => (spaces[0], DocType::Page),
        };
        observer.site.world().create(space, doc_type, author).unwrap();
        observer.pass(Duration::from_secs(1));
    }
    (observer, tempdir().unwrap(), spaces)
}

/// Edits, moves and deletions at both ends of every listing and in its middle; other ones each round.
fn change_everything(observer: &Observer, spaces: &[SpaceId; 3], round: usize) {
    let mut world = observer.site.world();
    let author = world.accounts().nth(round).unwrap();
    let docs = world.docs();
    for place in [0, 1, 2, docs.len() / 2, docs.len() - 3, docs.len() - 2, docs.len() - 1] {
        world.edit(docs[place], author);
    }
    for place in (10 + round..docs.len()).step_by(docs.len() / 8) {
        world.move_to(docs[place], spaces[(place + round) % 3]);
        world.archive(docs[place + 1]);
        world.edit(docs[place + 2], author);
        world.edit(docs[place + 2], author);
        world.trash(docs[place + 3]);
        if round > 0 {
            world.purge(docs[place + 2]);
        }
    }
    world.create(spaces[round], DocType::Page, author);
    world.create(spaces[2], DocType::Blogpost, author);
}
