//! The exporter itself: opens the connections, binds the port, and answers until it is told to stop.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cache::Cache;
use crate::cli::Serve;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::{Build, LastReload, Process, StoreUp};
use crate::server::{BadTelemetryPath, Listen, ReloadRequests, Server, Settings};
use crate::store::Store;

use super::connections::Connections;
use super::open::files;
use super::reload::{Reloading, StorePath};
use super::systemd;

#[derive(Debug, thiserror::Error)]
#[error("--web.telemetry-path")]
struct WrongFlag(#[from] BadTelemetryPath);

/// Where the store is when nobody says otherwise.
const STORE: &str = "confluence-exporter.db";

pub(super) async fn run(serve: &Serve) -> Result<ExitCode, Box<dyn Error>> {
    // From here on, as the signal would end the program otherwise.
    let hangups = signal(SignalKind::hangup())?;
    let files = files(&serve.config);
    let config = Config::read(&files)?;
    let clock = Clock::system();
    let last_reload = LastReload::at_the_start(clock.now());
    let stop = CancellationToken::new();
    let telemetry_path = serve.telemetry_path.parse().map_err(WrongFlag)?;
    let up = StoreUp::default();
    let store = store_path(serve.store.as_deref().or(config.store.as_deref()))
        .map(|path| Store::open(path, up.clone()))
        .transpose()?;
    let kept_in = store.clone().map(|store| (store, up.clone()));
    let mut connections = Connections::new(kept_in, clock.clone(), stop.clone());
    connections.change_to(config.connections).await?;
    let listen =
        if serve.systemd_socket { Listen::SystemdSocket } else { Listen::Addresses(serve.listen_addresses.clone()) };
    let settings = Settings { listen, telemetry_path, web_config: serve.web_config.path.clone() };
    let (requests, requested) = ReloadRequests::queue();
    let server = Server::bind(&settings).await?.with_reloads(requests);
    let syncs = connections.syncs();
    tell_that_it_answers(&server, syncs.len())?;
    stop_on_signal(stop.clone())?;
    systemd::tell_ready();
    let process = if store.is_some() { Process::this().with_store(up) } else { Process::this() };
    let cache = Cache::new(syncs, clock.clone(), process.with_last_reload(last_reload.clone()));
    let reloading = Reloading {
        files,
        store: StorePath { flag: serve.store.clone(), configured: config.store },
        connections,
        cache: cache.clone(),
        last: last_reload,
        clock,
    };
    let reloading = tokio::spawn(reloading.obey(hangups, requested, stop.clone()));
    server.serve(cache, stop).await;
    reloading.await?;
    if let Some(store) = store {
        store.close().await;
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn tell_that_it_answers(server: &Server, connections: usize) -> std::io::Result<()> {
    let addresses: Vec<String> = server.addresses()?.iter().map(ToString::to_string).collect();
    let build = Build::this();
    info!(
        version = build.version,
        revision = build.revision,
        connections,
        address = addresses.join(" "),
        "answering scrapes; nothing is asked of Confluence before the first"
    );
    Ok(())
}

/// Nothing where the user wants none.
fn store_path(told: Option<&Path>) -> Option<&Path> {
    let path = told.unwrap_or(Path::new(STORE));
    (path != Path::new("none")).then_some(path)
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
        systemd::tell_stopping();
        stop.cancel();
    });
    Ok(())
}
