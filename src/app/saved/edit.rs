//! `connection edit`: a saved connection's settings asked for anew, and always its token.

use std::error::Error;
use std::process::ExitCode;

use crate::cli::SaveConnection;
use crate::config::Config;
use crate::model::ConnectionName;

use super::super::open::files;
use super::super::output;
use super::super::terminal::Terminal;
use super::candidate::Candidate;
use super::{check_saved, questions};

#[derive(Debug, thiserror::Error)]
#[error("{0} was changed meanwhile by somebody else; nothing was written")]
struct Changed(String);

pub(in crate::app) async fn edit(edit: &SaveConnection) -> Result<ExitCode, Box<dyn Error>> {
    let files = files(&edit.config);
    let name = ConnectionName::new(&edit.name)?;
    check_saved(&files, &name)?;
    // Whatever is wrong with it now is told by line and key.
    let config = Config::gather(&files)?;
    if files.key.exists() {
        files.key.read()?;
    }
    let before = files.saved.text(&name)?;
    let terminal = Terminal::at_hand();
    let (text, token) = questions::ask(edit, terminal.as_ref(), &before, config.connections.len() > 1).await?;
    let candidate = Candidate::new(&files, &name, &text, token);
    if !edit.untested {
        candidate.test().await?;
    }
    candidate.save(edit.untested, |writing, text| {
        if files.saved.text(&name)? != before {
            return Err(Changed(files.saved.path(&name).display().to_string()).into());
        }
        files.saved.replace(writing, &name, text).map_err(|source| candidate.unwritable(source).into())
    })?;
    output::print(
        "A running exporter asks with the new token from now on, and takes other changes with its next start.\n",
    );
    Ok(ExitCode::SUCCESS)
}
