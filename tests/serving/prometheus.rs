//! A real Prometheus that scrapes the exporter.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// A scrape a second, so that a test sees some.
const EVERY_SECOND: &str = "scrape_interval: 1s\n    scrape_timeout: 1s";

/// Reads `prometheus.yml` of its folder, and keeps what it scrapes there.
pub(crate) struct Prometheus {
    port: u16,
    _process: Child,
}

impl Prometheus {
    pub(crate) fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(folder).kill_on_drop(true);
        let log = fs::File::create(folder.join("prometheus.log")).unwrap();
        let process = command.stdout(Stdio::null()).stderr(log).spawn();
        let process = process.expect("prometheus is needed for this test: make setup");
        Self { port, _process: process }
    }

    pub(crate) async fn until(&self, query: &str, value: &str) {
        let mut last = None;
        let says = async {
            while last.as_deref() != Some(value) {
                sleep(Duration::from_millis(200)).await;
                last = self.ask(query).await;
            }
        };
        let in_time = timeout(Duration::from_secs(90), says).await.is_ok();
        assert!(in_time, "Prometheus never said {value} to {query}, but {last:?}");
    }

    pub(crate) async fn ask(&self, query: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let answer = client.get(url).query(&[("query", query)]).send().await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }
}

/// An example's scrape configuration, in more haste.
pub(crate) fn every_second(config: &str) -> String {
    let hasty = config.replace("scrape_interval: 60s\n    scrape_timeout: 20s", EVERY_SECOND);
    assert!(hasty.contains(EVERY_SECOND), "{config}");
    hasty.replace("refresh_interval: 60s", "refresh_interval: 1s")
}
