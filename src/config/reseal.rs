//! Changes the key, and seals every saved token anew. It may be stopped between any two steps, and each step is whole: the key's
//! file holds both keys until no token needs the old one.

use std::collections::VecDeque;

use super::file::SavedYaml;
use super::{Config, ConfigError, Files, Writing, with_key};
use crate::connection::{BadKey, BadSeal, Keys, SealedToken, TokenFrom};
use crate::model::ConnectionName;
use crate::yaml;

pub struct Reseal<'a> {
    files: &'a Files,
    keys: Keys,
    sealed: Vec<(ConnectionName, SealedToken)>,
    steps: VecDeque<Step>,
    writing: Writing,
}

/// Why a change of the key cannot begin or go on. Nothing is lost: what was sealed opens still.
#[derive(Debug, thiserror::Error)]
pub enum CannotReseal {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] BadKey),
    #[error(
        "connection {name} stands in the way of a new key: seal its token anew with `connection edit {name}`, or remove it"
    )]
    Sealed {
        name: ConnectionName,
        #[source]
        source: BadSeal,
    },
    #[error("the saved connections cannot be written")]
    Writing(#[from] std::io::Error),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    AddKey,
    /// The token of this place in the list.
    Seal(usize),
    DropOldKey,
}

impl<'a> Reseal<'a> {
    /// Changes nothing yet. Fails where a token does not open, as it never would again.
    pub fn begin(files: &'a Files) -> Result<Self, CannotReseal> {
        files.key.check_ours()?;
        let writing = files.saved.lock()?;
        let keys = files.key.read()?;
        let mut sealed = Vec::new();
        for connection in Config::gather(files)?.connections {
            if let TokenFrom::Sealed(token) = connection.connection.token {
                let cannot = |source| CannotReseal::Sealed { name: connection.name.clone(), source };
                token.check(&connection.name).map_err(cannot)?;
                with_sealed(files, &connection.name, "")?;
                sealed.push((connection.name, token));
            }
        }
        let change = || (0..sealed.len()).map(Step::Seal).chain([Step::DropOldKey]);
        // One that was interrupted comes to its end first: so there are never more than two keys.
        let interrupted = change().filter(|_| keys.are_two());
        let steps = interrupted.chain([Step::AddKey]).chain(change()).collect();
        Ok(Self { files, keys, sealed, steps, writing })
    }

    /// How many tokens are sealed anew.
    pub fn tokens(&self) -> usize {
        self.sealed.len()
    }

    /// Takes the next step; `false` when there is none.
    pub fn step(&mut self) -> Result<bool, CannotReseal> {
        match self.steps.pop_front() {
            None => return Ok(false),
            Some(Step::AddKey) => self.keys = self.files.key.add()?,
            Some(Step::Seal(place)) => self.seal(place)?,
            Some(Step::DropOldKey) => self.files.key.drop_previous()?,
        }
        Ok(true)
    }

    fn seal(&self, place: usize) -> Result<(), CannotReseal> {
        let (name, token) = &self.sealed[place];
        let cannot = |source| CannotReseal::Sealed { name: name.clone(), source };
        let resealed = token.resealed(&self.keys, name).map_err(cannot)?;
        let text = with_sealed(self.files, name, &resealed)?;
        Ok(self.files.saved.replace(&self.writing, name, &text)?)
    }
}

/// A file in a form that we cannot change is told of, and stays as it is.
fn with_sealed(files: &Files, name: &ConnectionName, sealed: &str) -> Result<String, ConfigError> {
    let text = with_key(&files.saved.text(name)?, "api_token_sealed", Some(sealed));
    let read_back = yaml::read::<SavedYaml>(&text);
    if read_back.is_ok_and(|yaml| yaml.sealed() == Some(sealed)) {
        return Ok(text);
    }
    let problem = "api_token_sealed: cannot be changed here; let it stand on a line of its own".to_owned();
    Err(ConfigError::Wrong { path: files.saved.path(name), problem })
}
