//! The file on disk: who may open it, which version it has, and what happens to one that is broken.

use std::fs::{File as LockFile, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, ffi};
use tracing::warn;

/// The database, and the lock that keeps a second process out. Users may read it meanwhile with their own tools.
#[derive(Debug)]
pub(super) struct File {
    pub(super) database: Connection,
    path: PathBuf,
    place: Place,
    _lock: LockFile,
}

/// What tells a file from another of the same name: its device, and its number there.
type Place = (u64, u64);

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot lock {}, which stands for the store: does its folder exist, and may we write there?", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("another process uses the store {}; give each exporter a --store.path of its own", path.display())]
    InUse { path: PathBuf },
    #[error("the store {} was written by a newer exporter (version {found} of its tables, this one knows {known}): use that one, or another --store.path", path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is not a store of this exporter; name another file with --store.path", path.display())]
    NotOurs { path: PathBuf },
    #[error("cannot use the store {}{}", path.display(), advice(source))]
    Unusable {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the store {} went away while it was being opened", path.display())]
    Gone {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot set aside the broken store {}", path.display())]
    SetAside {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the store's thread")]
    NoThread(#[source] io::Error),
    #[error("the store's thread has ended")]
    ThreadEnded,
}

/// Each brings the tables from the version of its place to the next.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];
/// "CfEx": what tells our files from others.
const APPLICATION_ID: i32 = 0x4366_4578;
/// More parts of one name than anybody keeps.
const MOST_SET_ASIDE: u32 = 1_000;

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let (database, place) = match open(path) {
            Err(OpenError::Unusable { source, .. }) if is_broken(&source) => {
                set_aside(path, &source)?;
                open(path)?
            }
            opened => opened?,
        };
        Ok(Self { database, path: path.to_owned(), place, _lock: lock })
    }

    /// A transaction, unless the file is gone: one that was deleted, moved or replaced would go on taking writes that nobody
    /// finds again.
    pub(super) fn transaction(&mut self) -> rusqlite::Result<Transaction<'_>> {
        if place_of(&self.path).ok() != Some(self.place) {
            let told = format!("{} has been deleted, moved or replaced since it was opened", self.path.display());
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), Some(told)));
        }
        self.database.transaction()
    }

    /// Reads the whole file once, and tells what is broken in it. An error tells nothing of the file but that it cannot be
    /// read now.
    pub(super) fn find_flaw(&self) -> rusqlite::Result<Option<String>> {
        match self.database.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
            Ok(verdict) if verdict == "ok" => Ok(None),
            Ok(verdict) => match failure_to_read(&verdict) {
                Some(code) => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(verdict))),
                None => Ok(Some(verdict)),
            },
            Err(error) if is_broken(&error) => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Sets the file aside, and puts an empty one in its place.
    pub(super) fn start_afresh(&mut self, reason: &dyn std::fmt::Display) -> Result<(), OpenError> {
        // The broken one must be closed before it is renamed, or its log would be written beside the new one.
        self.database = Connection::open_in_memory().map_err(|source| self.unusable(source))?;
        set_aside(&self.path, reason)?;
        (self.database, self.place) = open(&self.path)?;
        Ok(())
    }

    pub(super) fn unusable(&self, source: rusqlite::Error) -> OpenError {
        OpenError::Unusable { path: self.path.clone(), source }
    }
}

fn lock(path: &Path) -> Result<LockFile, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path_of_lock = PathBuf::from(name);
    let failed = |source| OpenError::Lock { path: path_of_lock.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path_of_lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn open(path: &Path) -> Result<(Connection, Place), OpenError> {
    let failed = |source| OpenError::Unusable { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&mut database, path, &MIGRATIONS)?;
    let place = place_of(path).map_err(|source| OpenError::Gone { path: path.to_owned(), source })?;
    Ok((database, place))
}

fn place_of(path: &Path) -> io::Result<Place> {
    path.metadata().map(|file| (file.dev(), file.ino()))
}

/// Brings the tables to the version that these migrations end with.
fn prepare(database: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), OpenError> {
    let failed = |source| OpenError::Unusable { path: path.to_owned(), source };
    let known = u32::try_from(migrations.len()).expect("there are few migrations");
    let pragma = |name| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application_id, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let is_empty = database.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(failed)? == 0;
    if !is_empty && application_id != i64::from(APPLICATION_ID) {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
    }
    database.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    // A commit is on the disk when it has been answered, and readers may hold it up for a moment.
    database.pragma_update(None, "synchronous", "full").map_err(failed)?;
    database.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let transaction = database.transaction().map_err(failed)?;
    for migration in migrations.iter().skip(version as usize) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    // Written each time, so that a file that takes no writes is found at the start.
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// How long a user's own transaction may hold up a commit.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

pub(super) fn is_gone(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED)
}

/// The check tells a page that could not be read in words as well, as if that were a flaw of the file.
fn failure_to_read(verdict: &str) -> Option<i32> {
    let (_, code) = verdict.rsplit_once("unable to get the page. error code=")?;
    code.trim().parse().ok().filter(|code| code & PRIMARY_CODE != ffi::SQLITE_CORRUPT)
}

/// The part of an error's code that tells its kind.
const PRIMARY_CODE: i32 = 0xff;

fn set_aside(path: &Path, reason: &dyn std::fmt::Display) -> Result<(), OpenError> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let free = (1..MOST_SET_ASIDE).map(|number| with(&format!(".corrupt-{number}"))).find(|name| !name.exists());
    let aside = free.unwrap_or_else(|| with(".corrupt-last"));
    let rename = std::fs::rename(path, &aside);
    rename.map_err(|source| OpenError::SetAside { path: path.to_owned(), source })?;
    for ending in ["-wal", "-shm"] {
        // What they hold belongs to the broken file; most times there are none.
        let mut beside = aside.clone().into_os_string();
        beside.push(ending);
        let _ = std::fs::rename(with(ending), beside);
    }
    warn!(
        store = %path.display(),
        aside = %aside.display(),
        %reason,
        "the store is broken; it has been set aside, and everything is read from Confluence anew"
    );
    Ok(())
}

/// What can be done about it.
fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ": the disk is full; make room, or name another place with --store.path",
        Some(ErrorCode::ReadOnly) => {
            ": it cannot be written; mend its permissions, or name another place with --store.path"
        }
        Some(ErrorCode::SystemIoFailure) => {
            ": the disk fails, or a limit on the size of files stands in the way; see to it, or name another place with --store.path"
        }
        Some(ErrorCode::CannotOpen) => ": does its folder exist, and may we write there?",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program holds it locked",
        _ => "",
    }
}

#[cfg(test)]
#[path = "older_test.rs"]
mod older_test;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn error(path: &Path) -> String {
        File::open(path).expect_err("it is not to be opened").to_string()
    }

    #[test]
    fn a_second_process_is_told_so() {
        let folder = folder();
        let path = folder.path().join("store.db");
        let first = File::open(&path).unwrap();
        assert!(error(&path).starts_with("another process uses the store"), "{}", error(&path));
        drop(first);
        assert!(File::open(&path).is_ok());
    }

    #[test]
    fn what_is_committed_is_synced_and_readers_hold_nothing_up() {
        let folder = folder();
        let file = File::open(&folder.path().join("store.db")).unwrap();
        let pragma = |name| file.database.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("synchronous"), Ok(2.into()), "full");
        assert_eq!(pragma("journal_mode"), Ok("wal".to_owned().into()));
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_and_left_alone() {
        let folder = folder();
        let path = folder.path().join("store.db");
        File::open(&path).unwrap().database.pragma_update(None, "user_version", 99).unwrap();
        assert!(error(&path).contains("was written by a newer exporter (version 99"), "{}", error(&path));
        assert!(error(&path).contains("version 99"), "nothing was changed");
    }

    #[test]
    fn an_older_file_is_brought_up_to_date_with_all_that_is_in_it() {
        let folder = folder();
        let path = folder.path().join("store.db");
        let steps =
            ["CREATE TABLE facts (old)", "ALTER TABLE facts ADD COLUMN new DEFAULT 7", "CREATE TABLE later (x)"];
        let mut database = Connection::open(&path).unwrap();
        prepare(&mut database, &path, &steps[..1]).unwrap();
        database.execute_batch("INSERT INTO facts VALUES (5)").unwrap();
        drop(database);

        let mut database = Connection::open(&path).unwrap();
        prepare(&mut database, &path, &steps).unwrap();
        prepare(&mut database, &path, &steps).expect("what is up to date stays as it is");

        let facts = "SELECT old, new, (SELECT count(*) FROM later) FROM facts";
        let facts = database.query_row(facts, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        assert_eq!(facts, Ok((5, 7, 0)));
        assert_eq!(version(&database), 3);
    }

    #[test]
    fn a_file_that_cannot_be_brought_up_to_date_stays_as_it_was() {
        let folder = folder();
        let path = folder.path().join("store.db");
        let steps = ["CREATE TABLE facts (old)", "CREATE TABLE later (x)", "ALTER TABLE nothing ADD COLUMN new"];
        let mut database = Connection::open(&path).unwrap();
        prepare(&mut database, &path, &steps[..1]).unwrap();

        let error = prepare(&mut database, &path, &steps).expect_err("the last step has nothing to work on");

        assert!(error.to_string().starts_with("cannot use the store"), "{error}");
        assert_eq!(version(&database), 1);
        let tables = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        assert_eq!(tables, Ok(1), "no step of them is left");
    }

    fn version(database: &Connection) -> i64 {
        database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn somebody_elses_database_is_refused_and_left_alone() {
        let folder = folder();
        let path = folder.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(error(&path).contains("is not a store of this exporter"), "{}", error(&path));
        Connection::open(&path).unwrap().execute_batch("SELECT x FROM theirs").unwrap();
    }

    #[test]
    fn what_is_no_database_is_set_aside_under_another_name() {
        let folder = folder();
        let path = folder.path().join("store.db");
        std::fs::write(&path, [b'x'; 5_000]).unwrap();
        let file = File::open(&path).unwrap();
        let tables: i64 = file.database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert!(tables > 10);
        assert_eq!(std::fs::read(folder.path().join("store.db.corrupt-1")).unwrap(), [b'x'; 5_000]);
    }

    #[test]
    fn a_broken_page_is_found_by_the_check() {
        let folder = folder();
        let path = folder.path().join("store.db");
        let file = File::open(&path).unwrap();
        let many_labels = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
                    INSERT INTO labels SELECT 1, i, 'label ' || i FROM n";
        file.database.execute_batch(many_labels).unwrap();
        drop(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 4096 * 2048;
        bytes[middle..middle + 4096].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();

        let mut file = File::open(&path).unwrap();
        let flaw = file.find_flaw().unwrap().expect("a page is broken");
        file.start_afresh(&flaw).unwrap();

        let labels: i64 = file.database.query_row("SELECT count(*) FROM labels", [], |row| row.get(0)).unwrap();
        assert_eq!(labels, 0);
        assert!(folder.path().join("store.db.corrupt-1").exists());
    }

    #[test]
    fn a_page_that_cannot_be_read_now_is_no_flaw_of_the_file() {
        let told = |code| format!("Tree 9 page 12 cell 3: unable to get the page. error code={code}");
        assert_eq!(failure_to_read(&told(ffi::SQLITE_IOERR_READ)), Some(ffi::SQLITE_IOERR_READ));
        assert_eq!(failure_to_read(&told(ffi::SQLITE_CORRUPT)), None);
        assert_eq!(failure_to_read("Tree 9 page 12: btreeInitPage() returns error code 11"), None);
        assert_eq!(failure_to_read("Page 12: never used"), None);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let message = error(Path::new("/nowhere/at/all/store.db"));
        assert!(
            message.contains("/nowhere/at/all/store.db.lock") && message.contains("does its folder exist"),
            "{message}"
        );
    }
}
