//! A connection that is ended and opened anew in the same process, at any moment: nothing that was learnt is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_exporter::sync::NotBegun;
use confluence_simulator::Options;
use tempfile::tempdir;

use crate::observer::{Observer, told};

const CONCURRENCY: u16 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn at_any_moment_it_goes_on_where_it_was() {
    let folder = tempdir().unwrap();
    let latency = Duration::from_millis(5);
    let options = Options { seed: 41, spaces: 30, docs: 250, latency, ..Options::default() };
    let mut observer = Observer::asking_at_once(CONCURRENCY, options, |_| {}).await;
    observer.restart(&folder.path().join("store.db")).await;

    // Most of them during the first walk, the others during the rest.
    let moments = (5..80).step_by(6).chain((80..900).step_by(90));
    let mut endings = 0;
    for aim in moments {
        while observer.asked() < aim {
            observer.pass(Duration::from_secs(10));
            let _ = observer.sync.begin();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let ended = observer.sync.clone();
        observer.open_anew().await;
        endings += 1;

        assert_eq!(ended.begin().unwrap_err(), NotBegun::Ended);
        let last = ended.snapshots().borrow().clone();
        let kept = observer.sync.snapshots().borrow().clone();
        assert!(last.map(|last| told(&last)) == kept.map(|kept| told(&kept)), "the last snapshot is on the disk");
    }

    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
    let walk = observer.site.journal().into_iter().filter(|asked| asked.query.contains("space-id="));
    let walk: Vec<String> = walk.map(|asked| format!("{}?{}", asked.path, asked.query)).collect();
    let again = walk.len() - walk.iter().collect::<BTreeSet<_>>().len();
    assert!(again <= endings * usize::from(CONCURRENCY), "{again} of {} were asked again", walk.len());
}
