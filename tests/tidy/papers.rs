//! METRICS.md lists the series that there are, and no paper names one that there is not.

use confluence_exporter::metrics::catalogue;
use confluence_exporter::model::Code;

use super::{assert_none, code_spans, files_below, read, table_rows};

/// The application's name in the configuration, and the library's.
const OTHER_NAMES: [&str; 2] = ["confluence_cloud", "confluence_exporter"];

#[test]
fn metrics_md_lists_every_series_with_its_kind_and_labels_in_the_page_s_order() {
    let text = read("docs/METRICS.md");
    let rows = table_rows(&text).into_iter().filter(|cells| cells.len() == 4 && cells[0].starts_with('`'));
    let written: Vec<String> =
        rows.map(|cells| line(&code_spans(&cells[0])[0], &cells[1], &code_spans(&cells[2]))).collect();
    let exported: Vec<String> =
        catalogue().iter().map(|series| line(series.name, series.kind.as_str(), series.labels)).collect();
    similar(&written, &exported);
}

#[test]
fn metrics_md_explains_every_code() {
    let text = read("docs/METRICS.md");
    let rows = table_rows(&text).into_iter().filter(|cells| cells.len() == 3 && cells[0].starts_with('`'));
    let written: Vec<String> = rows.map(|cells| code_spans(&cells[0])[0].clone()).collect();
    let known: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(written, known);
}

#[test]
fn no_paper_names_a_series_that_does_not_exist() {
    let mut papers = files_below("docs", ".md");
    papers.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(Into::into));
    let schema: String = files_below("src/store/schema", ".sql").iter().map(read).collect();
    let mut findings = Vec::new();
    for path in papers {
        let text = read(&path);
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named = words.filter(|word| word.starts_with("confluence_") && !OTHER_NAMES.contains(word));
        let known = |word: &str| catalogue().iter().any(|series| word.strip_prefix(series.name).is_some_and(is_ending));
        // A prefix like `confluence_` or `confluence_api_` stands for all that begins so.
        let is_view = |word: &str| schema.contains(&format!("CREATE VIEW {word} AS"));
        let unknown = named.filter(|word| !word.ends_with('_') && !known(word) && !is_view(word));
        findings.extend(unknown.map(|word| format!("{} names {word}", path.display())));
    }
    assert_none(&findings);
}

fn is_ending(text: &str) -> bool {
    ["", "_bucket", "_sum", "_count"].contains(&text)
}

fn line(name: &str, kind: &str, labels: &[impl AsRef<str>]) -> String {
    let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
    format!("{name} {kind} {{{}}}", labels.join(","))
}

/// Compares line by line, so that a failure names the first line that differs.
fn similar(written: &[String], exported: &[String]) {
    for (written, exported) in written.iter().zip(exported) {
        assert_eq!(written, exported, "METRICS.md (left) and the catalogue (right) differ");
    }
    assert_eq!(written.len(), exported.len(), "METRICS.md and the catalogue are not equally long");
}
