//! The exporter, Prometheus, Alertmanager and somebody who listens to it: each its own process but the last, all on loopback.

use std::fs;
use std::net::TcpListener as StdListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use confluence_simulator::{Simulator, Token};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Firing,
    Resolved,
}

pub(crate) struct Parts {
    prometheus: u16,
    told: Arc<Mutex<Vec<(String, String)>>>,
    _processes: Vec<Child>,
    _folder: TempDir,
}

/// The whole way takes a few seconds where the machine is idle.
const PATIENCE: Duration = Duration::from_secs(90);

impl Parts {
    pub(crate) async fn start(site: &Simulator, token: &Token) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [exporter, prometheus, alertmanager] = [(); 3].map(|()| free_port());
        let told: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let webhook = listen(Arc::clone(&told)).await;

        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("token"), &token.secret).unwrap();
        fs::write(path("exporter.yml"), exporter_config(site, token)).unwrap();
        fs::write(path("alertmanager.yml"), alertmanager_config(webhook)).unwrap();
        fs::write(path("rules.yml"), hasty_rules()).unwrap();
        fs::write(path("prometheus.yml"), prometheus_config(exporter, alertmanager)).unwrap();

        let listen = |port: u16| format!("--web.listen-address=127.0.0.1:{port}");
        let processes = vec![
            run(
                env!("CARGO_BIN_EXE_confluence-exporter"),
                &["serve".into(), format!("--config.file={}", path("exporter.yml")), listen(exporter)],
                folder.path(),
            ),
            run(
                "prometheus-alertmanager",
                &[
                    format!("--config.file={}", path("alertmanager.yml")),
                    format!("--storage.path={}", path("alertmanager")),
                    listen(alertmanager),
                    "--cluster.listen-address=".into(),
                ],
                folder.path(),
            ),
            run(
                "prometheus",
                &[
                    format!("--config.file={}", path("prometheus.yml")),
                    format!("--storage.tsdb.path={}", path("prometheus")),
                    listen(prometheus),
                ],
                folder.path(),
            ),
        ];
        Self { prometheus, told, _processes: processes, _folder: folder }
    }

    /// The value of the one series that the query gives, or nothing.
    pub(crate) async fn ask_prometheus(&self, query: &str) -> Option<String> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let body = get(self.prometheus, &format!("/api/v1/query?query={encoded}")).await?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }

    pub(crate) async fn until_prometheus_says(&self, query: &str, value: &str) {
        let mut last = None;
        let says = async {
            while last.as_deref() != Some(value) {
                tokio::time::sleep(Duration::from_millis(200)).await;
                last = self.ask_prometheus(query).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, says).await.is_ok();
        assert!(in_time, "Prometheus never said {value} to {query}, but {last:?}");
    }

    pub(crate) fn was_told(&self, alert: &str, status: Status) -> bool {
        let status = match status {
            Status::Firing => "firing",
            Status::Resolved => "resolved",
        };
        self.told.lock().unwrap().iter().any(|(name, told)| name == alert && told == status)
    }

    pub(crate) async fn until_told(&self, alert: &str, status: Status) {
        let told = async {
            while !self.was_told(alert, status) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, told).await.is_ok();
        assert!(in_time, "{alert} was never {status:?}; told was {:?}", self.told.lock().unwrap());
    }
}

fn exporter_config(site: &Simulator, token: &Token) -> String {
    format!(
        "refresh_interval: 1s\nconnections:\n- name: acme\n  instance_url: {}\n  gateway_url: {}\n  username: {}\n  \
         api_token_file: token\n",
        site.site_url(),
        site.gateway_url(),
        token.username,
    )
}

fn alertmanager_config(webhook: u16) -> String {
    format!(
        "route: {{receiver: test, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}\nreceivers:\n- name: test\n  \
         webhook_configs:\n  - url: http://127.0.0.1:{webhook}/\n    send_resolved: true\n"
    )
}

fn prometheus_config(exporter: u16, alertmanager: u16) -> String {
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  \
         - static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]\nscrape_configs:\n- job_name: confluence\n  \
         static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]\n"
    )
}

/// The rules as they are shipped, but for their patience.
fn hasty_rules() -> String {
    let rules = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/confluence.rules.yml"));
    let hasty = |line: &str| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: 2s\n"),
        _ => format!("{line}\n"),
    };
    rules.unwrap().lines().map(hasty).collect()
}

fn run(program: &str, arguments: &[String], folder: &Path) -> Child {
    let log =
        fs::File::create(folder.join(format!("{}.log", Path::new(program).file_name().unwrap().display()))).unwrap();
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test and cannot be run ({error}): make setup"))
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Hears what Alertmanager tells: an alert's name and status.
async fn listen(told: Arc<Mutex<Vec<(String, String)>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                let body = read_request(&mut stream).await;
                let message: Value = serde_json::from_str(&body).unwrap_or_default();
                for alert in message["alerts"].as_array().into_iter().flatten() {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    told.lock().unwrap().push((text(&alert["labels"]["alertname"]), text(&alert["status"])));
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            });
        }
    });
    port
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return body.to_owned();
        }
    }
    String::new()
}

async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
