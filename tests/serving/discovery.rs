//! One scrape per connection: what `/sd` tells, and what a real Prometheus makes of it and of the examples.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::connected::Connected;
use crate::http::Running;
use crate::prometheus::{Prometheus, every_second};

const HOUR: Duration = Duration::from_hours(1);
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus");

#[tokio::test]
async fn every_connection_is_a_target_at_the_address_that_was_asked() {
    let (acme, beta) = (Connected::to_a_site("acme", HOUR).await, Connected::to_a_site("beta", HOUR).await);
    let server = Running::start(vec![acme.sync.clone(), beta.sync.clone()]).await;

    let answer = server.get("/sd").header("host", "exporter.example:443").send().await.unwrap();

    assert_eq!(answer.headers()["content-type"], "application/json");
    let labels = |name: &str| json!({ "instance": name, "__metrics_path__": "/probe", "__param_connection": name });
    let group = |name: &str| json!({ "targets": ["exporter.example:443"], "labels": labels(name) });
    assert_eq!(list(answer).await, json!([group("acme"), group("beta")]));
    assert_eq!((acme.bases(), beta.bases()), (0, 0), "to list is not to scrape");
}

#[tokio::test]
async fn without_a_connection_the_list_is_empty() {
    let server = Running::start(Vec::new()).await;
    assert_eq!(server.get("/sd").send().await.unwrap().text().await.unwrap(), "[]");
}

#[tokio::test]
async fn who_does_not_say_where_he_has_reached_it_is_told_where_it_listens() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    let server = Running::start(vec![acme.sync.clone()]).await;
    for head in
        ["", "Host: \r\n", "Host: exporter\"}]\r\n", "Host: ann:secret@exporter:1\r\n", "Host: a\r\nHost: b\r\n"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("GET /sd HTTP/1.0\r\n{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();

        let own = format!("\"targets\":[\"{}\"]", server.address);
        assert!(answer.contains(&own) || answer.starts_with("HTTP/1.0 400"), "{head}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_finds_every_connection_and_scrapes_each() {
    let (acme, beta) = (Connected::to_a_site("acme", HOUR).await, Connected::to_a_site("beta", HOUR).await);
    let server = Running::start(vec![acme.sync.clone(), beta.sync.clone()]).await;

    let (_folder, prometheus) = scraping("prometheus-sd.yml", &server);

    each_is_scraped(&prometheus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_each_connection_that_it_is_told() {
    let (acme, beta) = (Connected::to_a_site("acme", HOUR).await, Connected::to_a_site("beta", HOUR).await);
    let server = Running::start(vec![acme.sync.clone(), beta.sync.clone()]).await;

    let (_folder, prometheus) = scraping("prometheus-probe.yml", &server);

    each_is_scraped(&prometheus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_prometheus_servers_share_the_connections() {
    let names = ["acme", "beta", "gamma", "delta", "epsilon", "zeta"];
    let mut connected = Vec::new();
    for name in names {
        connected.push(Connected::to_a_site(name, HOUR).await);
    }
    let server = Running::start(connected.iter().map(|it| it.sync.clone()).collect()).await;
    let shared = |number: usize| {
        let told = example("prometheus-sd.yml").replace("\n    # relabel", "\n    relabel");
        let uncommented = told.replace("\n    #   ", "\n      ");
        assert!(uncommented.contains("action: hashmod"));
        uncommented.replace("regex: \"0\"", &format!("regex: \"{number}\""))
    };

    let [(_one_folder, one), (_other_folder, other)] = [0, 1].map(|number| scraping_by(&shared(number), &server));

    let up = "count(up{job=\"confluence\"})";
    let has_all = async {
        loop {
            let counts =
                [one.ask(up).await, other.ask(up).await].map(|count| count.and_then(|count| count.parse().ok()));
            if let [Some(ones @ 1..), Some(others @ 1..)] = counts
                && ones + others == names.len()
            {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(90), has_all).await.expect("together they scrape all");
    for name in names {
        let scraped = format!("count(up{{instance=\"{name}\"}}) or vector(0)");
        let mut by = [one.ask(&scraped).await, other.ask(&scraped).await].map(Option::unwrap);
        by.sort();
        assert_eq!(by, ["0", "1"], "{name}");
    }
}

/// Each under a name of its own, with its own numbers, and none of them twice.
async fn each_is_scraped(prometheus: &Prometheus) {
    for name in ["acme", "beta"] {
        prometheus.until(&format!("up{{job=\"confluence\",instance=\"{name}\"}}"), "1").await;
        let own = format!("confluence_up{{job=\"confluence\",instance=\"{name}\",connection=\"{name}\"}}");
        prometheus.until(&own, "1").await;
        prometheus.until(&format!("count(confluence_up{{connection=\"{name}\"}})"), "1").await;
    }
    prometheus.until("count(up{job=\"confluence\"})", "2").await;
    prometheus.until("count({exported_connection!=\"\"}) or vector(0)", "0").await;
    prometheus.until("count(confluence_exporter_build_info{job=\"confluence-exporter\"})", "1").await;
    prometheus.until("count({job=\"confluence-exporter\",connection!=\"\"}) or vector(0)", "0").await;
}

fn scraping(example_name: &str, server: &Running) -> (TempDir, Prometheus) {
    scraping_by(&example(example_name), server)
}

/// A Prometheus with this configuration, but with another port and in more haste.
fn scraping_by(config: &str, server: &Running) -> (TempDir, Prometheus) {
    let folder = tempfile::tempdir().unwrap();
    let config = every_second(config).replace("10054", &server.address.port().to_string());
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    fs::copy(Path::new(EXAMPLES).join("confluence.rules.yml"), folder.path().join("confluence.rules.yml")).unwrap();
    let prometheus = Prometheus::start(folder.path());
    (folder, prometheus)
}

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(EXAMPLES).join(name)).unwrap()
}

async fn list(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}
