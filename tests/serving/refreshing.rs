//! When a scrape refreshes, how long it waits, and what it shows.

use std::sync::atomic::Ordering;
use std::time::Duration;

use confluence_exporter::cache::{Cache, Coding, Target, UnknownConnection};
use confluence_exporter::metrics::{Dialect, Process, StoreUp};
use confluence_exporter::model::Timestamp;
use confluence_exporter::store::Store;
use confluence_simulator::{Fault, FaultKind, Operation};
use tempfile::tempdir;
use tokio::time::{Instant, sleep, timeout};

use crate::connected::{Connected, START_MS};
use crate::http::Running;
use crate::snapshots::{full, name, of_spaces};

const HOUR: Duration = Duration::from_hours(1);
/// Long enough for a base on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn any_number_of_scrapes_makes_one_refresh() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    let cache = cache(&[&acme]);

    let scrapes: Vec<_> = (0..50).map(|_| tokio::spawn(page(&cache, Target::All, PATIENCE))).collect();
    for scrape in scrapes {
        assert!(scrape.await.unwrap().contains("confluence_up{connection=\"acme\"} 1"));
    }

    assert_eq!(acme.bases(), 1);
}

#[tokio::test]
async fn a_scrape_refreshes_when_nine_tenths_of_the_interval_have_passed() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(2)).await;
    let cache = cache(&[&acme]);

    page(&cache, Target::All, PATIENCE).await;
    sleep(Duration::from_millis(1200)).await;
    page(&cache, Target::All, PATIENCE).await;
    acme.silence().await;
    assert_eq!(acme.bases(), 1);
    sleep(Duration::from_millis(400)).await;
    page(&cache, Target::All, PATIENCE).await;
    acme.silence().await;
    assert_eq!(acme.bases(), 2);
}

#[tokio::test]
async fn a_scraper_that_gives_up_cancels_nothing() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    acme.site.inject(Fault::new(FaultKind::Slow).on(Operation::Spaces).seconds(1));
    let cache = cache(&[&acme]);

    let given_up = timeout(Duration::from_millis(100), page(&cache, Target::All, HOUR)).await;

    assert!(given_up.is_err());
    let mut snapshots = acme.sync.snapshots();
    let snapshot = timeout(PATIENCE, snapshots.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    assert!(snapshot.unwrap().health.up);
    assert_eq!(acme.bases(), 1);
}

#[tokio::test]
async fn a_failing_site_is_not_asked_more_often_by_more_scrapers() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    acme.site.inject(Fault::new(FaultKind::Unavailable));
    let cache = cache(&[&acme]);

    for _ in 0..20 {
        assert!(page(&cache, Target::All, PATIENCE).await.contains("confluence_up{connection=\"acme\"} 0"));
    }

    acme.silence().await;
    assert_eq!(acme.bases(), 1);
}

#[tokio::test]
async fn a_scrape_waits_while_nothing_is_known_and_never_once_anything_is() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(2)).await;
    acme.site.inject(Fault::new(FaultKind::Slow).on(Operation::Spaces).seconds(1));
    let cache = cache(&[&acme]);

    let (early, waited) = timed(page(&cache, Target::All, Duration::from_millis(300))).await;
    assert!(early.contains("confluence_exporter_build_info") && !early.contains("confluence_up"));
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_millis(900), "{waited:?}");
    // The page made before is still kept, and hides nothing.
    assert!(page(&cache, Target::All, PATIENCE).await.contains("confluence_up{connection=\"acme\"} 1"));

    acme.site.clear_faults();
    acme.site.inject(Fault::new(FaultKind::Silence));
    sleep(Duration::from_secs(2)).await;
    let (_, waited) = timed(page(&cache, Target::All, HOUR)).await;
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

#[tokio::test]
async fn the_scrapers_own_timeout_is_how_long_it_waits() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    acme.site.inject(Fault::new(FaultKind::Silence));
    let server = Running::start(vec![acme.sync.clone()]).await;

    let scrape = server.get("/metrics").header("X-Prometheus-Scrape-Timeout-Seconds", "0.9").send();
    let (answer, waited) = timed(scrape).await;

    assert!(answer.unwrap().status().is_success());
    assert!(waited >= Duration::from_millis(400) && waited < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn unscraped_means_silent() {
    let acme = Connected::to_a_site("acme", Duration::from_secs(1)).await;
    let cache = cache(&[&acme]);
    sleep(Duration::from_millis(500)).await;
    assert!(acme.site.journal().is_empty());

    page(&cache, Target::All, PATIENCE).await;
    acme.silence().await;
    sleep(Duration::from_secs(1)).await;
    acme.site.clear_journal();
    sleep(Duration::from_millis(1500)).await;

    assert!(acme.site.journal().is_empty(), "{:?}", acme.site.journal());
}

#[tokio::test]
async fn all_metrics_wait_for_the_first_of_the_connections_a_probe_for_its_own() {
    let (slow, quick) = (Connected::to_a_site("slow", HOUR).await, Connected::to_a_site("quick", HOUR).await);
    slow.site.inject(Fault::new(FaultKind::Slow).on(Operation::Spaces).seconds(2));
    quick.site.inject(Fault::new(FaultKind::InvalidCredentials));
    let cache = cache(&[&slow, &quick]);

    let own = tokio::spawn(page(&cache, Target::One(name("slow")), PATIENCE));
    let all = page(&cache, Target::All, PATIENCE).await;

    assert!(
        all.contains("confluence_up{connection=\"quick\"} 0") && !all.contains("confluence_up{connection=\"slow\"}")
    );
    assert!(!own.is_finished());
    assert!(own.await.unwrap().contains("confluence_up{connection=\"slow\"} 1"));
}

#[tokio::test]
async fn the_first_scrape_after_a_restart_shows_every_connection_whose_numbers_were_kept() {
    let folder = tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), StoreUp::default()).unwrap();
    let moment = Timestamp::from_millis(START_MS);
    let small = Connected::going_on_from(&store, full("small", moment), HOUR).await;
    // To write it takes far longer than to write the small one and a page.
    let large = Connected::going_on_from(&store, of_spaces("large", moment, 1_000), HOUR).await;
    let unknown = Connected::to_a_site("unknown", HOUR).await;
    for connected in [&small, &large, &unknown] {
        connected.site.inject(Fault::new(FaultKind::Silence));
    }
    let cache = cache(&[&small, &unknown, &large]);

    let page = page(&cache, Target::All, HOUR).await;

    let shows = |name: &str| page.contains(&format!("confluence_folded_spaces{{connection=\"{name}\"}}"));
    assert_eq!(["small", "large", "unknown"].map(shows), [true, true, false]);
}

#[tokio::test]
async fn a_probe_refreshes_and_shows_its_own_connection_only() {
    let (acme, other) = (Connected::to_a_site("acme", HOUR).await, Connected::to_a_site("other", HOUR).await);
    let cache = cache(&[&acme, &other]);

    let own = page(&cache, Target::One(name("acme")), PATIENCE).await;

    assert!(own.contains("{connection=\"acme\"") && !own.contains("\"other\"") && !own.contains("process_"));
    assert_eq!((acme.bases(), other.bases()), (1, 0));
    let unknown = cache.page(Target::One(name("unknown")), Dialect::Classic, Coding::Identity, PATIENCE).await;
    assert_eq!(unknown, Err(UnknownConnection(name("unknown"))));
}

#[tokio::test]
async fn one_failing_connection_leaves_the_others_series_untouched() {
    let (one, two) = (Connected::to_a_site("one", HOUR).await, Connected::to_a_site("two", HOUR).await);
    let failing = Connected::to_a_site("failing", Duration::from_secs(1)).await;
    let cache = cache(&[&one, &failing, &two]);
    let walked =
        |name: &str| format!("confluence_collector_coverage_ratio{{connection=\"{name}\",collector=\"docs\"}} 1\n");
    let is_whole = |page: &str| ["one", "two", "failing"].iter().all(|name| page.contains(&walked(name)));
    page_until(&cache, is_whole).await;
    for connected in [&one, &two] {
        connected.silence().await;
    }
    sleep(Duration::from_secs(1)).await;
    let before = page(&cache, Target::All, PATIENCE).await;

    failing.site.inject(Fault::new(FaultKind::SiteSuspended));
    let suspended = "confluence_connection_error{connection=\"failing\",code=\"site_suspended\"} 1\n";
    let after = page_until(&cache, |page| page.contains(suspended)).await;

    for name in ["one", "two"] {
        assert_eq!(
            lines_with(&before, &format!("connection=\"{name}\"")),
            lines_with(&after, &format!("connection=\"{name}\""))
        );
    }
    let docs = "confluence_docs{connection=\"failing\"";
    assert_eq!(lines_with(&before, docs), lines_with(&after, docs), "its last numbers stay on show");
    assert!(!lines_with(&after, docs).is_empty() && after.contains("confluence_up{connection=\"failing\"} 0\n"));
}

#[tokio::test]
async fn numbers_leave_when_they_are_too_old_and_the_alert_stays() {
    let acme = Connected::to_a_site("acme", HOUR).await;
    let cache = cache(&[&acme]);
    let fresh = page_until(&cache, |page| page.contains("confluence_docs{")).await;
    assert!(cache.summaries()[0].shows_numbers);

    let max_stale_and_more = acme.sync.max_stale() + Duration::from_mins(1);
    let millis = i64::try_from(max_stale_and_more.as_millis()).unwrap();
    acme.site.clock().fetch_add(millis, Ordering::Relaxed);

    let stale = page_until(&cache, |page| !page.contains("confluence_docs{")).await;
    for series in ["confluence_spaces{", "confluence_space_info{", "confluence_folded_spaces{"] {
        assert!(fresh.contains(series) && !stale.contains(series), "{series}");
    }
    for series in ["confluence_up{", "confluence_snapshot_timestamp_seconds{", "confluence_operation_access{"] {
        assert_eq!(lines_with(&stale, series), lines_with(&fresh, series));
    }
    assert!(!cache.summaries()[0].shows_numbers);
}

fn cache(connected: &[&Connected]) -> Cache {
    let connections = connected.iter().map(|connected| connected.sync.clone()).collect();
    Cache::new(connections, connected[0].clock.clone(), Process::this())
}

fn page(cache: &Cache, target: Target, patience: Duration) -> impl Future<Output = String> + Send + 'static {
    let cache = cache.clone();
    async move {
        let page = cache.page(target, Dialect::Classic, Coding::Identity, patience).await.unwrap();
        String::from_utf8(page.into()).unwrap()
    }
}

/// Scrapes until the page is as wanted: a refresh takes its time, and a finished page is kept for a second.
async fn page_until(cache: &Cache, is_wanted: impl Fn(&str) -> bool) -> String {
    let scrape = async {
        loop {
            let page = page(cache, Target::All, PATIENCE).await;
            if is_wanted(&page) {
                return page;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, scrape).await.expect("the page becomes as wanted")
}

fn lines_with<'a>(page: &'a str, words: &str) -> Vec<&'a str> {
    page.lines().filter(|line| line.contains(words)).collect()
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    (work.await, started.elapsed())
}
