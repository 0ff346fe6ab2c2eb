//! A Confluence Cloud site that holds a world it can count: for tests, benchmarks and demos. What the exporter makes
//! of it is none of its business; it imports nothing of the exporter.

pub mod api;
pub mod clock;
mod command;
mod control;
mod fault;
mod journal;
pub mod network;
mod openapi;
mod server;
mod truth;
pub mod world;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, RwLockWriteGuard};
use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use api::{Base, FOUR_SCOPES, Operation, Token, TokenKind};
pub use fault::{BadFault, Fault, FaultKind};
pub use journal::Asked;
pub use openapi::check as check_openapi;
pub use truth::{FAMILIES, TruthQuestion};
pub use world::{Account, DocId, DocStatus, DocType, EventKind, Label, SpaceId, World};

use api::Site;
use clock::SiteClock;
use fault::Faults;
use journal::Journal;
use server::Shared;
use world::Plan;

/// Events a second that a pace may mean: once in some days, and as often as a timer can tell apart.
const SLOWEST_PACE: f64 = 1e-6;
const FASTEST_PACE: f64 = 1000.0;

/// A running site on loopback. Dropping it stops it.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub seed: u64,
    pub spaces: usize,
    pub docs: usize,
    /// Every request waits so long before it is answered.
    pub latency: Duration,
    /// Random events a second: a living site. 0 stands still.
    pub pace: f64,
    /// Where the clock stands, milliseconds since 1970, until it is moved. None goes with the machine's clock.
    pub start_at: Option<i64>,
    pub faults: Vec<Fault>,
}

/// The world in hand; requests wait until it is given back.
pub struct WorldGuard<'a>(RwLockWriteGuard<'a, World>);

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            spaces: 8,
            docs: 200,
            latency: Duration::ZERO,
            pace: 0.0,
            start_at: None,
            faults: Vec::new(),
        }
    }
}

impl Options {
    /// Three users, no space, no doc: a world to be filled by hand.
    pub fn empty() -> Self {
        Self { spaces: 0, docs: 0, ..Self::default() }
    }
}

impl Simulator {
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let clock = options.start_at.map_or_else(SiteClock::running, SiteClock::standing_at);
        let Options { seed, spaces, docs, .. } = options;
        let plan = Plan { seed, spaces, docs, start_ms: clock.now_ms() };
        let world = World::grow(plan, clock.clone());
        let mixed = world::mix(seed, 0xc10d);
        let cloud_id = format!("{:08x}-51b0-4c1d-8a3e-{:012x}", mixed >> 32, mixed & 0xffff_ffff);
        let site = Site::new(world, clock, cloud_id, format!("http://{address}"));
        let kinds = [TokenKind::Unscoped, TokenKind::scoped(), TokenKind::service_account()];
        let tokens = kinds.map(|kind| site.tokens().issue(kind));
        let shared = Arc::new(Shared {
            site,
            faults: Faults::default(),
            journal: Journal::default(),
            tokens,
            latency_ms: AtomicU64::new(u64::try_from(options.latency.as_millis()).unwrap_or(u64::MAX)),
            traces: AtomicU64::new(1),
        });
        options.faults.into_iter().for_each(|fault| shared.inject(fault));
        let mut tasks = vec![tokio::spawn(server::serve(listener, Arc::clone(&shared)))];
        if options.pace > 0.0 {
            tasks.push(tokio::spawn(live(Arc::clone(&shared), options.pace, seed)));
        }
        Ok(Self { shared, address, tasks })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a user would give as his instance's URL.
    pub fn site_url(&self) -> String {
        self.shared.site.origin.clone()
    }

    /// What stands for `https://api.atlassian.com`: the same port, other paths.
    pub fn gateway_url(&self) -> String {
        self.shared.site.origin.clone()
    }

    pub fn control_url(&self) -> String {
        format!("{}{}", self.shared.site.origin, control::PREFIX.trim_end_matches('/'))
    }

    pub fn cloud_id(&self) -> &str {
        &self.shared.site.cloud_id
    }

    /// The tokens that the program prints at its start: unscoped, scoped, service account.
    pub fn default_tokens(&self) -> [Token; 3] {
        self.shared.tokens.clone()
    }

    /// A new token of this kind.
    pub fn token(&self, kind: TokenKind) -> Token {
        self.shared.site.tokens().issue(kind)
    }

    /// One that is spelt so: for tests that look for it afterwards.
    pub fn token_spelt(&self, kind: TokenKind, secret: &str) -> Token {
        self.shared.site.tokens().issue_as(kind, secret.to_owned())
    }

    pub fn revoke(&self, token: &Token) -> bool {
        self.shared.site.tokens().revoke(&token.secret)
    }

    /// The opposite of `revoke`.
    pub fn reinstate(&self, token: &Token) -> bool {
        self.shared.site.tokens().reinstate(&token.secret)
    }

    pub fn take_scope(&self, token: &Token, scope: &str) -> bool {
        self.shared.site.tokens().take_scope(&token.secret, scope)
    }

    pub fn give_scope(&self, token: &Token, scope: &str) -> bool {
        self.shared.site.tokens().give_scope(&token.secret, scope)
    }

    /// From now on Basic is refused for this token.
    pub fn accept_bearer_only(&self, token: &Token) -> bool {
        self.shared.site.tokens().accept_bearer_only(&token.secret)
    }

    /// Not to be held across an await: no request is answered meanwhile.
    pub fn world(&self) -> WorldGuard<'_> {
        WorldGuard(self.shared.site.world_in_hand())
    }

    /// The clock's hands, milliseconds since 1970: storing a time stops the clock at it.
    pub fn clock(&self) -> Arc<AtomicI64> {
        self.shared.site.clock.hands()
    }

    pub fn now_ms(&self) -> i64 {
        self.shared.site.clock.now_ms()
    }

    pub fn inject(&self, fault: Fault) {
        self.shared.inject(fault);
    }

    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    pub fn journal(&self) -> Vec<Asked> {
        self.shared.journal.read()
    }

    /// Requests by operation since the journal was cleared; never capped.
    pub fn totals(&self) -> BTreeMap<Operation, u64> {
        self.shared.journal.totals()
    }

    /// How many requests broke the API's rules since the journal was cleared; never capped.
    pub fn rejected(&self) -> u64 {
        self.shared.journal.rejected()
    }

    pub fn clear_journal(&self) {
        self.shared.journal.clear();
    }

    /// Every number of the world, counted by brute force: `docs{space="ENG",type="page",status="current"}` -> 7.
    pub fn truth(&self, question: &TruthQuestion) -> BTreeMap<String, i64> {
        truth::tell(&self.shared.site.world(), question).expect("no test lets so much happen that it is forgotten")
    }

    pub fn in_flight(&self) -> usize {
        self.shared.journal.in_flight()
    }

    pub fn max_in_flight(&self) -> usize {
        self.shared.journal.max_in_flight()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Deref for WorldGuard<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl DerefMut for WorldGuard<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

/// Chance from a seed, for `World::random_event`: the same seed lets the same things happen.
pub fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Lets things happen at this pace.
async fn live(shared: Arc<Shared>, events_per_second: f64, seed: u64) {
    let mut rng = chance(world::mix(seed, 0x11fe));
    let pace = events_per_second.clamp(SLOWEST_PACE, FASTEST_PACE);
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / pace));
    loop {
        ticks.tick().await;
        let kinds: Vec<_> =
            EventKind::all().filter(|kind| !kind.takes_a_space_away() || rng.random_range(0..50) == 0).collect();
        shared.site.world_in_hand().random_event_of(&mut rng, &kinds);
    }
}
