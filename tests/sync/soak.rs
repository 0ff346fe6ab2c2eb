//! Random worlds that live for weeks, while the exporter is disturbed in every way that the simulator knows, stopped and
//! started again: in the end every number is the truth, and what can be known before the end is.
//!
//! `SEED=n` tries one world, `SOAK_SECONDS=n` as many as begin in that time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_exporter::sync;
use confluence_simulator::world::Sight;
use confluence_simulator::{Asked, DocId, DocStatus, EventKind, Fault, FaultKind, Operation, Options, TruthQuestion};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::{Connection, OptionalExtension as _};
use tempfile::{TempDir, tempdir};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::hostile::FALSE;
use crate::kept::{kept_row, wrong_docs};
use crate::observer::{Observer, told};
use crate::unseen::Histories;

/// A world and who looks at it.
struct Life {
    seed: u64,
    observer: Observer,
    rng: ChaCha8Rng,
    folder: TempDir,
    /// Something failed: what was refused or learnt wrong is not asked again before it has grown old.
    was_disturbed: bool,
    /// What can't be told from what an answer says has been said: until the next quiet time nothing is compared.
    was_lied_to: bool,
    /// A burst is dated back: one that falls between a base's moment and its answers may be in or not.
    last_burst_ms: i64,
    histories: Histories,
    /// How many of its stores a kill has left behind.
    lost_stores: usize,
    /// Docs that have been in a hidden space: one that is moved out of it unedited is met by the reconciling walk only.
    hidden: BTreeSet<u64>,
    tally: Tally,
}

/// What lives were made of: a test that compares nothing proves nothing.
#[derive(Debug, Default)]
struct Tally {
    lives: usize,
    /// Of them, those that were looked at with little to spend.
    poor: usize,
    events: BTreeMap<EventKind, usize>,
    faults: BTreeMap<&'static str, usize>,
    /// Spaces whose own listings gave no answer for a while.
    muted: usize,
    restarts: usize,
    /// Of them, those that lost what waited to be written.
    kills: usize,
    quiet_times: usize,
    looks_in_between: usize,
    /// Of them, those at a refresh beside which the world went on, and those after something had failed.
    beside_life: usize,
    after_failures: usize,
    /// Changes of a doc's versions that were left out as no look can tell them, and those that a look in between could tell.
    unseen: usize,
    seen_in_between: usize,
}

/// How long worlds are begun where nobody says otherwise.
const SHORT: Duration = Duration::from_secs(10);
/// In a soak that is as long as this, chance has met every fault.
const LONG: Duration = Duration::from_mins(10);
/// Worlds that live at once: each waits for its site most of the time.
const AT_ONCE: usize = 4;
/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);
/// They keep a request, and the test, waiting; `hostile` knows them too.
const LASTING: [FaultKind; 4] = [FaultKind::Silence, FaultKind::Slow, FaultKind::Endless, FaultKind::Oversized];
/// "hostile", as cursors are spelt.
const HOSTILE_CURSOR: &str = "cursor=aG9zdGlsZQ";
/// Of one life.
const QUIET_TIMES: usize = 7;
/// What tells where docs are and in which status, and how many of the last of them are told of when numbers are wrong.
const LISTINGS: [Operation; 5] =
    [Operation::Spaces, Operation::Pages, Operation::Blogposts, Operation::SpacePages, Operation::SpaceBlogposts];
const LAST_LISTINGS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn worlds_that_live_for_weeks_are_counted_exactly_through_faults_and_restarts() {
    let one = std::env::var("SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let span = std::env::var("SOAK_SECONDS").ok().map(|text| Duration::from_secs(text.parse().unwrap()));
    let until = Instant::now() + span.unwrap_or(SHORT);
    let next_seed = Arc::new(AtomicU64::new(one.unwrap_or_else(|| rand::random_range(0..1_000_000_000))));
    let mut lives = tokio::task::JoinSet::new();
    for _ in 0..if one.is_some() { 1 } else { AT_ONCE } {
        let next_seed = Arc::clone(&next_seed);
        lives.spawn(async move {
            let (mut bad_ends, mut total) = (Vec::new(), Tally::default());
            while bad_ends.is_empty() && (one.is_none() || Some(next_seed.load(Ordering::SeqCst)) == one) {
                let seed = next_seed.fetch_add(1, Ordering::SeqCst);
                match tokio::spawn(live(seed)).await {
                    Ok(tally) => {
                        println!("SEED={seed} ended well: {tally:?}");
                        total.add(tally);
                    }
                    Err(_) => bad_ends.push(seed),
                }
                if Instant::now() >= until {
                    break;
                }
            }
            (bad_ends, total)
        });
    }
    let (mut bad_ends, mut total) = (Vec::new(), Tally::default());
    for (bad, tally) in lives.join_all().await {
        bad_ends.extend(bad);
        total.add(tally);
    }
    println!("all lives: {total:?}");
    assert!(bad_ends.is_empty(), "not counted exactly: {bad_ends:?}; SEED=n tries one");
    if one.is_none() {
        total.check(span >= Some(LONG));
    }
}

#[expect(clippy::print_stdout, reason = "who reads of a failure wants to know what world it was")]
async fn live(seed: u64) -> Tally {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (spaces, docs) = (rng.random_range(1..12), rng.random_range(0..150));
    // Of some worlds, little may be asked after a base: it ends in the midst of things, and goes on in the next refresh.
    let is_poor = rng.random_range(0..3) == 0;
    let little = rng.random_range(docs / 5 + 5..docs + 20);
    // Now and then more than one answer of a listing.
    let docs = if !is_poor && rng.random_range(0..4) == 0 { docs + 300 } else { docs };
    let means = if is_poor { format!("{little} requests a minute") } else { "plenty to spend".to_owned() };
    println!("SEED={seed}: {docs} docs in {spaces} spaces, {means}");
    let adapt = |settings: &mut sync::Settings| {
        if is_poor {
            settings.request_budget = u32::try_from(little).unwrap().try_into().unwrap();
        }
    };
    let observer = Observer::with(Options { seed, spaces, docs, ..Options::default() }, adapt).await;
    let (folder, hidden, tally) =
        (tempdir().unwrap(), BTreeSet::new(), Tally { lives: 1, poor: is_poor.into(), ..Tally::default() });
    let mut life = Life {
        seed,
        observer,
        rng,
        folder,
        was_disturbed: false,
        was_lied_to: false,
        last_burst_ms: 0,
        histories: Histories::default(),
        lost_stores: 0,
        hidden,
        tally,
    };
    life.restart().await;
    for _ in 0..QUIET_TIMES {
        life.pass_through().await;
        life.come_to_rest().await;
    }
    (life.tally.unseen, life.tally.seen_in_between) = (life.histories.left_out, life.histories.seen_in_between);
    let journal = life.observer.site.journal();
    // A hostile answer's cursor is taken for what it is, a word of the site's, and refused by it.
    let broke_a_rule = |asked: &&Asked| asked.rejected.is_some() && !asked.query.contains(HOSTILE_CURSOR);
    let rejected: Vec<_> = journal.iter().filter(broke_a_rule).take(3).collect();
    assert!(rejected.is_empty(), "SEED={seed}: the API's rules were broken: {rejected:?}");
    life.tally
}

impl Life {
    async fn pass_through(&mut self) {
        let kinds: Vec<EventKind> = EventKind::all().collect();
        let while_asking: Vec<EventKind> = EventKind::all().filter(|kind| *kind != EventKind::AutosaveBurst).collect();
        let is_disturbed = self.rng.random_range(0..2) == 0;
        for _ in 0..self.rng.random_range(1..300) {
            let pause = Duration::from_secs(self.rng.random_range(1..5_000));
            self.observer.pass(pause);
            self.let_happen(&kinds);
            match self.rng.random_range(0..200) {
                0..20 => self.ask_while_it_lives(&while_asking).await,
                20..24 => self.restart().await,
                24..28 if is_disturbed => self.disturb(),
                28..31 => self.observer.site.clear_faults(),
                31..34 if !self.was_lied_to => self.look_in_between(&[]).await,
                34..37 if !self.was_lied_to => self.look_in_between(&while_asking).await,
                _ => {}
            }
        }
    }

    /// A refresh begins, and the world goes on beside it.
    async fn ask_while_it_lives(&mut self, kinds: &[EventKind]) {
        let _ = self.observer.sync.begin();
        for _ in 0..self.rng.random_range(0..4) {
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..15))).await;
            self.observer.pass(Duration::from_secs(self.rng.random_range(1..60)));
            self.let_happen(kinds);
        }
    }

    fn let_happen(&mut self, kinds: &[EventKind]) {
        // What is rare where people write happens in every life, too.
        let is_new = |kind: &EventKind| !self.tally.events.contains_key(kind);
        let new: Vec<EventKind> = kinds.iter().copied().filter(is_new).collect();
        let kinds = match self.rng.random_range(0..20) {
            0..2 if !new.is_empty() => &new,
            // Often enough to meet edits of the same doc.
            2 if !kinds.is_empty() => [EventKind::DeleteVersion].as_slice(),
            _ => kinds,
        };
        let store = self.store();
        let histories = &mut self.histories;
        let mut world = self.observer.site.world();
        let event = world.random_event_that_may(&mut self.rng, kinds, |world, doc, rewrite| {
            histories.may_be_rewritten(world, doc, rewrite, |doc| kept_row(&store, doc))
        });
        if let Some(kind) = event {
            *self.tally.events.entry(kind).or_default() += 1;
        }
        if event == Some(EventKind::AutosaveBurst) {
            self.last_burst_ms = world.now_ms();
        }
        let hidden: Vec<_> =
            world.spaces().iter().filter(|space| space.sight != Sight::Listed).map(|space| space.id).collect();
        if !hidden.is_empty() {
            let is_hidden = |doc: &DocId| world.doc(*doc).is_some_and(|facts| hidden.contains(&facts.space));
            self.hidden.extend(world.docs().into_iter().filter(is_hidden).map(|doc| doc.0));
        }
    }

    /// A process can't be killed in here; `commands/killing` does that, to a quieter world. What a kill leaves is no secret,
    /// though: the last commit, and nothing of what waited to be written. So every other time the next exporter goes on from
    /// what the file held at some moment, while the one before still looked and wrote.
    async fn restart(&mut self) {
        if self.tally.restarts > 0 && self.rng.random_range(0..2) == 0 {
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..15))).await;
            let store = self.store();
            self.lost_stores += 1;
            let copy = self.store();
            Connection::open(store).unwrap().execute("VACUUM INTO ?", [copy.to_str()]).unwrap();
            self.tally.kills += 1;
        }
        self.observer.restart(&self.store()).await;
        self.tally.restarts += 1;
    }

    fn disturb(&mut self) {
        if self.rng.random_range(0..6) == 0 {
            return self.mute_a_space();
        }
        let quick: Vec<FaultKind> = quick_faults().collect();
        let kind = quick[self.rng.random_range(0..quick.len())];
        let after = self.rng.random_range(0..40);
        let times = self.rng.random_range(1..6);
        self.observer.site.inject(Fault::new(kind).after(after).times(times).seconds(1));
        self.was_disturbed = true;
        self.was_lied_to |= FALSE.contains(&kind) || kind == FaultKind::DateAhead;
        *self.tally.faults.entry(kind.as_str()).or_default() += 1;
    }

    /// Whoever lists docs of one space alone gets no answer: it is a new space before long, if it goes out of sight and comes back.
    fn mute_a_space(&mut self) {
        let kinds = [FaultKind::InternalError, FaultKind::NotJson];
        let kind = kinds[self.rng.random_range(0..kinds.len())];
        let operation = [Operation::Pages, Operation::Blogposts][self.rng.random_range(0..2)];
        let space = {
            let world = self.observer.site.world();
            let spaces = world.spaces();
            spaces[self.rng.random_range(0..spaces.len())].id
        };
        self.observer.site.inject(Fault::new(kind).on(operation).only(&format!("space-id={}", space.0)));
        self.was_disturbed = true;
        self.tally.muted += 1;
    }

    /// The world stands still until all that happened has been seen.
    async fn come_to_rest(&mut self) {
        self.observer.site.clear_faults();
        // What a refresh under way learns in the second of the last event would be known too early, and for a day.
        self.observer.silence().await;
        self.observer.pass(A_WHILE);
        if self.was_disturbed {
            // What was learnt from wrong answers has grown old, and is learnt anew.
            self.observer.site.world().add_user("active", "atlassian");
        }
        let snapshot = self.observer.catch_up_on(Collector::ALL).await;
        let (told, truth) = self.observer.compare(&snapshot);
        if told != truth {
            self.explain().await;
        }
        self.observer.check(&snapshot);
        (self.was_disturbed, self.was_lied_to) = (false, false);
        self.tally.quiet_times += 1;
    }

    /// Which docs made a number wrong, and what was asked last.
    #[expect(clippy::print_stdout, reason = "who reads of a failure wants to know how it came")]
    async fn explain(&self) {
        self.observer.silence().await;
        let seed = self.seed;
        for wrong in wrong_docs(&self.store(), &self.observer.site.world()) {
            println!("SEED={seed}: {wrong}");
        }
        let journal = self.observer.site.journal();
        let is_listing = |asked: &&Asked| asked.operation.is_some_and(|operation| LISTINGS.contains(&operation));
        let listings: Vec<_> = journal.iter().filter(is_listing).collect();
        for asked in &listings[listings.len().saturating_sub(LAST_LISTINGS)..] {
            println!("SEED={seed}: {} {} {} {}?{}", asked.number, asked.at_ms, asked.status, asked.path, asked.query);
        }
    }

    /// While it lives, what dates tell is known of every doc that has been met: by a refresh beside which such things
    /// happen, its moment before them.
    ///
    /// Only in silence: which docs have been met and which deletions been seen the store tells, and it runs after a snapshot
    /// while answers still come. A deletion that has not been seen can't be told, and lowers no coverage: METRICS.md has it
    /// found by the reconciling walk. A look that finds one is given up.
    async fn look_in_between(&mut self, beside: &[EventKind]) {
        // A base that is under way would be joined.
        self.observer.silence().await;
        self.observer.pass(Duration::from_mins(1));
        let mut snapshots = self.observer.sync.snapshots();
        self.ask_while_it_lives(beside).await;
        let _ = tokio::time::timeout(Duration::from_secs(30), snapshots.changed()).await;
        self.observer.silence().await;
        let (snapshot, docs) = self.kept_snapshot(&snapshots).await;
        let covers = |collector| {
            let health = snapshot.health.collectors.iter().find(|health| health.collector == collector).unwrap();
            (health.coverage - 1.0).abs() < f64::EPSILON
        };
        if !snapshot.health.up || !covers(Collector::Versions) || !covers(Collector::Docs) {
            return;
        }
        let moment_ms = snapshot.health.moment.unwrap().as_millis();
        let store = self.store();
        let kept = |doc: DocId| docs.contains(&doc.0).then(|| kept_row(&store, doc)).flatten();
        if self.last_burst_ms >= moment_ms || !self.histories.all_is_seen(&self.observer.site.world(), kept) {
            return;
        }
        let overlooked: Vec<_> = self.visible_docs(moment_ms).difference(&docs).copied().collect();
        assert!(overlooked.is_empty(), "never met: {overlooked:?}");
        let truth = self.observer.site.truth(&TruthQuestion { docs: Some(docs), ..TruthQuestion::at(moment_ms) });
        assert_eq!(of_dates(told(&snapshot)), of_dates(truth), "told is left, true is right, while it lives");
        self.tally.looks_in_between += 1;
        self.tally.beside_life += usize::from(!beside.is_empty());
        self.tally.after_failures += usize::from(self.was_disturbed);
    }

    /// The docs that a base must have met by its moment.
    fn visible_docs(&self, moment_ms: i64) -> BTreeSet<u64> {
        let world = self.observer.site.world();
        let is_visible = |doc: &DocId| {
            let Some(facts) = world.doc(*doc) else { return false };
            let is_listed = world.space(facts.space).is_some_and(|space| space.sight == Sight::Listed);
            let is_there = !matches!(facts.status, DocStatus::Deleted | DocStatus::Purged);
            is_listed && is_there && facts.versions.first().is_some_and(|first| first.created_ms <= moment_ms)
        };
        let visible = world.docs().into_iter().filter(is_visible).map(|doc| doc.0);
        visible.filter(|doc| !self.hidden.contains(doc)).collect()
    }

    /// The last snapshot, and which docs are in sight as the store has it together with this one.
    async fn kept_snapshot(
        &self,
        snapshots: &watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> (Arc<Snapshot>, BTreeSet<u64>) {
        let is_kept = async {
            loop {
                let last = snapshots.borrow().clone();
                let shown = last.as_ref().map(|last| serde_json::to_string(&last.health).unwrap());
                if let Some(last) = last
                    && kept_health(&self.store()) == shown
                {
                    return last;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let snapshot = tokio::time::timeout(Duration::from_mins(1), is_kept).await.expect("the snapshot is kept");
        let database = Connection::open(self.store()).unwrap();
        let mut docs = database.prepare("SELECT id FROM docs WHERE status IS NOT NULL").unwrap();
        let docs = docs.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        (snapshot, docs.map(|id| id.unwrap().cast_unsigned()).collect())
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join(format!("store-{}.db", self.lost_stores))
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.lives += other.lives;
        self.poor += other.poor;
        self.muted += other.muted;
        self.restarts += other.restarts;
        self.kills += other.kills;
        self.quiet_times += other.quiet_times;
        self.looks_in_between += other.looks_in_between;
        self.beside_life += other.beside_life;
        self.after_failures += other.after_failures;
        self.unseen += other.unseen;
        self.seen_in_between += other.seen_in_between;
        for (kind, times) in other.events {
            *self.events.entry(kind).or_default() += times;
        }
        for (kind, times) in other.faults {
            *self.faults.entry(kind).or_default() += times;
        }
    }

    /// Everything that can happen has happened, and every comparison has been made.
    fn check(&self, was_long: bool) {
        let never: Vec<EventKind> = EventKind::all().filter(|kind| !self.events.contains_key(kind)).collect();
        assert!(never.is_empty(), "never happened: {never:?}");
        assert!(self.restarts > self.lives && self.quiet_times > 0 && self.looks_in_between > 0, "{self:?}");
        if was_long {
            let rare =
                [self.muted, self.kills, self.beside_life, self.after_failures, self.unseen, self.seen_in_between];
            assert!(!rare.contains(&0), "{self:?}");
            let met = |kind: &FaultKind| self.faults.contains_key(kind.as_str());
            let never: Vec<FaultKind> = quick_faults().filter(|kind| !met(kind)).collect();
            assert!(never.is_empty(), "never met: {never:?}");
        }
    }
}

fn quick_faults() -> impl Iterator<Item = FaultKind> {
    FaultKind::ALL.iter().copied().filter(|kind| !LASTING.contains(kind))
}

fn kept_health(store: &Path) -> Option<String> {
    let database = Connection::open(store).unwrap();
    database.query_row("SELECT health FROM snapshots", [], |row| row.get(0)).optional().unwrap()
}

/// New, updated and updates, summed over the spaces.
fn of_dates(series: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (series, value) in series {
        let Some((family, labels)) = series.split_once('{') else { continue };
        if ["new_docs", "updated_docs", "doc_updates"].contains(&family)
            && let Some(at) = labels.find("type=")
        {
            *sums.entry(format!("{family}{{{}", &labels[at..])).or_insert(0) += value;
        }
    }
    sums
}
