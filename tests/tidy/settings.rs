//! CONFIGURATION.md lists the settings and flags that there are. The program itself says which it knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use confluence_exporter::cli::Cli;
use confluence_exporter::config::{Config, Files};
use confluence_exporter::server::check_web_config;

use super::{code_spans, read, table_rows};

/// A configuration that is right but for a key at one place, which nobody can have meant.
const PLACES: [(&str, &str); 9] = [
    ("", "nobody: 1\n"),
    ("connections[].", "  nobody: 1\n"),
    ("connections[].spaces.", "  spaces: { nobody: 1 }\n"),
    ("connections[].labels.", "  labels: { nobody: 1 }\n"),
    ("connections[].collectors.", "  collectors: { nobody: 1 }\n"),
    ("connections[].collectors.versions.", "  collectors: { versions: { nobody: 1 } }\n"),
    ("connections[].collectors.users.", "  collectors: { users: { nobody: 1 } }\n"),
    ("connections[].collectors.labels.", "  collectors: { labels: { nobody: 1 } }\n"),
    ("connections[].collectors.views.", "  collectors: { views: { nobody: 1 } }\n"),
];

#[test]
fn configuration_md_lists_every_key_and_no_other() {
    let written = first_cells(4);
    let mut known: BTreeSet<String> = PLACES
        .into_iter()
        .flat_map(|(place, yaml)| keys(yaml).into_iter().map(move |key| format!("{place}{key}")))
        .collect();
    // States are switched as labels are, and what may stand in both places is described at the top.
    known.extend(["enabled", "max_age"].map(|key| format!("connections[].collectors.states.{key}")));
    let at_the_top = keys(PLACES[0].1);
    known.retain(|key| !key.strip_prefix("connections[].").is_some_and(|key| at_the_top.contains(key)));
    let groups: BTreeSet<String> =
        PLACES.iter().filter_map(|(place, _)| place.strip_suffix('.')).map(str::to_owned).collect();
    known.retain(|key| !groups.contains(key) && key != "connections[].collectors.states");
    assert_eq!(written, known);
}

#[test]
fn configuration_md_lists_every_key_of_the_web_configuration_and_no_other() {
    let text = read("docs/CONFIGURATION.md");
    let rows = table_rows(&text).into_iter().filter(|cells| cells.len() == 3 && cells[0].starts_with('`'));
    let written: BTreeSet<String> =
        rows.map(|cells| code_spans(&cells[0])[0].clone()).filter(|key| !key.starts_with("--")).collect();
    let problem = |file: &Path| check_web_config(file).expect_err("it has a key that nobody knows").to_string();
    let groups = offered(problem, "nobody: 1\n");
    let (users, groups): (BTreeSet<_>, BTreeSet<_>) = groups.into_iter().partition(|key| key == "basic_auth_users");
    let known = groups.iter().flat_map(|group| {
        let keys = offered(problem, &format!("{group}: {{ nobody: 1 }}\n"));
        keys.into_iter().map(move |key| format!("{group}.{key}"))
    });
    assert_eq!(written, known.chain(users).collect());
}

#[test]
fn configuration_md_lists_every_flag_with_its_default() {
    let text = read("docs/CONFIGURATION.md");
    let rows = table_rows(&text).into_iter().filter(|cells| cells.len() == 3 && cells[0].starts_with("`--"));
    let written: BTreeSet<(String, String)> =
        rows.map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1].trim_matches('`').to_owned())).collect();
    let mut known = BTreeSet::new();
    gather_flags(&Cli::command(), &mut known);
    known.retain(|(flag, _)| flag.contains('.'));
    assert_eq!(written, known);
}

fn first_cells(width: usize) -> BTreeSet<String> {
    let text = read("docs/CONFIGURATION.md");
    let rows = table_rows(&text).into_iter().filter(|cells| cells.len() == width && cells[0].starts_with('`'));
    rows.map(|cells| code_spans(&cells[0])[0].clone()).collect()
}

/// The keys that the program offers instead of one that it does not know.
fn keys(yaml: &str) -> BTreeSet<String> {
    let head = "connections:\n- name: acme\n  instance_url: acme.atlassian.net\n  username: ann@acme.example\n  api_token_file: token\n";
    let top = if yaml.starts_with(' ') { format!("{head}{yaml}") } else { format!("{yaml}{head}") };
    let problem = |file: &Path| {
        let files = Files::new(Some(file), None, None);
        Config::read(&files).expect_err("it has a key that nobody knows").to_string()
    };
    offered(problem, &top)
}

fn offered(problem: impl Fn(&Path) -> String, yaml: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    fs::write(&file, yaml).unwrap();
    let error = problem(&file);
    let (_, offered) = error.split_once("there are ").unwrap_or_else(|| panic!("{error} offers no keys"));
    offered.split(", ").map(|key| key.trim().to_owned()).collect()
}

fn gather_flags(command: &Command, flags: &mut BTreeSet<(String, String)>) {
    for argument in command.get_arguments() {
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        flags.extend(argument.get_long().map(|long| (format!("--{long}"), defaults.join(" "))));
    }
    command.get_subcommands().for_each(|command| gather_flags(command, flags));
}
