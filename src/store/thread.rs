//! The thread that owns the file: takes commands in their order, and commits whatever waits at one time together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Error, ErrorCode};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::file::{File, OpenError, is_broken, is_gone};
use super::load::{self, LoadError};
use super::{Batch, Identity, Loaded, NotLoaded, write};
use crate::metrics::StoreUp;
use crate::model::{ConnectionName, Snapshot};

#[derive(Debug)]
pub(super) enum Command {
    Connection { name: ConnectionName, identity: Identity, reply: oneshot::Sender<Result<Known, OpenError>> },
    Load { connection: i64, reach: Duration, reply: oneshot::Sender<Result<Option<Box<Loaded>>, NotLoaded>> },
    Commit { connection: i64, batch: Box<Batch>, reply: oneshot::Sender<bool> },
    Forget { connection: i64 },
    Close { reply: oneshot::Sender<()> },
}

/// A connection's number, and its last snapshot.
pub(super) type Known = (i64, Option<Snapshot>);

enum Step {
    Write(i64, Box<Batch>),
    Forget(i64),
}

struct Thread {
    file: File,
    up: StoreUp,
    /// Steps that are not on the disk yet, oldest first: nothing that comes after may be written before them.
    pending: Vec<Step>,
    /// Connections of which nothing is written: what is kept could not be read. It is still there, and what is learnt now must
    /// not stand among it.
    unkept: BTreeSet<i64>,
    /// By connection: what its snapshot is on the disk.
    last: HashMap<i64, Arc<Snapshot>>,
    /// Those that have been asked for, by their numbers: a file that takes the place of a broken one must know them.
    connections: BTreeMap<i64, (ConnectionName, Identity)>,
    has_been_checked: bool,
}

pub(super) fn start(file: File, up: StoreUp, mut queue: mpsc::Receiver<Command>) -> io::Result<()> {
    let mut thread = Thread::new(file, up);
    let run = move || {
        while let Some(command) = queue.blocking_recv() {
            if let ControlFlow::Break(closed) = thread.obey(command, &mut queue) {
                // The file takes in its log, so that it can be copied alone.
                drop(thread);
                debug!("the store is closed");
                let _ = closed.send(());
                return;
            }
        }
    };
    std::thread::Builder::new().name("store".to_owned()).spawn(run).map(drop)
}

impl Step {
    fn connection(&self) -> i64 {
        match self {
            Self::Write(connection, _) | Self::Forget(connection) => *connection,
        }
    }
}

impl Thread {
    fn new(file: File, up: StoreUp) -> Self {
        up.set(true);
        Self {
            file,
            up,
            pending: Vec::new(),
            unkept: BTreeSet::new(),
            last: HashMap::new(),
            connections: BTreeMap::new(),
            has_been_checked: false,
        }
    }

    /// Breaks off where the store is to be closed, with who waits for that.
    fn obey(&mut self, command: Command, queue: &mut mpsc::Receiver<Command>) -> ControlFlow<oneshot::Sender<()>> {
        match command {
            Command::Commit { connection, batch, reply } => {
                self.await_commit(connection, batch);
                let mut replies = vec![reply];
                // Whatever else waits goes into the same transaction: syncing costs the same for all of them.
                let next = loop {
                    match queue.try_recv() {
                        Ok(Command::Commit { connection, batch, reply }) => {
                            self.await_commit(connection, batch);
                            replies.push(reply);
                        }
                        Ok(other) => break Some(other),
                        Err(_) => break None,
                    }
                };
                let committed = self.commit();
                for reply in replies {
                    // Who asked may have gone away; the step is kept all the same.
                    let _ = reply.send(committed);
                }
                if let Some(next) = next {
                    return self.obey(next, queue);
                }
            }
            Command::Connection { name, identity, reply } => {
                let _ = reply.send(self.connection(&name, &identity));
            }
            Command::Load { connection, reach, reply } => {
                let _ = reply.send(self.load(connection, reach).map(|loaded| loaded.map(Box::new)));
            }
            Command::Forget { connection } => {
                self.forget(connection);
            }
            Command::Close { reply } => {
                if !self.pending.is_empty() {
                    self.commit();
                }
                return ControlFlow::Break(reply);
            }
        }
        ControlFlow::Continue(())
    }

    fn connection(&mut self, name: &ConnectionName, identity: &Identity) -> Result<Known, OpenError> {
        let found = match load::connection(&self.file.database, name, identity) {
            Err(error) if is_broken(&error) => {
                self.start_afresh(&error)?;
                load::connection(&self.file.database, name, identity)
            }
            found => found,
        };
        let (connection, kept) = found.map_err(|error| self.file.unusable(error))?;
        self.connections.insert(connection, (name.clone(), identity.clone()));
        if !kept.is_same_site(identity) {
            info!(connection = %name, before = %kept.site, now = %identity.site, "another site than before; what was kept is dropped");
            self.forget(connection);
            let identity = Some(identity.clone());
            self.await_commit(connection, Box::new(Batch { identity, ..Batch::default() }));
            self.commit();
            return Ok((connection, None));
        }
        let snapshot = load::snapshot(&self.file.database, connection, name).unwrap_or_else(|error| {
            warn!(connection = %name, %error, "the kept snapshot cannot be read; the first refresh makes a new one");
            None
        });
        Ok((connection, snapshot))
    }

    fn load(&mut self, connection: i64, reach: Duration) -> Result<Option<Loaded>, NotLoaded> {
        match self.read(connection, reach) {
            Ok(loaded) => {
                self.unkept.remove(&connection);
                Ok(loaded)
            }
            // Whatever is learnt now must not be written among rows that nobody has read.
            Err(error) if error.is_in_the_facts() => {
                warn!(%error, "what was kept of this connection cannot be read; it is read from Confluence anew");
                self.forget(connection);
                Ok(None)
            }
            Err(error) => {
                error!(%error, "what is kept of this connection cannot be read now; it stays as it is, and nothing is added to it");
                self.unkept.insert(connection);
                self.up.set(false);
                Err(NotLoaded)
            }
        }
    }

    /// Checks the file before anything of it is believed, once.
    fn read(&mut self, connection: i64, reach: Duration) -> Result<Option<Loaded>, LoadError> {
        if !self.has_been_checked {
            if let Some(flaw) = self.file.find_flaw()? {
                self.start_afresh(&flaw)?;
            }
            self.has_been_checked = true;
        }
        // Never less than all steps up to now: what is still to be written would come over what is learnt from then on.
        if self.awaits_commit(connection) && !self.commit() && self.awaits_commit(connection) {
            warn!("what was learnt last of this connection cannot be written, so that it is read from Confluence anew");
            self.pending.retain(|step| step.connection() != connection);
            self.forget(connection);
            return Ok(None);
        }
        load::load(&self.file.database, connection, reach)
    }

    /// With an empty file in the place of the broken one.
    fn start_afresh(&mut self, reason: &dyn Display) -> Result<(), OpenError> {
        self.file.start_afresh(reason)?;
        self.last.clear();
        for (number, (name, identity)) in &self.connections {
            let put = load::put_connection(&self.file.database, *number, name, identity);
            put.map_err(|error| self.file.unusable(error))?;
        }
        Ok(())
    }

    fn await_commit(&mut self, connection: i64, batch: Box<Batch>) {
        if batch.is_empty() || self.unkept.contains(&connection) {
            return;
        }
        if batch.snapshot.is_some() {
            // Of snapshots only the last one is kept, and they are large where steps are small.
            let writes = self.pending.iter_mut().filter_map(|step| match step {
                Step::Write(of, batch) if *of == connection => Some(batch),
                Step::Write(..) | Step::Forget(_) => None,
            });
            writes.for_each(|batch| batch.snapshot = None);
        }
        self.pending.push(Step::Write(connection, batch));
    }

    fn awaits_commit(&self, connection: i64) -> bool {
        self.pending.iter().any(|step| step.connection() == connection)
    }

    /// From an empty beginning on, everything may be kept.
    fn forget(&mut self, connection: i64) {
        self.unkept.remove(&connection);
        self.pending.push(Step::Forget(connection));
        self.commit();
    }

    /// Writes all that is pending. After a failure a step first, and then twice as many each time: what would fail again
    /// must not cost more with each step that waits.
    fn commit(&mut self) -> bool {
        let mut at_once = if self.up.get() { self.pending.len() } else { 1 };
        while !self.pending.is_empty() {
            let steps = at_once.min(self.pending.len());
            if let Err(error) = self.write(steps) {
                self.note_failure(&error);
                return false;
            }
            self.pending.drain(..steps);
            at_once *= 2;
        }
        if self.unkept.is_empty() && !self.up.get() {
            info!("the store takes writes again");
            self.up.set(true);
        }
        true
    }

    /// Writes so many of the steps that are pending, or nothing.
    fn write(&mut self, steps: usize) -> rusqlite::Result<()> {
        let transaction = self.file.transaction()?;
        let mut last = self.last.clone();
        for step in &self.pending[..steps] {
            match step {
                Step::Forget(connection) => {
                    write::forget(&transaction, *connection)?;
                    last.remove(connection);
                }
                Step::Write(connection, batch) => {
                    write::batch(&transaction, *connection, batch, last.get(connection))?;
                    if let Some(snapshot) = &batch.snapshot {
                        last.insert(*connection, Arc::clone(snapshot));
                    }
                }
            }
        }
        transaction.commit()?;
        self.last = last;
        Ok(())
    }

    /// Once, until a write succeeds again.
    fn note_failure(&mut self, error: &Error) {
        if self.up.get() {
            let advice = match error.sqlite_error_code() {
                Some(_) if is_gone(error) => {
                    "put the file back, or restart the exporter, which then reads everything anew"
                }
                Some(ErrorCode::DiskFull) => "the disk is full",
                Some(ErrorCode::ReadOnly) => "it cannot be written",
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "it is broken; a restart sets it aside",
                _ => "it will be tried again",
            };
            error!(%error, advice, "the store takes no writes; everything goes on, but what is learnt now is lost with a restart");
            self.up.set(false);
        }
    }
}

#[cfg(test)]
#[path = "unread_test.rs"]
mod unread_test;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{Facts, Health, ProgressChange, Timestamp, Vouched};

    pub(super) const REACH: Duration = Duration::from_hours(24);

    pub(super) fn thread(path: &Path) -> Thread {
        Thread::new(File::open(path).unwrap(), StoreUp::default())
    }

    pub(super) fn open(thread: &mut Thread, name: &str) -> i64 {
        let identity = Identity { site: "acme.example".into(), cloud_id: None };
        thread.connection(&ConnectionName::new(name).unwrap(), &identity).unwrap().0
    }

    /// A step that takes some pages of the file.
    pub(super) fn large_step(number: u32) -> Box<Batch> {
        let labels = (0..400).map(|place| (number * 400 + place, Arc::from(format!("label {number} {place:060}"))));
        let vouched = Vouched { moment: Some(Timestamp::from_millis(number.into())), ..Vouched::default() };
        let facts = Facts { labels: labels.collect(), ..Facts::default() };
        Box::new(Batch { facts, progress: vec![ProgressChange::Vouched(vouched)], ..Batch::default() })
    }

    fn snapshot() -> Snapshot {
        let health = Health {
            up: true,
            site: None,
            errors: Vec::new(),
            access: Vec::new(),
            token_expires: None,
            token_in_use: None,
            moment: None,
            collectors: Vec::new(),
        };
        Snapshot { connection: ConnectionName::new("acme").unwrap(), health, numbers: None }
    }

    pub(super) fn commit(thread: &mut Thread, connection: i64, batch: Box<Batch>) -> bool {
        thread.await_commit(connection, batch);
        thread.commit()
    }

    fn most_pages(thread: &Thread, pages: u32) {
        let set = format!("PRAGMA max_page_count = {pages}");
        thread.file.database.query_row(&set, [], |row| row.get::<_, i64>(0)).unwrap();
    }

    pub(super) fn counted(thread: &Thread, query: &str) -> i64 {
        thread.file.database.query_row(query, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_full_disk_loses_nothing_that_comes_before_or_while_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut thread = thread(&path);
        let connection = open(&mut thread, "acme");
        assert!(commit(&mut thread, connection, large_step(0)));
        most_pages(&thread, 1);

        for number in 1..40 {
            assert!(!commit(&mut thread, connection, large_step(number)));
            assert!(!thread.up.get());
        }
        assert_eq!(counted(&thread, "SELECT count(*) FROM labels"), 400, "nothing is half written");
        // Room for some of it: what is vouched for is there, and in its order.
        most_pages(&thread, 200);
        assert!(!commit(&mut thread, connection, large_step(40)));
        let some = counted(&thread, "SELECT count(*) FROM labels");
        let written = load::load(&thread.file.database, connection, REACH).unwrap().unwrap();
        let vouched = written.progress.vouched.moment.unwrap();
        assert!(some > 400 && some < 41 * 400);
        assert_eq!(vouched.as_millis(), some / 400 - 1);

        most_pages(&thread, 100_000);
        assert!(commit(&mut thread, connection, large_step(41)));
        assert!(thread.up.get() && thread.pending.is_empty());
        assert_eq!(counted(&thread, "SELECT count(*) FROM labels"), 42 * 400);
    }

    #[test]
    fn a_file_that_has_gone_takes_no_writes_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("store.db"), folder.path().join("elsewhere"));
        let mut thread = thread(&path);
        let connection = open(&mut thread, "acme");
        assert!(commit(&mut thread, connection, large_step(0)));
        std::fs::rename(&path, &elsewhere).unwrap();
        assert!(!commit(&mut thread, connection, large_step(1)));
        std::fs::copy(&elsewhere, &path).unwrap();
        assert!(!commit(&mut thread, connection, large_step(2)), "another file of its name");
        assert!(!thread.up.get());

        std::fs::rename(&elsewhere, &path).unwrap();
        assert!(commit(&mut thread, connection, large_step(3)));
        assert!(thread.up.get());
        assert_eq!(counted(&thread, "SELECT count(*) FROM labels"), 4 * 400);
    }

    #[test]
    fn a_connection_that_is_loaded_while_its_steps_cannot_be_written_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut thread = thread(&folder.path().join("store.db"));
        let connection = open(&mut thread, "acme");
        assert!(commit(&mut thread, connection, large_step(0)));
        most_pages(&thread, 1);
        assert!(!commit(&mut thread, connection, large_step(1)));

        assert!(thread.load(connection, REACH).unwrap().is_none(), "an older state than that of its last step");
        most_pages(&thread, 100_000);
        assert!(commit(&mut thread, connection, large_step(2)));
        assert_eq!(counted(&thread, "SELECT count(*) FROM labels"), 400, "what was learnt since");
    }

    #[test]
    fn of_what_waits_for_a_full_disk_only_the_last_snapshot_is_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut thread = thread(&folder.path().join("store.db"));
        let connection = open(&mut thread, "acme");
        most_pages(&thread, 1);
        for number in 0..10 {
            let snapshot = Some(Arc::new(snapshot()));
            commit(&mut thread, connection, Box::new(Batch { snapshot, ..*large_step(number) }));
        }
        let snapshots =
            thread.pending.iter().filter(|step| matches!(step, Step::Write(_, batch) if batch.snapshot.is_some()));
        assert_eq!((snapshots.count(), thread.pending.len()), (1, 10));
    }
}
