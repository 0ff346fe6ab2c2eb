//! Flags and commands, as a person types them. What they do is `app`'s business.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Prometheus exporter for Confluence Cloud.
///
/// Shows how documentation is created, updated, read and owned, and whether the connection to Confluence works.
#[derive(Debug, Parser)]
#[command(name = "confluence-exporter", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub log: Log,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer Prometheus' scrapes, and ask Confluence for what they want to know.
    Serve(Serve),
    /// Try the connections to Confluence.
    #[command(subcommand)]
    Connection(Connection),
    /// Ask Confluence a handful of requests, and say how long it will take to know each site in full, and what to change.
    ///
    /// Exits with 0 when every connection could be asked, else with 1.
    Plan(Plan),
    /// Say whether the configuration files and what they name can be used, without asking Confluence anything.
    CheckConfig(CheckConfig),
}

#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Ask Confluence for each operation once, and show which are open, what a refusal costs and what to do about it.
    ///
    /// Exits with 0 when everything that the enabled collectors need is open, else with 1.
    Test(TestConnection),
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The file that keeps what has been learnt over a restart, or `none`. Default: what the configuration says, else
    /// confluence-exporter.db.
    #[arg(long = "store.path", value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Host and port to listen on; without a host, on every IPv4 address. May be repeated.
    #[arg(long = "web.listen-address", value_name = "HOST:PORT", default_value = "0.0.0.0:10054")]
    pub listen_addresses: Vec<String>,
    /// Listen on the sockets that systemd hands over, and nowhere else.
    #[arg(long = "web.systemd-socket", conflicts_with = "listen_addresses")]
    pub systemd_socket: bool,
    #[command(flatten)]
    pub web_config: WebConfigFile,
    /// The path that Prometheus scrapes.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics")]
    pub telemetry_path: String,
}

#[derive(Debug, Args)]
pub struct TestConnection {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The connection to test, by its name; without one, all of them.
    pub name: Option<String>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The connection to plan for, by its name; without one, all of them.
    pub name: Option<String>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    pub config: ConfigFile,
    #[command(flatten)]
    pub web_config: WebConfigFile,
}

#[derive(Clone, Debug, Args)]
pub struct WebConfigFile {
    /// The YAML file that asks for TLS, client certificates or passwords, as all Prometheus exporters read it.
    #[arg(id = "web.config.file", long = "web.config.file", value_name = "FILE")]
    pub path: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ConfigFile {
    /// The YAML file that names the connections. Default: confluence-exporter.yml, which may be missing where there are saved
    /// connections.
    #[arg(long = "config.file", value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// The folder of saved connections. Default: connections.d beside the configuration.
    #[arg(long = "connections.dir", value_name = "FOLDER")]
    pub connections: Option<PathBuf>,
    /// The key that seals the tokens of saved connections, made at first use. Default: systemd's credential
    /// confluence-exporter.key, else the file of that name beside the configuration.
    #[arg(long = "secrets.key-file", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Messages, to standard error")]
pub struct Log {
    /// The least important messages that are still written.
    #[arg(id = "log.level", long, value_enum, value_name = "LEVEL", global = true, default_value_t = Level::Info)]
    pub level: Level,
    /// How they are written.
    #[arg(id = "log.format", long, value_enum, value_name = "FORMAT", global = true, default_value_t = LogFormat::Logfmt)]
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Logfmt,
    Json,
}

impl Cli {
    /// Reads the command line; prints help or what is wrong with it, and ends, where there is nothing to run.
    pub fn from_args() -> Self {
        Self::parse()
    }
}
