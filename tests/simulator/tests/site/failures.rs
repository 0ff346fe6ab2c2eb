//! Each failure looks as the live site's does: status, headers, body.

use crate::client::{bearer, get, send};
use confluence_simulator::{Fault, FaultKind, Operation, Options, Simulator, TokenKind};

const BARE_NOT_FOUND: &str = r#"{"errors":[{"code":"NOT_FOUND","detail":null,"status":404,"title":"Not Found"}]}"#;

#[tokio::test]
async fn a_wrong_credential_is_a_bare_404_in_v2_and_a_403_in_v1() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let v2 = get(&format!("{}/wiki/api/v2/spaces", site.site_url()), "Bearer wrong").await;
    assert_eq!((v2.status, v2.body.as_str()), (404, BARE_NOT_FOUND));
    let v1 = get(&format!("{}/wiki/rest/api/user/current", site.site_url()), "Bearer wrong").await;
    assert_eq!(v1.status, 403);
    assert!(v1.body.contains("Request rejected because caller cannot access Confluence"), "{}", v1.body);
    assert!(v1.header("atl-traceid").is_some());

    let token = site.token(TokenKind::Unscoped);
    site.revoke(&token);
    assert_eq!(get(&format!("{}/wiki/api/v2/spaces", site.site_url()), &bearer(&token)).await.body, BARE_NOT_FOUND);
}

#[tokio::test]
async fn a_scoped_token_works_at_the_gateway_alone_and_for_its_scopes_alone() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = site.token(TokenKind::scoped());
    let gateway = format!("{}/ex/confluence/{}", site.gateway_url(), site.cloud_id());

    let at_site = get(&format!("{}/wiki/api/v2/pages", site.site_url()), &bearer(&token)).await;
    assert_eq!(at_site.status, 401);
    assert!(at_site.header("content-type").unwrap().starts_with("text/html"));
    assert!(at_site.body.contains("Tomcat"));

    let at_gateway = get(&format!("{gateway}/wiki/api/v2/pages"), &bearer(&token)).await;
    assert_eq!(at_gateway.status, 200);
    let next = at_gateway.json()["_links"]["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("/wiki/api/v2/pages?"), "{next}");

    site.take_scope(&token, "read:page:confluence");
    let refused = get(&format!("{gateway}/wiki/api/v2/pages"), &bearer(&token)).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("x-failure-category"), Some("FAILURE_CLIENT_SCOPE_CHECK"));
    assert_eq!(refused.body, r#"{"code":401,"message":"Unauthorized; scope does not match"}"#);

    site.give_scope(&token, "read:page:confluence");
    assert_eq!(get(&format!("{gateway}/wiki/api/v2/pages"), &bearer(&token)).await.status, 200);
    assert_eq!(get(&format!("{gateway}/wiki/api/v2/labels"), &bearer(&token)).await.status, 401);
}

#[tokio::test]
async fn basic_is_taken_apart_as_strictly_as_the_site_does() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let url = format!("{}/wiki/rest/api/user/current", site.site_url());
    for broken in ["Basic !!!", "Basic OnNlY3JldA==", "Basic dXNlcjo=", "Basic YTpiOmM="] {
        let got = get(&url, broken).await;
        assert_eq!(got.status, 401, "{broken}");
        assert!(got.header("www-authenticate").unwrap().starts_with("OAuth realm=\"http"), "{broken}");
    }
    // exporter@example.com with a service account's token.
    let [_, _, service] = site.default_tokens();
    let gateway = format!("{}/ex/confluence/{}/wiki/api/v2/spaces", site.gateway_url(), site.cloud_id());
    assert_eq!(service.secret, "simulated-service-token-3");
    let mismatch = get(&gateway, "Basic ZXhwb3J0ZXJAZXhhbXBsZS5jb206c2ltdWxhdGVkLXNlcnZpY2UtdG9rZW4tMw==").await;
    assert_eq!(mismatch.status, 401);
    assert_eq!(mismatch.header("x-failure-category"), Some("FAILURE_CLIENT_AUTH_MISMATCH"));
}

#[tokio::test]
async fn every_fault_strikes_as_often_as_it_was_told_and_then_no_more() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages?limit=5", site.site_url());
    let good = get(&url, &token).await.body;
    let expected = [
        (FaultKind::InvalidCredentials, 404),
        (FaultKind::Unauthorized, 401),
        (FaultKind::ScopeMismatch, 401),
        (FaultKind::PlanTooSmall, 403),
        (FaultKind::SiteSuspended, 503),
        (FaultKind::Gone, 410),
        (FaultKind::RateLimited, 429),
        (FaultKind::RateLimitedBare, 429),
        (FaultKind::InternalError, 500),
        (FaultKind::BadGateway, 502),
        (FaultKind::HtmlWithOk, 200),
        (FaultKind::NotJson, 200),
        (FaultKind::TruncatedJson, 200),
        (FaultKind::Redirect, 302),
        (FaultKind::WrongTypes, 200),
        (FaultKind::NullFields, 200),
        (FaultKind::UnknownStatus, 200),
        (FaultKind::UnlistedSpace, 200),
        (FaultKind::VersionFalls, 200),
        (FaultKind::DoubleId, 200),
        (FaultKind::Date1970, 200),
        (FaultKind::Date2100, 200),
        (FaultKind::HostileNext, 200),
        (FaultKind::HostileBase, 200),
        (FaultKind::EmptyList, 200),
    ];
    for (kind, status) in expected {
        site.inject(Fault::new(kind).on(Operation::Pages).times(1));
        let struck = get(&url, &token).await;
        assert_eq!(struck.status, status, "{kind:?}");
        assert_ne!(struck.body, good, "{kind:?}");
        assert_eq!(get(&url, &token).await.body, good, "after {kind:?}");
    }
}

#[tokio::test]
async fn throttling_names_its_end_in_each_form_that_was_seen() {
    let start_ms = 1_790_000_000_000;
    let site = Simulator::start(Options { start_at: Some(start_ms), ..Options::default() }).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages", site.site_url());
    let mut struck = Vec::new();
    for kind in [FaultKind::RateLimited, FaultKind::RateLimitedReset, FaultKind::RateLimitedResetMinutes] {
        site.inject(Fault::new(kind).times(1).seconds(90));
        struck.push(get(&url, &token).await);
    }
    assert_eq!(struck[0].header("retry-after"), Some("90"));
    assert_eq!(struck[1].header("retry-after"), None);
    assert_eq!(struck[1].header("x-ratelimit-reset"), Some("2026-09-21T14:14:50Z"));
    assert_eq!(struck[2].header("x-ratelimit-reset"), Some("2026-09-21T14:14Z"));
    assert_eq!(struck[2].header("date"), Some("Mon, 21 Sep 2026 14:13:20 GMT"));
}

#[tokio::test]
async fn beyond_a_rate_it_refuses_until_there_is_room_again() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages?limit=1", site.site_url());
    site.inject(Fault::new(FaultKind::RateLimitedBeyond).a_second(1).seconds(1));
    assert_eq!(get(&url, &token).await.status, 200);
    let refused = get(&url, &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));

    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    assert_eq!(get(&url, &token).await.status, 200);
}

#[tokio::test]
async fn the_wire_breaks_as_it_was_told() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages", site.site_url());
    for kind in [FaultKind::CutShort, FaultKind::Reset] {
        site.inject(Fault::new(kind).times(1));
        assert!(get(&url, &token).await.broke, "{kind:?}");
    }
    for kind in [FaultKind::Endless, FaultKind::Oversized] {
        site.inject(Fault::new(kind).times(1));
        assert!(get(&url, &token).await.body.len() > 32 * 1024 * 1024, "{kind:?}");
    }
    assert_eq!(site.journal().iter().filter(|asked| asked.fault.is_some()).count(), 4);
}

#[tokio::test]
async fn who_goes_away_unanswered_is_written_down_all_the_same() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages", site.site_url());
    site.inject(Fault::new(FaultKind::Silence).times(1));
    let patience = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(patience, get(&url, &token)).await.is_err());
    assert_eq!(get(&url, &token).await.status, 200);
    let statuses: Vec<u16> = site.journal().iter().map(|asked| asked.status).collect();
    assert_eq!(statuses, [0, 200]);
    assert_eq!(site.max_in_flight(), 1);
}

#[tokio::test]
async fn a_fault_of_the_cdn_passes_after_a_minute() {
    let site = Simulator::start(Options { start_at: Some(1_790_000_000_000), ..Options::default() }).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let url = format!("{}/wiki/api/v2/pages", site.site_url());
    site.inject(Fault::new(FaultKind::FalseNotFound));
    assert_eq!(get(&url, &token).await.body, BARE_NOT_FOUND);
    site.clock().fetch_add(60_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(get(&url, &token).await.status, 200);
}

#[tokio::test]
async fn what_the_rules_do_not_admit_is_a_400_and_is_written_down() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let many = "id=7&".repeat(251);
    let broken = [
        "/wiki/api/v2/pages?limit=0".to_owned(),
        "/wiki/api/v2/pages?limit=251".to_owned(),
        "/wiki/api/v2/pages?limit=ten".to_owned(),
        "/wiki/api/v2/pages?start=25".to_owned(),
        "/wiki/api/v2/pages?status=draft".to_owned(),
        "/wiki/api/v2/blogposts?status=archived".to_owned(),
        "/wiki/api/v2/spaces?status=current&status=archived".to_owned(),
        "/wiki/api/v2/pages?sort=-modified".to_owned(),
        "/wiki/api/v2/pages?cursor=bm9uc2Vuc2U=".to_owned(),
        "/wiki/api/v2/pages/Docs/versions".to_owned(),
        "/wiki/rest/api/search".to_owned(),
        format!("/wiki/api/v2/pages?{many}"),
    ];
    for path in &broken {
        assert_eq!(get(&format!("{}{path}", site.site_url()), &token).await.status, 400, "{path}");
    }
    let accounts: Vec<String> = (0..251).map(|account| format!("712020:{account}")).collect();
    let body = serde_json::json!({ "accountIds": accounts }).to_string();
    let users = send("POST", &format!("{}/wiki/api/v2/users-bulk", site.site_url()), &token, &body).await;
    assert_eq!(users.status, 400);
    assert_eq!(site.rejected(), 13);
    assert!(site.journal().iter().all(|asked| asked.rejected.is_some()));
    assert_eq!(get(&format!("{}/wiki/rest/api/content", site.site_url()), &token).await.status, 410);
}
