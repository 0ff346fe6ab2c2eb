//! A sealed token in a saved connection's file. How it is sealed is `seal`'s business.

use std::fs;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::key::{KeyFile, Keys};
use super::seal::{self, BadSeal};
use crate::model::ConnectionName;
use crate::yaml::{self, parsed_if_given};

/// Where it is, and the key to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// The saved connection's.
    pub file: PathBuf,
    pub key: KeyFile,
}

/// All that matters here of such a file. What else stands in it `config` reads.
#[derive(Deserialize)]
struct SealedYaml {
    #[serde(default, deserialize_with = "parsed_if_given")]
    api_token_sealed: Option<String>,
}

impl SealedToken {
    /// Whether it opens.
    pub fn check(&self, connection: &ConnectionName) -> Result<(), BadSeal> {
        self.open(connection).map(drop)
    }

    /// What is to stand in the file instead, under the newest of these keys.
    pub fn resealed(&self, keys: &Keys, connection: &ConnectionName) -> Result<String, BadSeal> {
        seal::reseal(&self.text()?, keys, connection)
    }

    pub(super) fn open(&self, connection: &ConnectionName) -> Result<SecretString, BadSeal> {
        // The file first: a change of the key writes files between two writings of the key.
        let text = self.text()?;
        seal::open(&text, &self.key.read()?, connection)
    }

    fn text(&self) -> Result<String, BadSeal> {
        let yaml = fs::read_to_string(&self.file).map_err(BadSeal::Unreadable)?;
        let yaml: SealedYaml = yaml::read(&yaml).map_err(BadSeal::NotYaml)?;
        yaml.api_token_sealed.ok_or(BadSeal::Gone)
    }
}
