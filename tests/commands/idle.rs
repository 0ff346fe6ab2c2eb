//! `serve` while nobody scrapes: it asks nothing, and takes no CPU time to speak of.

use std::time::Duration;

use confluence_simulator::{Simulator, TokenKind};

use crate::program::{Desk, site};

/// Hundredths of a second of CPU time within `A_WHILE`: what a timer here and there may cost.
const NOTHING_TO_SPEAK_OF: u64 = 2;
const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn while_nobody_scrapes_nothing_is_asked_and_no_time_is_taken() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    let serving = desk.serve(&[]).await;
    serving
        .scrape_until(|page| {
            page.contains("collector_success_timestamp_seconds{connection=\"acme\",collector=\"views\"}")
        })
        .await;
    // What the last scrape has begun comes to its end.
    while asked_within(&site, A_WHILE / 2).await > 0 {}

    let before = serving.cpu_ticks();
    assert_eq!(asked_within(&site, A_WHILE).await, 0);
    let taken = serving.cpu_ticks() - before;

    assert!(taken <= NOTHING_TO_SPEAK_OF, "{taken} hundredths of a second");
}

async fn asked_within(site: &Simulator, span: Duration) -> u64 {
    let asked = || site.totals().values().sum::<u64>();
    let before = asked();
    tokio::time::sleep(span).await;
    asked() - before
}
