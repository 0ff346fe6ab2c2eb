//! The examples in deploy/web, used as they stand by promtool, by the exporter and by a real Prometheus.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::locked::{Locked, PASSWORD};

/// A scrape a second, so that a test sees some.
const EVERY_SECOND: &str = "scrape_interval: 1s\n    scrape_timeout: 1s";

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_with_a_certificate_and_a_password_and_not_without() {
    let locked = Locked::by(&with_our_password(&example("web-config.yml"))).await;
    locked.write("password", PASSWORD);
    let scrape = example("prometheus.yml");
    let scrape = scrape.replace("scrape_interval: 60s\n    scrape_timeout: 20s", EVERY_SECOND);
    assert!(scrape.contains(EVERY_SECOND));
    locked.write("prometheus.yml", &scrape.replace("10054", &locked.server.address.port().to_string()));

    let prometheus = Prometheus::start(&locked.path(""));
    prometheus.until("up{job=\"confluence\"}", "1").await;
    prometheus.until("count(confluence_exporter_build_info)", "1").await;

    // It reads the file for every scrape.
    locked.write("password", "wrong");
    prometheus.until("up{job=\"confluence\"}", "0").await;
    locked.write("password", PASSWORD);
    prometheus.until("up{job=\"confluence\"}", "1").await;
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_examples() {
    let locked = Locked::by(&example("web-config.yml")).await;
    locked.write("password", PASSWORD);
    locked.write("prometheus.yml", &example("prometheus.yml"));
    for arguments in [["check", "web-config", "web.yml"], ["check", "config", "prometheus.yml"]] {
        let judged = Command::new("promtool").args(arguments).current_dir(locked.path("")).output().await;
        let judged = judged.expect("promtool (Debian: prometheus) is needed for this test: make setup");
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    }
}

#[tokio::test]
async fn nobody_has_the_example_s_password() {
    let locked = Locked::by(&example("web-config.yml")).await;
    for password in ["", "password", "prometheus", "change-me", "secret", PASSWORD] {
        let user = format!("prometheus:{password}");
        let seen = locked.curl(&["--cert", "client.crt", "--key", "client.key", "--user", &user]).await;
        assert_eq!(seen.status, 401, "{password}");
    }
}

struct Prometheus {
    port: u16,
    _process: Child,
}

impl Prometheus {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(folder).kill_on_drop(true);
        let log = fs::File::create(folder.join("prometheus.log")).unwrap();
        let process = command.stdout(Stdio::null()).stderr(log).spawn();
        let process = process.expect("prometheus is needed for this test: make setup");
        Self { port, _process: process }
    }

    async fn until(&self, query: &str, value: &str) {
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

    async fn ask(&self, query: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let answer = client.get(url).query(&[("query", query)]).send().await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }
}

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/web").join(name)).unwrap()
}

/// A user puts his own line there, too.
fn with_our_password(web_config: &str) -> String {
    let (before, _) = web_config.split_once("  prometheus: $2").expect("the example has a user");
    format!("{before}  prometheus: {}\n", bcrypt::hash(PASSWORD, 4).unwrap())
}
