//! A site that bears only so many requests a second: the exporter finds its pace, and gets all the same what it wants.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::{Fault, FaultKind, Options};

use crate::observer::Observer;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_walk_converges_to_the_sites_pace_and_ends_with_the_right_numbers() {
    let latency = Duration::from_millis(20);
    let observer = Observer::of(Options { seed: 6, spaces: 20, docs: 120, latency, ..Options::default() }).await;
    observer.site.inject(Fault::new(FaultKind::RateLimitedBeyond).a_second(40).seconds(1));

    let snapshot = observer.catch_up_on(Collector::ALL).await;

    observer.check(&snapshot);
    let journal = observer.site.journal();
    let refused = journal.iter().filter(|asked| asked.status == 429).count();
    // Without a pace each pause would end with a burst, and each burst with as many refusals as there are permits.
    assert!((1..=25).contains(&refused), "{refused} of {} refused", journal.len());
    assert!(observer.site.rejected() == 0);
}
