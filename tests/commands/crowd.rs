//! More clients than anybody has scrapers: who behaves well is answered all the same, and memory stays where it was.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use confluence_simulator::{Simulator, TokenKind};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::program::{Desk, PATIENCE, Serving, site};

const UP: &str = "confluence_up{connection=\"acme\"} 1";

const ASK: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept-Encoding: gzip\r\n\r\n";

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
    let scraped = Scraped::start().await;

    let mut crowd = crowd(&scraped.serving, 10_000).await;

    scraped.assert_is_well().await;
    crowd.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_scrapes_leave_nothing_behind() {
    let scraped = Scraped::start().await;

    let mut scrapers = JoinSet::new();
    for _ in 0..200 {
        let address = scraped.serving.address.clone();
        scrapers.spawn(async move { scrape(&address, 500).await });
    }
    scrapers.join_all().await;

    scraped.assert_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_a_megabyte_are_kept_by_nobody() {
    let scraped = Scraped::start().await;
    let megabyte = 1 << 20;
    let one_header = format!("GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Large: {}", "x".repeat(megabyte));
    let many_headers = format!("GET /metrics HTTP/1.1\r\n{}", "X-Small: x\r\n".repeat(megabyte / 12));
    let one_line = format!("GET /metrics?{} HTTP/1.1\r\n\r\n", "x".repeat(megabyte));
    let no_line = "x".repeat(megabyte);

    let mut greedy = JoinSet::new();
    for head in [one_header, many_headers, one_line, no_line].map(Arc::<str>::from).iter().cycle().take(400) {
        let (address, head) = (scraped.serving.address.clone(), Arc::clone(head));
        greedy.spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            // The exporter does not listen to the end.
            let _ = client.write_all(head.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer).await;
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
        });
    }

    scraped.assert_is_well().await;
    timeout(PATIENCE, greedy.join_all()).await.expect("every one of them is let go");
    scraped.assert_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_are_not_heaped_up() {
    let scraped = Scraped::start().await;
    let asking: Arc<[u8]> = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n".repeat(2_000).into();

    let mut greedy = JoinSet::new();
    for _ in 0..400 {
        let (address, asking) = (scraped.serving.address.clone(), Arc::clone(&asking));
        greedy.spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            // For as long as the exporter listens to somebody who does not.
            let _ = timeout(Duration::from_secs(2), client.write_all(&asking)).await;
            client
        });
    }
    let clients = greedy.join_all().await;

    scraped.assert_is_well().await;
    drop(clients);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_before_their_answer_leave_nothing_behind() {
    let scraped = Scraped::start().await;
    let open_files = || fs::read_dir(format!("/proc/{}/fd", scraped.serving.process())).unwrap().count();
    let files_before = open_files();

    let mut leaving = JoinSet::new();
    for number in 0..8 {
        let address = scraped.serving.address.clone();
        leaving.spawn(async move {
            for turn in 0..500 {
                let mut client = TcpStream::connect(&address).await.unwrap();
                let said: &[u8] = [ASK, &ASK[..20], b""][(number + turn) % 3];
                client.write_all(said).await.unwrap();
            }
        });
    }
    leaving.join_all().await;

    scraped.assert_is_well().await;
    let gone = async {
        while open_files() > files_before + 5 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("what they held is given back");
}

/// A site that is up, seen by a scraper before anybody else comes.
struct Scraped {
    serving: Serving,
    memory_before: u64,
    _site: Simulator,
    _desk: Desk,
}

impl Scraped {
    async fn start() -> Self {
        let site = site().await;
        let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
        let serving = desk.serve(&[]).await;
        serving.scrape_until(|page| page.contains(UP)).await;
        scrape(&serving.address, 100).await;
        Self { memory_before: serving.memory(), serving, _site: site, _desk: desk }
    }

    /// Answers who behaves well, and has never used much more memory than without the others.
    async fn assert_is_well(&self) {
        for _ in 0..10 {
            assert!(self.serving.get("/metrics").await.contains(UP));
        }
        let grown = self.serving.peak_memory().saturating_sub(self.memory_before);
        assert!(grown < MOST_MEMORY, "{grown} KiB more than {}", self.memory_before);
    }
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
        stream.get_mut().write_all(ASK).await.unwrap();
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
