//! The status page and its JSON over HTTP: who may have a connection tested, and what the JSON's fields are.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use confluence_exporter::server::Settings;
use confluence_simulator::{Fault, FaultKind, Operation};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::connected::Connected;
use crate::http::{Running, on_loopback};
use crate::locked::{PASSWORD, users};

const SUMMARY: &str = "read:confluence-content.summary";
const TEST: &str = "/-/test?connection=acme";

async fn serving(acme: &Connected) -> Running {
    Running::start_by(acme.clock.clone(), &on_loopback(), vec![acme.sync.clone()]).await
}

async fn status(server: &Running) -> Value {
    server.get("/api/v1/connections").send().await.unwrap().json().await.unwrap()
}

/// Scrapes until it is so of the only connection.
async fn scrape_until(server: &Running, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        server.get("/metrics").send().await.unwrap();
        let status = status(server).await;
        if is_so(&status["connections"][0]) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came: {status:#}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn to_look_asks_nothing_however_often() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
    let server = serving(&acme).await;

    for path in ["/", "/api/v1/connections", "/-/style.css"].repeat(20) {
        assert_eq!(server.get(path).send().await.unwrap().status(), StatusCode::OK);
    }
    acme.silence().await;

    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
    let connection = &status(&server).await["connections"][0];
    assert_eq!((&connection["state"], &connection["refresh"]["began"]), (&"not_asked".into(), &Value::Null));
}

#[tokio::test]
async fn json_tells_what_there_is_and_since_when() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
    let server = serving(&acme).await;
    acme.site.take_scope(&acme.token, SUMMARY);
    let limited = scrape_until(&server, |connection| connection["state"] == "limited").await;
    let began = acme.site.now_ms();
    acme.site.clock().fetch_add(3_600_000, std::sync::atomic::Ordering::Relaxed);

    let status = scrape_until(&server, |connection| connection["refresh"]["result"] == "success").await;

    let operation = |status: &Value, name: &str| {
        let operations = status["connections"][0]["operations"].as_array().unwrap().clone();
        operations.into_iter().find(|operation| operation["operation"] == name).unwrap()
    };
    let views = operation(&limited, "content_views");
    assert_eq!((&views["access"], &views["scope"]), (&"invalid_permissions".into(), &SUMMARY.into()));
    assert_eq!(views["to_do"], format!("give the token the scope {SUMMARY}"));
    assert_eq!(operation(&status, "content_views")["since"], views["since"], "it stands since then");
    let since: confluence_exporter::model::Timestamp = views["since"].as_str().unwrap().parse().unwrap();
    assert_eq!(since.as_millis(), began);
    assert_eq!(operation(&status, "pages")["access"], "ok");
    let connection = &status["connections"][0];
    assert_eq!(connection["problems"][0]["code"], "invalid_permissions");
    assert_eq!(connection["token"]["expires"], "2027-06-30T00:00:00Z");
    let asked: u64 =
        connection["operations"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    let of_site: u64 = acme.site.totals().iter().filter(|(it, _)| **it != Operation::TenantInfo).map(|(_, n)| n).sum();
    assert!(asked <= of_site && asked > 10, "{asked} of {of_site}");
}

#[tokio::test]
async fn a_test_goes_through_the_running_connection_and_tells_what_it_found() {
    let acme = Connected::to_a_site("acme", Duration::from_hours(1)).await;
    let server = serving(&acme).await;
    acme.site.inject(Fault::new(FaultKind::PlanTooSmall).on(Operation::ContentViews));

    let answer = server.ask(Method::POST, TEST).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/#connection-acme");
    let connection = status(&server).await["connections"][0].clone();
    assert_eq!(connection["test"]["summary"], "1 of the 10 operations that are needed is not open.");
    let tested = connection["operations"].as_array().unwrap().iter().map(|row| row["tested"]["access"].clone());
    assert_eq!(tested.filter(|access| access == "ok").count(), 9);
    assert_eq!(connection["problems"][0]["code"], "plan_required", "it stands in the table of access");
    let spent =
        connection["budget"]["spent"].as_array().unwrap().iter().find(|spent| spent["on"] == "tests").unwrap().clone();
    assert_eq!(spent["requests"], 10, "it is paid from the budget");
}

#[tokio::test]
async fn two_who_press_at_once_share_one_test_which_is_told_while_it_is_under_way() {
    let acme = Connected::to_a_site("acme", Duration::from_hours(1)).await;
    let server = serving(&acme).await;
    acme.site.inject(Fault::new(FaultKind::Slow).on(Operation::Spaces).seconds(2));
    let press = || tokio::spawn(server.ask(Method::POST, TEST).send());
    let (one, other) = (press(), press());
    let begun = Instant::now();

    while status(&server).await["connections"][0]["test"]["course"] != "under_way" {
        assert!(!one.is_finished() && begun.elapsed() < Duration::from_secs(30), "it is never told");
        sleep(Duration::from_millis(20)).await;
    }

    for pressed in [one, other] {
        assert_eq!(pressed.await.unwrap().unwrap().status(), StatusCode::SEE_OTHER);
    }
    assert_eq!(status(&server).await["connections"][0]["test"]["course"], "ended");
    assert_eq!(acme.bases(), 1, "the spaces were asked for once");
}

#[tokio::test]
async fn a_test_that_nobody_may_have_made_asks_nothing() {
    let acme = Connected::to_a_site("acme", Duration::from_hours(1)).await;
    let server = serving(&acme).await;

    for (method, path, headers, status) in [
        (Method::GET, TEST, &[][..], 405),
        (Method::POST, TEST, &[("origin", "http://evil.example")], 403),
        (Method::POST, TEST, &[("sec-fetch-site", "cross-site")], 403),
        (Method::POST, TEST, &[("host", "evil.example")], 403),
        (Method::POST, TEST, &[("x-forwarded-for", "192.0.2.7")], 403),
        (Method::POST, "/-/test", &[], 400),
        (Method::POST, "/-/test?connection=beta", &[], 404),
        (Method::POST, "/-/test?connection=%3Cscript%3E", &[], 404),
    ] {
        let request =
            headers.iter().fold(server.ask(method, path), |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path} {headers:?}");
    }

    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
    let looked_at = server.get("/").header("x-forwarded-for", "192.0.2.7").send().await.unwrap().text().await.unwrap();
    assert!(!looked_at.contains("<button"), "whoever may not press it has no button");
}

#[tokio::test]
async fn who_has_given_a_password_may_test_from_anywhere_but_not_from_any_page() {
    let acme = Connected::to_a_site("acme", Duration::from_hours(1)).await;
    let web_config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(web_config.path(), users(&["ann"])).unwrap();
    let settings = Settings { web_config: Some(web_config.path().to_owned()), ..on_loopback() };
    let server = Running::start_by(acme.clock.clone(), &settings, vec![acme.sync.clone()]).await;
    let test = |headers: &[(&'static str, &'static str)]| {
        headers.iter().fold(server.ask(Method::POST, TEST), |request, (name, value)| request.header(*name, *value))
    };
    let from_afar = [("host", "exporter.example"), ("x-forwarded-for", "192.0.2.7")];
    let from_another_page = [("host", "exporter.example"), ("origin", "https://evil.example")];

    assert_eq!(test(&[]).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let answer = test(&from_another_page).basic_auth("ann", Some(PASSWORD)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(acme.site.journal().is_empty());
    let answer = test(&from_afar).basic_auth("ann", Some(PASSWORD)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(!acme.site.journal().is_empty());
}

#[tokio::test]
async fn a_test_in_a_pause_of_the_site_asks_nothing() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
    let server = serving(&acme).await;
    acme.site.inject(Fault::new(FaultKind::RateLimited).seconds(1800));
    scrape_until(&server, |connection| connection["state"] == "throttled").await;
    acme.silence().await;
    acme.site.clear_journal();

    assert_eq!(server.ask(Method::POST, TEST).send().await.unwrap().status(), StatusCode::SEE_OTHER);

    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
}

#[tokio::test]
async fn the_page_says_what_it_may_do_in_a_browser() {
    let acme = Connected::to_a_site("acme", Duration::from_hours(1)).await;
    let server = serving(&acme).await;

    let page = server.get("/").send().await.unwrap();

    insta::assert_snapshot!(page.headers()["content-security-policy"].to_str().unwrap(), @"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
}

#[tokio::test]
async fn api_md_names_every_field_and_no_other() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
    let server = serving(&acme).await;
    acme.site.take_scope(&acme.token, SUMMARY);
    acme.site.inject(Fault::new(FaultKind::Silence).on(Operation::Pages).after(2));
    let status = scrape_until(&server, |connection| connection["first_walk"].is_object()).await;
    let mut told = BTreeSet::new();
    gather("", &status, &mut told);
    // A test needs Confluence's answers.
    acme.site.clear_faults();
    server.ask(Method::POST, TEST).send().await.unwrap();
    gather("", &self::status(&server).await, &mut told);

    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/API.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let written: BTreeSet<String> = rows.map(|(field, _)| field.to_owned()).collect();
    assert_eq!(written, told);
}

/// `connections[].token.expires`: the leaves, and what is null for now.
fn gather(place: &str, value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            fields.remove(place);
            for (key, member) in members {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                gather(&place, member, fields);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                gather(&format!("{place}[]"), item, fields);
            }
        }
        // Known by its members where it is there.
        Value::Null if fields.iter().any(|field| field.starts_with(&format!("{place}."))) => {}
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            fields.insert(place.to_owned());
        }
    }
}
