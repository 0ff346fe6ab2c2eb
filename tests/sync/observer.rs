//! A simulated site, and the exporter's sync looking at it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use confluence_exporter::clock::Clock;
use confluence_exporter::connection::{self, Connection, Patience};
use confluence_exporter::metrics::{Asking, Dialect, Encoded, Part, StoreUp, page};
use confluence_exporter::model::{Collector, ConnectionName, Snapshot, Timestamp};
use confluence_exporter::store::{OpenError, Store};
use confluence_exporter::sync::{self, Begun, NotBegun, PersonalSpaces, Sync};
use confluence_simulator::world::Space;
use confluence_simulator::{FAMILIES, Operation, Options, Simulator, Token, TokenKind, TruthQuestion};
use tempfile::NamedTempFile;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Noon of some day.
pub(crate) const START_MS: i64 = 1_781_784_000_000;

pub(crate) struct Observer {
    pub(crate) site: Simulator,
    pub(crate) token: Token,
    pub(crate) sync: Sync,
    settings: (connection::Settings, sync::Settings),
    stop: CancellationToken,
    /// The spaces that the settings let be counted, said in another way.
    pub(crate) counts: fn(&Space) -> bool,
    /// Whether the store takes writes.
    pub(crate) store_up: StoreUp,
    store: Option<Store>,
    token_file: NamedTempFile,
}

impl Observer {
    /// Looks at a site of this size with a token of exactly the four scopes.
    pub(crate) async fn of(options: Options) -> Self {
        Self::with(options, |_| {}).await
    }

    pub(crate) async fn with(options: Options, adapt: impl FnOnce(&mut sync::Settings)) -> Self {
        Self::asking_at_once(8, options, adapt).await
    }

    /// With so many requests under way at the most.
    pub(crate) async fn asking_at_once(
        concurrency: u16,
        options: Options,
        adapt: impl FnOnce(&mut sync::Settings),
    ) -> Self {
        let site = Simulator::start(Options { start_at: Some(START_MS), ..options }).await.unwrap();
        let token = site.token(TokenKind::service_account());
        let mut token_file = NamedTempFile::new().unwrap();
        write!(token_file, "{}", token.secret).unwrap();
        let mut settings = connection::Settings::new(
            site.site_url().parse().unwrap(),
            token.username.parse().unwrap(),
            token_file.path().to_owned(),
        );
        settings.gateway_url = site.gateway_url().parse().unwrap();
        settings.concurrency_level = concurrency.to_string().parse().unwrap();
        settings.patience = Patience {
            first_delay: Duration::from_millis(1),
            longest_delay: Duration::from_millis(10),
            longest_gap: Duration::from_secs(1),
            attempt: Duration::from_secs(3),
            ..Patience::default()
        };
        let mut sync_settings =
            sync::Settings { request_budget: NonZeroU32::new(10_000_000).unwrap(), ..sync::Settings::default() };
        sync_settings.labels.top = usize::MAX;
        sync_settings.max_series = usize::MAX;
        adapt(&mut sync_settings);
        let stop = CancellationToken::new();
        let settings = (settings, sync_settings);
        let (connection, clock, asking) = open(&site, &settings.0);
        let sync = Sync::new(connection, settings.1.clone(), clock, asking, &stop);
        let store_up = StoreUp::default();
        Self { site, token, sync, settings, stop, counts: |_| true, store_up, store: None, token_file }
    }

    /// Looks on with another exporter: the one before is stopped wherever it was, as if it had been killed. What it had
    /// kept in this store is all that is left of it.
    pub(crate) async fn restart(&mut self, store: &Path) {
        self.stop.cancel();
        self.stop = CancellationToken::new();
        self.store = None;
        let (connection, clock, asking) = open(&self.site, &self.settings.0);
        let (settings, stop) = (self.settings.1.clone(), self.stop.clone());
        // Its thread gives the file back when the last task of the one before has gone.
        let dead = Sync::new(connection.clone(), settings.clone(), clock.clone(), asking.clone(), &stop);
        drop(std::mem::replace(&mut self.sync, dead));
        let store = loop {
            match Store::open(store, self.store_up.clone()) {
                Ok(store) => break store,
                Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let kept = store.connection(connection.name(), connection.whereabouts().into()).await.unwrap();
        self.sync = Sync::kept(connection, settings, clock, asking, &stop, kept);
        self.store = Some(store);
    }

    /// Looks on with the same exporter, which has ended the connection wherever it was and opened it anew, as a reload does.
    pub(crate) async fn open_anew(&mut self) {
        let (connection, clock, asking) = open(&self.site, &self.settings.0);
        self.sync.end().await;
        let store = self.store.as_ref().expect("there was a restart");
        let kept = store.connection(connection.name(), connection.whereabouts().into()).await.unwrap();
        self.sync = Sync::kept(connection, self.settings.1.clone(), clock, asking, &self.stop, kept);
    }

    /// From the next restart on these settings are obeyed.
    pub(crate) fn adapt(&mut self, adapt: impl FnOnce(&mut sync::Settings)) {
        adapt(&mut self.settings.1);
    }

    /// From now on another site is looked at, an hour later: at the address of the one before, as if that had been deleted
    /// and made anew, or at an address of its own.
    pub(crate) async fn look_at_another_site(&mut self, options: Options, at_the_same_address: bool) {
        let (address, now_ms) = (self.site.address(), self.site.now_ms());
        let start_at = Some(now_ms + 3_600_000);
        let mut options = Options { start_at, ..options };
        if at_the_same_address {
            options.listen = address;
            drop(std::mem::replace(&mut self.site, Simulator::start(Options::empty()).await.unwrap()));
        }
        self.site = loop {
            match Simulator::start(options.clone()).await {
                Ok(site) => break site,
                // The one before has not left it yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        self.token = self.site.token(TokenKind::service_account());
        std::fs::write(self.token_file.path(), &self.token.secret).unwrap();
        self.settings.0.instance_url = self.site.site_url().parse().unwrap();
        self.settings.0.gateway_url = self.site.gateway_url().parse().unwrap();
        self.settings.0.username = self.token.username.parse().unwrap();
    }

    /// Lets time pass on the site, for the exporter too.
    pub(crate) fn pass(&self, time: Duration) {
        self.site.clock().fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// One refresh, to its end: its base, and whatever it asks after it.
    pub(crate) async fn refresh(&self) -> Arc<Snapshot> {
        self.pass(Duration::from_mins(1));
        let mut snapshots = self.sync.snapshots();
        // A base that is still trying is joined.
        let _ = self.begin().await;
        let _ = tokio::time::timeout(Duration::from_secs(30), snapshots.changed()).await;
        self.silence().await;
        snapshots.borrow().clone().unwrap()
    }

    /// Begins a refresh once the rest under way has had its time.
    pub(crate) async fn begin(&self) -> Result<Begun, NotBegun> {
        loop {
            match self.sync.begin() {
                Err(NotBegun::RestJustBegun) => tokio::time::sleep(Duration::from_millis(1)).await,
                begun => return begun,
            }
        }
    }

    /// Waits until the site has been asked nothing for a while, and has answered everything.
    pub(crate) async fn silence(&self) {
        let mut asked = (self.asked(), Instant::now());
        while asked.1.elapsed() < Duration::from_millis(250) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.asked() != asked.0 || self.site.in_flight() > 0 {
                asked = (self.asked(), Instant::now());
            }
        }
    }

    /// How many requests the site has had since its journal was cleared.
    pub(crate) fn asked(&self) -> u64 {
        self.site.totals().values().sum()
    }

    /// How many of them were of this kind.
    pub(crate) fn asked_for(&self, operation: Operation) -> u64 {
        self.site.totals().get(&operation).copied().unwrap_or(0)
    }

    /// What the exporter's own counters of this name add up to.
    pub(crate) fn counted(&self, name: &str) -> f64 {
        let part = Part { encoded: None, asking: self.sync.asking(), with_numbers: false };
        let text = String::from_utf8(page(Dialect::Classic, &[part], None)).unwrap();
        let lines =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Refreshes until all that happened so far has been seen by each of these collectors.
    pub(crate) async fn catch_up_on(&self, collectors: &[Collector]) -> Arc<Snapshot> {
        let happened = Timestamp::from_millis(self.site.world().last_change_ms());
        let mut snapshots = self.sync.snapshots();
        for _ in 0..200 {
            self.pass(Duration::from_mins(1));
            if self.sync.begin().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            while let Ok(Ok(())) = tokio::time::timeout(Duration::from_millis(300), snapshots.changed()).await {
                let Some(snapshot) = snapshots.borrow_and_update().clone() else { continue };
                let has_seen = |health: &confluence_exporter::model::CollectorHealth| {
                    !collectors.contains(&health.collector)
                        || (health.success.is_some_and(|at| at > happened)
                            && (!grows_old(health.collector) || health.oldest_fact.is_none_or(|at| at > happened)))
                };
                let is_after = snapshot.health.moment.is_some_and(|moment| moment > happened);
                if is_after && snapshot.health.collectors.iter().all(has_seen) {
                    return snapshot;
                }
            }
        }
        panic!("it never caught up: {:?}", self.sync.snapshots().borrow().as_ref().map(|snapshot| &snapshot.health));
    }

    /// The numbers of a snapshot as the page tells them, and as the site counts them at its moment.
    pub(crate) fn compare(&self, snapshot: &Snapshot) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
        let truth = self.site.truth(&self.question(snapshot));
        // By the families that there are, not by those that this world has something of: a stray series is wrong, too.
        let is_compared = |series: &str| FAMILIES.contains(&family(series)) && !is_unseen(series);
        let told = told(snapshot).into_iter().filter(|(series, _)| is_compared(series)).collect();
        let truth = truth.into_iter().filter(|(series, _)| !is_unseen(series)).collect();
        (told, truth)
    }

    /// What the settings want to know.
    fn question(&self, snapshot: &Snapshot) -> TruthQuestion {
        let (_, settings) = &self.settings;
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap();
        let windows: Vec<_> =
            settings.windows.iter().map(|window| (window.to_string(), seconds(window.span()))).collect();
        let world = self.site.world();
        let counted = world.spaces().iter().filter(|space| (self.counts)(space));
        TruthQuestion {
            authors_within_seconds: windows.iter().map(|(_, seconds)| *seconds).max(),
            windows,
            fold_personal: settings.spaces.personal == PersonalSpaces::Fold,
            spaces: Some(counted.map(|space| space.key.to_string()).collect()),
            top_labels: Some(settings.labels.top),
            named_labels: settings.labels.named.clone(),
            ..TruthQuestion::at(snapshot.health.moment.unwrap().as_millis())
        }
    }

    pub(crate) fn check(&self, snapshot: &Snapshot) {
        let (told, truth) = self.compare(snapshot);
        let wrong: Vec<_> = truth
            .iter()
            .filter(|(series, value)| told.get(*series) != Some(value))
            .map(|(series, value)| format!("{series}: told {:?}, is {value}", told.get(series)))
            .chain(
                told.iter()
                    .filter(|(series, _)| !truth.contains_key(*series))
                    .map(|(s, v)| format!("{s}: told {v}, is nothing")),
            )
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {} series are wrong:\n{}",
            wrong.len(),
            truth.len(),
            wrong[..wrong.len().min(40)].join("\n")
        );
        assert!(!truth.is_empty());
    }
}

fn open(site: &Simulator, settings: &connection::Settings) -> (Connection, Clock, Asking) {
    let name = ConnectionName::new("acme").unwrap();
    let clock = Clock::manual(site.clock());
    let asking = Asking::new(&name);
    let connection = Connection::open(name, settings, clock.clone(), asking.clone()).unwrap();
    (connection, clock, asking)
}

/// Counted from when it was noticed on, which the site can't know; it has a test of its own.
fn is_unseen(series: &str) -> bool {
    series.contains("space_status=\"unseen\"")
}

fn grows_old(collector: Collector) -> bool {
    matches!(collector, Collector::Users | Collector::Labels | Collector::States | Collector::Views)
}

pub(crate) fn family(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// `docs{space="ENG",type="page",status="current"}` -> 7
pub(crate) fn told(snapshot: &Snapshot) -> BTreeMap<String, i64> {
    told_of(snapshot, true)
}

/// The same, or what is left of it once the numbers have become too old.
pub(crate) fn told_of(snapshot: &Snapshot, with_numbers: bool) -> BTreeMap<String, i64> {
    let asking = Asking::new(&snapshot.connection);
    let encoded = Encoded::of(snapshot);
    let part = Part { encoded: Some(&encoded), asking: &asking, with_numbers };
    let text = String::from_utf8(page(Dialect::Classic, &[part], None)).unwrap();
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let series = series.strip_prefix("confluence_")?.replace("connection=\"acme\",", "");
        #[expect(clippy::cast_possible_truncation, reason = "counts and whole seconds are compared")]
        let value = value.parse::<f64>().ok()? as i64;
        Some((series, value))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}
