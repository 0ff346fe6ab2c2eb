//! What holds of every configuration, whoever wrote it.

use std::path::Path;

use super::Config;
use crate::yaml::fuzzed::{assert_told_well, with_token};

/// It is taken or refused, and a refusal repeats no value.
pub fn config(input: &[u8]) {
    let Some(text) = with_token(input) else { return };
    match Config::parse(&text, Path::new("/etc/exporter")) {
        Ok(config) => assert!(!config.connections.is_empty()),
        Err(problem) => assert_told_well(&problem),
    }
}
