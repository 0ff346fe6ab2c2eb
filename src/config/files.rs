//! Where the configuration is: its file, the folder of saved connections, and the key to their tokens.

use std::path::{Path, PathBuf};

use super::saved::SavedConnections;
use crate::connection::KeyFile;

#[derive(Clone, Debug)]
pub struct Files {
    pub config: PathBuf,
    /// Somebody has named it: then it must be there.
    pub(super) is_named: bool,
    pub saved: SavedConnections,
    pub key: KeyFile,
}

const CONFIG: &str = "confluence-exporter.yml";
const SAVED: &str = "connections.d";

impl Files {
    /// What is not named is where it usually is: the folder and the key beside the configuration's file.
    pub fn new(config: Option<&Path>, saved: Option<&Path>, key: Option<&Path>) -> Self {
        let path = config.unwrap_or(Path::new(CONFIG));
        let beside = path.parent().unwrap_or(Path::new(""));
        let folder = saved.map_or_else(|| beside.join(SAVED), Path::to_owned);
        Self {
            config: path.to_owned(),
            is_named: config.is_some(),
            saved: SavedConnections::new(folder),
            key: KeyFile::choose(key, beside),
        }
    }
}
