//! When a scrape refreshes, how long it waits, and what it shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use confluence_exporter::cache::{Cache, Coding, Target, UnknownConnection};
use confluence_exporter::clock::Clock;
use confluence_exporter::metrics::{Dialect, Process};
use confluence_exporter::model::{Code, Snapshot, Timestamp};
use confluence_exporter::sync::{Standing, Sync};
use tokio::time::{Instant, sleep, timeout};

use crate::snapshots::{failed, full, name};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const MOMENT: Timestamp = Timestamp::from_millis(1_779_865_752_034);

#[tokio::test]
async fn any_number_of_scrapes_begins_one_refresh() {
    let site = Site::new(&["acme"], HOUR);
    site.show(0, full("acme", MOMENT)).await;

    let scrapes = (0..50).map(|_| {
        let cache = site.cache.clone();
        tokio::spawn(async move { cache.page(Target::All, Dialect::Classic, Coding::Identity, DAY).await })
    });
    for scrape in scrapes.collect::<Vec<_>>() {
        scrape.await.unwrap().unwrap();
    }

    assert_eq!(site.begun(0), 1);
}

#[tokio::test]
async fn a_refresh_is_due_again_a_little_before_its_interval_has_passed() {
    let site = Site::new(&["acme"], Duration::from_secs(1));
    site.show(0, full("acme", MOMENT)).await;

    site.scrape(Target::All).await;
    sleep(Duration::from_millis(700)).await;
    site.scrape(Target::All).await;
    assert_eq!(site.begun(0), 1);
    sleep(Duration::from_millis(300)).await;
    site.scrape(Target::All).await;
    assert_eq!(site.begun(0), 2);
}

#[tokio::test]
async fn a_scrape_that_finds_a_base_under_way_begins_none_and_the_next_one_tries_again() {
    let site = Site::new(&["acme"], HOUR);
    site.show(0, full("acme", MOMENT)).await;

    site.standing[0].base_under_way.store(true, Ordering::Relaxed);
    site.scrape(Target::All).await;
    assert_eq!(site.begun(0), 0);
    site.standing[0].base_under_way.store(false, Ordering::Relaxed);
    site.scrape(Target::All).await;
    assert_eq!(site.begun(0), 1);
}

#[tokio::test]
async fn a_scrape_that_is_given_up_has_begun_its_refresh() {
    let site = Site::new(&["acme"], HOUR);

    let scrape = site.cache.page(Target::All, Dialect::Classic, Coding::Identity, HOUR);
    assert!(timeout(Duration::from_millis(50), scrape).await.is_err());

    assert_eq!(site.begun(0), 1);
}

#[tokio::test]
async fn a_probe_begins_and_shows_its_own_connection_only() {
    let site = Site::new(&["acme", "other"], HOUR);
    site.show(0, full("acme", MOMENT)).await;
    site.show(1, full("other", MOMENT)).await;

    let page = site.scrape(Target::One(name("acme"))).await;

    assert_eq!((site.begun(0), site.begun(1)), (1, 0));
    assert!(page.contains("{connection=\"acme\"") && !page.contains("other") && !page.contains("process_"));
    let unknown = Target::One(name("unknown"));
    let refused = site.cache.page(unknown, Dialect::Classic, Coding::Identity, HOUR).await;
    assert_eq!(refused, Err(UnknownConnection(name("unknown"))));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_waits_as_long_as_it_can_and_not_longer_while_nothing_is_known() {
    let site = Site::new(&["acme"], HOUR);
    let started = Instant::now();

    let patience = Duration::from_secs(7);
    let page = site.cache.page(Target::All, Dialect::Classic, Coding::Identity, patience).await.unwrap();

    assert_eq!(started.elapsed().as_secs(), 7);
    let page = String::from_utf8(page.into()).unwrap();
    assert!(page.contains("confluence_exporter_build_info") && !page.contains("confluence_up"));
}

#[tokio::test]
async fn all_metrics_wait_for_the_first_of_the_connections_a_probe_for_its_own() {
    let site = Site::new(&["slow", "quick"], HOUR);
    let all = tokio::spawn(site.page(Target::All, HOUR));
    let own = tokio::spawn(site.page(Target::One(name("slow")), HOUR));
    sleep(Duration::from_millis(50)).await;
    assert!(!all.is_finished() && !own.is_finished());

    site.show(1, failed("quick", Code::InvalidCredentials)).await;

    let page = timeout(Duration::from_secs(5), all).await.unwrap().unwrap();
    assert!(
        page.contains("confluence_up{connection=\"quick\"} 0") && !page.contains("confluence_up{connection=\"slow\"}")
    );
    assert!(!own.is_finished());
    site.show(0, full("slow", MOMENT)).await;
    let page = timeout(Duration::from_secs(5), own).await.unwrap().unwrap();
    assert!(page.contains("confluence_up{connection=\"slow\"} 1"));
}

#[tokio::test]
async fn one_failing_connection_leaves_the_others_series_untouched() {
    let site = Site::new(&["one", "failing", "two"], HOUR);
    for (index, name) in ["one", "failing", "two"].into_iter().enumerate() {
        site.show(index, full(name, MOMENT)).await;
    }
    let before = site.scrape(Target::All).await;

    site.show(1, failed("failing", Code::SiteSuspended)).await;
    let failing = "confluence_connection_error{connection=\"failing\",code=\"site_suspended\"} 1";
    let after = site.scrape_until(|page| page.contains(failing)).await;

    for name in ["one", "two"] {
        let of = |page: &str| -> Vec<String> {
            let own = format!("{{connection=\"{name}\"");
            page.lines().filter(|line| line.contains(&own)).map(str::to_owned).collect()
        };
        assert_eq!(of(&before), of(&after));
    }
}

#[tokio::test]
async fn numbers_leave_when_they_are_too_old_and_health_stays() {
    let site = Site::new(&["acme"], HOUR);
    site.show(0, full("acme", MOMENT)).await;
    assert!(site.scrape(Target::All).await.contains("confluence_docs{"));
    assert!(site.cache.summaries()[0].shows_numbers);

    site.now.store(MOMENT.later_by(DAY).as_millis() + 1, Ordering::Relaxed);

    let page = site.scrape_until(|page| !page.contains("confluence_docs{")).await;
    let moment = "confluence_snapshot_timestamp_seconds{connection=\"acme\"} 1779865752.034";
    assert!(
        page.contains(moment) && page.contains("confluence_connection_error") && !page.contains("confluence_spaces")
    );
    assert!(!site.cache.summaries()[0].shows_numbers);
}

#[tokio::test]
async fn what_has_been_learnt_is_not_hidden_by_a_page_made_before() {
    let site = Site::new(&["acme"], HOUR);
    let page = site.page(Target::All, Duration::ZERO).await;
    assert!(!page.contains("confluence_up"));

    site.show(0, full("acme", MOMENT)).await;

    assert!(site.page(Target::All, HOUR).await.contains("confluence_up{connection=\"acme\"} 1"));
}

/// Connections whose snapshots are made by hand.
struct Site {
    cache: Cache,
    standing: Vec<Arc<Standing>>,
    now: Arc<AtomicI64>,
}

impl Site {
    fn new(names: &[&str], refresh_interval: Duration) -> Self {
        let connections = names.iter().map(|connection| Sync::standing(name(connection), refresh_interval, DAY));
        let (connections, standing) = connections.unzip();
        let now = Arc::new(AtomicI64::new(MOMENT.as_millis()));
        let cache = Cache::new(connections, Clock::manual(Arc::clone(&now)), Process::this());
        Self { cache, standing, now }
    }

    async fn show(&self, index: usize, snapshot: Snapshot) {
        self.standing[index].snapshots.send_replace(Some(Arc::new(snapshot)));
        // The text is written beside the scrapes; once begun, it takes milliseconds.
        sleep(Duration::from_millis(20)).await;
    }

    fn begun(&self, index: usize) -> usize {
        self.standing[index].begun.load(Ordering::Relaxed)
    }

    async fn scrape(&self, target: Target) -> String {
        self.page(target, Duration::from_secs(5)).await
    }

    fn page(&self, target: Target, patience: Duration) -> impl Future<Output = String> + Send + 'static {
        let cache = self.cache.clone();
        async move {
            let page = cache.page(target, Dialect::Classic, Coding::Identity, patience).await.unwrap();
            String::from_utf8(page.into()).unwrap()
        }
    }

    /// Scrapes until the page is as wanted: a finished page is kept for a second.
    async fn scrape_until(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let scrape = async {
            loop {
                let page = self.scrape(Target::All).await;
                if is_wanted(&page) {
                    return page;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), scrape).await.expect("the page becomes as wanted")
    }
}
