//! `check-config`: what can be used, and what is wrong with the rest, by file, line and key, without a value.

use std::fs;

use confluence_simulator::{Token, TokenKind};

use crate::program::{CONFIG, Desk, Ended, connection, site};

const CANARY: &str = "CANARY";
const CHECK: [&str; 2] = ["check-config", CONFIG];

fn least() -> String {
    let token = Token { username: "ann@acme.example".to_owned(), secret: String::new() };
    format!(
        "connections:\n{}",
        connection("acme", "acme.atlassian.net", &token).replace("  gateway_url: acme.atlassian.net\n", "")
    )
}

async fn check(config: &str) -> Ended {
    Desk::new(config, CANARY).run(&CHECK).await
}

/// Exits with 1, names the file, and quotes nothing that may be a secret.
async fn problem(config: &str) -> String {
    let ended = check(config).await;
    let complaint = ended.complaint();
    assert!(!complaint.contains(CANARY), "{complaint}");
    complaint.strip_prefix("exporter.yml: ").unwrap_or_else(|| panic!("no file in {complaint}")).to_owned()
}

#[tokio::test]
async fn a_good_configuration_is_called_good_and_nobody_is_asked() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, &connection("beta", &site.site_url(), &token));

    let ended = desk.run(&CHECK).await;

    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    assert_eq!(ended.out, "exporter.yml: good, 2 connections\n");
    assert!(site.journal().is_empty());
    assert_eq!(check(&least()).await.out, "exporter.yml: good, 1 connection\n");
}

#[tokio::test]
async fn what_is_wrong_is_told_by_file_line_and_key() {
    let least = least();
    let url = |url: &str| least.replace("acme.atlassian.net", url);
    let more = |line: &str| format!("{least}{line}\n");
    let configs = [
        more("  concurency_level: 5"),
        more("  username: CANARY"),
        more("  concurrency_level: 0"),
        more("  concurrency_level: 26"),
        more("  refresh_interval: CANARY"),
        more("windows: [1d, CANARY]"),
        more("  collectors: {views: {enabled: CANARY}}"),
        more("  spaces: CANARY"),
        more("max_series: CANARY"),
        more("  api_token_env: CANARY"),
        more("\tCANARY"),
        least.replace("  api_token_file: token\n", ""),
        least.replace("name: acme", "name: CANARY/CANARY"),
        least.replace("ann@acme.example", "CANARY:CANARY"),
        url("https://acme.example/CANARY"),
        url("https://acme.atlassian.net:8443"),
        url("https://ann:CANARY@acme.atlassian.net"),
        url("http://CANARY.example"),
    ];
    let mut problems = Vec::new();
    for config in configs {
        problems.push(problem(&config).await);
    }

    insta::assert_snapshot!(problems.join("\n"), @r"
    line 6: connections[0].concurency_level: there is no such key; there are name, application, instance_url, credential, gateway_url, username, api_token_file, api_token_files, api_token_env, api_token_sealed, untested, api_token_expires, concurrency_level, borrow_concurrency_from, proxy_url, ca_file, spaces, labels, collectors, refresh_interval, reconcile_interval, request_budget, max_stale, max_series, windows
    line 6: connections[0]: username stands here twice
    line 6: connections[0].concurrency_level: not a concurrency level: write a whole number from 1 to 25
    line 6: connections[0].concurrency_level: not a concurrency level: write a whole number from 1 to 25
    line 6: connections[0].refresh_interval: not a duration: write a whole number and a unit of s, m, h, d, w or y, like 60s, 6h or 90d, from 1s up
    line 6: windows[1]: not a duration: write a whole number and a unit of s, m, h, d, w or y, like 60s, 6h or 90d, from 1s up
    line 6: connections[0].collectors.views.enabled: not what belongs here, which is true or false
    line 6: connections[0].spaces: not what belongs here, which is keys with values of their own
    line 6: max_series: not what belongs here, which is a whole number
    line 2: connections[0]: two tokens: set one of api_token_file, api_token_files and api_token_env
    line 5: connections[0]: this is not YAML as it should be: look at indentation, colons and quotes
    line 2: connections[0]: no token: set api_token_file, api_token_files or api_token_env
    line 2: connections[0].name: not a connection's name: 1 to 64 letters, digits, '.', '_' or '-', the first no '.'
    line 4: connections[0].username: not a username: write the account's e-mail address, without ':' and blanks
    line 3: connections[0].instance_url: the path is none of Confluence's: leave it out
    line 3: connections[0].instance_url: Atlassian's hosts are reached at their usual port: leave the port out
    line 3: connections[0].instance_url: a user or a password does not belong into the URL: username and api_token_file are for that
    line 3: connections[0].instance_url: only https is accepted, or http for a loopback address: anything else would carry the token in the clear
    ");
}

#[tokio::test]
async fn two_connections_of_one_name_are_told_by_that_name() {
    let twice = format!("{least}{}", least().replace("connections:\n", ""), least = least());
    insta::assert_snapshot!(problem(&twice).await, @"connections: there are two of the name acme; each needs its own");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let desk = Desk::new("", CANARY);
    fs::create_dir(desk.path("folder")).unwrap();
    fs::write(desk.path("latin"), b"caf\xe9").unwrap();
    for (file, reason) in
        [("missing", "No such file or directory"), ("folder", "Is a directory"), ("latin", "not contain valid UTF-8")]
    {
        let ended = desk.run(&["check-config", "--config.file", file]).await;

        let complaint = ended.complaint();
        assert!(complaint.starts_with(&format!("cannot read the configuration {file}: ")), "{complaint}");
        assert!(complaint.contains(reason), "{complaint}");
    }
}

#[tokio::test]
async fn a_token_file_that_serve_could_not_use_is_named_with_its_connection() {
    let desk = Desk::new(&least(), " \n");
    insta::assert_snapshot!(desk.run(&CHECK).await.complaint(), @"connection acme, token file token: api_token_file cannot be used: the token is empty");

    desk.write("token", "CANARY CANARY");
    insta::assert_snapshot!(desk.run(&CHECK).await.complaint(), @"connection acme, token file token: api_token_file cannot be used: it holds more than one word, or characters that no token has");
}

#[tokio::test]
async fn a_token_in_the_place_of_its_files_path_is_not_quoted() {
    for pasted in [CANARY, "CANARY/CANARY", "/CANARY"] {
        let desk = Desk::new(&least().replace("file: token", &format!("file: {pasted}")), "");

        let complaint = desk.run(&CHECK).await.complaint().to_owned();

        assert!(complaint.starts_with("connection acme"), "{complaint}");
        assert!(complaint.contains("api_token_file cannot be used: the file cannot be read"), "{complaint}");
        assert!(!complaint.contains(CANARY), "{complaint}");
    }
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_told_and_not_quoted() {
    let config = least().replace("api_token_file: token", "api_token_env: CANARY");
    insta::assert_snapshot!(check(&config).await.complaint(), @"connection acme: api_token_env cannot be used: the environment variable is not set");
}
