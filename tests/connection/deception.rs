//! Answers that no honest site sends: they end in `bad_response`. Where the token goes is tested in `origins`.

use std::io::Write;
use std::time::Duration;

use confluence_exporter::connection::{Failure, Verdict};
use confluence_exporter::model::{Code, Cursor};

use crate::scripted::{Reply, Scripted, answer, json};
use crate::setting::{Door, TOKEN, open};

const USERNAME: &str = "ann@acme.example";

fn door(site: &Scripted) -> Door {
    open(&site.url, USERNAME, TOKEN, |_| {})
}

fn code(failure: &Failure) -> Code {
    failure.code().unwrap_or_else(|| panic!("{failure}"))
}

#[tokio::test]
async fn what_is_not_the_json_that_belongs_here_is_a_bad_response() {
    let html = answer("200 OK", "content-type: text/html\r\n", "<!doctype html><title>Sign in</title>");
    let replies =
        [html, json(r#"{"results":[{"id":"1""#), json(r#"{"results":{}}"#), json("[]"), json("null"), json("")];
    for reply in replies {
        let site = Scripted::answering([reply]).await;

        let failure = door(&site).site.spaces(None).await.unwrap_err();

        assert_eq!(code(&failure), Code::BadResponse, "{failure}");
        assert_eq!(site.requests(), 5, "asked once and four times again");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_asked_for_again() {
    let cut = Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n{\"results\":[]".to_vec());
    let gone = Reply::Bytes(Vec::new());
    let site = Scripted::answering([cut.clone(), gone, json(r#"{"results":[]}"#)]).await;
    let door = door(&site);

    let listing = door.site.spaces(None).await.unwrap();

    assert!(listing.rows.is_empty());
    assert_eq!(site.requests(), 3);
    for reason in ["bad_response", "unreachable"] {
        let series = format!(r#"confluence_api_retries_total{{connection="acme",reason="{reason}"}}"#);
        assert_eq!(door.counted(&series), [format!("{series} 1")]);
    }
    for status in ["200", "body", "connect"] {
        let series =
            format!(r#"confluence_api_requests_total{{connection="acme",operation="spaces",status="{status}"}}"#);
        assert_eq!(door.counted(&series), [format!("{series} 1")]);
    }

    let site = Scripted::answering([cut]).await;
    let failure = self::door(&site).site.spaces(None).await.unwrap_err();
    assert_eq!(code(&failure), Code::BadResponse);
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_and_not_asked_for_again() {
    let endless = Reply::Endless(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"results\":[".to_vec());
    let announced = Reply::Endless(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{\"results\":[".to_vec());
    for reply in [endless, announced] {
        let site = Scripted::answering([reply]).await;

        let failure = door(&site).site.spaces(None).await.unwrap_err();

        assert_eq!(code(&failure), Code::BadResponse, "{failure}");
        assert_eq!(site.requests(), 1);
    }
}

#[tokio::test]
async fn a_small_answer_that_unpacks_into_a_huge_one_is_cut_off() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..33 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let mut reply =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len()).into_bytes();
    reply.extend(packed);
    let site = Scripted::answering([Reply::Bytes(reply)]).await;

    let failure = door(&site).site.spaces(None).await.unwrap_err();

    assert!(failure.to_string().contains("too large"), "{failure}");
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn a_refusal_without_an_end_is_understood_by_its_beginning() {
    let refusal = r#"HTTP/1.1 401 Unauthorized\r\n\r\n{"code":401,"message":"Unauthorized; scope does not match"}"#;
    let site = Scripted::answering([Reply::Endless(refusal.replace("\\r\\n", "\r\n").into_bytes())]).await;

    let failure = door(&site).site.spaces(None).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidPermissions, named: true });
}

#[tokio::test]
async fn a_site_that_falls_silent_is_given_up() {
    let nothing = Reply::Silence(Vec::new());
    let half = Reply::Silence(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n{\"results\":[".to_vec());
    for (reply, expected) in [(nothing, Code::Unreachable), (half, Code::BadResponse)] {
        let site = Scripted::answering([reply]).await;
        let door = open(&site.url, USERNAME, TOKEN, |settings| {
            settings.patience.attempt = Duration::from_millis(100);
            settings.patience.retries = 1;
        });

        let failure = door.site.spaces(None).await.unwrap_err();

        assert_eq!(code(&failure), expected, "{failure}");
        assert_eq!(site.requests(), 2);
    }
}

#[tokio::test]
async fn a_redirect_within_the_site_is_not_followed_either() {
    let site = Scripted::answering([answer("302 Found", "location: /login\r\n", "")]).await;
    let failure = door(&site).site.spaces(None).await.unwrap_err();
    assert_eq!(code(&failure), Code::BadResponse);
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn a_listing_that_turns_in_a_circle_is_a_bad_response() {
    let site = Scripted::answering([json(r#"{"results":[],"_links":{"next":"/list?cursor=round"}}"#)]).await;

    let round = Cursor { value: "round".to_owned(), answers: 0 };
    let failure = door(&site).site.spaces(Some(&round)).await.unwrap_err();

    assert_eq!(code(&failure), Code::BadResponse);
}

#[tokio::test]
async fn a_tls_handshake_with_something_else_is_unreachable() {
    let site = Scripted::answering([Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())]).await;
    let door = open(&site.url.replace("http:", "https:"), USERNAME, TOKEN, |_| {});

    let failure = door.site.spaces(None).await.unwrap_err();

    assert_eq!(code(&failure), Code::Unreachable);
    assert!(failure.to_string().contains("no secure connection"), "{failure}");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let site = Scripted::answering([json("{}")]).await;
    let url = site.url.clone();
    drop(site);

    let failure = open(&url, USERNAME, TOKEN, |_| {}).site.spaces(None).await.unwrap_err();

    assert_eq!(code(&failure), Code::Unreachable);
}
