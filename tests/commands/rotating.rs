//! Two token files, and a token that is revoked while the exporter works: nothing fails, and a series says which one serves.

use std::fs;

use confluence_simulator::{Operation, TokenKind};

use crate::program::{CONFIG, Desk, connection, site};

const UP: &str = "confluence_up{connection=\"acme\"} 1\n";

fn in_use(slot: &str) -> String {
    format!("confluence_api_token_in_use{{connection=\"acme\",slot=\"{slot}\"}} 1\n")
}

fn two_files(desk_config: &str) -> String {
    format!("refresh_interval: 1s\n{}", desk_config.replace("file: token", "files: [current, next]"))
}

#[tokio::test]
async fn a_token_that_is_revoked_costs_no_refresh_and_neither_does_the_way_back() {
    let site = site().await;
    let [old, coming, newest] = [0, 1, 2].map(|_| site.token(TokenKind::Unscoped));
    let config = two_files(&format!("connections:\n{}", connection("acme", &site.site_url(), &old)));
    let desk = Desk::new(&config, "");
    desk.write("current", &old.secret);
    desk.write("next", &coming.secret);
    let serving = desk.serve(&[]).await;
    let until_served_by = async |slot: &str| {
        let in_use = in_use(slot);
        let is_served = |page: &str| {
            assert!(!page.contains("confluence_up{connection=\"acme\"} 0"), "{page}");
            page.contains(&in_use)
        };
        serving.scrape_until(is_served).await;
    };
    until_served_by("current").await;

    site.revoke(&old);
    until_served_by("next").await;

    desk.write("coming", &newest.secret);
    fs::rename(desk.path("coming"), desk.path("current")).unwrap();
    until_served_by("current").await;
    site.revoke(&coming);
    desk.remove("next");
    let bases = site.totals()[&Operation::Spaces];
    serving.scrape_until(|_| site.totals()[&Operation::Spaces] > bases + 1).await;

    let page = serving.get("/metrics").await;
    assert!(page.contains(UP), "{page}");
    for result in ["failure", "partial"] {
        let none = format!("confluence_refreshes_total{{connection=\"acme\",result=\"{result}\"}} 0\n");
        assert!(page.contains(&none), "{page}");
    }
    assert!(page.contains(&in_use("current")) && !page.contains(&in_use("next")), "one at a time");
    for token in [old, coming, newest] {
        assert!(!(page.clone() + &serving.err()).contains(&token.secret));
    }
}

#[tokio::test]
async fn one_missing_file_is_a_warning_and_two_are_an_error() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let config = two_files(&format!("connections:\n{}", connection("acme", &site.site_url(), &token)));
    let desk = Desk::new(&config, "");

    let neither = desk.run(&["check-config", CONFIG]).await;
    desk.write("current", &token.secret);
    let one = desk.run(&["check-config", CONFIG]).await;

    let complaint = neither.complaint();
    assert!(complaint.starts_with("connection acme, token file in "), "{complaint}");
    assert!(complaint.contains(": api_token_files cannot be used: the file cannot be read: "), "{complaint}");
    assert_eq!((one.code(), one.out.as_str()), (0, "exporter.yml: good, 1 connection\n"));
    assert!(one.err.contains("one of the two token files cannot be used; the other one serves"), "{}", one.err);
    assert!(one.err.contains("slot=next"), "{}", one.err);
}
