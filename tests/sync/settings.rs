//! What the settings choose of a site: the numbers are the truth of that, to the last one.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_exporter::sync::{KeyPattern, PersonalSpaces, Settings};
use confluence_simulator::world::Space;
use confluence_simulator::{DocType, EventKind, Label, Options, TruthQuestion, chance};
use rand::Rng as _;

use crate::observer::Observer;

/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);

#[tokio::test(flavor = "multi_thread")]
async fn only_the_most_used_labels_and_the_named_ones_are_told() {
    let named: [(usize, &[&str]); 3] = [(3, &["team:seldom", "seldom", "nobody-has-it"]), (0, &["seldom"]), (1, &[])];
    for (top, named) in named {
        let observer = looking(21, |settings| {
            settings.labels.top = top;
            settings.labels.named = named.iter().copied().map(str::to_owned).collect();
        })
        .await;
        {
            let mut world = observer.site.world();
            let page = *world.docs().last().unwrap();
            assert!(world.relabel(page, &[Label::new("global", "seldom"), Label::new("team", "seldom")]));
        }
        is_the_truth_before_and_after_life(&observer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_spaces_stand_each_under_its_own_key() {
    let observer = looking(22, |settings| settings.spaces.personal = PersonalSpaces::Each).await;
    is_the_truth_before_and_after_life(&observer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_spaces_are_left_out() {
    let mut observer = looking(23, |settings| settings.spaces.personal = PersonalSpaces::None).await;
    observer.counts = |space: &Space| &*space.space_type != "personal";
    is_the_truth_before_and_after_life(&observer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_spaces_that_are_included_and_not_excluded_are_counted() {
    let mut observer = looking(24, |settings| {
        settings.spaces.include = patterns(&["E*", "*S", "~*", "LEGAL"]);
        settings.spaces.exclude = patterns(&["*N*"]);
    })
    .await;
    observer.counts = |space: &Space| {
        let key = &*space.key;
        (key.starts_with(['E', '~']) || key.ends_with('S') || key == "LEGAL") && !key.contains('N')
    };
    is_the_truth_before_and_after_life(&observer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_those_of_the_configuration() {
    let windows = || ["14d", "6h", "36h"].map(|window| window.parse().unwrap()).to_vec();
    let observer = looking(25, |settings| settings.windows = windows()).await;
    is_the_truth_before_and_after_life(&observer).await;
}

async fn looking(seed: u64, adapt: impl FnOnce(&mut Settings)) -> Observer {
    let observer = Observer::with(Options { seed, spaces: 13, docs: 80, ..Options::default() }, adapt).await;
    {
        // The smallest ones would have no doc.
        let mut world = observer.site.world();
        let author = world.accounts().next().unwrap();
        let spaces: Vec<_> = world.spaces().iter().map(|space| space.id).collect();
        for space in spaces {
            world.create(space, DocType::Page, author);
        }
    }
    observer
}

fn patterns(patterns: &[&str]) -> Vec<KeyPattern> {
    patterns.iter().map(|pattern| serde_json::from_value((*pattern).into()).unwrap()).collect()
}

/// And what is told is something else than without the settings.
async fn is_the_truth_before_and_after_life(observer: &Observer) {
    let mut rng = chance(7);
    let kinds: Vec<_> = EventKind::all().filter(|kind| *kind != EventKind::DeleteVersion).collect();
    for _ in 0..2 {
        let snapshot = observer.catch_up_on(Collector::ALL).await;
        observer.check(&snapshot);
        let (told, _) = observer.compare(&snapshot);
        let moment_ms = snapshot.health.moment.unwrap().as_millis();
        assert_ne!(told, observer.site.truth(&TruthQuestion::at(moment_ms)));
        for _ in 0..120 {
            observer.pass(Duration::from_secs(rng.random_range(1..5_000)));
            observer.site.world().random_event_of(&mut rng, &kinds);
        }
        observer.pass(A_WHILE);
    }
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}
