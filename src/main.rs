//! The program: one sentence, the rest is in the library.

use std::process::ExitCode;

use confluence_exporter::app;
use confluence_exporter::cli::Cli;
use mimalloc::MiMalloc;

/// Millions of small facts cost half the memory that they would with the system's allocator, and a scrape less time. Without huge
/// pages, of which a small site's facts would fill a corner each.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    app::run(Cli::from_args()).await
}
