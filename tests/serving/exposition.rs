//! A full page of three connections, judged by Prometheus' own programs.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use confluence_exporter::metrics::{Asking, Dialect, Encoded, LastReload, Part, Process, StoreUp, catalogue, page};
use confluence_exporter::model::{Code, Operation, Timestamp};

use crate::snapshots::{failed, full};

const READ_STRICTLY: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
names = {sample.labels.get('space_name') for family in families for sample in family.samples}
assert 'with \"quotes\"' in names and 'back\\\\slash' in names and 'two\\nlines' in names and 'rocket 🚀' in names, names
print(sum(len(family.samples) for family in families))
";

#[test]
fn promtool_has_nothing_to_say_about_the_page() {
    let page = three_connections(Dialect::Classic);

    let judged = feed(Command::new("promtool").args(["check", "metrics"]), "promtool (Debian: prometheus)", &page);

    assert!(judged.status.success() && judged.stdout.is_empty() && judged.stderr.is_empty(), "{judged:?}");
}

#[test]
fn the_strict_parser_of_openmetrics_reads_every_sample() {
    let page = three_connections(Dialect::OpenMetrics);
    let of_the_project = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    let python = if of_the_project.exists() { of_the_project } else { "python3".into() };

    let what = "python3 with PyPI's prometheus-client (in .venv or for everyone)";
    let judged = feed(Command::new(python).args(["-X", "utf8", "-c", READ_STRICTLY]), what, &page);

    assert!(judged.status.success(), "{what}: {}", String::from_utf8_lossy(&judged.stderr));
    let samples = page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
    assert_eq!(String::from_utf8(judged.stdout).unwrap().trim(), samples.to_string());
}

#[test]
fn every_series_of_the_catalogue_can_be_shown() {
    let page = String::from_utf8(three_connections(Dialect::Classic)).unwrap();
    for series in catalogue() {
        let head = format!("# TYPE {} {}\n", series.name, series.kind.as_str());
        assert_eq!(page.matches(&head).count(), 1, "{}", series.name);
    }
}

/// Two connections that work and one that does not, with all that can be counted.
fn three_connections(dialect: Dialect) -> Vec<u8> {
    let moment = Timestamp::from_millis(1_779_865_752_034);
    let snapshots = [full("acme", moment), full("other", moment), failed("down", Code::InvalidCredentials)];
    let told: Vec<_> = snapshots
        .iter()
        .map(|snapshot| {
            let asking = Asking::new(&snapshot.connection);
            for &operation in Operation::ALL {
                asking.request(operation, "200", 0.12);
                asking.request(operation, "timeout", 30.5);
            }
            asking.retry("rate_limited");
            asking.concurrency_limit(5);
            asking.rate_limit(Some(99.5), Some(100.0), Some(moment));
            asking.throttled_until(Some(moment));
            asking.refresh("success", 1.5);
            asking.unreadable("page", 1);
            (Encoded::of(snapshot), asking)
        })
        .collect();
    let parts: Vec<Part<'_>> =
        told.iter().map(|(encoded, asking)| Part { encoded: Some(encoded), asking, with_numbers: true }).collect();
    let process = Process::this().with_store(StoreUp::default()).with_last_reload(LastReload::at_the_start(moment));
    page(dialect, &parts, Some(&process))
}

/// Runs a program over the text. A program that is missing fails the test and is named.
fn feed(command: &mut Command, what: &str, text: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap_or_else(|error| panic!("{what} is needed and could not be run: {error}"));
    let mut input = program.stdin.take().unwrap();
    let text = text.to_owned();
    // Beside the reading, so that neither waits for the other when the pipes are full.
    let writer = std::thread::spawn(move || input.write_all(&text));
    let output = program.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output
}
