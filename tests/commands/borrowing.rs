//! `borrow_concurrency_from`: two connections that ask no more at once than one of them may.

use std::time::Duration;

use confluence_simulator::{Options, Simulator, Token, TokenKind};

use crate::program::{Desk, connection};

/// How many requests were under way at once while two connections walked over this site for the first time. The page shows
/// them in the configuration's order.
async fn most_at_once(of_the_first: &str, of_the_second: &str) -> usize {
    let options = Options { spaces: 12, docs: 1_000, latency: Duration::from_millis(20), ..Options::default() };
    let site = Simulator::start(options).await.unwrap();
    let Token { username, secret } = site.token(TokenKind::Unscoped);
    let token = Token { username, secret };
    let [first, second] = ["zeta", "acme"].map(|name| connection(name, &site.site_url(), &token));
    let config = format!("request_budget: 1200\nconnections:\n{first}  {of_the_first}\n{second}  {of_the_second}\n");
    let desk = Desk::new(&config, &token.secret);
    let serving = desk.serve(&[]).await;

    let walked = |name| format!("confluence_collector_coverage_ratio{{connection=\"{name}\",collector=\"docs\"}} 1\n");
    serving.scrape_until(|page| page.contains(&walked("zeta")) && page.contains(&walked("acme"))).await;

    let page = serving.get("/metrics").await;
    let up: Vec<_> = page.lines().filter(|line| line.starts_with("confluence_up{")).collect();
    assert_eq!(up, ["confluence_up{connection=\"zeta\"} 1", "confluence_up{connection=\"acme\"} 1"]);
    assert!(page.contains("confluence_api_concurrency_limit{connection=\"zeta\"} 3\n"), "{page}");
    assert!(page.contains("confluence_api_concurrency_limit{connection=\"acme\"} 3\n"), "{page}");
    site.max_in_flight()
}

#[tokio::test]
async fn two_first_walks_share_what_one_connection_may_ask_at_once() {
    assert_eq!(most_at_once("borrow_concurrency_from: acme", "concurrency_level: 3").await, 3);
    assert!(most_at_once("concurrency_level: 3", "concurrency_level: 3").await > 3, "each has its own");
}
