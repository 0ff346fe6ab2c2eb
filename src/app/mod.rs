//! Joins the rooms, starts and stops them; and the commands.

mod connection_test;
mod log;
mod output;
mod serve;

use std::error::Error;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Connection};
use crate::config::Config;

/// Runs one command. What goes wrong is told on standard error.
pub async fn run(cli: Cli) -> ExitCode {
    log::start(cli.log);
    let ended = match &cli.command {
        Command::Serve(serve) => serve::run(serve).await,
        Command::Connection(Connection::Test(test)) => connection_test::run(test).await,
        Command::CheckConfig(file) => Config::read(&file.path).map_err(Into::into).map(|config| {
            let connections = config.connections.len();
            output::print(&format!("{}: good, {connections} connection(s)\n", file.path.display()));
            ExitCode::SUCCESS
        }),
    };
    ended.unwrap_or_else(|error| {
        output::complain(&with_causes(error.as_ref()));
        ExitCode::FAILURE
    })
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
