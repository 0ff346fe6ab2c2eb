//! A file that is broken costs what is broken in it; one that cannot be read or written for a while costs nothing.

use super::tests::{REACH, commit, counted, large_step, open, thread};
use super::*;

const LABELS: &str = "SELECT count(*) FROM labels";

#[test]
fn what_cannot_be_read_now_stays_as_it_is_and_nothing_is_added_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder.path().join("store.db"));
    let (unread, other) = (open(&mut thread, "unread"), open(&mut thread, "other"));
    assert!(commit(&mut thread, unread, large_step(0)));

    thread.file.database.execute_batch("ALTER TABLE docs RENAME TO gone").unwrap();
    assert_eq!(thread.load(unread, REACH).unwrap_err(), NotLoaded);

    let (answers, _) = commit_both(&mut thread, [unread, other]);
    assert_eq!(answers, [true, true], "a walk waits for no write that is not to be");
    assert_eq!(counted(&thread, LABELS), 800, "the one's as they were, and the other's");
    assert!(!thread.up.get(), "it is not all well while one connection is not kept");

    thread.file.database.execute_batch("ALTER TABLE gone RENAME TO docs").unwrap();
    assert!(thread.load(unread, REACH).unwrap().is_some());
    let (answers, up) = commit_both(&mut thread, [unread, other]);
    assert_eq!((answers, up), ([true, true], true));
}

#[test]
fn a_connection_that_begins_anew_is_kept_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder.path().join("store.db"));
    let connection = open(&mut thread, "acme");
    assert!(commit(&mut thread, connection, large_step(0)));
    thread.file.database.execute_batch("ALTER TABLE docs RENAME TO gone").unwrap();
    thread.load(connection, REACH).unwrap_err();

    let back_and_torn = "ALTER TABLE gone RENAME TO docs; INSERT INTO progress VALUES (1, 'walk', 'no JSON')";
    thread.file.database.execute_batch(back_and_torn).unwrap();
    assert!(thread.load(connection, REACH).unwrap().is_none());

    assert!(commit(&mut thread, connection, large_step(1)) && thread.up.get());
    assert_eq!(counted(&thread, LABELS), 400);
}

#[test]
fn what_is_learnt_while_a_file_can_only_be_read_is_written_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder.path().join("store.db"));
    let connection = open(&mut thread, "acme");
    assert!(commit(&mut thread, connection, large_step(0)));

    thread.file.database.pragma_update(None, "query_only", true).unwrap();
    assert!(!commit(&mut thread, connection, large_step(1)));
    assert!(!thread.up.get());

    thread.file.database.pragma_update(None, "query_only", false).unwrap();
    assert!(commit(&mut thread, connection, large_step(2)));
    assert!(thread.up.get());
    assert_eq!(counted(&thread, LABELS), 1_200);
}

#[test]
fn a_torn_row_costs_its_connection_what_was_kept_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder.path().join("store.db"));
    let (torn, whole) = (open(&mut thread, "torn"), open(&mut thread, "whole"));
    for connection in [torn, whole] {
        assert!(commit(&mut thread, connection, large_step(0)));
    }
    let tear = "INSERT INTO docs SELECT ?1, 0, 7, 'page', 99, 'current', 0, 0, 0, 0, 0, 1, 0, 0, NULL, NULL, NULL, NULL, \
                NULL, NULL, 0, NULL, NULL, 0, NULL, NULL, NULL";
    thread.file.database.execute(tear, [torn]).unwrap();

    assert!(thread.load(torn, REACH).unwrap().is_none());
    assert!(thread.load(whole, REACH).unwrap().is_some());
    assert_eq!(counted(&thread, "SELECT count(DISTINCT connection) FROM labels"), 1);
}

#[test]
fn a_row_that_no_exporter_has_written_costs_its_connection_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder.path().join("store.db"));
    let connection = open(&mut thread, "acme");
    for wrong in [
        "INSERT INTO accounts VALUES (1, -1, 'a', NULL, NULL, NULL, NULL)",
        "INSERT INTO progress VALUES (1, 'walk', 'no JSON')",
    ] {
        assert!(commit(&mut thread, connection, large_step(0)));
        thread.file.database.execute(wrong, []).unwrap();
        assert!(thread.load(connection, REACH).unwrap().is_none(), "{wrong}");
        assert_eq!(
            counted(&thread, "SELECT (SELECT count(*) FROM labels) + (SELECT count(*) FROM accounts)"),
            0,
            "{wrong}"
        );
    }
}

#[test]
fn connections_keep_their_names_and_numbers_when_their_file_turns_out_to_be_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut before = thread(&path);
    let connection = open(&mut before, "first");
    for number in 0..20 {
        assert!(commit(&mut before, connection, large_step(number)));
    }
    drop(before);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end / 2..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();

    let mut thread = thread(&path);
    let numbers = [open(&mut thread, "second"), open(&mut thread, "first")];
    assert!(numbers.iter().all(|number| thread.load(*number, REACH).unwrap().is_none()));
    assert!(folder.path().join("store.db.corrupt-1").exists());
    assert!(commit(&mut thread, numbers[0], large_step(3)));
    let names = "SELECT count(*) FROM connections JOIN labels ON connection = id WHERE connections.name = 'second'";
    assert_eq!(counted(&thread, names), 400);
    assert_eq!([open(&mut thread, "second"), open(&mut thread, "first")], numbers);
}

#[test]
fn a_file_whose_table_of_connections_is_broken_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut before = thread(&path);
    open(&mut before, "acme");
    let page = counted(&before, "SELECT rootpage FROM sqlite_schema WHERE name = 'connections'");
    drop(before);
    let mut bytes = std::fs::read(&path).unwrap();
    let start = usize::try_from(page - 1).unwrap() * 4096;
    bytes[start..start + 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();

    let mut thread = thread(&path);
    let connection = open(&mut thread, "acme");
    assert!(commit(&mut thread, connection, large_step(0)));
    assert!(folder.path().join("store.db.corrupt-1").exists());
}

/// A step of each, one after the other; and whether all is well after them.
fn commit_both(thread: &mut Thread, connections: [i64; 2]) -> ([bool; 2], bool) {
    let answers = connections.map(|connection| {
        let (reply, mut answer) = oneshot::channel();
        let (_sender, mut queue) = mpsc::channel(1);
        assert!(thread.obey(Command::Commit { connection, batch: large_step(1), reply }, &mut queue).is_continue());
        answer.try_recv().unwrap()
    });
    (answers, thread.up.get())
}
