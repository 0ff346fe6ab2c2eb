//! `serve` with what it cannot use, and with what it can use all the same.

use std::fs;
use std::net::TcpListener;

use confluence_simulator::{Operation, TokenKind};

use crate::program::{CONFIG, Desk, bound_by_permissions, site};

const SERVE: [&str; 3] = ["serve", CONFIG, "--web.listen-address=127.0.0.1:0"];
const UP: &str = "confluence_up{connection=\"acme\"} 1";

#[tokio::test]
async fn a_port_in_use_is_named() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let ended = desk.run(&["serve", CONFIG, "--web.listen-address", &address]).await;

    assert_eq!(ended.complaint(), format!("could not listen on {address}: Address already in use (os error 98)"));
}

#[tokio::test]
async fn what_is_no_address_is_named() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");

    let ended = desk.run(&["serve", CONFIG, "--web.listen-address=nowhere"]).await;

    assert!(ended.complaint().starts_with("could not listen on nowhere: "), "{}", ended.err);
}

#[tokio::test]
async fn a_missing_configuration_is_named() {
    let desk = Desk::new("", "");
    desk.remove("exporter.yml");
    insta::assert_snapshot!(desk.run(&SERVE).await.complaint(), @"cannot read the configuration exporter.yml: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_token_file_that_cannot_be_used_is_named_with_its_connection() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let folder = desk.path("").canonicalize().unwrap().display().to_string();
    let complaint = async || desk.run(&SERVE).await.complaint().to_owned();

    desk.write("token", "");
    let empty = complaint().await;
    desk.remove("token");
    let missing = complaint().await;
    fs::create_dir(desk.path("token")).unwrap();
    let a_folder = complaint().await;

    insta::assert_snapshot!([empty, missing, a_folder].join("\n").replace(&folder, "FOLDER"), @r"
    connection acme, token file token: api_token_file cannot be used: the token is empty
    connection acme, token file in FOLDER: api_token_file cannot be used: the file cannot be read: No such file or directory (os error 2)
    connection acme, token file token: api_token_file cannot be used: the file cannot be read: Is a directory (os error 21)
    ");
}

#[tokio::test]
async fn a_token_file_that_may_not_be_read_is_named_with_its_connection() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.permit("token", 0o000);

    let ended = desk.run_by(bound_by_permissions(), &SERVE).await;

    insta::assert_snapshot!(ended.complaint(), @"connection acme, token file token: api_token_file cannot be used: the file cannot be read: Permission denied (os error 13)");
}

#[tokio::test]
async fn a_path_that_cannot_be_the_metrics_is_told_with_its_flag() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    for path in ["metrics", "/probe", "/-/metrics", "/metrics?all"] {
        let ended = desk.run(&["serve", CONFIG, "--web.telemetry-path", path]).await;
        let complaint = ended.complaint();
        assert!(complaint.starts_with("--web.telemetry-path: not a path for metrics: "), "{complaint}");
    }
}

#[tokio::test]
async fn the_metrics_are_where_they_are_wanted() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");

    let serving = desk.serve(&["--web.telemetry-path=/custom"]).await;

    assert!(serving.get("/custom").await.contains(UP));
    assert!(serving.get("/metrics").await.starts_with("HTTP/1.0 404"));
}

#[tokio::test]
async fn a_token_that_everybody_on_the_machine_can_read_is_warned_of_once_and_serves() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.permit("token", 0o644);

    let serving = desk.serve(&[]).await;

    assert!(serving.get("/metrics").await.contains(UP));
    let warnings = serving.err().lines().filter(|line| line.contains("can read the token file")).count();
    assert_eq!(warnings, 1, "{}", serving.err());
    assert!(serving.err().contains("level=warn"), "{}", serving.err());
}

#[tokio::test]
async fn the_new_line_that_an_editor_leaves_is_not_the_tokens() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, "");
    desk.write("token", &format!("{}\r\n\n", token.secret));

    let serving = desk.serve(&[]).await;

    assert!(serving.get("/metrics").await.contains(UP));
}

#[tokio::test]
async fn the_configuration_is_not_needed_any_more_once_it_was_read() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    let serving = desk.serve(&[]).await;
    assert!(serving.get("/metrics").await.contains(UP));

    desk.remove("exporter.yml");
    desk.remove("token");
    site.clear_journal();

    let is_refreshed = || site.totals().get(&Operation::Spaces).is_some_and(|times| *times >= 2);
    serving.scrape_until(|page| is_refreshed() && page.contains(UP)).await;
}
