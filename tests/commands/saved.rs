//! Saved connections from `connection add` to `connection remove`: what is written, what is not, and what is told.

use confluence_simulator::{FOUR_SCOPES, Operation, Simulator, Token, TokenKind};
use serde_json::Value;

use crate::program::{CONFIG, Desk, Ended, site};

pub(crate) const KEY: &str = "confluence-exporter.key";
pub(crate) const ACME: &str = "connections.d/acme.yml";

/// A desk whose configuration names no connection.
pub(crate) fn desk() -> Desk {
    let desk = Desk::new("refresh_interval: 1s\n", "");
    desk.remove("token");
    desk
}

/// `connection add NAME` or `edit NAME` for this site, the token on standard input.
pub(crate) async fn save(
    desk: &Desk,
    command: &str,
    name: &str,
    site: &Simulator,
    token: &Token,
    more: &[&str],
) -> Ended {
    let url = site.site_url();
    let (gateway, username) = (format!("--gateway-url={url}"), format!("--username={}", token.username));
    let url = format!("--instance-url={url}");
    let arguments = ["connection", command, name, CONFIG, &url, &gateway, &username];
    desk.run_with_input(&format!("{}\n", token.secret), &[&arguments, more].concat()).await
}

pub(crate) async fn add(desk: &Desk, site: &Simulator, token: &Token, more: &[&str]) -> Ended {
    save(desk, "add", "acme", site, token, more).await
}

pub(crate) fn assert_good(ended: &Ended) {
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{}", ended.out);
}

/// The table of `connection list`, without what differs from run to run.
pub(crate) async fn list(desk: &Desk, site: &Simulator) -> String {
    let ended = desk.run(&["connection", "list", CONFIG]).await;
    assert_good(&ended);
    let host = site.site_url().replace("http://", "");
    ended.out.replace(&host, &format!("{:width$}", "SITE", width = host.len()))
}

#[tokio::test]
async fn what_passes_the_test_is_saved_sealed_and_served() {
    let site = site().await;
    let token = site.token(TokenKind::scoped());
    let desk = desk();

    let added = add(&desk, &site, &token, &["--api-token-expires=2027-06-30", "--concurrency-level=7"]).await;

    assert_good(&added);
    assert!(added.out.contains("acme        spaces"), "{}", added.out);
    insta::assert_snapshot!(added.out.split_once("is open.\n").unwrap().1, @r"
    acme is saved in connections.d/acme.yml, its token sealed.
    The key was made: confluence-exporter.key. Keep a copy of it, but not with the backups of connections.d.
    A running exporter takes it with its next reload (SIGHUP), `confluence-exporter serve` from its start on.
    ");
    let text = desk.read(ACME);
    let (settings, sealed) = text.split_once("api_token_sealed: ").unwrap();
    insta::assert_snapshot!(settings.replace(&site.site_url(), "SITE").replace(&token.username, "EMAIL"), @r#"
    # A saved connection: the file's name is the connection's, and every key of a connection may be added.
    application: confluence_cloud
    instance_url: "SITE"
    username: "EMAIL"
    gateway_url: "SITE"
    api_token_expires: 2027-06-30
    concurrency_level: 7
    "#);
    assert!(sealed.starts_with("\"v1:") && sealed.lines().count() == 1, "{sealed}");
    assert_eq!([desk.mode(ACME), desk.mode(KEY), desk.mode("connections.d")], [0o600, 0o600, 0o700]);
    let leaks: Vec<_> = desk.files().into_iter().filter(|(_, text)| text.contains(&token.secret)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");

    let tested = desk.run(&["connection", "test", "acme", CONFIG]).await;
    assert!(tested.code() == 0 && tested.out.ends_with("Everything that is needed is open.\n"), "{}", tested.out);
    let planned = desk.run(&["plan", "acme", CONFIG]).await;
    assert!(planned.code() == 0 && planned.out.starts_with("acme, after"), "{}", planned.out);
    let serving = desk.serve(&["--store.path=none"]).await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 1")).await;
    let page = serving.get("/metrics").await;
    assert!(page.contains("confluence_api_concurrency_limit{connection=\"acme\"} 7"), "{page}");
    assert!(page.contains("confluence_api_token_expiry_timestamp_seconds{connection=\"acme\"} 1814313600"), "{page}");
}

#[tokio::test]
async fn what_does_not_pass_is_not_saved_and_leaves_no_trace() {
    let site = site().await;
    let but_users = FOUR_SCOPES.iter().filter(|scope| **scope != "read:user:confluence");
    let lacking = site.token(TokenKind::Scoped(but_users.map(|scope| (*scope).to_owned()).collect()));
    let revoked = site.token(TokenKind::Unscoped);
    site.revoke(&revoked);

    for (token, finding) in
        [(lacking, "give the token the scope read:user:confluence"), (revoked, "invalid_credentials")]
    {
        let desk = desk();
        let before = desk.files();

        let added = add(&desk, &site, &token, &[]).await;

        assert_eq!(added.code(), 1);
        assert!(added.out.contains(finding), "{}", added.out);
        assert!(added.err.contains("\n  invalid_credentials  ") && added.err.contains("\n  invalid_permissions  "));
        assert!(
            added.err.ends_with(
                "acme was not saved: mend what the table says and try again, or save it all the same with --untested\n"
            ),
            "{}",
            added.err
        );
        assert_eq!(desk.files(), before);
        assert!(!desk.path("connections.d").exists());
    }
}

#[tokio::test]
async fn what_is_saved_untested_asks_nobody_and_is_marked_until_it_has_passed() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();

    assert_good(&add(&desk, &site, &token, &["--untested"]).await);

    assert!(site.journal().is_empty());
    assert!(desk.read(ACME).ends_with("\nuntested: true\n"), "{}", desk.read(ACME));
    insta::assert_snapshot!(list(&desk, &site).await, @r"
    NAME  SITE             TOKEN   TESTED  FILE
    acme  SITE             sealed  no      connections.d/acme.yml
    ");

    let edited = save(&desk, "edit", "acme", &site, &token, &[]).await;

    assert_eq!(edited.code(), 0, "{}", edited.err);
    assert!(!desk.read(ACME).contains("untested"));
}

#[tokio::test]
async fn an_edit_changes_what_was_told_and_leaves_the_rest_as_it_was() {
    let site = site().await;
    let [old, new] = [TokenKind::Unscoped, TokenKind::service_account()].map(|kind| site.token(kind));
    let desk = desk();
    assert_good(&add(&desk, &site, &old, &["--concurrency-level=7"]).await);
    let before = desk.read(ACME);
    desk.write(ACME, &format!("{before}# mine\nspaces: {{ exclude: [TEST] }} # too\n"));

    let arguments = ["connection", "edit", "acme", CONFIG, "--concurrency-level=3", "--username", &new.username];
    let edited = desk.run_with_input(&new.secret, &arguments).await;

    assert_good(&edited);
    let without_seal = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("api_token_sealed: "));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let expected = without_seal(&before).replace("level: 7", "level: 3").replace(&old.username, &new.username)
        + "\n# mine\nspaces: { exclude: [TEST] } # too";
    assert_eq!(without_seal(&desk.read(ACME)), expected);
    site.revoke(&old);
    assert_eq!(desk.run(&["connection", "test", CONFIG]).await.code(), 0);

    let before = desk.read(ACME);
    let failed = desk.run_with_input(&old.secret, &["connection", "edit", "acme", CONFIG]).await;
    assert_eq!((failed.code(), desk.read(ACME)), (1, before), "what does not pass changes nothing");
}

#[tokio::test]
async fn a_running_exporter_asks_with_the_new_token_at_once() {
    let site = site().await;
    // Two of one account.
    let [old, new] = [(); 2].map(|()| site.token(TokenKind::Unscoped));
    let desk = desk();
    assert_good(&add(&desk, &site, &old, &[]).await);
    let serving = desk.serve(&["--store.path=none"]).await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 1")).await;

    assert_good(&save(&desk, "edit", "acme", &site, &new, &[]).await);
    site.revoke(&old);
    site.clear_journal();

    let refreshes = || site.totals().get(&Operation::Spaces).copied().unwrap_or_default();
    serving.scrape_until(|page| refreshes() >= 2 && page.contains("confluence_up{connection=\"acme\"} 1")).await;
}

#[tokio::test]
async fn a_reload_takes_new_ones_and_lets_removed_ones_go() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    assert_good(&add(&desk, &site, &token, &[]).await);
    let serving = desk.serve(&["--store.path=none"]).await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 1")).await;

    assert_good(&save(&desk, "add", "beta", &site, &token, &[]).await);
    serving.signal("HUP").await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"beta\"} 1")).await;

    assert_good(&desk.run(&["connection", "remove", "acme", CONFIG, "--yes"]).await);
    serving.signal("HUP").await;
    serving.scrape_until(|page| page.contains("=\"beta\"") && !page.contains("=\"acme\"")).await;
    serving.log_until("unchanged=1 changed=0 new=0 removed=1").await;
}

#[tokio::test]
async fn the_list_names_what_there_is_and_no_person() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, "");
    assert_good(&save(&desk, "add", "beta", &site, &token, &[]).await);

    insta::assert_snapshot!(list(&desk, &site).await, @r"
    NAME  SITE             TOKEN   TESTED  FILE
    acme  SITE             file    -       exporter.yml:2
    beta  SITE             sealed  yes     connections.d/beta.yml
    ");
    let json = desk.run(&["connection", "list", CONFIG, "--format=json"]).await;
    let rows: Vec<Value> = serde_json::from_str(&json.out).unwrap();
    let column = |key: &str| rows.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
    assert_eq!(column("name"), ["acme", "beta"]);
    assert_eq!(column("tested"), [Value::Null, Value::Bool(true)]);
    assert!(!json.out.contains(&token.username) && !list(&desk, &site).await.contains(&token.username));
    let none = self::desk().run(&["connection", "list", CONFIG]).await;
    assert_eq!(none.out, "There is no connection yet: `confluence-exporter connection add NAME` makes one.\n");
}

#[tokio::test]
async fn a_removed_connection_is_gone_with_its_token() {
    let site = site().await;
    let desk = desk();
    assert_good(&add(&desk, &site, &site.token(TokenKind::Unscoped), &[]).await);

    let nobody_asked = desk.run(&["connection", "remove", "acme", CONFIG]).await;
    assert_eq!(nobody_asked.complaint(), "acme was not removed: there is no terminal to ask at; say --yes");
    assert!(desk.path(ACME).exists());
    let removed = desk.run(&["connection", "remove", "acme", CONFIG, "--yes"]).await;

    assert_good(&removed);
    insta::assert_snapshot!(removed.out, @r"
    acme is removed. A running exporter serves it until its next reload (SIGHUP). What the store knows of it stays there and serves again should acme come back to the same site; to be rid of it, remove the store's file.
    Confluence still takes the token: revoke it there.
    ");
    assert!(!desk.path(ACME).exists());
    let again = desk.run(&["connection", "remove", "acme", CONFIG, "--yes"]).await;
    assert_eq!(
        again.complaint(),
        "there is no saved connection acme; `confluence-exporter connection list` shows which there are"
    );
}

#[tokio::test]
async fn folder_and_key_may_be_elsewhere() {
    let site = site().await;
    let desk = desk();
    let elsewhere = ["--connections.dir=made/saved", "--secrets.key-file=secret"];

    assert_good(&add(&desk, &site, &site.token(TokenKind::Unscoped), &elsewhere).await);

    assert!(desk.path("made/saved/acme.yml").exists() && desk.path("secret").exists());
    for command in [&["check-config"][..], &["connection", "test"], &["plan"], &["connection", "list"]] {
        let ended = desk.run(&[command, &[CONFIG], &elsewhere].concat()).await;
        assert!(ended.code() == 0 && !ended.out.contains("no connection"), "{command:?}: {}", ended.err);
    }
    let serving = desk.serve(&[&["--store.path=none"], &elsewhere[..]].concat()).await;
    assert!(serving.get("/metrics").await.contains("confluence_up{connection=\"acme\"} 1"));
}

#[tokio::test]
async fn without_a_terminal_what_is_missing_or_wrong_is_told_by_its_flag() {
    let desk = desk();
    desk.write("empty", "\n");
    let known =
        ["connection", "add", "acme", CONFIG, "--instance-url=acme.atlassian.net", "--username=ann@acme.example"];
    let with = |more: &'static str| [&known[..], &[more]].concat();
    let calls = [
        known[..4].to_vec(),
        known[..5].to_vec(),
        known.to_vec(),
        with("--api-token-file=missing"),
        with("--api-token-file=empty"),
        with("--concurrency-level=CANARY"),
        with("--credential=CANARY"),
        ["connection", "add", "CANARY/1", CONFIG].to_vec(),
        ["connection", "add", "acme", CONFIG, "--instance-url=https://ann:CANARY@acme.atlassian.net"].to_vec(),
    ];
    let mut complaints = Vec::new();
    for arguments in calls {
        let input = if arguments.len() > 6 { "token" } else { "" };
        complaints.push(desk.run_with_input(input, &arguments).await.complaint().to_owned());
    }

    assert!(!complaints.concat().contains("CANARY"));
    insta::assert_snapshot!(complaints.join("\n"), @r"
    --instance-url is missing: there is no terminal to ask at
    --username is missing: there is no terminal to ask at
    the token cannot be taken from standard input; type it at a terminal, or name a file with --api-token-file: the token is empty
    --api-token-file cannot be used: the file cannot be read: No such file or directory (os error 2)
    --api-token-file cannot be used: the token is empty
    --concurrency-level: not a concurrency level: write a whole number from 1 to 25
    --credential: not a kind of credential: write auto, scoped or unscoped
    not a connection's name: 1 to 64 letters, digits, '.', '_' or '-', the first no '.'
    --instance-url: a user or a password does not belong into the URL: username and api_token_file are for that
    ");
    assert!(!desk.path("connections.d").exists() && !desk.path(KEY).exists());
}

#[tokio::test]
async fn a_token_may_be_read_from_a_file_once() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    desk.write("once", &format!("{}\n", token.secret));

    let added =
        save(&desk, "add", "acme", &site, &Token { secret: String::new(), ..token }, &["--api-token-file=once"]).await;
    assert_good(&added);
    desk.remove("once");

    assert_eq!(desk.run(&["connection", "test", CONFIG]).await.code(), 0);
}

#[tokio::test]
async fn a_saved_connection_may_borrow_from_another_and_has_no_level_of_its_own() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    assert_good(&add(&desk, &site, &token, &["--concurrency-level=7"]).await);

    let borrower = |more: &'static [&'static str]| save(&desk, "add", "beta", &site, &token, more);
    let unknown = borrower(&["--borrow-concurrency-from=gamma"]).await;
    let both = borrower(&["--borrow-concurrency-from=acme", "--concurrency-level=3"]).await;
    assert_good(&borrower(&["--borrow-concurrency-from=acme"]).await);

    insta::assert_snapshot!([unknown.complaint(), both.complaint()].join("\n"), @r"
    connections.d/beta.yml: connection beta: borrow_concurrency_from: there is no connection of that name; there are acme, beta
    connections.d/beta.yml: line 1: concurrency_level and borrow_concurrency_from: set one of them; who borrows has the lender's level
    ");
    let serving = desk.serve(&["--store.path=none"]).await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"beta\"} 1")).await;
    let page = serving.get("/metrics").await;
    assert!(page.contains("confluence_api_concurrency_limit{connection=\"beta\"} 7"), "{page}");

    let arguments = ["connection", "edit", "acme", CONFIG, "--borrow-concurrency-from=beta"];
    let circle = desk.run_with_input(&token.secret, &arguments).await;
    assert!(circle.complaint().contains("it leads in a circle"), "{}", circle.err);
    let removed = desk.run(&["connection", "remove", "acme", CONFIG, "--yes"]).await;
    assert_eq!(removed.code(), 0);
    assert!(
        removed.err.starts_with("What is left cannot be served: connections.d/beta.yml: connection beta: "),
        "{}",
        removed.err
    );
}
