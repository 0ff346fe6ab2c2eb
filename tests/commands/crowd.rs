//! More clients than anybody has scrapers: who behaves well is answered all the same, and memory stays where it was.

use std::process::Stdio;
use std::time::Duration;

use confluence_simulator::TokenKind;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::program::{Desk, Serving, site};

const UP: &str = "confluence_up{connection=\"acme\"} 1";

/// What a crowd may cost beside what the exporter has without one, in KiB.
const MOST_MEMORY: u64 = 48 * 1024;

/// Half of them say nothing, half of them begin to ask; all stay.
const CROWD: &str = "
import resource, socket, sys
port, size = int(sys.argv[1]), int(sys.argv[2])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, size + 100), most))
crowd = []
for number in range(size):
    client = socket.create_connection(('127.0.0.1', port))
    if number % 2:
        client.send(b'GET /metrics HTTP/1.1\\r\\nHost: exporter\\r\\n')
    crowd.append(client)
print('here', flush=True)
sys.stdin.read()
";

#[tokio::test]
async fn ten_thousand_idle_clients_keep_no_scraper_out() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(UP)).await;
    let before = serving.memory();

    let mut crowd = crowd(&serving, 10_000).await;

    for _ in 0..10 {
        assert!(serving.get("/metrics").await.contains(UP));
    }
    let grown = serving.memory().saturating_sub(before);
    assert!(grown < MOST_MEMORY, "{grown} KiB more than {before}");
    crowd.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_scrapes_leave_nothing_behind() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(UP)).await;
    scrape(&serving.address, 100).await;
    let before = serving.memory();

    let mut scrapers = JoinSet::new();
    for _ in 0..200 {
        let address = serving.address.clone();
        scrapers.spawn(async move { scrape(&address, 500).await });
    }
    scrapers.join_all().await;

    let grown = serving.memory().saturating_sub(before);
    assert!(grown < MOST_MEMORY, "{grown} KiB more than {before}");
    assert!(serving.get("/metrics").await.contains(UP));
}

async fn crowd(serving: &Serving, size: usize) -> Child {
    let port = serving.address.rsplit(':').next().unwrap();
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", CROWD, port, &size.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let came = timeout(Duration::from_mins(1), lines.next_line()).await.expect("the crowd comes in time");
    assert_eq!(came.unwrap().as_deref(), Some("here"));
    child
}

/// So often on one connection, each answer read to its end.
async fn scrape(address: &str, times: u32) {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    for _ in 0..times {
        let request = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept-Encoding: gzip\r\n\r\n";
        stream.get_mut().write_all(request).await.unwrap();
        let mut line = String::new();
        let mut length = 0;
        stream.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            if let Some(told) = line.strip_prefix("content-length: ") {
                length = told.trim().parse().unwrap();
            }
        }
        let mut page = vec![0; length];
        stream.read_exact(&mut page).await.unwrap();
    }
}
