//! A space whose own listing never gives an answer keeps no other waiting, and its docs are met in the list of the whole site.

use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_simulator::world::SpaceId;
use confluence_simulator::{DocType, Fault, FaultKind, Operation, Options};

use crate::lost_places::{check_docs, docs_alone};
use crate::observer::{Observer, told};

/// A walk is stuck once each of its listings has been lost twice.
const REFRESHES: usize = 6;

/// Whoever lists the pages of this space gets no answer, ever.
fn break_the_list_of(observer: &Observer, space: SpaceId, kind: FaultKind) {
    observer.site.inject(Fault::new(kind).on(Operation::Pages).only(&format!("space-id={}", space.0)));
}

/// A space with some pages.
fn space(observer: &Observer, key: &str, pages: usize) -> SpaceId {
    let mut world = observer.site.world();
    let space = world.add_space(key, key, "global");
    let author = world.accounts().next().unwrap();
    for _ in 0..pages {
        world.create(space, DocType::Page, author);
    }
    space
}

/// Current pages of the space of this key, as they are told.
fn pages(snapshot: &Snapshot, key: &str) -> Option<i64> {
    told(snapshot).get(&format!("docs{{space=\"{key}\",type=\"page\",status=\"current\"}}")).copied()
}

fn coverage(snapshot: &Snapshot) -> f64 {
    snapshot.health.collectors.iter().find(|health| health.collector == Collector::Docs).unwrap().coverage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_space_that_cannot_be_listed_holds_up_neither_newer_ones_nor_the_reconciling_walk() {
    // The second is not asked again, and so fails at once.
    for kind in [FaultKind::InternalError, FaultKind::Absent] {
        hold_up_nothing(kind).await;
    }
}

async fn hold_up_nothing(kind: FaultKind) {
    let observer = Observer::with(Options { seed: 21, spaces: 3, docs: 60, ..Options::default() }, docs_alone).await;
    observer.catch_up_on(&[Collector::Docs]).await;
    let mute = space(&observer, "MUTE", 4);
    break_the_list_of(&observer, mute, kind);
    for _ in 0..REFRESHES {
        observer.refresh().await;
    }

    space(&observer, "LATER", 5);
    let snapshot = observer.refresh().await;

    assert_eq!(pages(&snapshot, "LATER"), Some(5));
    assert!(coverage(&snapshot) < 1.0);
    let moved = observer.site.world().docs()[0];
    let home = observer.site.world().space_by_key("LATER").unwrap();
    observer.site.world().move_to(moved, home);
    observer.pass(Duration::from_hours(7));
    // Its list is as mute as before.
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    assert_eq!(pages(&snapshot, "MUTE"), Some(4));
    assert!((coverage(&snapshot) - 1.0).abs() < f64::EPSILON);
    check_docs(&observer, &snapshot);
    observer.silence().await;
    let listings = observer.asked_for(Operation::Pages);
    observer.refresh().await;
    assert_eq!(observer.asked_for(Operation::Pages), listings + 1, "nobody asks for it by itself any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_walk_that_cannot_list_one_space_shows_the_others_and_ends_with_the_list_of_the_whole_site() {
    let options = Options { seed: 22, spaces: 4, docs: 1_500, ..Options::default() };
    // Too little for the whole site at once.
    let observer = Observer::with(options, |settings| {
        docs_alone(settings);
        settings.request_budget = 1.try_into().unwrap();
    })
    .await;
    let (mute, heard) = {
        let world = observer.site.world();
        let [mute, heard] = [0, 1].map(|place| world.spaces()[place].clone());
        (mute, heard.key)
    };
    break_the_list_of(&observer, mute.id, FaultKind::InternalError);

    let mut refreshes = 0;
    let snapshot = loop {
        let snapshot = observer.refresh().await;
        refreshes += 1;
        if pages(&snapshot, &heard).is_some() {
            break snapshot;
        }
        assert!(refreshes < 3 * REFRESHES, "nothing is shown");
    };

    assert!(refreshes >= REFRESHES, "there was hope");
    assert_eq!(pages(&snapshot, &mute.key), None);
    let coverage_of_others = coverage(&snapshot);
    assert!((0.5..1.0).contains(&coverage_of_others), "{coverage_of_others}");
    let (told, truth) = observer.compare(&snapshot);
    let of_heard = |(series, _): &(&String, &i64)| series.starts_with(&format!("docs{{space=\"{heard}\""));
    assert_eq!(told.iter().filter(of_heard).collect::<Vec<_>>(), truth.iter().filter(of_heard).collect::<Vec<_>>());
    let snapshot = observer.catch_up_on(&[Collector::Docs]).await;
    assert!((coverage(&snapshot) - 1.0).abs() < f64::EPSILON);
    check_docs(&observer, &snapshot);
}
