//! From a scope that is taken away to an alert that arrives, and back: with a real Prometheus and a real Alertmanager.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod parts;

use std::time::Duration;

use confluence_simulator::{Fault, FaultKind, Options, Simulator, TokenKind};

use parts::{Parts, Status};

const SCOPE: &str = "read:page:confluence";
const ERROR: &str = r#"confluence_connection_error{connection="acme",code="invalid_permissions"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_taken_away_raises_an_alert_that_only_its_return_resolves() {
    let site = Simulator::start(Options { seed: 5, spaces: 3, docs: 40, ..Options::default() }).await.unwrap();
    let token = site.token(TokenKind::service_account());
    let parts = Parts::start(&site, &token).await;
    parts.until_prometheus_says(ERROR, "0").await;
    // An operation that is refused while there is work for it is not tried again for ten minutes: let the work end first.
    parts.until_prometheus_says("min(confluence_collector_coverage_ratio)", "1").await;

    assert!(site.take_scope(&token, SCOPE));
    parts.until_prometheus_says(ERROR, "1").await;
    parts.until_told("ConfluenceInvalidPermissions", Status::Firing).await;

    for kind in [FaultKind::Unavailable, FaultKind::UnavailableHtml] {
        site.inject(Fault { times: Some(3), ..Fault::new(kind) });
    }
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(parts.ask_prometheus(ERROR).await.as_deref(), Some("1"));
    }
    assert!(!parts.was_told("ConfluenceInvalidPermissions", Status::Resolved), "a passing 503 resolves nothing");

    site.clear_faults();
    assert!(site.give_scope(&token, SCOPE));
    parts.until_prometheus_says(ERROR, "0").await;
    parts.until_told("ConfluenceInvalidPermissions", Status::Resolved).await;
}
