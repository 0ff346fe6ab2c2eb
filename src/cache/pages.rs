//! Finished pages, kept for a moment, so that a crowd of scrapers costs no more than one.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::metrics::Dialect;

use super::Target;

/// How a page's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    Identity,
    Gzip,
}

#[derive(Debug)]
pub(super) struct Pages {
    kept: Cache<Wanted, Page>,
    /// The page answered last, by dialect and coding: a crowd asks for one and the same, and to compare costs less than to look up.
    last: [[Last; CODINGS]; DIALECTS],
}

type Last = Mutex<Option<(Wanted, Page)>>;

#[derive(Clone, Debug)]
struct Page {
    made: Instant,
    bytes: Bytes,
}

/// What tells one page from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) target: Target,
    pub(super) dialect: Dialect,
    pub(super) coding: Coding,
    /// How many of the target's connections have something to show.
    pub(super) known: usize,
}

/// Shorter than any sensible scrape interval, longer than a crowd of scrapers needs to ask all at once.
const KEPT_FOR: Duration = Duration::from_secs(1);

const DIALECTS: usize = 2;
const CODINGS: usize = 2;
const PAGES_A_TARGET: u64 = (DIALECTS * CODINGS) as u64;

/// What gzip itself takes by default. A page is packed once a second at the most, and read more often than that.
const LEVEL: u32 = 6;

impl Pages {
    pub(super) fn for_connections(connections: usize) -> Self {
        let targets = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(1);
        let most = targets.saturating_mul(PAGES_A_TARGET);
        let builder = Cache::builder().max_capacity(most).time_to_live(KEPT_FOR);
        // All pages fit, so that nothing is gained by counting how often each is read.
        Self { kept: builder.eviction_policy(EvictionPolicy::lru()).build(), last: Default::default() }
    }

    /// The kept page, or a new one, which all who want it at that time wait for together.
    pub(super) async fn get(&self, wanted: Wanted, render: impl FnOnce(&Wanted) -> Vec<u8> + Send + 'static) -> Bytes {
        let place = &self.last[wanted.dialect as usize][wanted.coding as usize];
        let last = || place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, page)) = &*last()
            && *of == wanted
            && page.made.elapsed() < KEPT_FOR
        {
            return page.bytes.clone();
        }
        let page = match self.kept.get(&wanted).await {
            Some(page) => page,
            None => self.make(&wanted, render).await,
        };
        *last() = Some((wanted, page.clone()));
        page.bytes
    }

    async fn make(&self, wanted: &Wanted, render: impl FnOnce(&Wanted) -> Vec<u8> + Send + 'static) -> Page {
        let make = async {
            let wanted = wanted.clone();
            // Milliseconds of joining and packing: too long for a thread that answers scrapes.
            let made = spawn_blocking(move || pack(wanted.coding, render(&wanted)));
            let bytes =
                made.await.expect("rendering does not panic, and who waits for it lives no longer than the runtime");
            Page { made: Instant::now(), bytes }
        };
        self.kept.get_with_by_ref(wanted, make).await
    }
}

fn pack(coding: Coding, page: Vec<u8>) -> Bytes {
    match coding {
        Coding::Identity => page.into(),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::new(LEVEL));
            let packed = encoder.write_all(&page).and_then(|()| encoder.finish());
            packed.expect("writing to memory does not fail").into()
        }
    }
}
