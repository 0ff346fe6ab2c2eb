//! Saved connections as files: one each in a folder of their own, under the connection's name. What stands in them is `file`'s
//! business.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::ConfigError;
use crate::files;
use crate::model::ConnectionName;

/// The folder. A missing one is as an empty one.
#[derive(Clone, Debug)]
pub struct SavedConnections {
    folder: PathBuf,
}

/// Nobody else writes saved connections or their key while this is held.
#[derive(Debug)]
pub struct Writing {
    _lock: File,
}

const ENDING: &str = ".yml";

impl SavedConnections {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &ConnectionName) -> PathBuf {
        self.folder.join(format!("{name}{ENDING}"))
    }

    pub fn contains(&self, name: &ConnectionName) -> bool {
        self.path(name).exists()
    }

    pub fn text(&self, name: &ConnectionName) -> Result<String, ConfigError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path, source })
    }

    /// Each connection's text. Only files whose names end in `.yml` count, hidden ones never do.
    pub(super) fn texts(&self) -> Result<BTreeMap<ConnectionName, String>, ConfigError> {
        let unreadable = |source| ConfigError::UnreadableFolder { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut texts = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(name) = file_name.strip_suffix(ENDING).filter(|name| !name.starts_with('.')) else { continue };
            let name = ConnectionName::new(name).map_err(|error| ConfigError::Wrong {
                path: path.clone(),
                problem: format!("the file's name is {error}"),
            })?;
            let text = self.text(&name)?;
            texts.insert(name, text);
        }
        Ok(texts)
    }

    /// To be held while saved connections or their key are written. Makes the folder.
    pub fn lock(&self) -> io::Result<Writing> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join(".lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(Writing { _lock: lock })
    }

    /// Fails with `AlreadyExists` where there is one of that name.
    pub fn add(&self, _: &Writing, name: &ConnectionName, text: &str) -> io::Result<()> {
        files::create(&self.path(name), text.as_bytes())
    }

    pub fn replace(&self, _: &Writing, name: &ConnectionName, text: &str) -> io::Result<()> {
        files::replace(&self.path(name), text.as_bytes())
    }

    pub fn remove(&self, _: &Writing, name: &ConnectionName) -> io::Result<()> {
        files::remove(&self.path(name))
    }
}
