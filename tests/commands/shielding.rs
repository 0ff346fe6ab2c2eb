//! The program in its memory: no other process looks into it, not even one of the same user.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::Stdio;

use confluence_exporter::metrics::catalogue;
use confluence_simulator::TokenKind;
use rustix::process::geteuid;
use tokio::process::{Child, Command};

use crate::program::{CONFIG, Desk, PATIENCE, PROGRAM, in_folder, site};

/// The user who owns nothing, where the tests run as root: root may look into everything.
const NOBODY: u32 = 65_534;

/// Every command that reads a configuration.
const COMMANDS: [&[&str]; 4] = [&["serve"], &["connection", "test"], &["plan"], &["check-config"]];

/// In `/proc`, what only the process itself and root may open.
const PRIVATE: [&str; 4] = ["environ", "mem", "maps", "auxv"];

/// A command of somebody who is not root.
fn unprivileged(program: &str) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    command
}

/// The desk becomes that user's, with a program on it that he may run wherever the built one lies.
fn hand_over(desk: &Desk) -> String {
    // By another process: a file that this one writes could not be run while any of its children still has it open.
    let copied =
        std::process::Command::new("install").args(["--mode=755", PROGRAM]).arg(desk.path("exporter")).status();
    assert!(copied.unwrap().success());
    if geteuid().is_root() {
        let inside = fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().path());
        inside.chain([desk.path("")]).for_each(|path| chown(path, Some(NOBODY), Some(NOBODY)).unwrap());
    }
    desk.path("exporter").to_str().unwrap().to_owned()
}

/// What another process of the same user is told when it opens this file.
async fn look(process: u32, file: &str) -> String {
    let mut command = unprivileged("head");
    command.args(["--bytes=1", &format!("/proc/{process}/{file}")]).env("LC_ALL", "C");
    String::from_utf8(command.output().await.unwrap().stderr).unwrap()
}

/// By the soft limit and by the hard one, as `/proc` tells them.
fn leaves_no_core(limits: &str) -> bool {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().take(2).eq(["0", "0"])
}

/// Whether it has become this program: who changes its user is closed to others meanwhile.
fn runs(process: u32, program: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim_end() == program)
}

async fn wait_until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came");
}

#[tokio::test]
async fn no_process_of_the_same_user_may_look_into_it() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let mut command = unprivileged(&hand_over(&desk));
    command.args(["serve", CONFIG, "--web.listen-address=127.0.0.1:0"]);
    let serving = desk.serving(in_folder(command, &desk.path(""))).await;

    for file in PRIVATE {
        let told = look(serving.process(), file).await;
        assert!(told.contains("Permission denied"), "{file}: {told}");
    }
    let files = unprivileged("ls").arg(format!("/proc/{}/fd", serving.process())).output().await.unwrap();
    assert!(String::from_utf8_lossy(&files.stderr).contains("Permission denied"), "{files:?}");
    assert!(leaves_no_core(&serving.told_by_the_system("limits")));
}

#[tokio::test]
async fn into_a_process_without_a_shield_it_may_look() {
    let mut open: Child = unprivileged("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
    wait_until(|| runs(open.id().unwrap(), "sleep")).await;

    let told = look(open.id().unwrap(), "environ").await;

    assert_eq!(told, "", "the look that is refused elsewhere is a real one");
    open.kill().await.unwrap();
}

#[tokio::test]
async fn every_command_raises_its_shield_before_it_reads_anything() {
    for arguments in COMMANDS {
        let desk = Desk::new("", "");
        let program = hand_over(&desk);
        // Reading it takes until somebody writes, which nobody does.
        desk.remove("exporter.yml");
        assert!(unprivileged("mkfifo").arg(desk.path("exporter.yml")).status().await.unwrap().success());
        let mut command = unprivileged(&program);
        command.args(arguments).arg(CONFIG);

        let mut reading = in_folder(command, &desk.path("")).spawn().unwrap();

        let process = reading.id().unwrap();
        let told = |file: &str| format!("/proc/{process}/{file}");
        let is_private =
            || fs::metadata(told("environ")).is_ok_and(|file| file.uid() == 0 && file.mode() & 0o777 == 0o400);
        let has_no_core = || fs::read_to_string(told("limits")).is_ok_and(|limits| leaves_no_core(&limits));
        wait_until(|| runs(process, "exporter") && is_private() && has_no_core()).await;
        assert!(reading.try_wait().unwrap().is_none(), "{arguments:?} does not wait for its configuration");
        reading.kill().await.unwrap();
    }
}

#[tokio::test]
async fn behind_its_shield_it_still_tells_what_it_uses() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let mut command = unprivileged(&hand_over(&desk));
    command.args(["serve", CONFIG, "--web.listen-address=127.0.0.1:0"]).stdin(Stdio::null());
    let serving = desk.serving(in_folder(command, &desk.path(""))).await;

    let page = serving.get("/metrics").await;

    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse::<f64>().unwrap()
    };
    let of_the_process = catalogue().iter().filter(|series| series.name.starts_with("process_"));
    let values: Vec<(&str, f64)> = of_the_process.map(|series| (series.name, value(series.name))).collect();
    assert!(values.len() >= 6, "{values:?}");
    for (name, value) in values {
        // So short a life may not have taken a whole second of a core.
        assert!(value > 0.0 || name == "process_cpu_seconds_total", "{name} {value}");
    }
    assert!(value("process_open_fds") >= 3.0);
}
