//! Reads the configuration again when a signal or a client wants it, one after the other, and has the connections be as it
//! says: all of it or nothing.

use std::fmt;
use std::path::PathBuf;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Files};
use crate::metrics::LastReload;
use crate::server::{ReloadEnd, ReloadRequest};

use super::connections::{CannotChange, Changes, Connections};
use super::{systemd, with_causes};

/// Everything that a reload changes, and what it starts from.
pub(super) struct Reloading {
    pub(super) files: Files,
    pub(super) store: StorePath,
    pub(super) connections: Connections,
    pub(super) cache: Cache,
    pub(super) last: LastReload,
    pub(super) clock: Clock,
}

/// Where the store is, and whether that is the configuration's to say.
pub(super) struct StorePath {
    pub(super) flag: Option<PathBuf>,
    pub(super) configured: Option<PathBuf>,
}

/// Why the configuration of before is used on.
#[derive(Debug, thiserror::Error)]
enum CannotReload {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Change(#[from] CannotChange),
}

/// What has become of a reload that succeeded.
struct Reloaded {
    changes: Changes,
    needs_restart: bool,
}

impl Reloading {
    /// Until told to stop. A reload that has begun is not cut.
    pub(super) async fn obey(
        mut self,
        mut hangups: Signal,
        mut requests: mpsc::Receiver<ReloadRequest>,
        stop: CancellationToken,
    ) {
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return self.connections.save().await,
                Some(()) = hangups.recv() => None,
                Some(request) = requests.recv() => Some(request),
            };
            systemd::tell_reloading();
            let end = self.reload_and_tell().await;
            systemd::tell_ready();
            if let Some(request) = request {
                request.tell(end);
            }
        }
    }

    async fn reload_and_tell(&mut self) -> ReloadEnd {
        match self.reload().await {
            Ok(reloaded) => {
                self.last.succeed(self.clock.now());
                let Changes { unchanged, changed, new, removed } = reloaded.changes;
                info!(unchanged, changed, new, removed, "the configuration was read again, and is used as it is now");
                if reloaded.needs_restart {
                    warn!("store: another file is used after a restart only");
                }
                Ok(reloaded.to_string())
            }
            Err(error) => {
                self.last.fail();
                let reason = with_causes(&error);
                error!(reason, "the configuration cannot be used; that of before is used on");
                Err(reason)
            }
        }
    }

    async fn reload(&mut self) -> Result<Reloaded, CannotReload> {
        let Config { store, connections, .. } = Config::read(&self.files)?;
        let changes = self.connections.change_to(connections).await?;
        self.cache.replace(self.connections.syncs()).await;
        Ok(Reloaded { changes, needs_restart: self.store.flag.is_none() && store != self.store.configured })
    }
}

impl fmt::Display for Reloaded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Changes { unchanged, changed, new, removed } = self.changes;
        write!(formatter, "connections: {unchanged} unchanged, {changed} changed, {new} new, {removed} removed")?;
        if self.needs_restart {
            formatter.write_str("\nstore: another file is used after a restart only")?;
        }
        Ok(())
    }
}
