//! The configuration read again: what has not changed goes on, what has goes on from the store, what is gone is gone.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use confluence_simulator::{Fault, FaultKind, Operation, Options, Simulator, Token, TokenKind};
use tokio::task::JoinSet;

use crate::program::{Desk, Serving, connection, site};

/// Longer than any test: no refresh is due twice.
const HOURLY: &str = "  refresh_interval: 1h\n";
const EVERY_SECOND: &str = "  refresh_interval: 1s\n";
/// Nearly nothing but bases and the first walk, which takes its time.
const WALKING: &str = "  refresh_interval: 1s\n  request_budget: 1\n  concurrency_level: 2\n";

/// A site, and what leads to it.
struct There {
    site: Simulator,
    token: Token,
}

impl There {
    async fn is() -> Self {
        Self::of(site().await)
    }

    async fn is_slow_and_large() -> Self {
        let options = Options { spaces: 12, docs: 8_000, latency: Duration::from_millis(200), ..Options::default() };
        Self::of(Simulator::start(options).await.unwrap())
    }

    fn of(site: Simulator) -> Self {
        let token = site.token(TokenKind::Unscoped);
        Self { site, token }
    }

    /// Its part of the configuration, with these settings more.
    fn named(&self, name: &str, more: &str) -> String {
        let token_file = format!("api_token_file: {name}");
        connection(name, &self.site.site_url(), &self.token).replace("api_token_file: token", &token_file) + more
    }

    /// How many bases it has seen: each lists the spaces, in one answer.
    fn bases(&self) -> u64 {
        self.site.totals().get(&Operation::Spaces).copied().unwrap_or(0)
    }

    /// The questions of the walk by id, which alone name spaces; one for each answer.
    fn asked_by_the_walk(&self) -> Vec<String> {
        let asked = self.site.journal().into_iter().filter(|asked| asked.query.contains("space-id="));
        asked.map(|asked| format!("{}?{}", asked.path, asked.query)).collect()
    }
}

fn configure(desk: &Desk, connections: &[String]) {
    desk.write("exporter.yml", &format!("connections:\n{}", connections.concat()));
}

/// A folder with these connections' configuration, and a token for each.
fn desk(there: &[(&str, &There)], connections: &[String]) -> Desk {
    let desk = Desk::new("", "");
    for (name, there) in there {
        desk.write(name, &there.token.secret);
    }
    configure(&desk, connections);
    desk
}

fn up(name: &str) -> String {
    format!("confluence_up{{connection=\"{name}\"}} 1")
}

fn of<'a>(page: &'a str, words: &str) -> Vec<&'a str> {
    page.lines().filter(|line| line.contains(words)).collect()
}

/// Until the first refresh and the first walk of a small site have ended, and nothing is left to ask.
async fn until_known(serving: &Serving) -> String {
    let ended = "confluence_refreshes_total{connection=\"acme\",result=\"success\"} ";
    serving.scrape_until(|page| is_walked(page) && !page.contains(&format!("{ended}0\n"))).await
}

/// The same where no other refresh is due, and until the page tells all of it: the last snapshot takes a moment to be
/// written, and a page is kept for a second.
async fn until_still(serving: &Serving) -> String {
    let mut before = until_known(serving).await;
    loop {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let page = serving.get("/metrics").await;
        if of(&page, "\"acme\"") == of(&before, "\"acme\"") {
            return page;
        }
        before = page;
    }
}

#[tokio::test]
async fn connections_come_and_go_by_signal_and_by_post() {
    let (acme, beta) = (There::is().await, There::is().await);
    let desk = desk(&[("acme", &acme), ("beta", &beta)], &[acme.named("acme", HOURLY)]);
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|page| page.contains(&up("acme"))).await;

    configure(&desk, &[acme.named("acme", HOURLY), beta.named("beta", HOURLY)]);
    serving.signal("HUP").await;
    serving.log_until("the configuration was read again").await;
    serving.scrape_until(|page| page.contains(&up("acme")) && page.contains(&up("beta"))).await;
    assert!(serving.get("/sd").await.contains("\"__param_connection\":\"beta\""));

    configure(&desk, &[acme.named("acme", HOURLY)]);
    let told = serving.reload().await;

    assert_eq!(told, (200, "connections: 1 unchanged, 0 changed, 0 new, 1 removed".to_owned()));
    let next = serving.get("/metrics").await;
    assert!(next.contains(&up("acme")) && !next.contains("beta"), "{next}");
    assert!(serving.get("/probe?connection=beta").await.starts_with("HTTP/1.0 404"));
    assert!(!serving.get("/sd").await.contains("beta"));
}

#[tokio::test]
async fn what_has_not_changed_keeps_its_numbers_and_asks_nothing() {
    let (acme, beta) = (There::is().await, There::is().await);
    let desk = desk(&[("acme", &acme), ("beta", &beta)], &[acme.named("acme", HOURLY)]);
    let serving = desk.serve(&[]).await;
    let before = until_still(&serving).await;
    acme.site.clear_journal();

    // In another place of another file, but the same.
    let again = acme.named("acme", &format!("  concurrency_level: 5\n{HOURLY}"));
    configure(&desk, &[beta.named("beta", HOURLY), again]);
    let told = serving.reload().await;

    assert_eq!(told, (200, "connections: 1 unchanged, 0 changed, 1 new, 0 removed".to_owned()));
    let after = serving.scrape_until(|page| page.contains(&up("beta"))).await;
    assert_eq!(of(&after, "\"acme\""), of(&before, "\"acme\""));
    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
}

#[tokio::test]
async fn other_settings_go_on_from_the_store_and_many_reloads_ask_nothing() {
    let acme = There::is().await;
    let desk = desk(&[("acme", &acme)], &[acme.named("acme", HOURLY)]);
    let serving = desk.serve(&[]).await;
    let before = until_still(&serving).await;
    acme.site.clear_journal();

    for level in 6..12 {
        configure(&desk, &[acme.named("acme", &format!("  concurrency_level: {level}\n{HOURLY}"))]);
        let told = serving.reload().await;
        assert_eq!(told, (200, "connections: 0 unchanged, 1 changed, 0 new, 0 removed".to_owned()));
        let after = serving.get("/metrics").await;
        assert!(
            after.contains(&format!("confluence_api_concurrency_limit{{connection=\"acme\"}} {level}\n")),
            "{after}"
        );
        let rest = |page: &str| -> Vec<String> {
            let lines = of(page, "\"acme\"").into_iter().filter(|line| !line.contains("concurrency_limit"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(rest(&after), rest(&before), "numbers stay on show, and counters go on");
    }
    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());

    // A shorter interval counts from the last refresh, which is longer ago.
    configure(&desk, &[acme.named("acme", EVERY_SECOND)]);
    assert_eq!(serving.reload().await.0, 200);
    serving.scrape_until(|_| acme.bases() >= 2).await;
    let asked = acme.site.totals();
    let known = [Operation::PageVersions, Operation::PageLabels, Operation::ContentState, Operation::ContentViews];
    assert!(known.iter().all(|operation| !asked.contains_key(operation)), "{asked:?}");
    assert!(acme.asked_by_the_walk().is_empty());
}

#[tokio::test]
async fn the_quiet_that_a_site_has_asked_for_outlasts_other_settings() {
    let acme = There::is().await;
    let desk = desk(&[("acme", &acme)], &[acme.named("acme", EVERY_SECOND)]);
    let serving = desk.serve(&[]).await;
    until_known(&serving).await;
    acme.site.inject(Fault::new(FaultKind::RateLimited).seconds(3_000));
    let throttled = "confluence_api_throttled_until_timestamp_seconds{connection=\"acme\"} ";
    let before = serving.scrape_until(|page| page.contains(throttled)).await;
    acme.site.clear_faults();
    acme.site.clear_journal();

    configure(&desk, &[acme.named("acme", &format!("  concurrency_level: 3\n{EVERY_SECOND}"))]);
    assert!(serving.reload().await.1.contains("1 changed"));

    // Its refreshes are given up at the gate.
    let failed = |page: &str| -> f64 {
        let failed = "confluence_refreshes_total{connection=\"acme\",result=\"failure\"} ";
        page.lines().find_map(|line| line.strip_prefix(failed)?.parse().ok()).unwrap()
    };
    let so_far = failed(&before);
    let after = serving.scrape_until(|page| failed(page) >= so_far + 2.0).await;
    assert_eq!(of(&after, throttled), of(&before, throttled));
    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
}

#[tokio::test]
async fn without_a_store_other_settings_begin_anew() {
    let acme = There::is().await;
    let desk = desk(&[("acme", &acme)], &[acme.named("acme", EVERY_SECOND)]);
    let serving = desk.serve(&["--store.path=none"]).await;
    until_known(&serving).await;
    acme.site.clear_journal();

    configure(&desk, &[acme.named("acme", &format!("  labels: {{ top: 1 }}\n{EVERY_SECOND}"))]);
    assert_eq!(serving.reload().await.0, 200);

    until_known(&serving).await;
    serving.scrape_until(|page| page.contains(&up("acme")) && !acme.asked_by_the_walk().is_empty()).await;
}

#[tokio::test]
async fn what_is_gone_is_not_asked_any_more() {
    let (acme, beta) = (There::is().await, There::is_slow_and_large().await);
    let both = [acme.named("acme", EVERY_SECOND), beta.named("beta", WALKING)];
    let desk = desk(&[("acme", &acme), ("beta", &beta)], &both);
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|_| beta.asked_by_the_walk().len() > 3).await;

    configure(&desk, &both[..1]);
    assert_eq!(serving.reload().await.0, 200);

    let mut asked = 0;
    // What was on its way may be written down a little later.
    for _ in 0..4 {
        let (before, bases) = (asked, acme.bases());
        serving.scrape_until(|_| acme.bases() > bases + 1).await;
        asked = beta.site.journal().len();
        if asked == before {
            return;
        }
    }
    panic!("it is asked on and on");
}

#[tokio::test]
async fn a_first_walk_goes_on_through_reloads_and_asks_nothing_twice() {
    let (acme, beta) = (There::is_slow_and_large().await, There::is().await);
    let (own, other) = (acme.named("acme", WALKING), beta.named("beta", EVERY_SECOND));
    let desk = desk(&[("acme", &acme), ("beta", &beta)], std::slice::from_ref(&own));
    let serving = desk.serve(&[]).await;

    for reload in 1..4 {
        serving.scrape_until(|_| acme.asked_by_the_walk().len() > 3 * reload).await;
        let both = [own.clone(), other.clone()];
        configure(&desk, &both[..=(reload % 2)]);
        assert!(serving.reload().await.1.contains("1 unchanged, 0 changed"));
    }

    assert!(!is_walked(&serving.get("/metrics").await), "the reloads came too late to prove anything");
    serving.scrape_until(is_walked).await;
    let asked = acme.asked_by_the_walk();
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len(), "{asked:#?}");
}

#[tokio::test]
async fn a_first_walk_with_other_settings_goes_on_where_it_was() {
    let acme = There::is_slow_and_large().await;
    let desk = desk(&[("acme", &acme)], &[acme.named("acme", WALKING)]);
    let serving = desk.serve(&[]).await;
    serving.scrape_until(|_| acme.asked_by_the_walk().len() > 10).await;

    configure(&desk, &[acme.named("acme", &format!("  labels: {{ top: 1 }}\n{WALKING}"))]);
    assert!(serving.reload().await.1.contains("0 unchanged, 1 changed"));

    assert!(!is_walked(&serving.get("/metrics").await), "the reload came too late to prove anything");
    serving.scrape_until(is_walked).await;
    let asked = acme.asked_by_the_walk();
    let again = asked.len() - asked.iter().collect::<BTreeSet<_>>().len();
    assert!(again <= 2, "{again} of {} answers were asked again, more than were under way", asked.len());
}

fn is_walked(page: &str) -> bool {
    page.contains("confluence_collector_coverage_ratio{connection=\"acme\",collector=\"docs\"} 1\n")
}

#[tokio::test]
async fn reloads_at_once_are_made_one_after_the_other() {
    let (acme, beta) = (There::is().await, There::is().await);
    let desk = desk(&[("acme", &acme), ("beta", &beta)], &[acme.named("acme", HOURLY)]);
    let serving = std::sync::Arc::new(desk.serve(&[]).await);
    configure(&desk, &[acme.named("acme", "  concurrency_level: 3\n"), beta.named("beta", HOURLY)]);

    let mut reloads = JoinSet::new();
    for _ in 0..8 {
        let serving = std::sync::Arc::clone(&serving);
        reloads.spawn(async move { serving.reload().await });
    }
    serving.signal("HUP").await;
    let told = reloads.join_all().await;

    assert!(told.iter().all(|(status, _)| *status == 200), "{told:?}");
    let made_it = told.iter().filter(|(_, text)| text.contains("0 unchanged, 1 changed, 1 new, 0 removed")).count();
    let found_it = told.iter().filter(|(_, text)| text.contains("2 unchanged, 0 changed, 0 new, 0 removed")).count();
    // The signal may have been the first.
    assert!(made_it <= 1 && made_it + found_it == told.len(), "{told:?}");
    serving.scrape_until(|page| page.contains(&up("acme")) && page.contains(&up("beta"))).await;
}

#[tokio::test]
async fn systemd_is_told_when_a_reload_begins_and_ends() {
    let acme = There::is().await;
    let desk = desk(&[("acme", &acme)], &[acme.named("acme", HOURLY)]);
    let systemd = UnixDatagram::bind(desk.path("notify")).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        let mut message = [0; 128];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let serving = desk.serve_with(&[("NOTIFY_SOCKET", desk.path("notify").to_str().unwrap())], &[]).await;
    assert_eq!(told(), "READY=1\n");

    // Whether or not it can be used.
    for config in ["connections: []", "CANARY"] {
        desk.write("exporter.yml", config);
        serving.signal("HUP").await;
        let begins = told();
        let time = begins.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{begins}"));
        assert!(time.trim_end().parse::<u64>().unwrap() > 0);
        assert_eq!(told(), "READY=1\n");
    }
}
