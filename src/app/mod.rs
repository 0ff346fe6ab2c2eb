//! Joins the rooms, starts and stops them; and the commands.

mod connection_test;
mod connections;
mod log;
mod open;
mod output;
mod plan;
mod reload;
mod saved;
mod serve;
mod shield;
mod systemd;
mod terminal;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use tracing::warn;

use crate::cli::{CheckConfig, Cli, Command, Connection};
use crate::config::{Config, PlaceKind};
use crate::server::check_web_config;

use terminal::unless_told_to_stop;

/// Runs one command. What goes wrong is told on standard error.
pub async fn run(cli: Cli) -> ExitCode {
    // First of all: whatever is read from now on may be a token.
    let shielded = shield::raise();
    log::start(cli.log);
    if let Err(error) = shielded {
        warn!(%error, "this process could not be shielded: others of its user may look into its memory");
    }
    let ended = match &cli.command {
        Command::Serve(serve) => serve::run(serve).await,
        Command::Connection(connection) => run_for_connection(connection).await,
        Command::Plan(plan) => plan::run(plan).await,
        Command::CheckConfig(check) => check_config(check),
    };
    ended.unwrap_or_else(|error| {
        output::complain(&with_causes(error.as_ref()));
        ExitCode::FAILURE
    })
}

async fn run_for_connection(command: &Connection) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Connection::Test(test) => connection_test::run(test).await,
        Connection::Add(add) => unless_told_to_stop(saved::add(add)).await,
        Connection::List(list) => saved::list(list),
        Connection::Edit(edit) => unless_told_to_stop(saved::edit(edit)).await,
        Connection::Remove(remove) => unless_told_to_stop(saved::remove(remove)).await,
        Connection::Reseal(reseal) => saved::reseal(reseal),
    }
}

/// Whatever `serve` would stumble over before it listens, the files of tokens and certificates included.
fn check_config(check: &CheckConfig) -> Result<ExitCode, Box<dyn Error>> {
    let files = open::files(&check.config);
    let config = Config::read(&files)?;
    open::check(&config.connections)?;
    check.web_config.path.as_deref().map(check_web_config).transpose()?;
    let is_saved = |kind: &PlaceKind| matches!(kind, PlaceKind::Saved { .. });
    let saved = config.places.values().filter(|place| is_saved(&place.kind)).count();
    if files.config.exists() {
        output::print(&good(&files.config, config.connections.len() - saved));
    }
    if saved > 0 {
        output::print(&good(files.saved.folder(), saved));
    }
    if let Some(path) = &check.web_config.path {
        output::print(&format!("{}: good\n", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn good(path: &Path, connections: usize) -> String {
    let ending = if connections == 1 { "" } else { "s" };
    format!("{}: good, {connections} connection{ending}\n", path.display())
}

/// An error and what is behind it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
