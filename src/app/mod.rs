//! Joins the rooms, starts and stops them; and the commands.

mod connection_test;
mod connections;
mod log;
mod open;
mod output;
mod plan;
mod reload;
mod serve;
mod shield;
mod systemd;

use std::error::Error;
use std::process::ExitCode;

use tracing::warn;

use crate::cli::{CheckConfig, Cli, Command, Connection};
use crate::config::Config;
use crate::server::check_web_config;

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
        Command::Connection(Connection::Test(test)) => connection_test::run(test).await,
        Command::Plan(plan) => plan::run(plan).await,
        Command::CheckConfig(check) => check_config(check),
    };
    ended.unwrap_or_else(|error| {
        output::complain(&with_causes(error.as_ref()));
        ExitCode::FAILURE
    })
}

/// Whatever `serve` would stumble over before it listens, the files of tokens and certificates included.
fn check_config(check: &CheckConfig) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&check.config.path)?;
    open::check(&config.connections)?;
    check.web_config.path.as_deref().map(check_web_config).transpose()?;
    let connections = match config.connections.len() {
        1 => "1 connection".to_owned(),
        several => format!("{several} connections"),
    };
    output::print(&format!("{}: good, {connections}\n", check.config.path.display()));
    if let Some(path) = &check.web_config.path {
        output::print(&format!("{}: good\n", path.display()));
    }
    Ok(ExitCode::SUCCESS)
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
