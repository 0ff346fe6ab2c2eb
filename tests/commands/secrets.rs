//! A token goes to its site and nowhere else: not into a message, not onto a page, not into a command's answer.

use confluence_simulator::{Token, TokenKind};

use crate::echo::Echo;
use crate::program::{CONFIG, Desk, Ended, connection, site};

const CANARY: &str = "CANARY0token0that0nobody0may0see";
const STATUSES: [&str; 6] = ["302 Found", "400 Bad Request", "401 No", "403 No", "404 No", "429 No"];
const OPEN_METRICS: &str = "application/openmetrics-text";

/// What must not be seen: the token, and the token as it is sent.
struct Scan {
    secrets: Vec<String>,
}

impl Scan {
    fn new(secret: &str, authorization: &str) -> Self {
        assert!(authorization.len() > secret.len(), "{authorization}");
        Self { secrets: vec![secret.to_owned(), authorization.to_owned()] }
    }

    fn finds(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret))
    }

    fn assert_clean(&self, text: &str, expected: &str) {
        assert!(text.contains(expected), "the scan looks at the wrong text: {text}");
        let leaks: Vec<&str> = text.lines().filter(|line| self.finds(line)).collect();
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

fn desk_at(url: &str) -> Desk {
    let token = Token { username: "ann@acme.example".to_owned(), secret: CANARY.to_owned() };
    Desk::new(&format!("refresh_interval: 1s\nconnections:\n{}", connection("acme", url, &token)), CANARY)
}

/// All that a serving exporter says: its pages in both dialects, its messages, its standard output.
async fn served(desk: &Desk, log_format: &str) -> String {
    let serving = desk.serve(&["--log.level=debug", log_format]).await;
    let mut said = String::new();
    for _ in 0..2 {
        for (path, accept) in [
            ("/metrics", "*/*"),
            ("/metrics", OPEN_METRICS),
            ("/probe?connection=acme", "*/*"),
            ("/probe?connection=nobody", "*/*"),
            ("/", "text/html"),
            ("/api/v1/connections", "application/json"),
            ("/-/ready", "*/*"),
            ("/nowhere", "*/*"),
        ] {
            said += &serving.get_as(path, accept).await;
        }
        said += &serving.post("/-/test?connection=acme").await;
    }
    serving.signal("TERM").await;
    let Ended { out, err, status } = serving.end().await;
    assert!(status.success(), "{err}");
    said + &out + &err
}

#[tokio::test]
async fn no_page_and_no_message_holds_the_token_of_a_site_that_takes_it() {
    let site = site().await;
    for kind in [TokenKind::Unscoped, TokenKind::scoped()] {
        let token = site.token(kind);
        let desk = Desk::at(&site, &token, "");
        let scan = Scan::new(&token.secret, &authorization(&token).await);

        for format in ["--log.format=logfmt", "--log.format=json"] {
            let said = served(&desk, format).await;
            scan.assert_clean(&said, "confluence_up{connection=\"acme\"} 1");
            scan.assert_clean(&said, "answering scrapes");
            scan.assert_clean(&said, "\"summary\":\"Everything that is needed is open.\"");
        }
        let tested = desk.run(&["connection", "test", CONFIG, "--log.level=debug"]).await;
        scan.assert_clean(&(tested.out + &tested.err), "page_versions");
        let tested = desk.run(&["connection", "test", CONFIG, "--log.level=debug", "--format=json"]).await;
        scan.assert_clean(&(tested.out + &tested.err), "page_versions");
        let checked = desk.run(&["check-config", CONFIG, "--log.level=debug"]).await;
        scan.assert_clean(&(checked.out + &checked.err), "good");
    }
}

#[tokio::test]
async fn a_site_that_says_the_token_back_does_not_get_it_told_on() {
    for status in STATUSES {
        let site = Echo::answering(status, CANARY).await;

        let tested = desk_at(&site.url).run(&["connection", "test", CONFIG, "--log.level=debug"]).await;

        assert_eq!(tested.code(), 1);
        let scan = Scan::new(CANARY, &site.authorization());
        scan.assert_clean(&(tested.out + &tested.err), "spaces");
        assert!(scan.finds(&site.heard()), "what was sent holds the token, and the scan finds it there");
    }
}

#[tokio::test]
async fn no_page_and_no_message_repeats_what_such_a_site_says() {
    for (status, format) in [("401 No", "--log.format=logfmt"), ("403 No", "--log.format=json")] {
        let site = Echo::answering(status, CANARY).await;

        let said = served(&desk_at(&site.url), format).await;

        let scan = Scan::new(CANARY, &site.authorization());
        scan.assert_clean(&said, "confluence_up{connection=\"acme\"} 0");
        scan.assert_clean(&said, "answering scrapes");
    }
}

#[tokio::test]
async fn a_token_from_the_environment_is_told_as_little() {
    let site = Echo::answering("401 No", CANARY).await;
    let desk = desk_at(&site.url);
    let config = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    desk.write("exporter.yml", &config.replace("api_token_file: token", "api_token_env: ACME_TOKEN"));

    let tested = desk.run_with(&[("ACME_TOKEN", CANARY)], &["connection", "test", CONFIG, "--log.level=debug"]).await;

    let scan = Scan::new(CANARY, &site.authorization());
    scan.assert_clean(&(tested.out + &tested.err), "invalid_credentials");
}

#[tokio::test]
async fn a_token_that_was_planted_is_found() {
    let token = Token { username: "ann@acme.example".to_owned(), secret: CANARY.to_owned() };
    let sent = authorization(&token).await;
    let scan = Scan::new(CANARY, &sent);

    assert!(scan.finds(&format!("level=debug token={CANARY}")));
    assert!(scan.finds(&format!("{{\"authorization\":\"Basic {sent}\"}}")));
    assert!(!scan.finds("level=debug token=[REDACTED]"));
}

/// How this credential looks on the wire.
async fn authorization(token: &Token) -> String {
    let site = Echo::answering("401 No", "").await;
    let config = format!("connections:\n{}  credential: unscoped\n", connection("acme", &site.url, token));
    Desk::new(&config, &token.secret).run(&["connection", "test", CONFIG]).await;
    site.authorization()
}
