//! How `serve` ends: when it is told to, at once and in order; and how it begins again after it was not asked.

use std::time::Duration;

use confluence_simulator::{Fault, FaultKind, TokenKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::program::{Desk, site};

const UP: &str = "confluence_up{connection=\"acme\"} 1";

#[tokio::test]
async fn a_signal_ends_it_at_once_and_in_order() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    for signal in ["TERM", "INT"] {
        let serving = desk.serve(&[]).await;
        assert!(serving.get("/metrics").await.contains(UP));
        // A scraper keeps its connection open until the next scrape.
        let mut idle = TcpStream::connect(&serving.address).await.unwrap();
        idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n").await.unwrap();
        assert!(idle.read_u8().await.is_ok());

        let begun = Instant::now();
        serving.signal(signal).await;
        let ended = serving.end().await;

        assert_eq!((ended.code(), ended.out.as_str()), (0, ""), "{}", ended.err);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(ended.err.contains("told to stop") && ended.err.contains("stopped"), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_site_that_does_not_answer_does_not_hold_it_up() {
    let site = site().await;
    site.inject(Fault::new(FaultKind::Silence));
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    let mut scraper = TcpStream::connect(&serving.address).await.unwrap();
    scraper.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    while site.max_in_flight() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let begun = Instant::now();
    serving.signal("TERM").await;
    let ended = serving.end().await;

    assert_eq!(ended.code(), 0, "{}", ended.err);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn after_a_kill_it_starts_again_at_the_same_address() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let killed = desk.serve(&[]).await;
    assert!(killed.get("/metrics").await.contains(UP));
    let address = killed.address.clone();

    killed.signal("KILL").await;
    assert_eq!(killed.end().await.status.code(), None);

    let serving = desk.serve_at(&address, &[]).await;
    assert_eq!(serving.address, address);
    assert!(serving.get("/metrics").await.contains(UP));
}
