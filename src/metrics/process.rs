//! The process itself: which build it is and what it uses. Nothing of a connection.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector as _;
use prometheus::process_collector::ProcessCollector;

use crate::model::Timestamp;

use super::catalogue::{
    BUILD_INFO, CONFIG_LAST_RELOAD_SUCCESS, CONFIG_LAST_RELOAD_SUCCESSFUL, STORE_UP, Series, catalogue,
};
use super::text::Chunks;

/// The exporter's own process. Clones share it.
#[derive(Clone)]
pub struct Process {
    collector: Arc<ProcessCollector>,
    store_up: Option<StoreUp>,
    last_reload: Option<LastReload>,
}

/// Whether the store takes writes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct StoreUp(Arc<AtomicBool>);

/// How the configuration was read last. Clones share it.
#[derive(Clone, Debug)]
pub struct LastReload(Arc<Mutex<ReloadEnd>>);

#[derive(Clone, Copy, Debug)]
struct ReloadEnd {
    was_successful: bool,
    last_success: Timestamp,
}

/// Which build this is, as `--version`, the page and the metrics tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    pub version: &'static str,
    pub revision: &'static str,
    pub rust_version: &'static str,
}

impl Build {
    pub const fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: env!("CONFLUENCE_EXPORTER_REVISION"),
            rust_version: env!("CONFLUENCE_EXPORTER_RUST_VERSION"),
        }
    }
}

impl Process {
    pub fn this() -> Self {
        Self { collector: Arc::new(ProcessCollector::for_self()), store_up: None, last_reload: None }
    }

    /// Tells of its store too.
    #[must_use]
    pub fn with_store(self, up: StoreUp) -> Self {
        Self { store_up: Some(up), ..self }
    }

    /// Tells of its configuration too.
    #[must_use]
    pub fn with_last_reload(self, last: LastReload) -> Self {
        Self { last_reload: Some(last), ..self }
    }

    /// Whether its store takes writes; nothing without a store.
    pub fn store_up(&self) -> Option<bool> {
        self.store_up.as_ref().map(StoreUp::get)
    }

    pub(super) fn chunks(&self) -> Chunks {
        let mut chunks = Chunks::default();
        let build = Build::this();
        chunks.family(&BUILD_INFO).push(&[build.version, build.revision, build.rust_version], true);
        if let Some(last) = &self.last_reload {
            let last = last.get();
            chunks.family(&CONFIG_LAST_RELOAD_SUCCESSFUL).push(&[], last.was_successful);
            chunks.family(&CONFIG_LAST_RELOAD_SUCCESS).push(&[], last.last_success);
        }
        if let Some(up) = &self.store_up {
            chunks.family(&STORE_UP).push(&[], up.get());
        }
        for family in self.collector.collect() {
            // The package's help texts give way to the catalogue's; a series that it learns later is left out.
            if let Some(series) = catalogue().iter().find(|series: &&Series| series.name == family.name()) {
                chunks.collect(series, None, family.get_metric());
            }
        }
        chunks
    }
}

impl StoreUp {
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, up: bool) {
        self.0.store(up, Ordering::Relaxed);
    }
}

impl LastReload {
    /// The start reads the configuration as a reload does.
    pub fn at_the_start(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(ReloadEnd { was_successful: true, last_success: now })))
    }

    pub fn succeed(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ReloadEnd { was_successful: true, last_success: now };
    }

    pub fn fail(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_successful = false;
    }

    fn get(&self) -> ReloadEnd {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Process")
    }
}
