//! Gathers the rooms' settings from one YAML file. What a setting means stands beside the code that obeys it.

mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod lending;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::connection;
use crate::model::ConnectionName;
use crate::sync;
use crate::yaml;

use file::FileYaml;

/// What the configuration file says, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file of what is kept over a restart, or `none`; nothing where the configuration doesn't say.
    pub store: Option<PathBuf>,
    /// At least one, each with a name of its own.
    pub connections: Vec<ConnectionConfig>,
}

/// One connection's settings, room by room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    pub name: ConnectionName,
    pub connection: connection::Settings,
    pub sync: sync::Settings,
}

/// Why a configuration is not taken: the file, the line and the key, and never a value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}: {problem}", path.display())]
    Wrong { path: PathBuf, problem: String },
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let yaml = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&yaml, folder).map_err(|problem| ConfigError::Wrong { path: path.to_owned(), problem })
    }

    /// Token files are relative to `folder`.
    fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let FileYaml { defaults, store, connections } = yaml::read(text)?;
        if connections.is_empty() {
            return Err("connections: there is none; add one with name, instance_url, username and a token".to_owned());
        }
        let mut names = BTreeSet::new();
        let mut connections: Vec<_> =
            connections.into_iter().map(|connection| connection.settings(&defaults, folder)).collect();
        for connection in &connections {
            if !names.insert(&connection.name) {
                return Err(format!("connections: there are two of the name {}; each needs its own", connection.name));
            }
        }
        lending::settle(&mut connections)?;
        // Beside the configuration, as the tokens' files; `none` is no file.
        let store = store.map(|store| if store == Path::new("none") { store } else { folder.join(store) });
        Ok(Self { store, connections })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connection::{ConcurrencyLevel, CredentialChoice, TokenFrom};
    use crate::model::Window;
    use crate::sync::PersonalSpaces;

    const LEAST: &str = "connections:\n- name: acme\n  instance_url: acme.atlassian.net\n  username: ann@acme.example\n  \
                         api_token_file: token\n";

    fn parse(yaml: &str) -> Result<Config, String> {
        Config::parse(yaml, Path::new("/etc/exporter"))
    }

    fn problem(yaml: &str) -> String {
        parse(yaml).expect_err("it is wrong")
    }

    #[test]
    fn the_least_that_a_connection_needs_gets_the_documented_defaults() {
        let config = parse(LEAST).unwrap();

        let ConnectionConfig { name, connection, sync } = &config.connections[0];
        assert_eq!(name.as_str(), "acme");
        assert_eq!(connection.credential, CredentialChoice::Auto);
        assert_eq!(connection.gateway_url, "https://api.atlassian.com".parse().unwrap());
        assert_eq!(connection.concurrency_level, ConcurrencyLevel::default());
        assert_eq!(connection.token, TokenFrom::File("/etc/exporter/token".into()));
        assert_eq!(sync.refresh_interval, Duration::from_mins(1));
        assert_eq!(sync.windows, [1, 7, 30, 90, 365].map(Window::of_days));
        assert_eq!(sync.spaces.personal, PersonalSpaces::Fold);
    }

    #[test]
    fn what_stands_in_a_connection_goes_before_what_stands_at_the_top() {
        let config = parse(&format!(
            "refresh_interval: 5m\nrequest_budget: 60\nwindows: [1d]\n{LEAST}  refresh_interval: 2m\n  spaces: {{personal: each}}\n  \
             collectors: {{views: {{max_age: 30d}}, states: {{enabled: false}}}}\n"
        ))
        .unwrap();

        let sync = &config.connections[0].sync;
        assert_eq!(sync.refresh_interval, Duration::from_mins(2));
        assert_eq!(sync.request_budget.get(), 60);
        assert_eq!(sync.windows, [Window::of_days(1)]);
        assert_eq!(sync.spaces.personal, PersonalSpaces::Each);
        assert_eq!(sync.collectors.views.max_age, Some(Duration::from_hours(30 * 24)));
        assert!(!sync.collectors.states.enabled);
    }

    #[test]
    fn two_connections_need_two_names() {
        let second = LEAST.replace("connections:\n", "");
        insta::assert_snapshot!(problem(&format!("{LEAST}{second}")), @"connections: there are two of the name acme; each needs its own");
        insta::assert_snapshot!(problem("connections: []"), @"connections: there is none; add one with name, instance_url, username and a token");
    }

    #[test]
    fn who_borrows_has_the_level_of_the_last_lender() {
        let config = parse(&format!(
            "{LEAST}  borrow_concurrency_from: beta\n{}{}",
            another("beta", "borrow_concurrency_from: gamma"),
            another("gamma", "concurrency_level: 7")
        ))
        .unwrap();

        for (connection, lender) in config.connections.iter().zip([Some("gamma"), Some("gamma"), None]) {
            let settings = &connection.connection;
            assert_eq!(settings.borrow_concurrency_from.as_ref().map(ConnectionName::as_str), lender);
            assert_eq!(settings.concurrency_level.get(), 7);
        }
    }

    #[test]
    fn who_cannot_borrow_is_named_and_whom_he_wanted_to_borrow_from_is_not() {
        let unknown =
            format!("{LEAST}  borrow_concurrency_from: beta\n{}", another("beta", "borrow_concurrency_from: CANARY"));
        let own = format!("{LEAST}  borrow_concurrency_from: acme\n");
        let circle = format!(
            "{LEAST}  borrow_concurrency_from: beta\n{}{}",
            another("beta", "borrow_concurrency_from: gamma"),
            another("gamma", "borrow_concurrency_from: beta")
        );
        let both = format!("{LEAST}  borrow_concurrency_from: beta\n  concurrency_level: 5\n{}", another("beta", ""));
        let problems = [unknown, own, circle, both].map(|yaml| problem(&yaml)).join("\n");

        insta::assert_snapshot!(problems, @r"
        connection beta: borrow_concurrency_from: there is no connection of that name; there are acme, beta
        connection acme: borrow_concurrency_from: it leads in a circle, in which nobody has a concurrency_level to lend
        connection acme: borrow_concurrency_from: it leads in a circle, in which nobody has a concurrency_level to lend
        line 2: connections[0]: concurrency_level and borrow_concurrency_from: set one of them; who borrows has the lender's level
        ");
    }

    #[test]
    fn one_or_two_token_files_may_be_named() {
        let with = |files: &str| parse(&LEAST.replace("api_token_file: token", &format!("api_token_files: {files}")));
        let token = |files: &str| with(files).unwrap().connections.remove(0).connection.token;
        let (current, next) = ("/etc/exporter/current".into(), Some("/run/next".into()));
        assert_eq!(token("[current, /run/next]"), TokenFrom::Files { current, next });
        assert_eq!(token("[current]"), TokenFrom::Files { current: "/etc/exporter/current".into(), next: None });

        for files in ["[]", "[CANARY, CANARY, CANARY]", "CANARY"] {
            let problem = with(files).expect_err("it is wrong");
            assert!(problem.starts_with("line 5: connections[0].api_token_files: not "), "{problem}");
            assert!(!problem.contains("CANARY"), "{problem}");
        }
    }

    fn another(name: &str, line: &str) -> String {
        format!("{}  {line}\n", LEAST.replace("connections:\n", "").replace("acme\n", &format!("{name}\n")))
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_line_and_never_quoted() {
        let lines = [
            "  concurency_level: 5",
            "  concurrency_level: 26",
            "  concurrency_level: 0",
            "  api_token_expires: CANARY",
            "refresh_interval: CANARY",
            "windows: [1d, CANARY]",
            "windows: [1d, 24h]",
            "windows: []",
            "request_budget: 0",
            "  username: bob@acme.example",
            "  application: jira",
            "  spaces: {personal: CANARY}",
            "  spaces: CANARY",
            "  labels: {top: CANARY}",
            "  CANARY",
            "  : CANARY: [",
        ];
        let yamls = lines.iter().map(|line| format!("{LEAST}{line}\n")).chain([
            "connections:\n- name: acme\n".to_owned(),
            "connections: 5".to_owned(),
            String::new(),
            LEAST.replace("api_token_file: token", ""),
            LEAST.replace("api_token_file: token", "api_token_file: CANARY\n  api_token_env: CANARY"),
            LEAST.replace("name: acme", "name: CANARY/1"),
            LEAST.replace("acme.atlassian.net", "https://ann:CANARY@acme.atlassian.net"),
            LEAST.replace("acme.atlassian.net", "http://CANARY.example"),
        ]);
        let problems: Vec<String> = yamls.map(|yaml| problem(&yaml)).collect();
        let problems = problems.join("\n");

        assert!(!problems.contains("CANARY"), "{problems}");
        insta::assert_snapshot!("problems", problems);
    }
}
