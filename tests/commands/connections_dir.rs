//! The folder of saved connections: which files count, what is wrong with them, and how they and the configuration are equals.

use std::fs;

use confluence_simulator::TokenKind;

use crate::program::{CONFIG, Desk, Ended, connection, site};
use crate::saved::{ACME, add, assert_good, desk, list, save};

#[tokio::test]
async fn names_are_unique_across_the_configuration_and_the_saved_ones() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, "");
    let url = site.site_url();

    let configured = save(&desk, "add", "acme", &site, &token, &[]).await;
    assert_good(&save(&desk, "add", "beta", &site, &token, &[]).await);
    let saved = save(&desk, "add", "beta", &site, &token, &[]).await;
    let edited = save(&desk, "edit", "acme", &site, &token, &[]).await;
    let removed = desk.run(&["connection", "remove", "acme", CONFIG, "--yes"]).await;
    let unknown = save(&desk, "edit", "gamma", &site, &token, &[]).await;
    fs::rename(desk.path("connections.d/beta.yml"), desk.path(ACME)).unwrap();
    let twice = desk.run(&["check-config", CONFIG]).await;

    let complaints = [&configured, &saved, &edited, &removed, &unknown, &twice].map(Ended::complaint);
    insta::assert_snapshot!(complaints.join("\n").replace(&url, "SITE"), @r"
    there is a connection acme already, in exporter.yml, line 2
    there is a saved connection beta already: `confluence-exporter connection edit beta` changes it
    acme stands in exporter.yml, line 2: change it there
    acme stands in exporter.yml, line 2: change it there
    there is no saved connection gamma; `confluence-exporter connection list` shows which there are
    connections.d/acme.yml: there is a connection of the name acme in exporter.yml, too; rename one of them
    ");
}

#[tokio::test]
async fn what_is_wrong_in_a_saved_connection_is_told_by_file_line_and_key() {
    let least = "instance_url: acme.atlassian.net\nusername: ann@acme.example\napi_token_sealed: v1:CANARY\n";
    let texts = [
        "",
        "CANARY",
        &format!("{least}concurency_level: CANARY\n"),
        &format!("{least}concurrency_level: CANARY\n"),
        &format!("{least}untested: CANARY\n"),
        &format!("{least}name: beta\n"),
        &format!("{least}name: CANARY/CANARY\n"),
        &format!("{least}api_token_env: CANARY\n"),
        &least.replace("api_token_sealed: v1:CANARY\n", ""),
        &least.replace("acme.atlassian.net", "https://ann:CANARY@acme.atlassian.net"),
    ];
    let mut problems = Vec::new();
    for text in texts {
        let desk = desk();
        fs::create_dir(desk.path("connections.d")).unwrap();
        desk.write(ACME, text);
        let ended = desk.run(&["check-config", CONFIG]).await;
        problems.push(ended.complaint().strip_prefix("connections.d/acme.yml: ").unwrap().to_owned());
    }
    let keys = "; there are name, application, ";
    let problems = problems.iter().map(|problem| problem.split(keys).next().unwrap()).collect::<Vec<_>>().join("\n");

    assert!(!problems.contains("CANARY"), "{problems}");
    insta::assert_snapshot!(problems, @r"
    line 1: this is not YAML as it should be: look at indentation, colons and quotes
    line 1: not what belongs here, which is keys with values of their own
    line 4: concurency_level: there is no such key
    line 4: concurrency_level: not a concurrency level: write a whole number from 1 to 25
    line 4: untested: not what belongs here, which is true or false
    line 4: name: the file's own name is the connection's; leave this one out
    line 4: name: not a connection's name: 1 to 64 letters, digits, '.', '_' or '-', the first no '.'
    line 1: two tokens: beside api_token_sealed there can be no other
    line 1: no token: set api_token_file, api_token_files or api_token_env
    line 1: instance_url: a user or a password does not belong into the URL: username and api_token_file are for that
    ");
}

#[tokio::test]
async fn only_yml_files_that_are_not_hidden_are_connections() {
    let site = site().await;
    let desk = desk();
    assert_good(&add(&desk, &site, &site.token(TokenKind::Unscoped), &[]).await);
    for other in [".acme.yml.1.new", ".hidden.yml", "README", "acme.yml~", "acme.yml.orig", "acme.yaml"] {
        desk.write(&format!("connections.d/{other}"), "CANARY");
    }

    let checked = desk.run(&["check-config", CONFIG]).await;

    assert_eq!(checked.out, "exporter.yml: good, 0 connections\nconnections.d: good, 1 connection\n");
    desk.write("connections.d/no name.yml", "");
    let checked = desk.run(&["check-config", CONFIG]).await;
    assert_eq!(
        checked.complaint(),
        "connections.d/no name.yml: the file's name is not a connection's name: 1 to 64 letters, digits, '.', '_' or '-', the first no '.'"
    );
}

#[tokio::test]
async fn saved_connections_need_no_configuration() {
    let site = site().await;
    let desk = desk();
    assert_good(&add(&desk, &site, &site.token(TokenKind::Unscoped), &[]).await);
    desk.remove("exporter.yml");

    let checked = desk.run(&["check-config"]).await;
    let named = desk.run(&["check-config", CONFIG]).await;
    desk.remove(ACME);
    let nothing = desk.run(&["check-config"]).await;

    assert_eq!(checked.out, "connections.d: good, 1 connection\n");
    assert_eq!(named.complaint(), "cannot read the configuration exporter.yml: No such file or directory (os error 2)");
    assert_eq!(
        nothing.complaint(),
        "there is no connection: neither a file confluence-exporter.yml nor a saved one in connections.d; \
         `confluence-exporter connection add NAME` makes one"
    );
}

#[tokio::test]
async fn a_configuration_without_connections_is_told_of_when_nothing_is_saved() {
    let ended = desk().run(&["check-config", CONFIG]).await;
    assert_eq!(
        ended.complaint(),
        "exporter.yml: connections: there is none; add one with name, instance_url, username and a token, or with \
         `confluence-exporter connection add NAME`"
    );
}

#[tokio::test]
async fn a_saved_connection_may_be_written_by_hand_with_a_vault_of_ones_own() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    fs::create_dir(desk.path("connections.d")).unwrap();
    let by_hand = connection("acme", &site.site_url(), &token).replace("- name", "  name").replace("\n  ", "\n");
    desk.write(ACME, by_hand.trim_start());
    desk.write("connections.d/token", &token.secret);

    let tested = desk.run(&["connection", "test", CONFIG]).await;

    assert_eq!(tested.code(), 0, "{}", tested.err);
    assert!(list(&desk, &site).await.contains("  file  "));
}
