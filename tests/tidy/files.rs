//! What every source file has, and what none has.

use super::{assert_none, files_below, read};

/// A file that is longer holds more than one thing.
const MOST_LINES: usize = 500;

/// Spelt in two halves, so that this file does not hold them.
const STUBS: [&str; 4] =
    [concat!("#[igno", "re"), concat!("todo", "!("), concat!("unimple", "mented!("), concat!("FIX", "ME")];

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let sources = source_files();
    let findings = sources.iter().filter(|(_, text)| !text.starts_with("//! "));
    assert_none(&findings.map(|(path, _)| format!("{path} does not open with a `//!` sentence")).collect::<Vec<_>>());
}

#[test]
fn no_source_file_is_too_long_to_be_read_at_once() {
    let sources = source_files();
    let lengths = sources.iter().map(|(path, text)| (path, text.lines().count()));
    let findings = lengths.filter(|(_, lines)| *lines > MOST_LINES);
    assert_none(&findings.map(|(path, lines)| format!("{path} has {lines} lines")).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later_or_left_out_of_the_tests() {
    let sources = source_files();
    let findings = sources.iter().flat_map(|(path, text)| {
        STUBS.iter().filter(|stub| text.contains(**stub)).map(move |stub| format!("{path} has {stub}"))
    });
    assert_none(&findings.collect::<Vec<_>>());
}

fn source_files() -> Vec<(String, String)> {
    let paths = ["src", "tests"].into_iter().flat_map(|folder| files_below(folder, ".rs"));
    paths.map(|path| (path.display().to_string(), read(&path))).collect()
}
