//! The thread that owns the file: takes commands in their order, and commits whatever waits at one time together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Error, ErrorCode};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::file::File;
use super::load;
use super::{Batch, Identity, Loaded, write};
use crate::metrics::StoreUp;
use crate::model::{ConnectionName, Snapshot};

#[derive(Debug)]
pub(super) enum Command {
    Connection { name: ConnectionName, identity: Identity, reply: oneshot::Sender<Option<(i64, Option<Snapshot>)>> },
    Load { connection: i64, reach: Duration, reply: oneshot::Sender<Option<Box<Loaded>>> },
    Commit { connection: i64, batch: Box<Batch>, reply: oneshot::Sender<bool> },
    Forget { connection: i64 },
    Close { reply: oneshot::Sender<()> },
}

enum Step {
    Write(i64, Box<Batch>),
    Forget(i64),
}

struct Thread {
    file: File,
    up: StoreUp,
    /// Steps that are not on the disk yet, oldest first: nothing that comes after may be written before them.
    pending: Vec<Step>,
    /// Connections of which steps had to be given up: what comes after them would vouch for what is not there.
    given_up: BTreeSet<i64>,
    /// By connection: what its snapshot is on the disk.
    last: HashMap<i64, Arc<Snapshot>>,
    /// Who has been given which number, for a file that takes the place of a broken one.
    known: BTreeMap<i64, (ConnectionName, Identity)>,
    has_been_checked: bool,
}

/// A disk that stays full must not fill the memory as well. A first walk waits for its commits, so that it takes days of
/// refreshes to come here.
const MOST_PENDING: usize = 100_000;

pub(super) fn start(file: File, up: StoreUp, mut queue: mpsc::Receiver<Command>) -> io::Result<()> {
    up.set(true);
    let mut thread = Thread {
        file,
        up,
        pending: Vec::new(),
        given_up: BTreeSet::new(),
        last: HashMap::new(),
        known: BTreeMap::new(),
        has_been_checked: false,
    };
    let run = move || {
        while let Some(command) = queue.blocking_recv() {
            thread.obey(command, &mut queue);
        }
        debug!("the store is closed");
    };
    std::thread::Builder::new().name("store".to_owned()).spawn(run).map(drop)
}

impl Thread {
    fn obey(&mut self, command: Command, queue: &mut mpsc::Receiver<Command>) {
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
                    self.obey(next, queue);
                }
            }
            Command::Connection { name, identity, reply } => {
                let _ = reply.send(self.connection(&name, &identity));
            }
            Command::Load { connection, reach, reply } => {
                let _ = reply.send(self.load(connection, reach).map(Box::new));
            }
            Command::Forget { connection } => {
                self.forget(connection);
            }
            Command::Close { reply } => {
                if !self.pending.is_empty() {
                    self.commit();
                }
                let _ = reply.send(());
            }
        }
    }

    fn connection(&mut self, name: &ConnectionName, identity: &Identity) -> Option<(i64, Option<Snapshot>)> {
        let found = load::connection(&self.file.database, name, identity);
        if let Ok((connection, _)) = &found {
            self.known.insert(*connection, (name.clone(), identity.clone()));
        }
        match found {
            Ok((connection, kept)) if kept.is_same_site(identity) => {
                let snapshot = load::snapshot(&self.file.database, connection, name).unwrap_or_else(|error| {
                    warn!(connection = %name, %error, "the kept snapshot cannot be read; the first refresh makes a new one");
                    None
                });
                Some((connection, snapshot))
            }
            Ok((connection, kept)) => {
                info!(connection = %name, before = %kept.site, now = %identity.site, "another site than before; what was kept is dropped");
                self.forget(connection);
                let identity = Some(identity.clone());
                self.await_commit(connection, Box::new(Batch { identity, ..Batch::default() }));
                self.commit();
                Some((connection, None))
            }
            Err(error) => {
                self.note_failure(&error);
                None
            }
        }
    }

    fn load(&mut self, connection: i64, reach: Duration) -> Option<Loaded> {
        if !self.has_been_checked {
            self.has_been_checked = true;
            if let Err(error) = self.check() {
                error!(%error, "the store cannot be used; what is learnt now is lost with a restart");
                self.up.set(false);
                self.given_up.extend(self.known.keys());
                return None;
            }
        }
        load::load(&self.file.database, connection, reach).unwrap_or_else(|error| {
            // New facts among old ones would name accounts by numbers that mean others: all of them go.
            warn!(%error, "what was kept of this connection cannot be used; it is read from Confluence anew");
            self.forget(connection);
            None
        })
    }

    /// Reads the file once. One that takes a broken one's place knows the same connections, and nothing of them.
    fn check(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        if self.file.check()? {
            return Ok(());
        }
        for (connection, (name, identity)) in &self.known {
            load::remember(&self.file.database, *connection, name, identity)?;
        }
        Ok(())
    }

    fn await_commit(&mut self, connection: i64, batch: Box<Batch>) {
        if !self.given_up.contains(&connection) {
            self.pending.push(Step::Write(connection, batch));
        }
    }

    fn forget(&mut self, connection: i64) {
        self.pending.push(Step::Forget(connection));
        self.commit();
    }

    /// Writes all that is pending, or nothing.
    fn commit(&mut self) -> bool {
        if let Err(error) = self.try_commit() {
            self.note_failure(&error);
            if self.pending.len() > MOST_PENDING {
                self.give_up();
            }
            return false;
        }
        self.pending.clear();
        if !self.given_up.is_empty() {
            return false;
        }
        if !self.up.get() {
            info!("the store takes writes again");
            self.up.set(true);
        }
        true
    }

    fn try_commit(&mut self) -> rusqlite::Result<()> {
        let transaction = self.file.database.transaction()?;
        let mut last = self.last.clone();
        for step in &self.pending {
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

    fn give_up(&mut self) {
        for step in self.pending.drain(..) {
            let (Step::Write(connection, _) | Step::Forget(connection)) = step;
            self.given_up.insert(connection);
        }
        self.pending.extend(self.given_up.iter().copied().map(Step::Forget));
        error!(
            "the store has taken no writes for too long; until a restart nothing is kept, and after it everything is read anew"
        );
    }

    /// Once, until a write succeeds again.
    fn note_failure(&mut self, error: &Error) {
        if self.up.get() {
            let advice = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "the disk is full",
                Some(ErrorCode::ReadOnly) => "it cannot be written",
                _ => "it will be tried again",
            };
            error!(%error, advice, "the store takes no writes; everything goes on, but what is learnt now is lost with a restart");
            self.up.set(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Kept, Store};
    use super::*;
    use crate::model::{ProgressChange, SpaceFacts, SpaceId, SpaceRow, SpaceStatus, Timestamp, Vouched};

    fn identity() -> Identity {
        Identity { site: "https://acme.example".into(), cloud_id: None }
    }

    async fn open(path: &Path, up: &StoreUp) -> (Store, Kept) {
        let store = loop {
            // The thread of the one before gives the file back when it has ended.
            match Store::open(path, up.clone()) {
                Err(super::super::OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                opened => break opened.unwrap(),
            }
        };
        let (kept, _) = store.connection(&ConnectionName::new("acme").unwrap(), identity()).await.unwrap();
        (store, kept)
    }

    /// A step of so many spaces, vouched for by a moment.
    fn step(spaces: u64, moment: i64) -> Batch {
        let mut batch = Batch::default();
        batch.facts.spaces = (1..=spaces)
            .map(|id| SpaceFacts {
                row: SpaceRow {
                    id: SpaceId(id),
                    key: format!("S{id}").into(),
                    name: "n".repeat(1_000).into(),
                    space_type: "global".into(),
                    status: SpaceStatus::Current,
                },
                unseen_since: None,
                walked: true,
            })
            .collect();
        let moment = Some(Timestamp::from_millis(moment));
        batch.progress.push(ProgressChange::Vouched(Vouched { moment, ..Vouched::default() }));
        batch
    }

    async fn commit(kept: &Kept, batch: Batch) -> bool {
        kept.slot().await.unwrap().put(batch).done().await.is_ok()
    }

    async fn loaded(kept: &Kept) -> (Option<i64>, bool) {
        let loaded = kept.load(Duration::from_hours(24)).await.unwrap();
        (loaded.ledger.moment().map(Timestamp::as_millis), loaded.ledger.knows_space(SpaceId(900)))
    }

    #[tokio::test]
    async fn a_full_disk_keeps_no_step_from_being_written_later_and_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let up = StoreUp::default();
        let mut file = File::open(&path).unwrap();
        file.check().unwrap();
        let pages: i64 = file.database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = |file: &File, pages: i64| {
            file.database
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
                .unwrap();
        };
        limit(&file, pages + 2);
        let mut thread = Thread {
            file,
            up: up.clone(),
            pending: Vec::new(),
            given_up: BTreeSet::new(),
            last: HashMap::new(),
            known: BTreeMap::new(),
            has_been_checked: true,
        };
        up.set(true);
        let (connection, _) = thread.connection(&ConnectionName::new("acme").unwrap(), &identity()).unwrap();

        thread.await_commit(connection, Box::new(step(900, 1)));
        assert!(!thread.commit() && !up.get(), "nine hundred kilobytes do not fit");
        thread.await_commit(connection, Box::new(step(0, 2)));
        assert!(!thread.commit(), "what comes later must not vouch for what is not there");
        limit(&thread.file, 1_000_000);
        thread.await_commit(connection, Box::new(step(0, 3)));
        assert!(thread.commit() && up.get());

        drop(thread);
        let (_store, kept) = open(&path, &up).await;
        assert_eq!(loaded(&kept).await, (Some(3), true));
    }

    #[tokio::test]
    async fn a_broken_file_is_found_at_the_start_and_its_successor_keeps_what_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let up = StoreUp::default();
        let (store, kept) = open(&path, &up).await;
        assert!(commit(&kept, step(900, 1)).await);
        store.close().await;
        drop((store, kept));
        // What is still in the log goes into the file when the last connection is closed.
        drop(open(&path, &up).await);
        let size = loop {
            match File::open(&path) {
                Ok(_) => break std::fs::metadata(&path).unwrap().len(),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(size > 900_000 && bytes.len() as u64 == size, "{size}");
        bytes[500_000..508_192].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();

        let (store, kept) = open(&path, &up).await;
        assert!(kept.load(Duration::from_hours(24)).await.is_none());
        assert!(folder.path().join("store.db.corrupt-1").exists());
        assert!(commit(&kept, step(900, 2)).await);
        store.close().await;
        drop((store, kept));

        let (_store, kept) = open(&path, &up).await;
        assert_eq!(loaded(&kept).await, (Some(2), true));
    }
}
