//! `connection test`: what is open to a token, what a refusal costs, and what to do about it.

use std::net::TcpListener;
use std::time::Duration;

use confluence_simulator::{FOUR_SCOPES, Fault, FaultKind, Operation, Options, Simulator, TokenKind};
use serde_json::Value;
use tokio::time::Instant;

use crate::program::{CONFIG, Desk, Ended, connection, site};

const TEST: [&str; 3] = ["connection", "test", CONFIG];

fn four_but(missing: &str) -> TokenKind {
    TokenKind::Scoped(FOUR_SCOPES.iter().filter(|scope| **scope != missing).map(|scope| (*scope).to_owned()).collect())
}

/// The rows of these operations, each as its cells after the connection's name.
fn rows(table: &str, operations: &[&str]) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).skip(1).collect()
    };
    let row = |operation: &&str| {
        let mut rows = table.lines().map(cells);
        let row = rows.find(|row: &Vec<String>| row.first().is_some_and(|cell| cell == operation));
        row.unwrap_or_else(|| panic!("no {operation} in {table}"))
    };
    operations.iter().map(row).collect()
}

/// The access to each operation, in the table's order.
fn access(ended: &Ended) -> Vec<(String, String)> {
    let findings: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.iter().map(|finding| (text(&finding["operation"]), text(&finding["access"]))).collect()
}

async fn as_json(desk: &Desk) -> Ended {
    desk.run(&["connection", "test", CONFIG, "--format=json"]).await
}

#[tokio::test]
async fn a_token_with_the_four_scopes_opens_all_that_is_needed() {
    let site = site().await;
    let ended = Desk::at(&site, &site.token(TokenKind::scoped()), "").run(&TEST).await;

    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    insta::assert_snapshot!(ended.out, @r"
    CONNECTION  OPERATION          SCOPE                            ACCESS               WITHOUT IT MISSING                                   WHAT TO DO
    acme        spaces             read:space:confluence            ok                   everything
    acme        pages              read:page:confluence             ok                   docs, new docs, updates, staleness, owners of pages
    acme        blogposts          read:page:confluence             ok                   docs, new docs, updates, staleness of blog posts
    acme        page_versions      read:page:confluence             ok                   updates, edit sessions, contributors
    acme        blogpost_versions  read:page:confluence             ok                   updates, edit sessions, contributors
    acme        page_labels        read:page:confluence             ok                   docs by label, unlabelled docs
    acme        blogpost_labels    read:page:confluence             ok                   docs by label, unlabelled docs
    acme        users_bulk         read:user:confluence             ok                   contributors, owner status, users
    acme        content_views      read:confluence-content.summary  ok                   views
    acme        content_state      read:confluence-content.summary  ok                   docs by state
    acme        current_user       read:confluence-user             invalid_permissions  nothing                                              nothing

    Everything that is needed is open.
    ");
    assert_eq!(site.rejected(), 0);
    let asked_twice: Vec<_> = site.totals().into_iter().filter(|(_, times)| *times > 1).collect();
    // The site refuses a scoped token once, then the gateway is asked.
    assert_eq!(asked_twice, [(Operation::Spaces, 2)]);
}

#[tokio::test]
async fn every_kind_of_token_that_works_is_called_good() {
    let site = site().await;
    for kind in [TokenKind::Unscoped, TokenKind::service_account()] {
        let ended = Desk::at(&site, &site.token(kind.clone()), "").run(&TEST).await;
        assert_eq!(ended.code(), 0, "{kind:?}: {}", ended.out);
    }
}

#[tokio::test]
async fn a_missing_scope_is_told_with_what_it_costs_and_what_to_do() {
    let site = site().await;
    let users = Desk::at(&site, &site.token(four_but("read:user:confluence")), "").run(&TEST).await;
    let pages = Desk::at(&site, &site.token(four_but("read:page:confluence")), "").run(&TEST).await;

    assert_eq!((users.code(), pages.code()), (1, 1));
    assert_eq!(
        rows(&users.out, &["users_bulk"]),
        [[
            "users_bulk",
            "read:user:confluence",
            "invalid_permissions",
            "contributors, owner status, users",
            "give the token the scope read:user:confluence"
        ]]
    );
    assert!(users.out.ends_with("\n1 of the 10 operations that are needed is not open.\n"), "{}", users.out);
    for row in rows(&pages.out, &["pages", "blogposts", "page_versions", "blogpost_versions", "page_labels"]) {
        assert_eq!(row[1..3], ["read:page:confluence", "invalid_permissions"]);
        assert_eq!(row[4], "give the token the scope read:page:confluence");
    }
    for row in rows(&pages.out, &["spaces", "users_bulk", "content_views", "content_state"]) {
        assert_eq!(row[2], "ok", "one missing scope hides no other");
    }
}

#[tokio::test]
async fn what_a_switched_off_collector_would_need_is_not_needed() {
    let site = site().await;
    let token = site.token(four_but("read:confluence-content.summary"));
    let off = "  collectors: {views: {enabled: false}, states: {enabled: false}}\n";

    let ended = Desk::at(&site, &token, off).run(&TEST).await;

    assert_eq!(ended.code(), 0, "{}", ended.out);
    for row in rows(&ended.out, &["content_views", "content_state"]) {
        assert_eq!(row[2..], ["invalid_permissions", "nothing: its collector is off"]);
    }
    assert_eq!(Desk::at(&site, &token, "").run(&TEST).await.code(), 1);
}

#[tokio::test]
async fn with_a_dead_token_nothing_more_is_asked() {
    let site = site().await;
    let token = site.token(TokenKind::service_account());
    site.revoke(&token);

    let ended = Desk::at(&site, &token, "").run(&TEST).await;

    assert_eq!(ended.code(), 1);
    insta::assert_snapshot!(ended.out, @r"
    CONNECTION  OPERATION          SCOPE                            ACCESS               WITHOUT IT MISSING                                   WHAT TO DO
    acme        spaces             read:space:confluence            invalid_credentials  everything                                           check username and token; the account also needs access to Confluence
    acme        pages              read:page:confluence             not asked            docs, new docs, updates, staleness, owners of pages  mend invalid_credentials first
    acme        blogposts          read:page:confluence             not asked            docs, new docs, updates, staleness of blog posts     mend invalid_credentials first
    acme        page_versions      read:page:confluence             not asked            updates, edit sessions, contributors                 mend invalid_credentials first
    acme        blogpost_versions  read:page:confluence             not asked            updates, edit sessions, contributors                 mend invalid_credentials first
    acme        page_labels        read:page:confluence             not asked            docs by label, unlabelled docs                       mend invalid_credentials first
    acme        blogpost_labels    read:page:confluence             not asked            docs by label, unlabelled docs                       mend invalid_credentials first
    acme        users_bulk         read:user:confluence             not asked            contributors, owner status, users                    mend invalid_credentials first
    acme        content_views      read:confluence-content.summary  not asked            views                                                mend invalid_credentials first
    acme        content_state      read:confluence-content.summary  not asked            docs by state                                        mend invalid_credentials first
    acme        current_user       read:confluence-user             not asked            nothing                                              mend invalid_credentials first

    10 of the 10 operations that are needed are not open.
    ");
    assert!(ended.err.contains("atl-traceid"), "Atlassian's support asks for it: {}", ended.err);
    assert!(site.totals().keys().all(|asked| [Operation::TenantInfo, Operation::Spaces].contains(asked)));
}

#[tokio::test]
async fn a_scoped_token_that_is_called_unscoped_is_at_the_wrong_door() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::scoped()), "  credential: unscoped\n");

    let ended = desk.run(&TEST).await;

    assert_eq!(ended.code(), 1);
    let row = &rows(&ended.out, &["spaces"])[0];
    assert_eq!(row[2], "wrong_base_url");
    assert!(row[4].contains("set credential: auto or scoped"), "{row:?}");
}

#[tokio::test]
async fn a_site_that_cannot_be_reached_is_told_before_anybody_loses_patience() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token = site().await.token(TokenKind::Unscoped);
    let config = format!("connections:\n{}", connection("acme", &format!("http://{gone}"), &token));
    let begun = Instant::now();

    let ended = Desk::new(&config, &token.secret).run(&TEST).await;

    assert_eq!(ended.code(), 1);
    let row = &rows(&ended.out, &["spaces"])[0];
    assert_eq!(row[2], "unreachable");
    assert!(row[4].starts_with("check instance_url, DNS, proxy and firewall"), "{row:?}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_site_that_wants_an_hour_of_quiet_is_not_waited_for() {
    let site = site().await;
    site.inject(Fault::new(FaultKind::RateLimited).seconds(3600));
    let begun = Instant::now();

    let ended = Desk::at(&site, &site.token(TokenKind::Unscoped), "").run(&TEST).await;

    assert_eq!(ended.code(), 1);
    assert_eq!(rows(&ended.out, &["spaces"])[0][2], "rate_limited");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn an_account_that_sees_no_space_is_not_let_pass_as_healthy() {
    let site = Simulator::start(Options::empty()).await.unwrap();

    let ended = Desk::at(&site, &site.token(TokenKind::scoped()), "").run(&TEST).await;

    assert_eq!(ended.code(), 1);
    let row = &rows(&ended.out, &["spaces"])[0];
    assert_eq!(row[2], "invalid_permissions");
    assert_eq!(row[4], "the account sees no space: give it access to Confluence and to the spaces to count");
    for row in rows(&ended.out, &["pages", "page_versions", "content_views"]) {
        assert_eq!(row[2], "ok", "a site without a doc still tells what the token may do");
    }
}

#[tokio::test]
async fn json_holds_what_the_table_shows() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(four_but("read:user:confluence")), "");
    let table = desk.run(&TEST).await;

    let json = as_json(&desk).await;

    assert_eq!(json.code(), 1);
    let findings: Vec<Value> = serde_json::from_str(&json.out).unwrap();
    for (finding, line) in findings.iter().zip(table.out.lines().skip(1)) {
        let cell = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        for key in ["connection", "operation", "scope", "access", "costs", "to_do"] {
            assert!(line.contains(&cell(key)), "{key} of {finding} is not in {line}");
        }
    }
    assert_eq!(findings.len(), 11);
    assert_eq!(findings.iter().filter(|finding| finding["needed"] == true).count(), 10);
}

#[tokio::test]
async fn one_connection_is_tested_by_its_name_and_all_without() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, &connection("beta", &site.site_url(), &token));

    let one = desk.run(&["connection", "test", CONFIG, "beta"]).await;
    let all = desk.run(&TEST).await;
    let none = desk.run(&["connection", "test", CONFIG, "gamma"]).await;

    assert!(!one.out.contains("acme") && one.out.contains("\nbeta "), "{}", one.out);
    assert!(all.out.contains("\nacme ") && all.out.contains("\nbeta "), "{}", all.out);
    insta::assert_snapshot!(none.complaint(), @"there is no connection of that name; there are acme, beta");
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_named() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.write("token", "");

    let ended = desk.run(&TEST).await;

    insta::assert_snapshot!(ended.complaint(), @"connection acme, token file token: api_token_file cannot be used: the token is empty");
}

#[tokio::test]
async fn a_hiccup_of_the_site_is_no_finding() {
    let site = site().await;
    site.inject(Fault::new(FaultKind::BadGateway).on(Operation::Pages).times(1));

    let ended = as_json(&Desk::at(&site, &site.token(TokenKind::Unscoped), "")).await;

    assert_eq!(ended.code(), 0, "{}", ended.out);
    assert!(access(&ended).iter().all(|(_, access)| access == "ok"), "{}", ended.out);
}
