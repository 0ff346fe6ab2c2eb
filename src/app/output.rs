//! What a command says to the person who typed it.

use std::fmt::Write as _;
use std::io::Write as _;

/// To standard output. A reader that has gone away, such as `head`, is no failure.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// To standard error, beside a command's own output.
pub(super) fn tell(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What ends a command, to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "confluence-exporter: {text}");
}

/// Columns as wide as their widest cell, those of `numbers` to the right.
pub(super) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
    numbers: &[usize],
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([header[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in std::iter::once(header).chain(rows.iter().map(|row| row.each_ref().map(String::as_str))) {
        let mut line = String::new();
        for (column, (cell, width)) in row.into_iter().zip(widths).enumerate() {
            if numbers.contains(&column) {
                write!(line, "{cell:>width$}  ").expect("a string takes everything");
            } else {
                write!(line, "{cell:width$}  ").expect("a string takes everything");
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
