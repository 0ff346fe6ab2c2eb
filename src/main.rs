//! The program: one sentence, the rest is in the library.

use std::process::ExitCode;

use confluence_exporter::app;
use confluence_exporter::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    app::run(Cli::from_args()).await
}
