//! The examples in deploy/web, used as they stand by promtool, by the exporter and by a real Prometheus.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::locked::{Locked, PASSWORD};
use crate::prometheus::{Prometheus, every_second};

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_with_a_certificate_and_a_password_and_not_without() {
    let locked = Locked::by(&with_our_password(&example("web-config.yml"))).await;
    locked.write("password", PASSWORD);
    let scrape = every_second(&example("prometheus.yml"));
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

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/web").join(name)).unwrap()
}

/// A user puts his own line there, too.
fn with_our_password(web_config: &str) -> String {
    let (before, _) = web_config.split_once("  prometheus: $2").expect("the example has a user");
    format!("{before}  prometheus: {}\n", bcrypt::hash(PASSWORD, 4).unwrap())
}
