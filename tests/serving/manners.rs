//! Clients without manners: slow, silent, greedy, or too many. Time is turned by hand here, sockets are real.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::http::Running;

/// As long as the exporter listens to nothing, give or take how often it looks.
const SILENCE: std::ops::RangeInclusive<u64> = 75..=85;

const ASK: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let server = Running::start(Vec::new()).await;
    let begun = Instant::now();

    let mut silent = TcpStream::connect(server.address).await.unwrap();

    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(SILENCE.contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let server = Running::start(Vec::new()).await;
    let begun = Instant::now();

    let mut slow = TcpStream::connect(server.address).await.unwrap();
    for byte in ASK {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        if let Ok(ended) = timeout(Duration::from_secs(5), slow.read(&mut [0; 1])).await {
            assert!(ended.is_err() || ended.is_ok_and(|read| read == 0), "the head is not complete");
            break;
        }
    }

    assert!(SILENCE.contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_is_not_kept_ready() {
    let server = Running::start(Vec::new()).await;
    let mut greedy = TcpStream::connect(server.address).await.unwrap();
    let asking = ASK.repeat(1000);

    // Until the exporter has no more room for answers, and so reads no more.
    let mut asked = 0;
    while let Ok(written) = timeout(Duration::from_secs(1), greedy.write_all(&asking)).await {
        written.unwrap();
        asked += 1000;
    }
    sleep(Duration::from_secs(90)).await;

    let mut taken = Vec::new();
    let _ = greedy.read_to_end(&mut taken).await;
    let answers = taken.windows(12).filter(|bytes| bytes == b"HTTP/1.1 200").count();
    assert!(answers < asked, "{answers} answers to {asked} questions");
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_comes_once_a_minute_finds_its_connection_open() {
    let server = Running::start(Vec::new()).await;
    let mut scraper = TcpStream::connect(server.address).await.unwrap();

    for _ in 0..5 {
        scraper.write_all(b"GET /-/ready HTTP/1.1\r\nHost: exporter\r\n\r\n").await.unwrap();
        let mut answer = [0; 512];
        let length = scraper.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"ready\n"));
        sleep(Duration::from_mins(1)).await;
    }
}

#[tokio::test]
async fn a_head_that_is_far_too_large_is_refused_and_not_kept() {
    let server = Running::start(Vec::new()).await;
    let mut greedy = TcpStream::connect(server.address).await.unwrap();
    let megabyte = "x".repeat(1024 * 1024);

    let request = format!("GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Large: {megabyte}\r\n\r\n");
    // The exporter does not listen to the end.
    let _ = greedy.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = greedy.read_to_end(&mut answer).await;

    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(server.get("/metrics").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_has_nothing_more_to_say_is_let_go_at_once() {
    let server = Running::start(Vec::new()).await;
    for said in [&b""[..], &ASK[..20], ASK] {
        let mut half_open = TcpStream::connect(server.address).await.unwrap();
        half_open.write_all(said).await.unwrap();
        half_open.shutdown().await.unwrap();

        let end = timeout(Duration::from_secs(30), half_open.read_to_end(&mut Vec::new())).await;

        assert!(end.is_ok(), "its place is kept after {said:?}");
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_not_listened_to() {
    let server = Running::start(Vec::new()).await;
    for head in [
        "POST /metrics HTTP/1.1\r\nHost: exporter\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n",
        "GET /metrics HTTP/1.1\r\nHost: exporter\r\nContent-Length: 99999999999\r\n\r\n",
    ] {
        let mut endless = TcpStream::connect(server.address).await.unwrap();
        endless.write_all(head.as_bytes()).await.unwrap();
        let more = vec![b'x'; 1 << 16];
        let talking = async { while endless.write_all(&more).await.is_ok() {} };

        assert!(timeout(Duration::from_secs(30), talking).await.is_ok(), "somebody listens to {head}");
    }
    assert_eq!(server.get("/metrics").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_crowd_of_silent_clients_keeps_no_scraper_out() {
    let server = Running::start(Vec::new()).await;
    let mut crowd = Vec::new();
    for _ in 0..600 {
        crowd.push(TcpStream::connect(server.address).await.unwrap());
    }

    assert_eq!(server.get("/metrics").send().await.unwrap().status(), 200);

    // The longest silent had to leave, and nobody else.
    assert_eq!(crowd[0].read(&mut [0; 1]).await.unwrap_or(0), 0);
    let last = crowd.last_mut().unwrap();
    assert!(timeout(Duration::from_millis(50), last.read(&mut [0; 1])).await.is_err());
}
