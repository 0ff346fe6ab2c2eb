//! HTTP as a client sees it. Which numbers are told is tested elsewhere: no connection is configured here.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use confluence_exporter::cache::Cache;
use confluence_exporter::clock::Clock;
use confluence_exporter::metrics::Process;
use confluence_exporter::server::{Listen, Server, Settings};
use flate2::read::GzDecoder;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[tokio::test]
async fn metrics_come_in_the_dialect_and_coding_that_are_asked_for() {
    let server = Running::start(Vec::new()).await;

    for (accept, accept_encoding, content_type, is_packed) in [
        ("", "", CLASSIC, false),
        ("text/plain", "gzip", CLASSIC, true),
        ("application/openmetrics-text; version=1.0.0", "identity", OPEN_METRICS, false),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "gzip", OPEN_METRICS, true),
        ("image/png", "gzip;q=0", CLASSIC, false),
    ] {
        let request = server.get("/metrics").header("accept", accept).header("accept-encoding", accept_encoding);
        let response = request.send().await.unwrap();

        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), Some(content_type));
        assert_eq!(header(&response, "vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(header(&response, "content-encoding"), is_packed.then_some("gzip"));
        let body = response.bytes().await.unwrap();
        let text = if is_packed { unpack(&body) } else { String::from_utf8(body.into()).unwrap() };
        assert!(text.contains("confluence_exporter_build_info{version=\""), "{text}");
        assert_eq!(text.ends_with("# EOF\n"), content_type == OPEN_METRICS);
    }
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let server = Running::start(Vec::new()).await;

    let (got, asked_for_head) = (server.get("/-/ready").send(), server.ask(Method::HEAD, "/-/ready").send());
    let (got, asked_for_head) = (got.await.unwrap(), asked_for_head.await.unwrap());

    assert_eq!(header(&asked_for_head, "content-length"), Some("6"));
    assert_eq!(header(&asked_for_head, "content-length"), header(&got, "content-length"));
    assert!(asked_for_head.bytes().await.unwrap().is_empty());
    let page = server.ask(Method::HEAD, "/metrics").send().await.unwrap();
    assert!(header(&page, "content-length").is_some_and(|length| length.parse::<u64>().unwrap() > 1000));
}

#[tokio::test]
async fn every_page_answers_and_what_is_none_is_said_so() {
    let server = Running::start(Vec::new()).await;

    for (method, path, status, says) in [
        (Method::GET, "/-/healthy", 200, "healthy"),
        (Method::GET, "/-/ready", 200, "ready"),
        (Method::GET, "/", 200, "<h1>confluence-exporter</h1>"),
        (Method::GET, "/", 200, "No connection is configured."),
        (Method::GET, "/-/style.css", 200, "prefers-color-scheme"),
        (Method::GET, "/api/v1/connections", 200, "\"connections\":[]"),
        (Method::POST, "/api/v1/connections", 405, "GET or HEAD"),
        (Method::GET, "/metrics?anything=else", 200, "process_start_time_seconds"),
        (Method::GET, "/probe", 400, "name one connection: /probe?connection=NAME; none is configured"),
        (Method::GET, "/probe?connection=a&connection=b", 400, "name one connection"),
        (Method::GET, "/probe?connection=", 404, "no connection of that name"),
        (Method::GET, "/probe?connection=%00%3Cscript%3E", 404, "no connection of that name; none is configured"),
        (Method::GET, "/probe?connection=acme", 404, "there is no connection named acme; none is configured"),
        (Method::GET, "/nowhere", 404, "no such page"),
        (Method::GET, "/metrics/", 404, "no such page"),
        (Method::POST, "/nowhere", 404, "no such page"),
        (Method::POST, "/metrics", 405, "GET or HEAD"),
        (Method::DELETE, "/", 405, "GET or HEAD"),
        (Method::PUT, "/-/ready", 405, "GET or HEAD"),
        (Method::POST, "/sd", 405, "GET or HEAD"),
        (Method::GET, "/-/reload", 405, "POST"),
        (Method::HEAD, "/-/reload", 405, ""),
        (Method::POST, "/-/reload", 404, "no such page"),
    ] {
        let response = server.ask(method.clone(), path).body("a body that nobody reads").send().await.unwrap();

        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        let allowed = if path == "/-/reload" { "POST" } else { "GET, HEAD" };
        assert_eq!(header(&response, "allow"), (status == 405).then_some(allowed), "{method} {path}");
        let text = response.text().await.unwrap();
        assert!(text.contains(says), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn metrics_stand_where_they_are_wanted() {
    let settings = Settings { telemetry_path: "/custom".parse().unwrap(), ..on_loopback() };
    let server = Running::start_with(&settings, Vec::new()).await;

    assert_eq!(server.get("/custom").send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(server.get("/metrics").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(server.get("/").send().await.unwrap().text().await.unwrap().contains("href=\"/custom\""));
}

#[tokio::test]
async fn what_is_not_http_harms_nobody() {
    let server = Running::start(Vec::new()).await;

    for rubbish in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01"[..], b"GET\r\n\r\n", b"GET /metrics HTTP/1.1\r\nbad header\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.get("/-/healthy").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_server_ends_when_told_though_clients_stay_connected() {
    let server = Running::start(Vec::new()).await;
    assert_eq!(server.get("/-/ready").send().await.unwrap().status(), StatusCode::OK);
    let _silent = TcpStream::connect(server.address).await.unwrap();

    server.stop.cancel();

    timeout(Duration::from_secs(10), server.task).await.expect("it ends within its grace").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "the port is free again");
}

/// A server on a port of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    client: Client,
}

impl Running {
    pub(crate) async fn start(connections: Vec<confluence_exporter::sync::Sync>) -> Self {
        Self::start_with(&on_loopback(), connections).await
    }

    pub(crate) async fn start_with(settings: &Settings, connections: Vec<confluence_exporter::sync::Sync>) -> Self {
        Self::start_by(Clock::system(), settings, connections).await
    }

    /// With the connections' own clock.
    pub(crate) async fn start_by(
        clock: Clock,
        settings: &Settings,
        connections: Vec<confluence_exporter::sync::Sync>,
    ) -> Self {
        // A second test finds it installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Server::bind(settings).await.unwrap();
        let address = server.addresses().unwrap()[0];
        let stop = CancellationToken::new();
        let cache = Cache::new(connections, clock, Process::this());
        let task = tokio::spawn(server.serve(cache, stop.clone()));
        let client = Client::builder().no_gzip().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { address, stop, task, client }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }
}

pub(crate) fn on_loopback() -> Settings {
    Settings { listen: Listen::at("127.0.0.1:0"), ..Settings::default() }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The text of exactly one gzip member.
fn unpack(packed: &[u8]) -> String {
    let mut decoder = GzDecoder::new(packed);
    let mut text = String::new();
    decoder.read_to_string(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "nothing follows the one member");
    text
}
