//! A token goes to its site and nowhere else: not into a message, not onto a page, not into a command's answer, not onto
//! the disk.

use std::collections::BTreeSet;

use confluence_simulator::TokenKind;
use rustix::process::geteuid;
use tokio::task::JoinSet;

use crate::canary::{CANARY, Scan};
use crate::echo::Echo;
use crate::program::{CONFIG, Desk, Ended, connection, site};
use crate::saved;

/// Every page that there is, and some that there are not. What is new stands here, too.
const PAGES: [(&str, &str); 15] = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("POST", "/metrics"),
    ("GET", "/probe"),
    ("GET", "/probe?connection=acme"),
    ("GET", "/probe?connection=nobody"),
    ("GET", "/sd"),
    ("GET", "/api/v1/connections"),
    ("GET", "/-/healthy"),
    ("GET", "/-/ready"),
    ("GET", "/-/style.css"),
    ("POST", "/-/reload"),
    ("POST", "/-/test"),
    ("GET", "/nowhere"),
    ("POST", "/nowhere"),
];
const ACCEPTED: [&str; 4] = ["*/*", "application/openmetrics-text", "text/html", "application/json"];

/// Every command, with a word that it says when all is well. What is new stands here, too.
const COMMANDS: [(&[&str], &str); 12] = [
    (&["check-config"], "good"),
    (&["connection", "test"], "page_versions"),
    (&["connection", "test", "--format=json"], "page_versions"),
    (&["connection", "list"], "acme"),
    (&["connection", "list", "--format=json"], "acme"),
    // With a saved connection these have a test of their own.
    (&["connection", "add", "--help"], "Usage"),
    (&["connection", "edit", "--help"], "Usage"),
    (&["connection", "remove", "--help"], "Usage"),
    (&["connection", "reseal", "--help"], "Usage"),
    (&["plan"], "first walk"),
    (&["plan", "--format=json"], "first_walk"),
    (&["serve", "--help"], "Usage"),
];

const LEVELS: [&str; 4] = ["--log.level=error", "--log.level=warn", "--log.level=info", "--log.level=debug"];
const FORMATS: [&str; 2] = ["--log.format=logfmt", "--log.format=json"];
const STATUSES: [&str; 11] = [
    "200 OK",
    "302 Found",
    "400 Bad Request",
    "401 No",
    "403 No",
    "404 No",
    "408 No",
    "410 Gone",
    "429 No",
    "500 No",
    "503 No",
];
const TOKEN_FILE: &str = "token";

/// A connection to a site that is told apart by its URL only.
fn desk_at(url: &str) -> Desk {
    let token = confluence_simulator::Token { username: "ann@acme.example".to_owned(), secret: CANARY.to_owned() };
    Desk::new(&format!("refresh_interval: 1s\nconnections:\n{}", connection("acme", url, &token)), CANARY)
}

async fn run(desk: &Desk, command: &[&str], log: &[&str]) -> String {
    let ended = desk.run(&[command, &[CONFIG], log].concat()).await;
    ended.out + &ended.err
}

/// All that a serving exporter says: its pages, its messages, its standard output, what the system tells of it, and what it
/// leaves on the disk.
async fn served(desk: &Desk, log: &[&str]) -> String {
    let serving = desk.serve_in_silence(log).await;
    let mut said = String::new();
    for _ in 0..2 {
        for (method, path) in PAGES {
            for accepted in ACCEPTED {
                said += &serving.ask(method, path, accepted).await;
            }
        }
        said += &serving.post("/-/test?connection=acme", "").await;
    }
    said += &serving.told_by_the_system("cmdline");
    if geteuid().is_root() {
        said += &serving.told_by_the_system("environ");
    }
    said += &on_disk(desk);
    serving.signal("TERM").await;
    let Ended { out, err, status } = serving.end().await;
    assert!(status.success(), "{err}");
    said + &out + &err + &on_disk(desk)
}

fn on_disk(desk: &Desk) -> String {
    let texts = desk.files_but(TOKEN_FILE).into_iter().map(|(name, text)| format!("{name}\n{text}"));
    texts.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn no_page_no_message_and_no_file_holds_the_token_of_a_site_that_takes_it() {
    let (site, scan) = (site().await, Scan::for_canary());
    for (kind, format) in [TokenKind::Unscoped, TokenKind::scoped()].into_iter().zip(FORMATS) {
        let token = site.token_spelt(kind, CANARY);
        for level in LEVELS {
            let desk = Desk::at(&site, &token, "");
            let said = served(&desk, &[level, format]).await;
            scan.assert_clean(&said, "confluence_up{connection=\"acme\"} 1");
            scan.assert_clean(&said, "SQLite format 3");
            scan.assert_clean(&said, "--web.listen-address=");
            scan.assert_clean(&said, "\"summary\":\"Everything that is needed is open.\"");
            assert_eq!(said.contains("answering scrapes"), ["info", "debug"].iter().any(|word| level.ends_with(word)));
        }
        site.revoke(&token);
    }
}

#[tokio::test]
async fn no_command_tells_the_token_of_a_site_that_takes_it() {
    let (site, scan) = (site().await, Scan::for_canary());
    let token = site.token_spelt(TokenKind::Unscoped, CANARY);
    let desk = Desk::at(&site, &token, "");
    for (command, expected) in COMMANDS {
        for level in LEVELS {
            for format in FORMATS {
                scan.assert_clean(&run(&desk, command, &[level, format]).await, expected);
            }
        }
    }
    scan.assert_clean(&on_disk(&desk), "api_token_file");
}

#[tokio::test]
async fn no_command_tells_the_token_of_a_saved_connection_and_no_file_holds_it() {
    let (site, scan) = (site().await, Scan::for_canary());
    let token = site.token_spelt(TokenKind::Unscoped, CANARY);
    let desk = saved::desk();
    let debug = "--log.level=debug";

    for (command, more) in [("add", &[][..]), ("edit", &[]), ("edit", &["--untested"])] {
        let ended = saved::save(&desk, command, "acme", &site, &token, &[more, &[debug]].concat()).await;
        scan.assert_clean(&(ended.out + &ended.err), "acme is saved in connections.d/acme.yml");
    }
    for (command, expected) in [
        (&["connection", "test"][..], "page_versions"),
        (&["connection", "list"], "sealed"),
        (&["connection", "list", "--format=json"], "sealed"),
        (&["connection", "reseal"], "holds a new key"),
        (&["plan"], "first walk"),
        (&["check-config"], "connections.d: good"),
    ] {
        scan.assert_clean(&run(&desk, command, &[debug]).await, expected);
    }
    let said = served(&desk, &[debug]).await;
    for expected in ["confluence_up{connection=\"acme\"} 1", "connections.d/acme.yml\n", "confluence-exporter.key\n"] {
        scan.assert_clean(&said, expected);
    }
    scan.assert_clean(&run(&desk, &["connection", "remove", "acme", "--yes"], &[debug]).await, "acme is removed");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_neither_told_nor_kept() {
    let (site, scan) = (Echo::answering("401 No", CANARY).await, Scan::for_canary());
    let desk = saved::desk();
    let (url, gateway) = (format!("--instance-url={}", site.url), format!("--gateway-url={}", site.url));

    let username = "--username=ann@acme.example";
    let arguments = ["connection", "add", "acme", CONFIG, &url, &gateway, username, "--log.level=debug"];
    let added = desk.run_with_input(CANARY, &arguments).await;

    assert_eq!(added.code(), 1);
    scan.assert_clean(&(added.out + &added.err), "acme was not saved");
    assert_eq!(scan.finds(&on_disk(&desk)), None);
}

#[tokio::test]
async fn a_site_that_says_the_token_back_does_not_get_it_told_on() {
    let asks = |command: &[&str]| command[0] == "plan" || command.starts_with(&["connection", "test"]);
    let asking = COMMANDS.iter().filter(|(command, _)| asks(command));
    let asking: Vec<&[&str]> = asking.map(|(command, _)| *command).collect();
    let mut stories = JoinSet::new();
    for (status, command) in
        STATUSES.into_iter().flat_map(|status| asking.iter().map(move |command| (status, *command)))
    {
        stories.spawn(async move {
            let (site, scan) = (Echo::answering(status, CANARY).await, Scan::for_canary());
            let format = FORMATS[usize::from(command.contains(&"--format=json"))];

            let said = run(&desk_at(&site.url), command, &["--log.level=debug", format]).await;

            assert!(!said.is_empty() && scan.finds(&said).is_none(), "{command:?} at {status}: {said}");
            assert!(scan.finds(&site.heard()).is_some(), "what was sent holds the token, and the scan finds it there");
        });
    }
    stories.join_all().await;
}

#[tokio::test]
async fn no_page_and_no_message_repeats_what_such_a_site_says() {
    let scan = Scan::for_canary();
    for (status, format) in ["401 No", "403 No"].into_iter().zip(FORMATS) {
        let site = Echo::answering(status, CANARY).await;

        let said = served(&desk_at(&site.url), &["--log.level=debug", format]).await;

        scan.assert_clean(&said, "confluence_up{connection=\"acme\"} 0");
        scan.assert_clean(&said, "answering scrapes");
    }
}

#[tokio::test]
async fn a_token_from_the_environment_is_told_as_little() {
    let (site, scan) = (Echo::answering("401 No", CANARY).await, Scan::for_canary());
    let desk = desk_at(&site.url);
    let config = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    desk.write("exporter.yml", &config.replace("api_token_file: token", "api_token_env: ACME_TOKEN"));

    for (command, _) in COMMANDS {
        let ended = desk.run_with(&[("ACME_TOKEN", CANARY)], &[command, &[CONFIG, "--log.level=debug"]].concat()).await;
        let said = ended.out + &ended.err;
        assert!(!said.is_empty() && scan.finds(&said).is_none(), "{command:?}: {said}");
    }
    assert!(scan.finds(&site.heard()).is_some(), "it was sent");
}

#[tokio::test]
async fn a_token_on_the_wrong_line_is_told_by_no_command() {
    let (site, scan) = (Echo::answering("401 No", "").await, Scan::for_canary());
    let pasted = serde_json::to_string(CANARY).unwrap();
    let right =
        "name: acme\n  instance_url: URL\n  gateway_url: URL\n  username: ann@acme.example\n  api_token_file: token";
    let lines = right.split("\n  ").map(|line| line.split_once(':').unwrap().0).chain([
        "api_token_env",
        "api_token_expires",
        "application",
        "concurrency_level",
        "credential",
        "max_series",
        "nobody",
        "refresh_interval",
        "request_budget",
        "windows",
        "labels",
        "labels: { top",
        "spaces: { personal",
        "collectors: { views: { enabled",
        "collectors: { views: { max_age",
        &pasted,
    ]);
    for line in lines {
        let others: Vec<&str> = right.split("\n  ").filter(|other| !other.starts_with(&format!("{line}:"))).collect();
        let end = " }".repeat(line.matches('{').count());
        let config = format!("connections:\n- {}\n  {line}: {pasted}{end}\n", others.join("\n  "));
        let desk = Desk::new(&config.replace("URL", &site.url), CANARY);

        let checked = desk.run(&["check-config", CONFIG, "--log.level=debug"]).await;
        let mut said = checked.out + &checked.err;
        assert!(!said.is_empty(), "{line}");
        said += &run(&desk, &["connection", "test"], &["--log.level=debug"]).await;
        said += &run(&desk, &["plan"], &["--log.level=debug"]).await;
        if !checked.status.success() {
            said += &run(&desk, &["serve"], &["--web.listen-address=127.0.0.1:0", "--log.level=debug"]).await;
        }

        assert!(scan.finds(&said).is_none(), "{line}: {said}");
    }
}

#[test]
fn a_token_that_was_planted_is_found_however_it_is_spelt() {
    let scan = Scan::for_canary();
    for (name, spelling) in scan.spellings() {
        assert!(spelling.len() >= 7, "{name}: {spelling} may be anything");
        assert!(scan.finds(&format!("level=debug token=\"{spelling}\"")).is_some(), "{name}");
    }
    assert_eq!(scan.finds("level=debug token=[REDACTED] CANARY 0"), None);
}

#[test]
fn a_token_that_was_planted_on_the_disk_is_found() {
    let desk = desk_at("http://127.0.0.1:1");
    let scan = Scan::for_canary();
    assert_eq!(scan.finds(&on_disk(&desk)), None);

    desk.write("exporter.db", &format!("\0\u{fffd}{CANARY}\0"));

    assert_eq!(scan.finds(&on_disk(&desk)), Some("as it is"));
}

#[tokio::test]
async fn every_command_is_looked_at() {
    let looked_at: BTreeSet<String> = COMMANDS.iter().map(|(command, _)| words(command)).collect();
    let mut there_are = BTreeSet::new();
    let mut open = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let help = Desk::new("", "").run(&[&command[..], &["--help"]].concat()).await.out;
        let below = commands_in(&help);
        if below.is_empty() {
            there_are.insert(words(&command));
        }
        open.extend(below.into_iter().map(|name| [&command[..], &[name.leak() as &str]].concat()));
    }
    assert_eq!(looked_at, there_are, "COMMANDS (left) has every command (right)");
}

#[test]
fn every_page_is_looked_at() {
    let routes = include_str!("../../src/server/routes.rs");
    let paths = routes.split('"').filter(|text| text.starts_with('/') && !text.contains(char::is_whitespace));
    let paths: BTreeSet<&str> = paths.collect();
    assert!(paths.contains("/-/ready"), "{paths:?}");
    let page = |path: &'static str| path.split(['?', '#']).next();
    let paths: BTreeSet<&str> = paths.into_iter().filter_map(page).collect();
    let looked_at: BTreeSet<&str> = PAGES.iter().filter_map(|(_, path)| page(path)).collect();
    assert!(paths.is_subset(&looked_at), "PAGES lacks one of {paths:?}");
}

/// A command without its flags.
fn words(command: &[&str]) -> String {
    command.iter().filter(|word| !word.starts_with('-')).copied().collect::<Vec<_>>().join(" ")
}

/// The names that a help text lists under its commands.
fn commands_in(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}
