//! Two connections that share permits, pause and pace: together they ask no more than one of them may.

use std::time::Duration;

use confluence_exporter::clock::Clock;
use confluence_exporter::confluence::Site;
use confluence_exporter::connection::{Connection, Settings, Verdict};
use confluence_exporter::metrics::Asking;
use confluence_exporter::model::{Code, ConnectionName, DocId};
use confluence_simulator::{Options, Simulator, TokenKind};
use tokio::task::JoinSet;

use crate::scripted::{Scripted, answer, json};
use crate::setting::{Door, TOKEN, open, quick};

/// Opens a door beside another one: the name is `beta`.
fn open_beside(lender: &Door, instance_url: &str, username: &str, token: &str) -> Door {
    let token_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token_file.path(), token).unwrap();
    let url = instance_url.parse().unwrap();
    let mut settings = Settings::new(url, username.parse().unwrap(), token_file.path().to_owned());
    settings.gateway_url = instance_url.parse().unwrap();
    settings.patience = quick();
    let name = ConnectionName::new("beta").unwrap();
    let asking = Asking::new(&name);
    let lender: &Connection = lender.site.connection();
    let connection = lender.open_beside(name, &settings, Clock::system(), asking.clone()).unwrap();
    connection.show_limits();
    Door { site: Site::new(connection), asking, token_file }
}

#[tokio::test]
async fn both_together_have_as_many_requests_under_way_as_the_lender_may() {
    let options = Options { docs: 20, latency: Duration::from_millis(10), ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let (one, other) = (simulator.token(TokenKind::Unscoped), simulator.token(TokenKind::scoped()));
    let lender = open(&simulator.site_url(), &one.username, &one.secret, |settings| {
        settings.concurrency_level = "3".parse().unwrap();
    });
    let borrower = open_beside(&lender, &simulator.site_url(), &other.username, &other.secret);

    let mut askers = JoinSet::new();
    for doc in simulator.world().docs() {
        for site in [lender.site.clone(), borrower.site.clone()] {
            askers.spawn(async move { site.views(DocId(doc.0)).await.unwrap() });
        }
    }
    askers.join_all().await;

    assert_eq!(simulator.max_in_flight(), 3);
    assert_eq!(borrower.site.connection().concurrency_level(), 3);
    lender.site.connection().show_limits();
    for (door, connection) in [(&lender, "acme"), (&borrower, "beta")] {
        let limit = format!(r#"confluence_api_concurrency_limit{{connection="{connection}"}} 3"#);
        assert_eq!(door.counted("confluence_api_concurrency_limit"), [limit]);
        let in_flight = format!(r#"confluence_api_requests_in_flight{{connection="{connection}"}} 0"#);
        assert_eq!(door.counted("confluence_api_requests_in_flight"), [in_flight]);
    }
}

#[tokio::test]
async fn what_is_under_way_is_counted_of_each_by_itself() {
    let site =
        Simulator::start(Options { docs: 20, latency: Duration::from_secs(3), ..Options::default() }).await.unwrap();
    let token = site.token(TokenKind::Unscoped);
    let lender = open(&site.site_url(), &token.username, &token.secret, |_| {});
    let borrower = open_beside(&lender, &site.site_url(), &token.username, &token.secret);

    let asked = tokio::spawn({
        let site = borrower.site.clone();
        async move { site.spaces(None).await.is_ok() }
    });
    while borrower.counted("confluence_api_requests_in_flight") != [in_flight("beta", 1)] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    assert_eq!(lender.counted("confluence_api_requests_in_flight"), [in_flight("acme", 0)]);
    asked.abort();
}

fn in_flight(connection: &str, requests: u32) -> String {
    format!(r#"confluence_api_requests_in_flight{{connection="{connection}"}} {requests}"#)
}

#[tokio::test]
async fn a_pause_that_one_is_told_holds_the_other() {
    let throttled = answer("429 Too Many Requests", "retry-after: 1847\r\n", "");
    let throttling = Scripted::answering([throttled]).await;
    let willing = Scripted::answering([json(r#"{"results":[]}"#)]).await;
    let lender = open(&throttling.url, "ann@acme.example", TOKEN, |_| {});
    let borrower = open_beside(&lender, &willing.url, "ann@acme.example", TOKEN);
    borrower.site.spaces(None).await.unwrap();

    let until = lender.site.spaces(None).await.unwrap_err().wait_until();

    let failure = borrower.site.spaces(None).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Passing { code: Code::RateLimited });
    assert_eq!((failure.wait_until(), borrower.site.connection().paused_until()), (until, until));
    assert_eq!(willing.requests(), 1, "nobody asked during the pause");
    for door in [&lender, &borrower] {
        assert_eq!(door.counted("confluence_api_throttled_until_timestamp_seconds").len(), 1);
    }
    // Who comes during the pause is held by it too.
    let third = open_beside(&lender, &willing.url, "ann@acme.example", TOKEN);
    assert_eq!(third.counted("confluence_api_throttled_until_timestamp_seconds").len(), 1);
}
