//! The thread that owns the file: takes commands in their order, and commits whatever waits at one time together.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Error, ErrorCode};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::file::File;
use super::load::{self, LoadError};
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
        match load::connection(&self.file.database, name, identity) {
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
            if let Err(error) = self.file.check() {
                error!(%error, "the store cannot be used");
                self.up.set(false);
                return None;
            }
        }
        match load::load(&self.file.database, connection, reach) {
            Ok(loaded) => loaded,
            // It holds what no commit of ours has written.
            Err(error @ (LoadError::Torn(_) | LoadError::Progress(_))) => {
                warn!(%error, "what was kept of this connection is torn; it is read from Confluence anew");
                self.forget(connection);
                None
            }
            Err(LoadError::Reading(error)) => {
                self.note_failure(&error);
                None
            }
        }
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
