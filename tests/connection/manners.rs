//! How a throttled or failing site is treated: asked again as often as it advises, and left alone as long as it wants.

use std::time::Duration;

use confluence_exporter::connection::Verdict;
use confluence_exporter::model::{Code, DocId, Timestamp};
use tokio::time::Instant;

use crate::scripted::{Scripted, answer, json};
use crate::setting::{Door, TOKEN, open};

fn door(site: &Scripted) -> Door {
    open(&site.url, "ann@acme.example", TOKEN, |_| {})
}

#[tokio::test]
async fn a_site_is_asked_again_no_sooner_than_it_wants() {
    let throttled = answer("429 Too Many Requests", "retry-after: 1\r\n", "<html>slow down</html>");
    let site = Scripted::answering([throttled, json(r#"{"results":[]}"#)]).await;
    let door = door(&site);
    let begun = Instant::now();

    door.site.spaces(None).await.unwrap();

    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(site.requests(), 2);
    let retries = door.counted(r#"confluence_api_retries_total{connection="acme",reason="rate_limited"}"#);
    assert_eq!(retries, [r#"confluence_api_retries_total{connection="acme",reason="rate_limited"} 1"#]);
    assert!(door.counted("confluence_api_throttled_until").is_empty(), "the pause is over");
}

#[tokio::test]
async fn a_pause_that_is_too_long_ends_the_question_and_holds_for_everybody() {
    let throttled = answer("429 Too Many Requests", "retry-after: 1847\r\natl-traceid: 5ab\r\n", "");
    let site = Scripted::answering([throttled]).await;
    let door = door(&site);
    let begun = Instant::now();

    let failure = door.site.spaces(None).await.unwrap_err();

    let until = failure.wait_until().unwrap();
    assert_eq!(failure.verdict(), Verdict::Passing { code: Code::RateLimited });
    assert_eq!(door.site.connection().paused_until(), Some(until));
    assert!(failure.to_string().contains("(atl-traceid 5ab)"), "{failure}");
    assert_eq!(door.counted("confluence_api_throttled_until_timestamp_seconds").len(), 1);

    let next = door.site.views(DocId(7)).await.unwrap_err();
    assert_eq!((next.verdict(), next.wait_until()), (failure.verdict(), Some(until)));
    assert_eq!(site.requests(), 1, "nobody asked during the pause");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn no_site_is_left_alone_for_more_than_an_hour() {
    let throttled = answer("429 Too Many Requests", "retry-after: 999999999999\r\n", "");
    let site = Scripted::answering([throttled]).await;
    let before = confluence_exporter::clock::Clock::system().now();

    let failure = door(&site).site.spaces(None).await.unwrap_err();

    let pause = failure.wait_until().unwrap().since(before).as_secs();
    assert!((3_600..3_660).contains(&pause), "{pause}");
}

#[tokio::test]
async fn without_retry_after_the_reset_counts_by_the_sites_own_clock() {
    let headers = "date: Wed, 04 Mar 2026 05:00:00 GMT\r\nx-failure-category: FAILURE CLIENT RATE LIMITED\r\n\
                   x-ratelimit-limit: 360000\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 2026-03-04T05:20Z\r\n";
    let site = Scripted::answering([answer("429 Too Many Requests", headers, "")]).await;
    let door = door(&site);
    let before = confluence_exporter::clock::Clock::system().now();

    let failure = door.site.spaces(None).await.unwrap_err();

    let pause = failure.wait_until().unwrap().since(before).as_secs();
    assert!((1_200..1_260).contains(&pause), "{pause}");
    assert_eq!(
        door.counted("confluence_api_rate_limit_limit{"),
        [r#"confluence_api_rate_limit_limit{connection="acme"} 360000"#]
    );
    assert_eq!(door.counted("confluence_api_rate_limit_remaining").len(), 1);
    let reset: Timestamp = "2026-03-04T05:20:00Z".parse().unwrap();
    let line =
        format!(r#"confluence_api_rate_limit_reset_timestamp_seconds{{connection="acme"}} {}"#, reset.as_seconds());
    assert_eq!(door.counted("confluence_api_rate_limit_reset"), [line]);
}

#[tokio::test]
async fn a_failing_site_is_asked_four_times_again() {
    for (status, code) in [
        ("429 Too Many Requests", Code::RateLimited),
        ("500 Internal Server Error", Code::UpstreamError),
        ("503 Service Unavailable", Code::UpstreamError),
    ] {
        let site = Scripted::answering([answer(status, "", "<html></html>")]).await;
        let door = door(&site);

        let failure = door.site.spaces(None).await.unwrap_err();

        assert_eq!(failure.verdict(), Verdict::Passing { code });
        assert_eq!(site.requests(), 5);
        let status = &status[..3];
        let line =
            format!(r#"confluence_api_requests_total{{connection="acme",operation="spaces",status="{status}"}} 5"#);
        assert_eq!(door.counted("confluence_api_requests_total"), [line]);
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    let bare = r#"{"errors":[{"status":404,"code":"NOT_FOUND","title":"Not Found","detail":null}]}"#;
    let site = Scripted::answering([answer("404 Not Found", "", bare)]).await;

    let failure = door(&site).site.spaces(None).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidCredentials, named: false });
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn everything_that_reads_may_be_asked_again_the_users_too() {
    let failing = answer("502 Bad Gateway", "", "");
    let site = Scripted::answering([failing, json(r#"{"results":[]}"#)]).await;

    let listing = door(&site).site.users(&[]).await.unwrap();

    assert!(listing.rows.is_empty());
    assert!(site.heads()[1].starts_with("POST /wiki/api/v2/users-bulk HTTP/1.1"), "{:?}", site.heads());
}
