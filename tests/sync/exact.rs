//! The numbers are the truth, to the last one.

use confluence_exporter::model::Collector;
use confluence_simulator::Options;

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
