//! `kill -9` at random moments of the first walk, of refreshes and of reconciling walks: what had been committed is there
//! after it, nothing is asked again but the step that was under way, and in the end the numbers are the truth.
//!
//! `KILLS=n` kills so often, `SEED=n` begins with this site.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use confluence_simulator::{EventKind, FAMILIES, Options, Simulator, TokenKind, TruthQuestion};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use serde_json::Value;
use tokio::time::Instant;

use crate::program::{Desk, Serving};

/// What the file holds.
#[derive(Debug, Default)]
struct Kept {
    /// By doc: the date of its newest version.
    docs: BTreeMap<i64, i64>,
    /// The walk's listings that have been read to their end; none where no walk is under way.
    listings_done: BTreeSet<String>,
    walk_is_under_way: bool,
    /// The newest of all that is vouched for.
    moment: i64,
    watermarks: BTreeMap<String, i64>,
    /// Of the last snapshot, as the page tells it.
    snapshot_moment: Option<f64>,
    /// Where a reconciling walk that is under way goes on.
    place: Option<String>,
}

/// When to kill.
#[derive(Clone, Copy)]
enum Aim {
    /// Once so many requests have been asked in all.
    Requests(u64),
    /// In the midst of a reconciling walk.
    ReconcilingWalk,
}

const STORE: &str = "confluence-exporter.db";
const SHORT: usize = 10;
/// Kills of one site; the next ones have another.
const KILLS_A_SITE: usize = 10;
/// Among so many kills some meet a reconciling walk.
const MANY: usize = 100;
/// As many kills of a site aim at its first walk.
const KILLS_OF_A_FIRST_WALK: usize = 4;
/// Two are being asked, one is being written; of each a kill leaves one answer to be asked for again.
const LISTINGS_AT_ONCE: usize = 3;
const YEAR_SECONDS: i64 = 365 * 86_400;
/// What is asked doc by doc has no walk that could be killed.
const MORE: &str = "  concurrency_level: 2\n  refresh_interval: 1s\n  reconcile_interval: 2s\n  request_budget: 1000000\n  \
                    collectors: { labels: { enabled: false }, states: { enabled: false }, views: { enabled: false } }\n";
const LEFT_OUT: [&str; 5] = ["docs_by_label", "unlabelled_docs", "docs_by_state", "doc_views", "views_sampled_docs"];
/// What a base or a reconciling walk finds.
const KINDS: [EventKind; 9] = [
    EventKind::Edit,
    EventKind::AutosaveBurst,
    EventKind::Create,
    EventKind::Move,
    EventKind::Archive,
    EventKind::Restore,
    EventKind::Trash,
    EventKind::Purge,
    EventKind::AddSpace,
];
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_loses_what_was_committed_or_has_it_asked_again() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let kills = number("KILLS").map_or(SHORT, |kills| usize::try_from(kills).unwrap());
    let mut seed = number("SEED").unwrap_or_else(|| rand::random_range(0..1_000_000_000));
    let (mut left, mut resumed) = (kills, 0);
    while left > 0 {
        println!("SEED={seed}, {left} kills to go");
        let now = left.min(KILLS_A_SITE);
        resumed += kill_again_and_again(seed, now).await;
        left -= now;
        seed += 1;
    }
    println!("{resumed} reconciling walks went on after a kill");
    assert!(kills < MANY || resumed > 0, "no kill has met a reconciling walk");
}

/// Tells how many reconciling walks have gone on where a kill had met them.
async fn kill_again_and_again(seed: u64, kills: usize) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let answers = answers_of_a_whole_walk(seed).await;
    let site = site(seed).await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), MORE);
    let store = desk.path(STORE);
    let mut kept = Kept::default();
    let (mut kills_of_the_walk, mut resumed) = (0, 0);
    for kill in 0..kills {
        let serving = desk.serve(&[]).await;
        let reconciled = reconciling_requests(&site).len();
        let is_early = kill < KILLS_OF_A_FIRST_WALK;
        let asked = site.totals().values().sum::<u64>();
        let aim = match (is_early, kill % 2) {
            (true, _) => Aim::Requests(asked + rng.random_range(1..12)),
            (false, 0) => Aim::Requests(asked + rng.random_range(1..150)),
            (false, _) => Aim::ReconcilingWalk,
        };
        let shortly_before = live_until(&mut rng, &site, &serving, &store, aim, &kept).await;
        serving.kill().await;

        resumed += usize::from(has_gone_on(&site, reconciled, &kept));
        let after = Kept::after_a_kill(&store);
        assert!(
            after.has_all_of(&kept) && after.has_all_of(&shortly_before),
            "SEED={seed}: kill {kill} lost something"
        );
        kills_of_the_walk += usize::from(walk_requests(&site) < answers || after.walk_is_under_way);
        kept = after;
    }

    let serving = desk.serve(&[]).await;
    let reconciled = reconciling_requests(&site).len();
    let page = settled_page(&site, &serving).await;
    resumed += usize::from(has_gone_on(&site, reconciled, &kept));
    compare(&site, &page);
    let again = asked_again(&site);
    let in_all: usize = again.values().sum();
    assert!(
        again.values().all(|again| *again <= kills_of_the_walk) && in_all <= kills_of_the_walk * LISTINGS_AT_ONCE,
        "SEED={seed}: after {kills_of_the_walk} kills of a walk so many answers a listing were asked for again: {again:?}"
    );
    serving.signal("TERM").await;
    serving.end().await;
    assert!(Kept::after_a_kill(&store).has_all_of(&kept));
    resumed
}

/// Whether a reconciling walk that was `kept` has gone on, after so many requests of it and those before it; nowhere but
/// where it was.
fn has_gone_on(site: &Simulator, reconciled: usize, kept: &Kept) -> bool {
    let (Some(place), Some(asked)) = (&kept.place, reconciling_requests(site).into_iter().nth(reconciled)) else {
        return false;
    };
    assert_eq!(asked.as_ref(), Some(place), "what had been read is not read again");
    true
}

/// The cursor of each: only the reconciling walk lists by id and names no space.
fn reconciling_requests(site: &Simulator) -> Vec<Option<String>> {
    let journal = site.journal();
    let queries = journal.iter().map(|asked| asked.query.as_str());
    let of_walk = queries.filter(|query| query.contains("sort=id") && !query.contains("space-id="));
    let cursor = |query: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(name, value)| (name == "cursor").then(|| value.into_owned()))
    };
    of_walk.map(cursor).collect()
}

/// Scrapes and lets things happen until the moment of the kill; tells what was kept shortly before.
async fn live_until(
    rng: &mut ChaCha8Rng,
    site: &Simulator,
    serving: &Serving,
    store: &Path,
    aim: Aim,
    kept: &Kept,
) -> Kept {
    let began = Instant::now();
    if let Some(moment) = kept.snapshot_moment {
        let page = serving.get("/metrics").await;
        let told = value(&page, "confluence_snapshot_timestamp_seconds");
        assert_eq!(told, Some(moment), "the first scrape is answered from the kept snapshot");
    }
    let mut seen = Kept::default();
    let living = async {
        let has_come = |seen: &Kept| match aim {
            Aim::Requests(asked) => site.totals().values().sum::<u64>() >= asked,
            // One that the process has begun, or gone on with.
            Aim::ReconcilingWalk => seen.place.is_some() && seen.place != kept.place,
        };
        while !has_come(&seen) && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(rng.random_range(1..20))).await;
            if kept.snapshot_moment.is_some() && rng.random_range(0..4) == 0 {
                site.world().random_event_of(rng, &KINDS);
            }
            if store.exists() {
                seen = Kept::of(store).unwrap_or(std::mem::take(&mut seen));
            }
        }
    };
    let scraping = async {
        loop {
            let _ = serving.get("/metrics").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = living => {}
        () = scraping => {}
    }
    seen
}

/// The same for every process that looks at it first.
async fn site(seed: u64) -> Simulator {
    let latency = Duration::from_millis(15);
    Simulator::start(Options { seed, spaces: 6, docs: 1_200, latency, ..Options::default() }).await.unwrap()
}

/// How many requests the first walk needs where nobody disturbs it.
async fn answers_of_a_whole_walk(seed: u64) -> usize {
    let site = site(seed).await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), MORE);
    let serving = desk.serve(&[]).await;
    serving
        .scrape_until(|page| {
            value(page, r#"collector_success_timestamp_seconds{connection="acme",collector="docs"}"#).is_some()
        })
        .await;
    serving.kill().await;
    walk_requests(&site)
}

fn walk_requests(site: &Simulator) -> usize {
    walk_queries(site).len()
}

/// Only the walk by id names spaces.
fn walk_queries(site: &Simulator) -> Vec<String> {
    let queries = site.journal().into_iter().map(|asked| format!("{} {}", asked.path, asked.query));
    queries.filter(|query| query.contains("space-id=")).collect()
}

/// Of each listing of the first walk, how many of its requests had been made before.
fn asked_again(site: &Simulator) -> BTreeMap<String, usize> {
    let (mut seen, mut again) = (BTreeSet::new(), BTreeMap::new());
    for query in walk_queries(site) {
        let listing = query.split('&').filter(|pair| !pair.starts_with("cursor=")).collect::<Vec<_>>().join("&");
        *again.entry(listing).or_default() += usize::from(!seen.insert(query));
    }
    again
}

/// The page once all that happened has been seen.
async fn settled_page(site: &Simulator, serving: &Serving) -> String {
    let began = Instant::now();
    loop {
        let page = serving.get("/metrics").await;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
        let happened = site.world().last_change_ms() as f64 / 1000.0;
        let has_seen = |collector: &str| {
            let series = format!(
                "confluence_collector_success_timestamp_seconds{{connection=\"acme\",collector=\"{collector}\"}}"
            );
            value(&page, &series).is_some_and(|at| at > happened)
        };
        if ["spaces", "docs", "versions", "users"].into_iter().all(has_seen) {
            return page;
        }
        assert!(began.elapsed() < PATIENCE, "it never came; its log:\n{}", serving.err());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn compare(site: &Simulator, page: &str) {
    let moment = value(page, "confluence_snapshot_timestamp_seconds").unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century fit")]
    let moment_ms = (moment * 1000.0).round() as i64;
    let question = TruthQuestion { authors_within_seconds: Some(YEAR_SECONDS), ..TruthQuestion::at(moment_ms) };
    let is_read = |series: &String| !LEFT_OUT.iter().any(|family| series.starts_with(family));
    let truth: BTreeMap<String, i64> =
        site.truth(&question).into_iter().filter(|(series, _)| is_read(series)).collect();
    let told = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let series = series.strip_prefix("confluence_")?.replace("connection=\"acme\",", "");
        #[expect(clippy::cast_possible_truncation, reason = "counts and whole seconds are compared")]
        let value = value.parse::<f64>().ok()? as i64;
        (FAMILIES.contains(&series.split('{').next()?) && is_read(&series)).then_some((series, value))
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), truth);
}

/// The value of the first series that ends so.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find(|line| !line.starts_with('#') && line.contains(series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

impl Kept {
    /// Of a copy, so that the next start finds the file as the kill has left it.
    fn after_a_kill(store: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(STORE);
        fs::copy(store, &copy).unwrap();
        let log = |path: &Path| path.with_extension("db-wal");
        if log(store).exists() {
            fs::copy(log(store), log(&copy)).unwrap();
        }
        let database = Connection::open(&copy).unwrap();
        let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        // A kill may have come before the tables.
        Self::of(&copy).unwrap_or_default()
    }

    fn of(store: &Path) -> rusqlite::Result<Self> {
        let mut database = Connection::open(store)?;
        let database = database.transaction()?;
        let mut docs = database.prepare("SELECT id, version_at FROM docs")?;
        let docs = docs.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut progress = database.prepare("SELECT name, value FROM progress")?;
        let progress = progress
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<BTreeMap<String, String>, _>>()?;
        let json = |name: &str| progress.get(name).map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        let vouched = json("vouched");
        let is_done = |(name, value): &(&String, &String)| {
            name.starts_with("listing/") && serde_json::from_str::<Value>(value).unwrap()["is_done"] == true
        };
        let mut snapshots = database.prepare("SELECT health FROM snapshots")?;
        let health = snapshots.query_map([], |row| row.get::<_, String>(0))?.next().transpose()?;
        let moment = health.and_then(|health| serde_json::from_str::<Value>(&health).unwrap()["moment"].as_i64());
        let watermarks = vouched["watermarks"].as_object().into_iter().flatten();
        Ok(Self {
            docs,
            listings_done: progress.iter().filter(is_done).map(|(name, _)| name.clone()).collect(),
            walk_is_under_way: progress.contains_key("walk"),
            moment: vouched["moment"].as_i64().unwrap_or(0),
            watermarks: watermarks.map(|(doc_type, at)| (doc_type.clone(), at.as_i64().unwrap_or(0))).collect(),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
            snapshot_moment: moment.map(|moment| moment as f64 / 1000.0),
            place: json("reconciling")["step"]["Read"]["cursor"]["value"].as_str().map(str::to_owned),
        })
    }

    /// Nothing that was there is missing, and nothing is older than it was.
    fn has_all_of(&self, before: &Self) -> bool {
        let has_doc = |(doc, at): (&i64, &i64)| self.docs.get(doc).is_some_and(|now| now >= at);
        let has_watermark =
            |(doc_type, at): (&String, &i64)| self.watermarks.get(doc_type).is_some_and(|now| now >= at);
        before.docs.iter().all(has_doc)
            && before.watermarks.iter().all(has_watermark)
            && self.moment >= before.moment
            && (!self.walk_is_under_way || self.listings_done.is_superset(&before.listings_done))
            && (before.snapshot_moment.is_none() || self.snapshot_moment >= before.snapshot_moment)
    }
}
