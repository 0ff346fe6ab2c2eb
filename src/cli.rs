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
    /// Add, try, list, change and remove connections to Confluence.
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
    /// Ask for what a connection needs, test it, and save it with its token sealed. Nothing is saved that did not pass.
    ///
    /// What is not given as a flag is asked for at the terminal. Without a terminal the token is read from standard input.
    Add(SaveConnection),
    /// Show all connections, those of the configuration and the saved ones.
    List(ListConnections),
    /// Ask for the settings of a saved connection anew, and always for its token; test it, and save it.
    Edit(SaveConnection),
    /// Remove a saved connection and its sealed token.
    Remove(RemoveConnection),
    /// Make a new key, and seal the token of every saved connection anew.
    ///
    /// May be interrupted at any moment: the old key is kept until nothing needs it, and the next run ends what was begun.
    Reseal(ResealConnections),
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
pub struct SaveConnection {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The connection's name: its file's, and the value of the label `connection`.
    pub name: String,
    /// Any address of the site as the browser shows it, like acme.atlassian.net, or the gateway's base with the cloud id.
    #[arg(long, value_name = "URL")]
    pub instance_url: Option<String>,
    /// The e-mail address of the account that made the token.
    #[arg(long, value_name = "EMAIL")]
    pub username: Option<String>,
    /// Where the token is tried: `auto`, `scoped` (at the gateway) or `unscoped` (at the site).
    #[arg(long, value_name = "KIND")]
    pub credential: Option<String>,
    /// Where scoped tokens go instead of Atlassian's own gateway; for proxies.
    #[arg(long, value_name = "URL")]
    pub gateway_url: Option<String>,
    /// A file to read the token from, once.
    #[arg(long, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// The day on which the token ends, like 2027-06-30.
    #[arg(long, value_name = "DATE")]
    pub api_token_expires: Option<String>,
    /// How many requests may be under way at once, 1 to 25.
    #[arg(long, value_name = "NUMBER")]
    pub concurrency_level: Option<String>,
    /// A connection whose permits, pause and pace are shared instead of a concurrency level of its own.
    #[arg(long, value_name = "NAME")]
    pub borrow_concurrency_from: Option<String>,
    /// Save it without asking Confluence, marked as untested.
    #[arg(long)]
    pub untested: bool,
}

#[derive(Debug, Args)]
pub struct ListConnections {
    #[command(flatten)]
    pub config: ConfigFile,
    /// How to print the list.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct RemoveConnection {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The saved connection's name.
    pub name: String,
    /// Ask nothing.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct ResealConnections {
    #[command(flatten)]
    pub config: ConfigFile,
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
