//! `connection remove`: a saved connection's file goes, and with it its sealed token.

use std::error::Error;
use std::process::ExitCode;

use crate::cli::RemoveConnection;
use crate::config::Config;
use crate::model::ConnectionName;

use super::super::open::files;
use super::super::output;
use super::super::terminal::Terminal;
use super::check_saved;

#[derive(Debug, thiserror::Error)]
enum NotRemoved {
    #[error("{0} was not removed: there is no terminal to ask at; say --yes")]
    NobodyToAsk(ConnectionName),
    #[error("{0} was not removed")]
    NotWanted(ConnectionName),
    #[error("{file} cannot be removed")]
    Unwritable {
        file: String,
        #[source]
        source: std::io::Error,
    },
}

pub(in crate::app) async fn remove(remove: &RemoveConnection) -> Result<ExitCode, Box<dyn Error>> {
    let files = files(&remove.config);
    let name = ConnectionName::new(&remove.name)?;
    check_saved(&files, &name)?;
    let path = files.saved.path(&name);
    if !remove.yes {
        let terminal = Terminal::at_hand().ok_or_else(|| NotRemoved::NobodyToAsk(name.clone()))?;
        let answer = terminal.ask(&format!("Remove {} and its sealed token? [y/N] ", path.display())).await?;
        if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            return Err(NotRemoved::NotWanted(name).into());
        }
    }
    let unwritable = |source| NotRemoved::Unwritable { file: path.display().to_string(), source };
    let writing = files.saved.lock().map_err(unwritable)?;
    files.saved.remove(&writing, &name).map_err(unwritable)?;
    output::print(&format!(
        "{name} is removed. A running exporter serves it until its next reload (SIGHUP). What the store knows of it stays there and serves \
         again should {name} come back to the same site; to be rid of it, remove the store's file.\nConfluence still takes the \
         token: revoke it there.\n"
    ));
    // Such as one that had borrowed from it.
    if let Err(problem) = Config::gather(&files) {
        output::tell(&format!("What is left cannot be served: {problem}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
