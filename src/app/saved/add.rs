//! `connection add`: asks, tests, and saves what has passed.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use crate::cli::SaveConnection;
use crate::config::{Config, PlaceKind};
use crate::model::ConnectionName;

use super::super::open::files;
use super::super::output;
use super::super::terminal::Terminal;
use super::candidate::Candidate;
use super::questions;

#[derive(Debug, thiserror::Error)]
enum Taken {
    #[error("there is a saved connection {name} already: `confluence-exporter connection edit {name}` changes it")]
    Saved { name: ConnectionName },
    #[error("there is a connection {name} already, in {file}, line {line}")]
    Configured { name: ConnectionName, file: String, line: u64 },
}

/// What a saved connection begins with.
const HEAD: &str = "\
# A saved connection: the file's name is the connection's, and every key of a connection may be added.
application: confluence_cloud
";

pub(in crate::app) async fn add(add: &SaveConnection) -> Result<ExitCode, Box<dyn Error>> {
    let files = files(&add.config);
    let name = ConnectionName::new(&add.name)?;
    let config = Config::gather(&files)?;
    check_free(&config, &name)?;
    // Better told before anybody has typed a token.
    if files.key.exists() {
        files.key.read()?;
    }
    let terminal = Terminal::at_hand();
    let (text, token) = questions::ask(add, terminal.as_ref(), HEAD, !config.connections.is_empty()).await?;
    let candidate = Candidate::new(&files, &name, &text, token);
    if !add.untested {
        candidate.test().await?;
    }
    candidate.save(add.untested, |writing, text| match files.saved.add(writing, &name, text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Taken::Saved { name: name.clone() }.into()),
        added => added.map_err(|source| candidate.unwritable(source).into()),
    })?;
    output::print(
        "A running exporter takes it with its next reload (SIGHUP), `confluence-exporter serve` from its start on.\n",
    );
    Ok(ExitCode::SUCCESS)
}

fn check_free(config: &Config, name: &ConnectionName) -> Result<(), Taken> {
    let Some(place) = config.places.get(name) else { return Ok(()) };
    let name = name.clone();
    Err(match place.kind {
        PlaceKind::Saved { .. } => Taken::Saved { name },
        PlaceKind::Config { line } => Taken::Configured { name, file: place.file.display().to_string(), line },
    })
}
