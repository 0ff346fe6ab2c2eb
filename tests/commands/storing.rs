//! The store of the real program: what it says of one that it cannot use, and that it goes on without room on the disk.

use std::fs;

use confluence_simulator::{DocType, TokenKind};
use rusqlite::Connection;

use crate::program::{CONFIG, Desk, bound_by_permissions, is_root, site};

const STORE: &str = "confluence-exporter.db";
const SERVE: [&str; 3] = ["serve", CONFIG, "--web.listen-address=127.0.0.1:0"];
const UP: &str = "confluence_exporter_store_up 1";
const DOWN: &str = "confluence_exporter_store_up 0";

#[tokio::test]
async fn a_store_that_cannot_be_written_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let complaint = async |path: &str| {
        let argument = format!("--store.path={path}");
        desk.run(&[&SERVE[..], &[&argument]].concat()).await.complaint().to_owned()
    };
    fs::create_dir(desk.path("a-folder")).unwrap();

    let told = [
        complaint("nowhere/at/all.db").await,
        // Nobody may make a file there, whoever he is.
        complaint("/proc/exporter.db").await,
        complaint("a-folder").await,
    ];

    insta::assert_snapshot!(told.join("\n"), @r"
    cannot lock nowhere/at/all.db.lock, which stands for the store: does its folder exist, and may we write there?: No such file or directory (os error 2)
    cannot lock /proc/exporter.db.lock, which stands for the store: does its folder exist, and may we write there?: No such file or directory (os error 2)
    cannot use the store a-folder: does its folder exist, and may we write there?: unable to open database file: a-folder: Error code 14: unable to open database file
    ");
}

#[tokio::test]
async fn a_store_or_a_folder_that_may_only_be_read_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    fs::create_dir(desk.path("folder")).unwrap();
    desk.serve(&["--store.path=folder/store.db"]).await.kill().await;
    let complaint = async |path: &str| {
        let argument = format!("--store.path={path}");
        desk.run_by(bound_by_permissions(), &[&SERVE[..], &[&argument]].concat()).await.complaint().to_owned()
    };

    desk.permit("folder/store.db", 0o444);
    let file = complaint("folder/store.db").await;
    desk.permit("folder", 0o555);
    let folder = complaint("folder/other.db").await;

    insta::assert_snapshot!([file, folder].join("\n"), @r"
    cannot use the store folder/store.db: it cannot be written; mend its permissions, or name another place with --store.path: attempt to write a readonly database: Error code 8: attempt to write a readonly database
    cannot lock folder/other.db.lock, which stands for the store: does its folder exist, and may we write there?: Permission denied (os error 13)
    ");
    desk.permit("folder", 0o755);
}

#[tokio::test]
async fn a_disk_that_is_full_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    fs::create_dir(desk.path("disk")).unwrap();
    // Smaller than empty tables are.
    let with_a_small_disk = "mount -t tmpfs -o size=64k tmpfs disk && exec \"$@\"";
    let namespaces: &[&str] = if is_root() { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let starter = [&["unshare"], namespaces, &["sh", "-c", with_a_small_disk, "sh"]].concat();

    let ended = desk.run_by(&starter, &[&SERVE[..], &["--store.path=disk/store.db"]].concat()).await;

    insta::assert_snapshot!(ended.complaint(), @"cannot use the store disk/store.db: the disk is full; make room, or name another place with --store.path: database or disk is full: Error code 13: database or disk is full");
}

#[tokio::test]
async fn a_file_that_may_not_grow_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");

    let ended = desk.run_by(&["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=4096"], &SERVE).await;

    let told = "cannot use the store confluence-exporter.db: the disk fails, or a limit on the size of files stands in the way; ";
    assert!(ended.complaint().starts_with(told), "{}", ended.err);
}

#[tokio::test]
async fn a_store_that_is_broken_is_set_aside_with_a_word_and_the_exporter_goes_on() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.write(STORE, &"no database ".repeat(1_000));

    let serving = desk.serve(&[]).await;

    assert!(serving.get("/metrics").await.contains(UP));
    let word = serving.err().lines().find(|line| line.contains("it has been set aside")).map(str::to_owned);
    let word = word.unwrap_or_else(|| panic!("{}", serving.err()));
    assert!(word.contains("level=warn") && word.contains("confluence-exporter.db.corrupt-1"), "{word}");
    assert!(fs::read_to_string(desk.path("confluence-exporter.db.corrupt-1")).unwrap().starts_with("no database"));
}

#[tokio::test]
async fn a_store_that_another_process_uses_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;

    let ended = desk.run(&SERVE).await;

    insta::assert_snapshot!(ended.complaint(), @"another process uses the store confluence-exporter.db; give each exporter a --store.path of its own");
    assert!(serving.get("/metrics").await.contains(UP));
}

#[tokio::test]
async fn a_store_that_another_program_writes_is_named_at_the_start() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.serve(&[]).await.kill().await;
    let holder = Connection::open(desk.path(STORE)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();

    let ended = desk.run(&SERVE).await;

    insta::assert_snapshot!(ended.complaint(), @"cannot use the store confluence-exporter.db: another program holds it locked: database is locked: Error code 5: database is locked");
}

#[tokio::test]
async fn without_a_store_there_is_no_file_and_no_series_of_it() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&["--store.path=none"]).await;

    let page = serving.get("/metrics").await;

    assert!(page.contains("confluence_up{connection=\"acme\"} 1") && !page.contains("confluence_exporter_store_up"));
    assert!(!desk.path(STORE).exists() && !desk.path("none").exists());
}

#[tokio::test]
async fn without_room_numbers_go_on_and_with_room_again_nothing_is_missing_after_a_restart() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    let serving = desk.serve_with_limited_files().await;
    serving
        .scrape_until(|page| {
            page.contains(UP)
                && page.contains("collector_success_timestamp_seconds{connection=\"acme\",collector=\"views\"}")
        })
        .await;

    serving.limit_files(Some(4_096)).await;
    let space =
        site.world().spaces().iter().find(|space| &*space.space_type != "personal").map(|space| space.id).unwrap();
    let author = site.world().accounts().next().unwrap();
    for _ in 0..300 {
        site.world().create(space, DocType::Page, author);
    }
    let has_new = |page: &str| docs(page) >= 300;
    serving.scrape_until(|page| page.contains(DOWN) && has_new(page)).await;
    serving.limit_files(None).await;
    serving.scrape_until(|page| page.contains(UP)).await;
    let before = docs(&serving.get("/metrics").await);
    serving.signal("TERM").await;
    serving.end().await;

    let serving = desk.serve(&[]).await;
    assert_eq!(docs(&serving.get("/metrics").await), before);
}

/// All current docs on the page.
fn docs(page: &str) -> u64 {
    let current = |line: &&str| line.starts_with("confluence_docs{") && line.contains("status=\"current\"");
    page.lines().filter(current).filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn a_store_that_is_deleted_while_it_is_open_is_told_of() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(UP) && page.contains("confluence_docs{")).await;
    fs::remove_file(desk.path(STORE)).unwrap();

    let page = serving.scrape_until(|page| page.contains(DOWN)).await;

    assert!(page.contains("confluence_docs{"), "numbers go on");
    serving.log_until("confluence-exporter.db has been deleted, moved or replaced since it was opened").await;
    serving.signal("TERM").await;
    serving.end().await;
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(UP) && page.contains("confluence_docs{")).await;
}

#[tokio::test]
async fn an_exporter_that_ends_leaves_a_file_that_can_be_copied_alone() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains("confluence_docs{")).await;
    serving.signal("TERM").await;
    serving.end().await;

    let beside = fs::read_dir(desk.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut beside: Vec<_> = beside.filter(|name| name.starts_with(STORE)).collect();
    beside.sort_unstable();
    assert_eq!(beside, [STORE.to_owned(), format!("{STORE}.lock")]);
    let database = Connection::open(desk.path(STORE)).unwrap();
    let docs: i64 = database.query_row("SELECT count(*) FROM docs", [], |row| row.get(0)).unwrap();
    assert!(docs > 0);
}
