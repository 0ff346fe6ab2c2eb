//! The program: one sentence, the rest is in the library.

use std::process::ExitCode;

use confluence_exporter::app;
use confluence_exporter::cli::Cli;
use tikv_jemallocator::Jemalloc;

/// Answers come and go among millions of facts that stay: of the allocators tried, this one keeps the least of what is free.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    app::run(Cli::from_args()).await
}
