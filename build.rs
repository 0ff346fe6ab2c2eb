//! Tells the program which build it is. Works without git and without a checkout.
#![expect(clippy::print_stdout, reason = "it is how a build script speaks to cargo")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=REVISION");
    println!("cargo::rustc-env=CONFLUENCE_EXPORTER_REVISION={}", revision());
    println!("cargo::rustc-env=CONFLUENCE_EXPORTER_RUST_VERSION={}", rust_version());
}

/// What the packager says, else git's word in a release build: a debug build is not rebuilt with every commit.
fn revision() -> String {
    if let Ok(revision) = env::var("REVISION") {
        return revision;
    }
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let git = |arguments: &[&str]| is_release.then(|| first_line("git", arguments)).flatten();
    // A file that is not there would count as changed with every build.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

/// `1.95.0` of `rustc 1.95.0 (...)`.
fn rust_version() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    first_line(&rustc, &["--version"])
        .and_then(|line| line.split(' ').nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
