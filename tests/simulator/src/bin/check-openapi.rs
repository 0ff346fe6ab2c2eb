//! Holds the simulator against Atlassian's own documents: `check-openapi FOLDER`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Holds the simulator's endpoints, parameters, limits, scopes and rows against Atlassian's own documents.
#[derive(Debug, Parser)]
struct Cli {
    /// The folder that holds confluence-v1.json and confluence-v2.json.
    folder: PathBuf,
}

fn main() -> ExitCode {
    match confluence_simulator::check_openapi(&Cli::parse().folder) {
        Ok(findings) if findings.is_empty() => {
            let _ = writeln!(io::stdout(), "the simulator asks and answers as the documents say");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            let _ = writeln!(io::stderr(), "{}", findings.join("\n"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            let _ = writeln!(io::stderr(), "check-openapi: {problem}");
            ExitCode::FAILURE
        }
    }
}
