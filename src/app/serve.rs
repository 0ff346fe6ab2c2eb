//! The exporter itself: opens the connections, binds the port, and answers until it is told to stop.

use std::error::Error;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cache::Cache;
use crate::cli::Serve;
use crate::clock::Clock;
use crate::config::{Config, ConnectionConfig};
use crate::metrics::{Asking, Build, Process};
use crate::server::{BadTelemetryPath, Server, Settings};
use crate::sync::Sync;

use super::open::{CannotOpen, open};

#[derive(Debug, thiserror::Error)]
#[error("--web.telemetry-path")]
struct WrongFlag(#[from] BadTelemetryPath);

pub(super) async fn run(serve: &Serve) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&serve.config.path)?;
    let clock = Clock::system();
    let stop = CancellationToken::new();
    let telemetry_path = serve.telemetry_path.parse().map_err(WrongFlag)?;
    let connections: Vec<Sync> =
        config.connections.iter().map(|connection| sync(connection, &clock, &stop)).collect::<Result<_, _>>()?;
    let settings = Settings { listen_address: serve.listen_address.clone(), telemetry_path };
    let server = Server::bind(&settings).await?;
    let build = Build::this();
    info!(
        version = build.version,
        revision = build.revision,
        connections = connections.len(),
        address = %server.local_addr()?,
        "answering scrapes; nothing is asked of Confluence before the first"
    );
    stop_on_signal(stop.clone())?;
    server.serve(Cache::new(connections, clock, Process::this()), stop.clone()).await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn sync(config: &ConnectionConfig, clock: &Clock, stop: &CancellationToken) -> Result<Sync, CannotOpen> {
    let asking = Asking::new(&config.name);
    let connection = open(&config.name, &config.connection, &asking)?;
    Ok(Sync::new(connection, config.sync.clone(), clock.clone(), asking, stop.clone()))
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
        stop.cancel();
    });
    Ok(())
}
