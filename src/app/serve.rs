//! The exporter itself: opens the connections, binds the port, and answers until it is told to stop.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cache::Cache;
use crate::cli::Serve;
use crate::clock::Clock;
use crate::config::{Config, ConnectionConfig};
use crate::connection::Connection;
use crate::metrics::{Asking, Build, Process, StoreUp};
use crate::model::Snapshot;
use crate::server::{BadTelemetryPath, Listen, Server, Settings};
use crate::store::{Kept, Store};
use crate::sync::{self, Sync};

use super::open::{CannotOpen, open};

#[derive(Debug, thiserror::Error)]
#[error("--web.telemetry-path")]
struct WrongFlag(#[from] BadTelemetryPath);

/// Where the store is when nobody says otherwise.
const STORE: &str = "confluence-exporter.db";

pub(super) async fn run(serve: &Serve) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&serve.config.path)?;
    let clock = Clock::system();
    let stop = CancellationToken::new();
    let telemetry_path = serve.telemetry_path.parse().map_err(WrongFlag)?;
    let up = StoreUp::default();
    let store = store_path(serve.store.as_deref().or(config.store.as_deref()))
        .map(|path| Store::open(path, up.clone()))
        .transpose()?;
    let mut opened = Vec::with_capacity(config.connections.len());
    for connection in &config.connections {
        opened.push(Opened::open(connection, store.as_ref()).await?);
    }
    let listen =
        if serve.systemd_socket { Listen::SystemdSocket } else { Listen::Addresses(serve.listen_addresses.clone()) };
    let settings = Settings { listen, telemetry_path, web_config: serve.web_config.path.clone() };
    // Only now, as each begins to load what the store has of it: no other's last snapshot is to wait for that.
    let connections = opened.into_iter().map(|opened| opened.begin(&clock, &stop)).collect::<Vec<_>>();
    let server = Server::bind(&settings).await?;
    let addresses: Vec<String> = server.addresses()?.iter().map(ToString::to_string).collect();
    let build = Build::this();
    info!(
        version = build.version,
        revision = build.revision,
        connections = connections.len(),
        address = addresses.join(" "),
        "answering scrapes; nothing is asked of Confluence before the first"
    );
    stop_on_signal(stop.clone())?;
    tell_systemd(NotifyState::Ready);
    let process = if store.is_some() { Process::this().with_store(up) } else { Process::this() };
    server.serve(Cache::new(connections, clock, process), stop.clone()).await;
    if let Some(store) = store {
        store.close().await;
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Nothing where the user wants none.
fn store_path(told: Option<&Path>) -> Option<&Path> {
    let path = told.unwrap_or(Path::new(STORE));
    (path != Path::new("none")).then_some(path)
}

/// A connection, and what is kept of it.
struct Opened {
    connection: Connection,
    asking: Asking,
    settings: sync::Settings,
    kept: Option<(Kept, Option<Snapshot>)>,
}

impl Opened {
    async fn open(config: &ConnectionConfig, store: Option<&Store>) -> Result<Self, CannotOpen> {
        let asking = Asking::new(&config.name);
        let connection = open(&config.name, &config.connection, &asking)?;
        let kept = match store {
            Some(store) => store.connection(&config.name, connection.whereabouts().into()).await,
            None => None,
        };
        Ok(Self { connection, asking, settings: config.sync.clone(), kept })
    }

    fn begin(self, clock: &Clock, stop: &CancellationToken) -> Sync {
        let Self { connection, asking, settings, kept } = self;
        match kept {
            Some(kept) => Sync::kept(connection, settings, clock.clone(), asking, stop, kept),
            None => Sync::new(connection, settings, clock.clone(), asking, stop),
        }
    }
}

fn stop_on_signal(stop: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("told to stop");
        tell_systemd(NotifyState::Stopping);
        stop.cancel();
    });
    Ok(())
}

/// Where it has started this process and wants to know.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "could not tell systemd how things stand");
    }
}
