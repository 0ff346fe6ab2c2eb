//! A restart costs nothing: what was kept is known, and only what changed since is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_exporter::sync::{KeyPattern, PersonalSpaces, Settings, SpacesSettings};
use confluence_simulator::{DocType, Fault, FaultKind, Operation, Options};
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

/// Where the settings say whether a collector is on.
type Switch = fn(&mut Settings) -> &mut bool;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_after_a_run_is_shown_no_more_until_it_is_known_again() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 17, spaces: 3, docs: 25, ..Options::default() }).await;
    observer.restart(&store).await;
    let families = |snapshot: &Snapshot| -> BTreeSet<String> {
        told(snapshot).into_keys().map(|series| series.split('{').next().unwrap().to_owned()).collect()
    };
    let switches: [(Switch, &[&str]); 5] = [
        (
            |settings| &mut settings.collectors.versions.enabled,
            &["contributors", "doc_edit_sessions", "doc_updates", "site_contributors", "updated_docs"],
        ),
        (
            |settings| &mut settings.collectors.users.enabled,
            &["contributors", "docs_by_owner_status", "site_contributors", "users"],
        ),
        (|settings| &mut settings.collectors.labels.enabled, &["docs_by_label", "unlabelled_docs"]),
        (|settings| &mut settings.collectors.states.enabled, &["docs_by_state"]),
        (
            |settings| &mut settings.collectors.views.enabled,
            &["doc_views", "doc_views_observed_total", "views_sampled_docs"],
        ),
    ];
    for (switch, names) in switches {
        let before = observer.catch_up_on(Collector::ALL).await;
        observer.check(&before);
        observer.silence().await;

        observer.adapt(|settings| *switch(settings) = false);
        observer.restart(&store).await;
        let off = observer.refresh().await;
        let gone: Vec<_> = families(&before).difference(&families(&off)).cloned().collect();
        assert_eq!(gone, names);

        // A doc that has been made meanwhile is unknown to the collector that was away.
        let author = observer.site.world().accounts().next().unwrap();
        let space = observer.site.world().spaces()[0].id;
        observer.site.world().create(space, DocType::Page, author);
        observer.refresh().await;
        observer.silence().await;
        observer.adapt(|settings| *switch(settings) = true);
        observer.restart(&store).await;
        observer.pass(Duration::from_hours(24 * 8));
    }
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_excluded_after_a_run_leaves_every_number_and_is_not_unseen() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 18, spaces: 7, docs: 90, ..Options::default() }).await;
    observer.restart(&store).await;
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
    let spaces = |snapshot: &Snapshot, part: &str| -> i64 {
        let spaces = told(snapshot).into_iter().filter(|(series, _)| series.starts_with("spaces{"));
        spaces.filter(|(series, _)| series.contains(part)).map(|(_, spaces)| spaces).sum()
    };
    let key = observer.site.world().spaces().iter().find(|space| &*space.space_type != "personal").unwrap().key.clone();
    let named = format!("space=\"{key}\"");

    observer.adapt(|settings| {
        settings.spaces.exclude = vec![serde_json::from_value::<KeyPattern>(key.to_string().into()).unwrap()];
        settings.spaces.personal = PersonalSpaces::None;
    });
    for _ in 0..2 {
        observer.silence().await;
        observer.restart(&store).await;
        // No base tells it anew: what the store has kept is enough.
        observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::Spaces));
        let failed = observer.refresh().await;
        observer.site.clear_faults();
        for snapshot in [failed, observer.refresh().await] {
            assert_eq!((spaces(&snapshot, "unseen"), spaces(&snapshot, "personal")), (0, 0));
            assert!(!told(&snapshot).keys().any(|series| series.contains(&named) || series.contains("(personal)")));
        }
    }

    observer.silence().await;
    observer.adapt(|settings| settings.spaces = SpacesSettings::default());
    observer.restart(&store).await;
    observer.pass(Duration::from_hours(24 * 8));
    observer.site.world().add_user("active", "atlassian");
    observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_starts_fresh_whether_at_the_same_address_or_at_another() {
    for (at_the_same_address, answers_at_once) in [(true, true), (true, false), (false, true)] {
        let folder = tempdir().unwrap();
        let store = folder.path().join("store.db");
        let mut observer = Observer::of(Options { seed: 13, spaces: 4, docs: 60, ..Options::default() }).await;
        observer.restart(&store).await;
        observer.catch_up_on(Collector::ALL).await;
        observer.silence().await;

        let other = Options { seed: 14, spaces: 3, docs: 40, ..Options::default() };
        observer.look_at_another_site(other, at_the_same_address).await;
        observer.restart(&store).await;
        if !answers_at_once {
            // Nobody has told the new cloud id when this is written down.
            observer.site.inject(Fault::new(FaultKind::InternalError));
            observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::TenantInfo));
            observer.refresh().await;
            observer.silence().await;
            observer.site.clear_faults();
        }

        observer.check(observer.catch_up_on(Collector::ALL).await.as_ref());
        observer.silence().await;
        observer.restart(&store).await;
        observer.check(observer.refresh().await.as_ref());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_has_grown_stale_counts_as_none_and_the_facts_are_known_all_the_same() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 15, spaces: 4, docs: 60, ..Options::default() }).await;
    observer.restart(&store).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;

    observer.pass(Duration::from_hours(25));
    observer.restart(&store).await;

    assert!(observer.sync.snapshots().borrow().is_none());
    observer.site.clear_journal();
    observer.site.inject(Fault::new(FaultKind::InternalError));
    let snapshot = observer.refresh().await;
    assert!(!snapshot.health.up && snapshot.health.moment.is_some(), "its moment is told, so that an alert can see it");
    observer.site.clear_faults();
    observer.refresh().await;
    let by_groups = observer.site.journal().iter().filter(|asked| asked.query.contains("space-id=")).count();
    assert_eq!(by_groups, 0, "no first walk");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_on_while_another_program_holds_the_file_and_are_kept_afterwards() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 16, spaces: 4, docs: 60, ..Options::default() }).await;
    observer.restart(&store).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;

    let holder = rusqlite::Connection::open(&store).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let author = observer.site.world().add_user("active", "atlassian");
    let docs = observer.site.world().docs();
    for doc in docs {
        observer.site.world().edit(doc, author);
    }
    observer.pass(Duration::from_hours(1));
    observer.begin().await.unwrap();
    while observer.store_up.get() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let moment = observer.sync.snapshots().borrow().as_ref().unwrap().health.moment.unwrap();
    assert!(moment.as_millis() > observer.site.world().last_change_ms(), "a base was read all the same");

    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    observer.pass(Duration::from_hours(8 * 24));
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;
    assert!(observer.store_up.get());
    observer.restart(&store).await;
    observer.check(observer.refresh().await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_at_the_start_is_tried_again_and_not_asked_for_anew() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut observer = Observer::of(Options { seed: 17, spaces: 4, docs: 60, ..Options::default() }).await;
    observer.restart(&store).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.silence().await;
    let other_program = rusqlite::Connection::open(&store).unwrap();

    other_program.execute_batch("ALTER TABLE docs RENAME TO out_of_the_way").unwrap();
    observer.restart(&store).await;
    while observer.store_up.get() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(observer.sync.snapshots().borrow().is_some(), "the kept numbers are on show meanwhile");
    other_program.execute_batch("ALTER TABLE out_of_the_way RENAME TO docs").unwrap();

    observer.site.clear_journal();
    let snapshot = observer.refresh().await;
    assert_eq!(observer.asked() - observer.asked_for(Operation::TenantInfo), 3, "{:?}", observer.site.totals());
    observer.check(&snapshot);
    assert!(observer.store_up.get());
}
