//! The status page as a person sees it, in a real browser: what it says of each state, and what its button does.

use std::time::Duration;

use confluence_simulator::{Fault, FaultKind, Operation};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::browser::{Browser, LOOKS};
use crate::connected::Connected;
use crate::http::{Running, on_loopback};

const SUMMARY: &str = "read:confluence-content.summary";
const BUTTON: &str = "button[type=submit]";
const PATIENCE: Duration = Duration::from_mins(1);

/// Texts whose contrast with what lies behind them is less than WCAG's AA wants, and what is wider than the window.
const HARD_TO_READ: &str = "
    const channel = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const rgb = color => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const color = rgb(getComputedStyle(element).backgroundColor);
            if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const element of document.body.querySelectorAll('*')) {
        const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        if (!hasText || element.matches(':disabled')) continue;
        const pair = [luminance(rgb(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
        if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) found.push('contrast: ' + element.outerHTML.slice(0, 120));
    }
    const width = document.documentElement.clientWidth;
    for (const element of document.body.querySelectorAll('*')) {
        if (element.getBoundingClientRect().right > width + 1) found.push('too wide: ' + element.outerHTML.slice(0, 120));
    }
    return found;
";

/// A site, the exporter, and somebody who looks at its page.
struct Stage {
    acme: Connected,
    server: Running,
    browser: Browser,
}

impl Stage {
    async fn set() -> Self {
        let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
        let server = Running::start_by(acme.clock.clone(), &on_loopback(), vec![acme.sync.clone()]).await;
        Self { acme, server, browser: Browser::open().await }
    }

    async fn scrape(&self) {
        self.server.get("/metrics").send().await.unwrap().error_for_status().unwrap();
    }

    /// Scrapes and looks until the page says all of this.
    async fn scrape_until(&self, says: &[&str]) -> String {
        let begun = Instant::now();
        loop {
            self.scrape().await;
            self.browser.go_to(&self.server.url("/")).await;
            let text = self.browser.text().await;
            if says.iter().all(|says| text.contains(says)) {
                return text;
            }
            assert!(begun.elapsed() < PATIENCE, "it never says {says:?}:\n{text}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Presses the button, and waits until the page that comes then says this.
    async fn test_until(&self, says: &str) -> String {
        self.browser.click(BUTTON).await;
        let begun = Instant::now();
        loop {
            let text = self.browser.text_meanwhile().await;
            if let Some(text) = text.as_ref().filter(|text| text.contains(says)) {
                return text.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "it never says {says}: {text:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Takes pictures, and finds nothing in them that is hard to read.
    async fn look_at_all_sides(&self, name: &str) {
        for look in LOOKS {
            self.browser.look(look).await;
            self.browser.take_picture(&format!("{name}-{}-{}", look.scheme, look.width)).await;
            assert_eq!(self.browser.ask(HARD_TO_READ).await, serde_json::json!([]), "{name} {look:?}");
        }
        self.browser.look(LOOKS[0]).await;
        assert_eq!(self.browser.complaints().await, Vec::<String>::new(), "the browser finds nothing to complain of");
    }

    fn asked(&self) -> u64 {
        self.acme.site.totals().values().sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_connections_each_is_told_apart_at_a_glance() {
    let (good, bad) = (
        Connected::to_a_site("good", Duration::from_secs(1)).await,
        Connected::to_a_site("bad", Duration::from_secs(1)).await,
    );
    assert!(bad.site.revoke(&bad.token));
    let connections = vec![good.sync.clone(), bad.sync.clone()];
    let server = Running::start_by(good.clock.clone(), &on_loopback(), connections).await;
    let stage = Stage { acme: good, server, browser: Browser::open().await };

    stage.scrape_until(&["good Healthy", "bad Down"]).await;

    assert_eq!(stage.browser.title().await, "1 of 2 connections healthy – confluence-exporter");
    let bad = stage.browser.text_of("#connection-bad").await;
    assert_says(&bad, &["username and token are not accepted", "What to do: check username and token", "nothing yet"]);
    assert!(!bad.contains("100 %"), "nothing is known of it:\n{bad}");
    stage.look_at_all_sides("two").await;
    stage.browser.click("nav.overview li:last-child a").await;
    assert!(stage.browser.url().await.ends_with("#connection-bad"));
}

fn assert_says(text: &str, all: &[&str]) {
    for says in all {
        assert!(text.contains(says), "it does not say {says}:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_nobody_has_scraped_says_so_and_asks_nothing() {
    let stage = Stage::set().await;

    stage.browser.go_to(&stage.server.url("/")).await;

    let text = stage.browser.text().await;
    assert_says(&text, &["Not asked yet", "Prometheus' first scrape starts it", "none since the start", "not asked"]);
    assert_eq!(stage.browser.title().await, "acme: Not asked yet – confluence-exporter");
    stage.look_at_all_sides("unscraped").await;
    assert_eq!(stage.asked(), 0, "to look asks Confluence nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_connection_is_told_with_all_that_is_known_of_it() {
    let stage = Stage::set().await;
    let text = stage.scrape_until(&["Healthy", "views\n100 %", "ended well"]).await;

    assert_says(
        &text,
        &["Healthy", "current docs in 3 spaces", "ended well", "not throttled", "of at most 5 under way"],
    );
    assert_says(&text, &["until 2027-06-30", "days left", "120 requests a minute", "read:space:confluence"]);
    assert!(!text.contains("What to do"), "{text}");
    let page = stage.server.get("/").send().await.unwrap().text().await.unwrap();
    for secret in [&stage.acme.token.secret, &stage.acme.token.username] {
        assert!(!page.contains(secret.as_str()));
    }
    stage.look_at_all_sides("healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_reader_finds_headings_tables_and_the_button() {
    let stage = Stage::set().await;
    stage.scrape_until(&["Healthy"]).await;
    for look in LOOKS {
        stage.browser.look(look).await;
        for (selector, role, name) in [
            ("h1", "heading", "confluence-exporter"),
            ("article", "article", "acme"),
            ("article h2", "heading", "acme"),
            ("article table", "table", "What is open to the token"),
            ("article table th[scope=row]", "rowheader", "spaces"),
            ("article table td", "cell", "read:space:confluence"),
            (BUTTON, "button", "Test connection"),
            ("header nav", "navigation", "Elsewhere"),
        ] {
            let (found_role, found_name) = stage.browser.called(selector).await;
            assert_eq!(found_role, role, "{selector}");
            // A cell is called by what stands in it, and on a phone what it is about stands there, too.
            assert!(found_name.is_empty() || found_name.ends_with(name), "{selector} is called {found_name}");
        }
    }
    assert_eq!(stage.browser.ask("return document.documentElement.lang").await, "en");
    assert_eq!(stage.browser.ask("return document.querySelectorAll('h1').length").await, 1);
    assert_eq!(stage.browser.ask("return document.scripts.length").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_told_with_what_to_do_and_its_mending_by_the_button() {
    let stage = Stage::set().await;
    assert!(stage.acme.site.take_scope(&stage.acme.token, SUMMARY));
    let text = stage.scrape_until(&["Works in part"]).await;
    assert_says(&text, &["invalid_permissions", "give the token the scope read:confluence-content.summary"]);
    assert_says(&text, &["Without it missing: views", "Without it missing: docs by state"]);
    stage.look_at_all_sides("invalid-permissions").await;

    assert!(stage.acme.site.give_scope(&stage.acme.token, SUMMARY));
    let text = stage.test_until("Everything that is needed is open.").await;

    assert_says(&text, &["Last test", "Healthy"]);
    assert!(!text.contains("invalid_permissions"), "what was mended is not told any more:\n{text}");
    assert!(stage.browser.url().await.ends_with("/#connection-acme"));
    let (role, _) = stage.browser.called(".tested").await;
    assert_eq!(role, "status");
    stage.browser.reload().await;
    assert_says(&stage.browser.text().await, &["Everything that is needed is open."]);
    stage.look_at_all_sides("tested").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_tells_of_a_dead_token_at_once_and_does_not_hammer() {
    let stage = Stage::set().await;
    stage.scrape_until(&["Healthy"]).await;
    stage.acme.silence().await;
    assert!(stage.acme.site.revoke(&stage.acme.token));
    stage.acme.site.clear_journal();
    let begun = Instant::now();

    let text = stage.test_until("10 of the 10 operations that are needed are not open.").await;

    assert_says(&text, &["Down", "The last test got no usable answer.", "invalid_credentials", "not asked"]);
    assert_says(&text, &["check username and token; the account also needs access to Confluence"]);
    let asked = stage.asked();
    for _ in 0..5 {
        let again = stage.server.ask(Method::POST, "/-/test?connection=acme").send().await.unwrap();
        assert_eq!(again.status(), StatusCode::SEE_OTHER);
    }
    let most = asked * (1 + begun.elapsed().as_secs() / 10);
    assert!(stage.asked() <= most, "at most once in ten seconds: {} requests, not {most}", stage.asked());
    stage.look_at_all_sides("dead-token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_connection_says_until_when_nothing_is_asked() {
    let stage = Stage::set().await;
    stage.scrape_until(&["Healthy"]).await;
    stage.acme.site.inject(Fault::new(FaultKind::RateLimited).seconds(1800));

    let text = stage.scrape_until(&["Throttled"]).await;

    assert_says(&text, &["Confluence has asked for a pause. Nothing is asked before", "paused", "in 30 min"]);
    assert_says(&text, &["rate_limited", "wait, and lower concurrency_level or request_budget"]);
    assert_says(&text, &["Confluence wants no request before"]);
    assert_eq!(stage.browser.ask("return document.querySelector('button').disabled").await, true);
    stage.look_at_all_sides("throttled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_walk_under_way_tells_how_far_it_has_come() {
    let stage = Stage::set().await;
    // The base and one list are answered, the others hang.
    stage.acme.site.inject(Fault::new(FaultKind::Silence).on(Operation::Pages).after(2));

    let text = stage.scrape_until(&["First walk under way"]).await;

    assert_says(&text, &["Every doc is read for the first time", "Numbers appear when they are known in full."]);
    assert_says(&text, &["of 6 lists of docs are read to their end"]);
    let (role, name) = stage.browser.called("progress").await;
    assert_eq!((role.as_str(), name.as_str()), ("progressbar", "Lists of docs read to their end"));
    stage.look_at_all_sides("first-walk").await;
}
