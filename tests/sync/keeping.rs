//! A restart costs nothing: what was kept is known, and only what changed since is asked for.

use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::{Operation, Options};
use tempfile::tempdir;

use crate::observer::{Observer, told};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_numbers_are_there_at_once_and_three_requests_make_them_new() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 11, spaces: 9, docs: 400, ..Options::default() }).await;
    observer.restart(&store).await;
    let before = observer.catch_up_on(Collector::ALL).await;
    observer.check(&before);
    observer.silence().await;
    let before = observer.sync.snapshots().borrow().clone().unwrap();

    observer.restart(&store).await;

    let kept = observer.sync.snapshots().borrow().clone().expect("a snapshot is there before anything is asked");
    assert_eq!(told(&kept), told(&before));
    observer.site.clear_journal();
    let after = observer.refresh().await;
    assert_eq!(observer.asked() - observer.asked_for(Operation::TenantInfo), 3, "{:?}", observer.site.totals());
    observer.check(&after);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_nobody_looked_is_found_after_the_restart() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 12, spaces: 5, docs: 200, ..Options::default() }).await;
    observer.restart(&store).await;
    observer.catch_up_on(Collector::ALL).await;

    observer.restart(&store).await;
    let doc = observer.site.world().docs()[3];
    let author = observer.site.world().add_user("active", "atlassian");
    for _ in 0..2 {
        observer.pass(Duration::from_hours(5));
        observer.site.world().edit(doc, author);
    }
    observer.pass(Duration::from_hours(24 * 8));

    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}
