//! `connection reseal`: another key, and every saved token under it.

use std::error::Error;
use std::process::ExitCode;

use crate::cli::ResealConnections;
use crate::config::Reseal;

use super::super::open::files;
use super::super::output;

pub(in crate::app) fn reseal(reseal: &ResealConnections) -> Result<ExitCode, Box<dyn Error>> {
    let files = files(&reseal.config);
    let mut change = Reseal::begin(&files)?;
    while change.step()? {}
    let tokens = match change.tokens() {
        1 => "1 token".to_owned(),
        several => format!("{several} tokens"),
    };
    output::print(&format!(
        "{} holds a new key, and {tokens} in {} are sealed under it. What was copied before opens with the old key only.\n",
        files.key.path().display(),
        files.saved.folder().display()
    ));
    Ok(ExitCode::SUCCESS)
}
