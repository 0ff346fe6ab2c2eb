//! What holds of every configuration and of every saved connection, whoever wrote it.

use std::path::Path;

use super::file::FileYaml;
use super::{Files, Gathered};
use crate::model::ConnectionName;
use crate::yaml;
use crate::yaml::fuzzed::{assert_told_well, with_token};

/// It is taken or refused, and a refusal repeats no value.
pub fn config(input: &[u8]) {
    let Some(text) = with_token(input) else { return };
    let path = Path::new("/etc/exporter/exporter.yml");
    match yaml::read(&text).and_then(|file| Gathered::of(file, path)) {
        Ok(gathered) => {
            if let Err(problem) = gathered.settled() {
                assert_told_well(&problem.to_string());
            }
        }
        Err(problem) => assert_told_well(&problem),
    }
    saved(&text);
}

fn saved(text: &str) {
    let name = ConnectionName::new("acme").expect("it is a name");
    let files = Files::new(None, None, None);
    let mut gathered = Gathered::of(FileYaml::default(), &files.config).expect("nothing is wrong with nothing");
    if let Err(problem) = gathered.add_saved(name, text, Path::new("acme.yml"), &files) {
        assert_told_well(&problem);
    }
}
