//! The connections as the configuration has them: opened at the start; kept, opened anew or ended by a reload.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::clock::Clock;
use crate::config::ConnectionConfig;
use crate::connection::Connection;
use crate::metrics::{Asking, StoreUp};
use crate::model::{ConnectionName, Snapshot};
use crate::store::{self, Kept, Store};
use crate::sync::Sync;

use super::open::{CannotOpen, lenders_first, open};
use super::with_causes;

pub(super) struct Connections {
    store: Option<(Store, StoreUp)>,
    clock: Clock,
    stop: CancellationToken,
    /// In the configuration's order.
    running: Vec<Running>,
}

/// How many connections a change has left as they were, opened anew with other settings, opened, and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) unchanged: usize,
    pub(super) changed: usize,
    pub(super) new: usize,
    pub(super) removed: usize,
}

/// Why all connections are as they were.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotChange {
    #[error(transparent)]
    Open(#[from] CannotOpen),
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error("connection {name} has other settings and would go on from the store, which takes no writes now")]
    StoreDown { name: ConnectionName },
}

struct Running {
    config: ConnectionConfig,
    connection: Connection,
    asking: Asking,
    sync: Sync,
}

/// Open, and asked nothing yet.
struct Opened {
    config: ConnectionConfig,
    connection: Connection,
    asking: Asking,
    /// Where there is a store, and what it has of this connection.
    kept: Option<(Kept, Option<Snapshot>)>,
}

impl Connections {
    /// None at first. `stop` ends all of them.
    pub(super) fn new(store: Option<(Store, StoreUp)>, clock: Clock, stop: CancellationToken) -> Self {
        Self { store, clock, stop, running: Vec::new() }
    }

    pub(super) fn syncs(&self) -> Vec<Sync> {
        self.running.iter().map(|running| running.sync.clone()).collect()
    }

    /// Keeps what has been learnt, once they have been told to stop.
    pub(super) async fn save(&self) {
        let saving: JoinSet<()> = self.syncs().into_iter().map(|sync| async move { sync.save().await }).collect();
        saving.join_all().await;
    }

    /// All as it is wanted, or nothing.
    pub(super) async fn change_to(&mut self, wanted: Vec<ConnectionConfig>) -> Result<Changes, CannotChange> {
        let order: Vec<ConnectionName> = wanted.iter().map(|config| config.name.clone()).collect();
        let unchanged = unchanged(&self.running, &wanted);
        // Whatever may fail comes before anything is ended.
        let mut opened = self.open(&wanted, &unchanged)?;
        for opened in opened.iter_mut().filter(|opened| self.running_as(&opened.config.name).is_none()) {
            opened.find_kept(self.store.as_ref()).await?;
        }

        let before = std::mem::take(&mut self.running);
        let (mut running, ended): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|running| unchanged.contains(&running.config.name));
        for ended in &ended {
            // To its end, so that whoever goes on from the store finds all of it there.
            ended.sync.end().await;
        }
        let mut changes = Changes { unchanged: running.len(), ..Changes::default() };
        for opened in &mut opened {
            if ended.iter().any(|ended| ended.config.name == opened.config.name) {
                changes.changed += 1;
                if let Err(error) = opened.find_kept(self.store.as_ref()).await {
                    let reason = with_causes(&error);
                    error!(connection = %opened.config.name, reason, "the store cannot be asked; nothing is kept until a restart");
                }
            } else {
                changes.new += 1;
            }
        }
        // Only now, as each begins to load what the store has of it: no other's last snapshot is to wait for that.
        for opened in opened {
            let before = ended.iter().find(|ended| ended.config.name == opened.config.name);
            running.push(opened.begin(before, &self.clock, &self.stop));
        }
        changes.removed = ended.len() - changes.changed;
        running.sort_by_key(|running| order.iter().position(|name| *name == running.config.name));
        self.running = running;
        Ok(changes)
    }

    /// One with other settings counts on where the one before it stood.
    fn open(
        &self,
        wanted: &[ConnectionConfig],
        unchanged: &BTreeSet<ConnectionName>,
    ) -> Result<Vec<Opened>, CannotChange> {
        let is_store_down = self.store.as_ref().is_some_and(|(_, up)| !up.get());
        let mut opened: Vec<Opened> = Vec::new();
        for config in lenders_first(wanted).filter(|config| !unchanged.contains(&config.name)) {
            let before = self.running_as(&config.name);
            if before.is_some() && is_store_down {
                return Err(CannotChange::StoreDown { name: config.name.clone() });
            }
            let lender = config.connection.borrow_concurrency_from.as_ref().and_then(|lender| {
                let opened = opened.iter().find(|opened| opened.config.name == *lender);
                opened.map_or_else(|| Some(&self.running_as(lender)?.connection), |opened| Some(&opened.connection))
            });
            let asking = before.map_or_else(|| Asking::new(&config.name), |before| before.asking.clone());
            let connection = open(&config.name, &config.connection, &asking, lender)?;
            opened.push(Opened { config: config.clone(), connection, asking, kept: None });
        }
        Ok(opened)
    }

    fn running_as(&self, name: &ConnectionName) -> Option<&Running> {
        self.running.iter().find(|running| running.config.name == *name)
    }
}

/// Which connections go on as they are: those of the same name and the same settings, where whoever lends them permits goes
/// on, too. It is decided here alone.
fn unchanged(running: &[Running], wanted: &[ConnectionConfig]) -> BTreeSet<ConnectionName> {
    let running = running.iter().map(|running| &running.config);
    let alike: Vec<_> = running.filter(|config| wanted.contains(config)).collect();
    let is_alike = |name: &ConnectionName| alike.iter().any(|config| config.name == *name);
    let goes_on = |config: &&&ConnectionConfig| config.connection.borrow_concurrency_from.as_ref().is_none_or(is_alike);
    alike.iter().filter(goes_on).map(|config| config.name.clone()).collect()
}

impl Opened {
    async fn find_kept(&mut self, store: Option<&(Store, StoreUp)>) -> Result<(), store::OpenError> {
        if let Some((store, _)) = store {
            self.kept = Some(store.connection(&self.config.name, self.connection.whereabouts().into()).await?);
        }
        Ok(())
    }

    fn begin(self, before: Option<&Running>, clock: &Clock, stop: &CancellationToken) -> Running {
        let Self { config, connection, asking, kept } = self;
        if let Some(before) = before {
            connection.take_the_place_of(&before.connection);
        }
        let (door, settings) = (connection.clone(), config.sync.clone());
        let sync = match kept {
            Some(kept) => Sync::kept(door, settings, clock.clone(), asking.clone(), stop, kept),
            None => Sync::new(door, settings, clock.clone(), asking.clone(), stop),
        };
        Running { config, connection, asking, sync }
    }
}
