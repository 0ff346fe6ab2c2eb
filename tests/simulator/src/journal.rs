//! What was asked of the site, in order, and how much of it at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::api::{Base, Operation};
use crate::fault::FaultKind;

/// The oldest entries leave beyond this; the totals count on.
const MOST_ENTRIES: usize = 100_000;

/// One request and how it ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Asked {
    /// Counts up from 1 over the site's life.
    pub number: u64,
    /// The site's clock when it was answered, milliseconds since 1970; 0 where the client left during the latency.
    pub at_ms: i64,
    pub method: String,
    pub base: Option<Base>,
    /// None where no endpoint was meant.
    pub operation: Option<Operation>,
    pub path: String,
    pub query: String,
    /// The accounts that a users-bulk named, else empty.
    pub body: String,
    /// Whose token it was, where it was known.
    pub username: Option<String>,
    /// `basic`, `bearer`, another scheme, or none.
    pub scheme: Option<String>,
    /// 0 where no answer was given.
    pub status: u16,
    /// Why it broke the API's rules.
    pub rejected: Option<String>,
    pub fault: Option<FaultKind>,
}

/// What the journal says of one span of time.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    entries: Vec<Asked>,
    totals: BTreeMap<Operation, u64>,
    requests: u64,
    rejected: u64,
    max_in_flight: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
    in_flight: Arc<InFlightCount>,
}

#[derive(Debug, Default)]
struct Entries {
    kept: VecDeque<Asked>,
    totals: BTreeMap<Operation, u64>,
    written: u64,
    rejected: u64,
}

#[derive(Debug, Default)]
struct InFlightCount {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One request under way: from its headers until its answer has been sent or given up.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<InFlightCount>);

impl Journal {
    pub(crate) fn write(&self, mut asked: Asked) {
        let mut entries = self.entries();
        entries.written += 1;
        asked.number = entries.written;
        if let Some(operation) = asked.operation {
            *entries.totals.entry(operation).or_default() += 1;
        }
        entries.rejected += u64::from(asked.rejected.is_some());
        if entries.kept.len() == MOST_ENTRIES {
            entries.kept.pop_front();
        }
        entries.kept.push_back(asked);
    }

    pub(crate) fn read(&self) -> Vec<Asked> {
        self.entries().kept.iter().cloned().collect()
    }

    pub(crate) fn totals(&self) -> BTreeMap<Operation, u64> {
        self.entries().totals.clone()
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.entries().rejected
    }

    /// Forgets entries, totals and the most in flight; requests under way stay counted.
    pub(crate) fn clear(&self) {
        self.forget(&mut self.entries());
    }

    pub(crate) fn tell(&self, with_entries: bool) -> Told {
        self.told(&self.entries(), with_entries)
    }

    /// Tells and forgets at once: every request is told by this or by the next.
    pub(crate) fn take(&self, with_entries: bool) -> Told {
        let mut entries = self.entries();
        let told = self.told(&entries, with_entries);
        self.forget(&mut entries);
        told
    }

    fn told(&self, entries: &Entries, with_entries: bool) -> Told {
        Told {
            entries: if with_entries { entries.kept.iter().cloned().collect() } else { Vec::new() },
            totals: entries.totals.clone(),
            requests: entries.totals.values().sum(),
            rejected: entries.rejected,
            max_in_flight: self.max_in_flight(),
        }
    }

    fn forget(&self, entries: &mut Entries) {
        entries.kept.clear();
        entries.totals.clear();
        entries.rejected = 0;
        self.in_flight.most.store(self.in_flight.now.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    pub(crate) fn begin(&self) -> InFlight {
        let now = self.in_flight.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.in_flight.most.fetch_max(now, Ordering::SeqCst);
        InFlight(Arc::clone(&self.in_flight))
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.now.load(Ordering::SeqCst)
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.in_flight.most.load(Ordering::SeqCst)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}
