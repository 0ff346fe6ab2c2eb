//! The process itself: which build it is and what it uses. Nothing of a connection.

use std::fmt;
use std::sync::Arc;

use prometheus::core::Collector as _;
use prometheus::process_collector::ProcessCollector;

use super::catalogue::{BUILD_INFO, Series, catalogue};
use super::text::Chunks;

/// The exporter's own process. Clones share it.
#[derive(Clone)]
pub struct Process(Arc<ProcessCollector>);

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
        Self(Arc::new(ProcessCollector::for_self()))
    }

    pub(super) fn chunks(&self) -> Chunks {
        let mut chunks = Chunks::default();
        let build = Build::this();
        chunks.family(&BUILD_INFO).push(&[build.version, build.revision, build.rust_version], true);
        for family in self.0.collect() {
            // The package's help texts give way to the catalogue's; a series that it learns later is left out.
            if let Some(series) = catalogue().iter().find(|series: &&Series| series.name == family.name()) {
                chunks.collect(series, None, family.get_metric());
            }
        }
        chunks
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Process")
    }
}
