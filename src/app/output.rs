//! What a command says to the person who typed it.

use std::io::Write as _;

/// To standard output. A reader that has gone away, such as `head`, is no failure.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// To standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "confluence-exporter: {text}");
}
