//! A configuration that cannot be used again: the one of before is used on, and what is wrong is told without a value.
//! And who may ask for a reload at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use confluence_simulator::{DocType, TokenKind};

use crate::program::{Desk, Serving, site};

const UP: &str = "confluence_up{connection=\"acme\"} 1";
const SUCCESSFUL: &str = "confluence_exporter_config_last_reload_successful";
const SUCCESS_TIME: &str = "confluence_exporter_config_last_reload_success_timestamp_seconds";
const STORE_UP: &str = "confluence_exporter_store_up";

/// The value of a series without labels; a page is kept for a second, so that it may come a little late.
async fn until_it_is(serving: &Serving, series: &str, value: &str) {
    serving.scrape_until(|page| page.contains(&format!("\n{series} {value}\n"))).await;
}

fn value<'a>(page: &'a str, series: &str) -> &'a str {
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in {page}"))
}

#[tokio::test]
async fn a_slip_changes_nothing_and_is_told_by_file_line_and_key() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let good = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    let serving = desk.serve(&[]).await;
    let before = serving.scrape_until(|page| page.contains(UP)).await;
    assert_eq!(value(&before, SUCCESSFUL), "1");

    let mut told = Vec::new();
    for slip in [
        "CANARY".to_owned(),
        format!("{good}  refresh_interval: CANARY\n"),
        format!("{good}  concurrency_level: CANARY\n"),
        good.replace("file: token", "file: CANARY"),
        good.replace("file: token", "env: CANARY"),
    ] {
        desk.write("exporter.yml", &slip);
        let (status, reason) = serving.reload().await;
        assert_eq!(status, 500, "{reason}");
        told.push(reason);
    }
    desk.remove("exporter.yml");
    told.push(serving.reload().await.1);

    let folder = desk.path("").canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!(told.join("\n").replace(&folder, "FOLDER"), @r"
    exporter.yml: line 1: not what belongs here, which is keys with values of their own
    exporter.yml: line 7: connections[0].refresh_interval: not a duration: write a whole number and a unit of s, m, h, d, w or y, like 60s, 6h or 90d, from 1s up
    exporter.yml: line 7: connections[0].concurrency_level: not a concurrency level: write a whole number from 1 to 25
    connection acme, token file in FOLDER: api_token_file cannot be used: the file cannot be read: No such file or directory (os error 2)
    connection acme: api_token_env cannot be used: the environment variable is not set
    cannot read the configuration exporter.yml: No such file or directory (os error 2)
    ");
    for reason in &told {
        let line = format!("cannot be used; that of before is used on\" reason=\"{reason}\"");
        serving.log_until(&line).await;
    }
    assert!(!serving.err().contains("CANARY"), "{}", serving.err());
    until_it_is(&serving, SUCCESSFUL, "0").await;
    let meanwhile = serving.get("/metrics").await;
    assert_eq!(value(&meanwhile, SUCCESS_TIME), value(&before, SUCCESS_TIME), "the one in use was read then");
    assert!(meanwhile.contains(UP));

    desk.write("exporter.yml", &good);
    assert_eq!(serving.reload().await.0, 200);
    until_it_is(&serving, SUCCESSFUL, "1").await;
    let seconds = |page: &str| value(page, SUCCESS_TIME).parse::<f64>().unwrap();
    assert!(seconds(&serving.get("/metrics").await) > seconds(&before));
}

#[tokio::test]
async fn one_connection_that_cannot_be_opened_keeps_all_changes_away() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let good = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(UP)).await;

    let beta = good.replace("connections:\n", "").replace("acme", "beta").replace("file: token", "file: nowhere");
    desk.write("exporter.yml", &format!("{good}  concurrency_level: 3\n{beta}"));
    serving.signal("HUP").await;
    serving.log_until("connection beta").await;

    until_it_is(&serving, SUCCESSFUL, "0").await;
    let page = serving.get("/metrics").await;
    assert!(page.contains("confluence_api_concurrency_limit{connection=\"acme\"} 5\n") && !page.contains("beta"));
}

#[tokio::test]
async fn another_store_is_left_to_a_restart_and_that_is_said() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let good = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    let serving = desk.serve(&[]).await;

    desk.write("exporter.yml", &format!("store: other.db\n{good}"));
    let (status, told) = serving.reload().await;

    insta::assert_snapshot!(told, @r"
    connections: 1 unchanged, 0 changed, 0 new, 0 removed
    store: another file is used after a restart only
    ");
    assert_eq!(status, 200);
    serving.log_until("store: another file is used after a restart only").await;
    assert!(!desk.path("other.db").exists());

    // Where a flag says it, the configuration does not.
    let serving = desk.serve(&["--store.path=flag.db"]).await;
    desk.write("exporter.yml", &good);
    assert!(!serving.reload().await.1.contains("store"));
}

#[tokio::test]
async fn while_the_store_takes_no_writes_settings_stay_as_they_are() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    let good = std::fs::read_to_string(desk.path("exporter.yml")).unwrap();
    let serving = desk.serve_with_limited_files().await;
    serving.scrape_until(|page| page.contains(UP)).await;
    serving.limit_files(Some(4_096)).await;
    let space = site.world().spaces()[0].id;
    let author = site.world().accounts().next().unwrap();
    for _ in 0..300 {
        site.world().create(space, DocType::Page, author);
    }
    until_it_is(&serving, STORE_UP, "0").await;

    desk.write("exporter.yml", &format!("{good}  concurrency_level: 3\n"));
    let (status, told) = serving.reload().await;
    assert_eq!(status, 500);
    insta::assert_snapshot!(told, @"connection acme has other settings and would go on from the store, which takes no writes now");

    serving.limit_files(None).await;
    until_it_is(&serving, STORE_UP, "1").await;
    assert_eq!(serving.reload().await.0, 200);
}

#[tokio::test]
async fn a_page_of_another_site_has_nothing_reloaded() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    let port = serving.address.rsplit_once(':').unwrap().1.to_owned();
    desk.write("exporter.yml", "CANARY");

    for headers in [
        "Origin: https://evil.example\r\n".to_owned(),
        format!("Origin: http://evil.example:{port}\r\n"),
        "Origin: null\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        format!("Sec-Fetch-Site: same-site\r\nOrigin: http://localhost:{port}\r\n"),
        "X-Forwarded-For: 192.0.2.7\r\n".to_owned(),
    ] {
        let answer = serving.post("/-/reload", &headers).await;
        assert!(answer.starts_with("HTTP/1.0 403 "), "{headers}: {answer}");
    }
    let read = serving.get("/-/reload").await;
    assert!(read.starts_with("HTTP/1.0 405 ") && read.to_lowercase().contains("\r\nallow: post\r\n"), "{read}");

    assert!(!serving.err().contains("configuration cannot be used"), "{}", serving.err());
    let own_page = format!("Sec-Fetch-Site: same-origin\r\nOrigin: http://{}\r\n", serving.address);
    assert!(serving.post("/-/reload", &own_page).await.starts_with("HTTP/1.0 500 "), "asked for, and tried");
}

#[tokio::test]
async fn who_has_logged_in_may_reload_from_anywhere() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    desk.write("web.yml", &format!("basic_auth_users: {{ ann: {} }}", bcrypt::hash("open sesame", 4).unwrap()));
    let locked = desk.serve(&["--store.path=none", "--web.config.file=web.yml"]).await;
    // As behind a proxy on this machine, which brings everybody's requests.
    let ask =
        |login: &str| format!("POST /-/reload HTTP/1.0\r\nHost: exporter.example\r\nVia: 1.1 proxy\r\n{login}\r\n");
    let login = format!("Authorization: Basic {}\r\n", STANDARD.encode("ann:open sesame"));

    assert!(serving.send(&ask("")).await.starts_with("HTTP/1.0 403 "));
    assert!(serving.send(&ask(&login)).await.starts_with("HTTP/1.0 403 "), "nobody has asked for that password");
    assert!(locked.send(&ask("")).await.starts_with("HTTP/1.0 401 "));
    assert!(locked.send(&ask(&login)).await.starts_with("HTTP/1.0 200 "));
    let with_a_page = ask(&format!("{login}Origin: https://evil.example\r\n"));
    assert!(locked.send(&with_a_page).await.starts_with("HTTP/1.0 403 "), "a browser sends what its user has typed");
}
