//! The numbers are the truth, to the last one.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::Options;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::observer::Observer;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_counted_exactly_after_its_first_walk() {
    let observer = Observer::of(Options { seed: 7, spaces: 14, docs: 900, ..Options::default() }).await;

    let snapshot = observer.catch_up_on(Collector::ALL).await;

    observer.check(&snapshot);
    assert_eq!(
        observer.site.rejected(),
        0,
        "{:?}",
        observer.site.journal().iter().filter(|a| a.rejected.is_some()).collect::<Vec<_>>()
    );
}

/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);

#[tokio::test(flavor = "multi_thread")]
async fn random_worlds_that_live_are_counted_exactly() {
    for seed in seeds() {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (spaces, docs) = (rng.random_range(1..12), rng.random_range(0..150));
        let observer = Observer::of(Options { seed, spaces, docs, ..Options::default() }).await;
        observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
        for _ in 0..3 {
            for _ in 0..rng.random_range(1..60) {
                observer.pass(Duration::from_secs(rng.random_range(1..5_000)));
                observer.site.world().random_event(&mut rng);
                if rng.random_range(0..10) == 0 {
                    let _ = observer.sync.begin();
                }
            }
            observer.pass(A_WHILE);
            observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
        }
        assert_eq!(observer.site.rejected(), 0, "the API's rules were broken");
    }
}

/// A few that are always tried, and one that is new each time.
fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=5).chain([rand::random_range(0..1_000_000)]).collect(),
    }
}
