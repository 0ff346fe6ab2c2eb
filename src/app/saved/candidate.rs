//! A connection that somebody has described and that is not saved yet: to be tested, then sealed and written.

use std::error::Error;
use std::io;

use crate::config::{Config, Files, Writing, with_key};
use crate::connection::{TokenFrom, TypedToken, seal};
use crate::model::ConnectionName;

use super::super::connection_test;
use super::super::output;
use super::guide;

pub(super) struct Candidate<'a> {
    pub(super) files: &'a Files,
    pub(super) name: ConnectionName,
    /// Without any token.
    pub(super) text: String,
    pub(super) token: TypedToken,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSaved {
    #[error("{name} was not saved: mend what the table says and try again, or save it all the same with --untested")]
    Failed { name: ConnectionName },
    #[error("the saved connections in {folder} cannot be written")]
    Unwritable {
        folder: String,
        #[source]
        source: io::Error,
    },
}

impl<'a> Candidate<'a> {
    pub(super) fn new(files: &'a Files, name: &ConnectionName, text: &str, token: TypedToken) -> Self {
        let other_tokens = ["api_token_file", "api_token_files", "api_token_env", "api_token_sealed", "untested"];
        let text = other_tokens.iter().fold(text.to_owned(), |text, key| with_key(&text, key, None));
        Self { files, name: name.clone(), text, token }
    }

    /// Tests it unless it is to be saved untested, and fails where it does not pass.
    pub(super) async fn test(&self) -> Result<(), Box<dyn Error>> {
        // As it will be read, but for the token, which is not sealed yet.
        let config = Config::with(self.files, &self.name, &with_key(&self.text, SEALED, Some("")))?;
        let mut connection = config.connection(&self.name).cloned().expect("it is among those that were just read");
        connection.connection.token = TokenFrom::Typed(self.token.clone());
        if connection_test::passes(&connection).await? {
            return Ok(());
        }
        output::tell(guide::CODES);
        Err(NotSaved::Failed { name: self.name.clone() }.into())
    }

    /// Seals the token, which may make the key, and has the text written.
    pub(super) fn save(
        &self,
        is_untested: bool,
        write: impl FnOnce(&Writing, &str) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let Files { saved, key, .. } = self.files;
        let writing = saved.lock().map_err(|source| self.unwritable(source))?;
        let is_first = !key.exists();
        let sealed = seal(&key.read_or_make()?, &self.name, &self.token)?;
        let text = with_key(&self.text, SEALED, Some(&sealed));
        let text = with_key(&text, "untested", is_untested.then_some("true"));
        // Once more, now that nobody else writes.
        Config::with(self.files, &self.name, &text)?;
        write(&writing, &text)?;
        let path = saved.path(&self.name);
        output::print(&format!("{} is saved in {}, its token sealed.\n", self.name, path.display()));
        if is_first {
            output::print(&format!(
                "The key was made: {}. Keep a copy of it, but not with the backups of {}.\n",
                key.path().display(),
                saved.folder().display()
            ));
        }
        Ok(())
    }

    pub(super) fn unwritable(&self, source: io::Error) -> NotSaved {
        NotSaved::Unwritable { folder: self.files.saved.folder().display().to_string(), source }
    }
}

const SEALED: &str = "api_token_sealed";
