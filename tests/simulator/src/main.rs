//! The simulator as a program. What it simulates is the library's business.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use confluence_simulator::{Fault, Options, Simulator};

/// A Confluence Cloud site to try things on: it grows a world from a seed, answers Confluence's API over it, fails on
/// demand, and can tell every number of it.
///
/// Site and gateway share one port: `/wiki/...` is the site, `/ex/confluence/CLOUD_ID/wiki/...` the gateway. Tests
/// drive it under `/_control/` (GET it for a list).
#[derive(Debug, Parser)]
#[command(name = "confluence-simulator", version)]
struct Cli {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What the world grows from: the same seed gives the same world.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many spaces it has, personal ones among them.
    #[arg(long, value_name = "NUMBER", default_value_t = 12)]
    spaces: usize,
    /// How many pages and blog posts it has.
    #[arg(long, value_name = "NUMBER", default_value_t = 2000)]
    docs: usize,
    /// Things that happen each second (edits, new pages, moves, ...): 0 for a site that stands still.
    #[arg(long, value_name = "EVENTS", default_value_t = 0.0)]
    pace: f64,
    /// Milliseconds that every request waits before it is answered.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency: u64,
    /// Adds a space, a page and labels whose names hold quotes, backslashes, newlines and emoji.
    #[arg(long)]
    odd_names: bool,
    /// A fault to begin with: NAME[:operation[:times]], for example `rate_limited:pages:3`. May be repeated; GET
    /// `/_control/faults` lists the names.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "confluence-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> io::Result<()> {
    let simulator = Simulator::start(Options {
        listen: cli.listen,
        seed: cli.seed,
        spaces: cli.spaces,
        docs: cli.docs,
        latency: Duration::from_millis(cli.latency),
        pace: cli.pace,
        start_at: None,
        faults: cli.fault,
    })
    .await?;
    if cli.odd_names {
        simulator.world().add_odd_names();
    }
    introduce(&simulator)?;
    tokio::signal::ctrl_c().await
}

/// Says where it is and how to come in. Nothing of it is a secret.
fn introduce(simulator: &Simulator) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "url: {}", simulator.site_url())?;
    writeln!(out, "gateway: {}/ex/confluence/{}", simulator.gateway_url(), simulator.cloud_id())?;
    writeln!(out, "control: {}", simulator.control_url())?;
    for (name, token) in ["unscoped", "scoped", "service account"].iter().zip(simulator.default_tokens()) {
        writeln!(out, "{name}: username {} token {}", token.username, token.secret)?;
    }
    out.flush()
}
