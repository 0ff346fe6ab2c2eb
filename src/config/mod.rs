//! Gathers the rooms' settings from the configuration's file and the saved connections. What a setting means stands beside the
//! code that obeys it.

mod file;
mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod lending;
mod reseal;
mod saved;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::connection;
use crate::model::ConnectionName;
use crate::sync;
use crate::yaml;

use file::{FileYaml, SavedYaml};
use lending::NoLender;

pub use files::Files;
pub use reseal::{CannotReseal, Reseal};
pub use saved::{SavedConnections, Writing};
pub use text::with_key;

/// What the configuration's file and the saved connections say, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file of what is kept over a restart, or `none`; nothing where the configuration doesn't say.
    pub store: Option<PathBuf>,
    /// Each with a name of its own.
    pub connections: Vec<ConnectionConfig>,
    /// Where each connection stands.
    pub places: BTreeMap<ConnectionName, Place>,
}

/// One connection's settings, room by room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    pub name: ConnectionName,
    pub connection: connection::Settings,
    pub sync: sync::Settings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub kind: PlaceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// The configuration's own file.
    Config { line: u64 },
    /// A file of its own. `is_untested`: it was saved without having passed the test.
    Saved { is_untested: bool },
}

/// Why a configuration is not taken: the file, the line and the key, and never a value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the saved connections in {}", path.display())]
    UnreadableFolder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {problem}", path.display())]
    Wrong { path: PathBuf, problem: String },
    #[error(
        "there is no connection: neither a file {} nor a saved one in {}; `confluence-exporter connection add NAME` makes one",
        config.display(), saved.display()
    )]
    Nothing { config: PathBuf, saved: PathBuf },
}

impl Config {
    /// Fails without any connection.
    pub fn read(files: &Files) -> Result<Self, ConfigError> {
        let config = Self::gather(files)?;
        if !config.connections.is_empty() {
            return Ok(config);
        }
        let path = files.config.clone();
        Err(if path.exists() {
            let problem = "connections: there is none; add one with name, instance_url, username and a token, or with \
                           `confluence-exporter connection add NAME`";
            ConfigError::Wrong { path, problem: problem.to_owned() }
        } else {
            ConfigError::Nothing { config: path, saved: files.saved.folder().to_owned() }
        })
    }

    /// The same, though there may be no connection yet.
    pub fn gather(files: &Files) -> Result<Self, ConfigError> {
        Self::join(files, files.saved.texts()?)
    }

    /// The same, as if this text were what is saved under this name.
    pub fn with(files: &Files, name: &ConnectionName, text: &str) -> Result<Self, ConfigError> {
        let mut saved = files.saved.texts()?;
        saved.insert(name.clone(), text.to_owned());
        Self::join(files, saved)
    }

    pub fn connection(&self, name: &ConnectionName) -> Option<&ConnectionConfig> {
        self.connections.iter().find(|connection| connection.name == *name)
    }

    fn join(files: &Files, saved: BTreeMap<ConnectionName, String>) -> Result<Self, ConfigError> {
        let path = &files.config;
        let text = match fs::read_to_string(path) {
            // Saved connections want nothing else.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !files.is_named => None,
            text => Some(text.map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?),
        };
        let file = text.map_or_else(|| Ok(FileYaml::default()), |text| yaml::read(&text));
        let mut gathered = file
            .and_then(|file| Gathered::of(file, path))
            .map_err(|problem| ConfigError::Wrong { path: path.clone(), problem })?;
        for (name, text) in saved {
            let path = files.saved.path(&name);
            gathered.add_saved(name, &text, &path, files).map_err(|problem| ConfigError::Wrong { path, problem })?;
        }
        gathered.settled()
    }
}

/// The connections so far, and what holds for those that say nothing else.
struct Gathered {
    config: Config,
    defaults: file::Pace,
}

impl Gathered {
    /// Paths are relative to the file's folder.
    fn of(file: FileYaml, path: &Path) -> Result<Self, String> {
        let FileYaml { defaults, store, connections } = file;
        let folder = path.parent().unwrap_or(Path::new(""));
        // `none` is no file.
        let store = store.map(|store| if store == Path::new("none") { store } else { folder.join(store) });
        let config = Config { store, connections: Vec::new(), places: BTreeMap::new() };
        let mut gathered = Self { config, defaults };
        for connection in connections {
            let place = Place { file: path.to_owned(), kind: PlaceKind::Config { line: connection.line() } };
            let connection = connection.settings(&gathered.defaults, folder);
            if gathered.config.places.contains_key(&connection.name) {
                let name = connection.name;
                return Err(format!("connections: there are two of the name {name}; each needs its own"));
            }
            gathered.add(connection, place);
        }
        Ok(gathered)
    }

    fn add_saved(&mut self, name: ConnectionName, text: &str, path: &Path, files: &Files) -> Result<(), String> {
        // What is wrong with the file as a whole has no line of its own.
        let with_line =
            |problem: String| if problem.starts_with("line ") { problem } else { format!("line 1: {problem}") };
        let yaml: SavedYaml = yaml::read(text).map_err(with_line)?;
        if let Some(told) = yaml.name.as_ref().filter(|told| told.value != name) {
            let line = told.referenced.line();
            return Err(format!("line {line}: name: the file's own name is the connection's; leave this one out"));
        }
        if self.config.places.contains_key(&name) {
            let config = files.config.display();
            return Err(format!("there is a connection of the name {name} in {config}, too; rename one of them"));
        }
        let place = Place { file: path.to_owned(), kind: PlaceKind::Saved { is_untested: yaml.is_untested } };
        let connection = yaml.settings(name, &self.defaults, path, &files.key);
        self.add(connection, place);
        Ok(())
    }

    /// Now that all are there who might lend.
    fn settled(self) -> Result<Config, ConfigError> {
        let mut config = self.config;
        match lending::settle(&mut config.connections) {
            Ok(()) => Ok(config),
            Err(NoLender { name, problem }) => {
                Err(ConfigError::Wrong { path: config.places[&name].file.clone(), problem })
            }
        }
    }

    fn add(&mut self, connection: ConnectionConfig, place: Place) {
        self.config.places.insert(connection.name.clone(), place);
        self.config.connections.push(connection);
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
        let file = yaml::read(yaml)?;
        let gathered = Gathered::of(file, Path::new("/etc/exporter/exporter.yml"))?;
        gathered.settled().map_err(|error| error.to_string().replace("/etc/exporter/exporter.yml: ", ""))
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
    }

    #[test]
    fn a_file_without_connections_is_good_where_there_are_saved_ones() {
        for none in ["connections: []", "connections:", "refresh_interval: 5m", "# later\n", ""] {
            assert!(parse(none).unwrap().connections.is_empty(), "{none}");
        }
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
            LEAST.replace("- name: acme\n  ", "- "),
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
