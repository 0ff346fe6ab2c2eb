//! Every series there is: name, kind, labels, help, in the page's order. Their values come from elsewhere.

/// Every series of the exporter, in the order in which a page shows them.
pub fn catalogue() -> &'static [Series] {
    CATALOGUE
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Counter,
    Histogram,
}

impl Kind {
    /// As `# TYPE` spells it, in both dialects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

impl Series {
    const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, labels, help }
    }
}

/// Names each series for the files that fill it, and lists it, so that none can be filled and not shown.
macro_rules! catalogue {
    ($($name:ident = $series:expr;)+) => {
        $(pub(super) const $name: Series = $series;)+
        const CATALOGUE: &[Series] = &[$($name),+];
    };
}

/// The label that a connection's series begin with.
pub(super) const CONNECTION: &str = "connection";

catalogue! {
    // Health of a connection: stays on show when the numbers have become too old.
    UP = Series::gauge("confluence_up", &["connection"],
        "1 if the last refresh got a usable answer from Confluence, 0 if it did not. Cached.");
    CONNECTION_INFO = Series::gauge("confluence_connection_info", &["connection", "site", "cloud_id", "credential"],
        "The site behind the connection and the kind of its token; always 1. Cached.");
    CONNECTION_ERROR = Series::gauge("confluence_connection_error", &["connection", "code"],
        "1 while this is a standing verdict on the connection, else 0. Cached.");
    OPERATION_ACCESS = Series::gauge("confluence_operation_access", &["connection", "operation", "scope", "code"],
        "Whether this operation is granted (code ok) or why it is refused, and the scope it needs; always 1. Cached.");
    TOKEN_EXPIRY = Series::gauge("confluence_api_token_expiry_timestamp_seconds", &["connection"],
        "When the API token expires, as the configuration says.");
    TOKEN_IN_USE = Series::gauge("confluence_api_token_in_use", &["connection", "slot"],
        "Which of the API tokens serves; always 1. Cached.");
    SNAPSHOT_TIMESTAMP = Series::gauge("confluence_snapshot_timestamp_seconds", &["connection"],
        "The moment that the connection's numbers are true for, by Confluence's clock.");
    COLLECTOR_SUCCESS = Series::gauge("confluence_collector_success_timestamp_seconds", &["connection", "collector"],
        "When the pass of this collector that last reached its goal began.");
    COLLECTOR_OLDEST_FACT = Series::gauge("confluence_collector_oldest_fact_timestamp_seconds",
        &["connection", "collector"], "When the oldest fact in use of this collector was learnt.");
    COLLECTOR_COVERAGE = Series::gauge("confluence_collector_coverage_ratio", &["connection", "collector"],
        "The part of what this collector should know that it has learnt within the required age, 0 to 1. Cached.");

    // Documentation: rebuilt whole with each snapshot.
    SPACES = Series::gauge("confluence_spaces", &["connection", "space_type", "space_status"],
        "Spaces; unseen ones were listed within 30 days and no longer are. Cached.");
    SPACE_INFO = Series::gauge("confluence_space_info",
        &["connection", "space", "space_id", "space_name", "space_type", "space_status"],
        "A space's name and kind; always 1. Cached.");
    SPACE_LAST_UPDATE = Series::gauge("confluence_space_last_update_timestamp_seconds", &["connection", "space"],
        "When a doc of the space was last created or edited. Cached.");
    DOCS = Series::gauge("confluence_docs", &["connection", "space", "type", "status"],
        "Docs: pages and blog posts. Cached.");
    NEW_DOCS = Series::gauge("confluence_new_docs", &["connection", "space", "type", "window"],
        "Docs created in the window. Cached.");
    UPDATED_DOCS = Series::gauge("confluence_updated_docs", &["connection", "space", "type", "window"],
        "Distinct docs edited in the window, their creation not counted. Cached.");
    DOC_UPDATES = Series::gauge("confluence_doc_updates", &["connection", "space", "type", "window"],
        "Edits in the window: every saved version but a doc's first. Cached.");
    DOC_EDIT_SESSIONS = Series::gauge("confluence_doc_edit_sessions", &["connection", "space", "type", "window"],
        "Edits in the window, one author's edits of a doc counted once while they are at most 30 minutes apart. Cached.");
    CONTRIBUTORS = Series::gauge("confluence_contributors", &["connection", "space", "account_type", "window"],
        "Distinct accounts that wrote in the space in the window. Cached.");
    SITE_CONTRIBUTORS = Series::gauge("confluence_site_contributors", &["connection", "account_type", "window"],
        "Distinct accounts that wrote anywhere on the site in the window. Cached.");
    STALE_DOCS = Series::gauge("confluence_stale_docs", &["connection", "space", "type", "age"],
        "Current docs not updated for this long. Cached.");
    DOCS_BY_OWNER_STATUS = Series::gauge("confluence_docs_by_owner_status", &["connection", "space", "owner_status"],
        "Current pages by the status of their owner's account. Cached.");
    DOCS_BY_LABEL = Series::gauge("confluence_docs_by_label", &["connection", "space", "label"],
        "Current docs that carry the label. Cached.");
    UNLABELLED_DOCS = Series::gauge("confluence_unlabelled_docs", &["connection", "space", "type"],
        "Current docs without a label. Cached.");
    DOCS_BY_STATE = Series::gauge("confluence_docs_by_state", &["connection", "space", "state"],
        "Current docs by the name of their content state. Cached.");
    DOC_VIEWS = Series::gauge("confluence_doc_views", &["connection", "space", "type"],
        "Views of the sampled current docs since they were created. Cached.");
    VIEWS_SAMPLED_DOCS = Series::gauge("confluence_views_sampled_docs", &["connection", "space", "type"],
        "Docs that the sum of views covers. Cached.");
    DOC_VIEWS_OBSERVED = Series::counter("confluence_doc_views_observed_total", &["connection", "space", "type"],
        "Views added between two looks at the same doc. Cached.");
    USERS = Series::gauge("confluence_users", &["connection", "account_status", "account_type"],
        "Accounts met as authors or owners. Cached.");

    // Asking: what the exporter itself does, counted since its start.
    REFRESHES = Series::counter("confluence_refreshes_total", &["connection", "result"],
        "Refreshes that have ended, by how.");
    REFRESH_DURATION = Series::histogram("confluence_refresh_duration_seconds", &["connection"],
        "How long refreshes took.");
    REQUESTS = Series::counter("confluence_api_requests_total", &["connection", "operation", "status"],
        "HTTP requests to Confluence, retries counted, by HTTP status or by what failed before there was one.");
    REQUEST_DURATION = Series::histogram("confluence_api_request_duration_seconds", &["connection", "operation"],
        "How long HTTP requests to Confluence took until their answer was read.");
    RETRIES = Series::counter("confluence_api_retries_total", &["connection", "reason"],
        "HTTP requests to Confluence that were sent once more, by why.");
    REQUESTS_IN_FLIGHT = Series::gauge("confluence_api_requests_in_flight", &["connection"],
        "HTTP requests to Confluence that are under way.");
    CONCURRENCY_LIMIT = Series::gauge("confluence_api_concurrency_limit", &["connection"],
        "How many HTTP requests to Confluence may be under way at once.");
    RATE_LIMIT_REMAINING = Series::gauge("confluence_api_rate_limit_remaining", &["connection"],
        "What is left of the site's rate limit, as its last answer that told it said.");
    RATE_LIMIT = Series::gauge("confluence_api_rate_limit_limit", &["connection"],
        "The site's rate limit, as its last answer that told it said.");
    RATE_LIMIT_RESET = Series::gauge("confluence_api_rate_limit_reset_timestamp_seconds", &["connection"],
        "When the site's rate limit is filled up again, as its last answer that told it said.");
    THROTTLED_UNTIL = Series::gauge("confluence_api_throttled_until_timestamp_seconds", &["connection"],
        "Until when the site wants no request; absent while it does not throttle.");
    UNREADABLE = Series::counter("confluence_unreadable_total", &["connection", "kind"],
        "Rows and fields of Confluence's answers that could not be read and were left out.");
    SERIES = Series::gauge("confluence_series", &["connection"],
        "Series that the connection's snapshot puts on the page.");
    FOLDED_SPACES = Series::gauge("confluence_folded_spaces", &["connection"],
        "Spaces whose docs are counted under a common value of the label space. Cached.");

    // The process.
    BUILD_INFO = Series::gauge("confluence_exporter_build_info", &["version", "revision", "rustversion"],
        "Which exporter this is; always 1.");
    CONFIG_LAST_RELOAD_SUCCESSFUL = Series::gauge("confluence_exporter_config_last_reload_successful", &[],
        "1 if the configuration could be used when it was read last, 0 if the one before is still used.");
    CONFIG_LAST_RELOAD_SUCCESS = Series::gauge("confluence_exporter_config_last_reload_success_timestamp_seconds", &[],
        "When the configuration that is used was read, in seconds since 1970.");
    STORE_UP = Series::gauge("confluence_exporter_store_up", &[],
        "1 if the store takes writes. Absent without a store.");
    PROCESS_CPU = Series::counter("process_cpu_seconds_total", &[],
        "User and system CPU time spent, in seconds.");
    PROCESS_OPEN_FDS = Series::gauge("process_open_fds", &[],
        "Open file descriptors.");
    PROCESS_MAX_FDS = Series::gauge("process_max_fds", &[],
        "The most file descriptors that may be open.");
    PROCESS_VIRTUAL_MEMORY = Series::gauge("process_virtual_memory_bytes", &[],
        "Virtual memory size in bytes.");
    PROCESS_RESIDENT_MEMORY = Series::gauge("process_resident_memory_bytes", &[],
        "Resident memory size in bytes.");
    PROCESS_START_TIME = Series::gauge("process_start_time_seconds", &[],
        "When the process started, in seconds since 1970.");
    PROCESS_THREADS = Series::gauge("process_threads", &[],
        "Threads of the process.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_listed_once_and_ends_as_its_kind_asks() {
        for (index, series) in catalogue().iter().enumerate() {
            let same_name = catalogue().iter().position(|other| other.name == series.name);
            assert_eq!(same_name, Some(index), "{}", series.name);
            assert_eq!(series.name.ends_with("_total"), series.kind == Kind::Counter, "{}", series.name);
            assert!(!series.name.ends_with("_created") && !series.name.ends_with("_count"), "{}", series.name);
        }
    }

    #[test]
    fn every_help_is_a_sentence() {
        for series in catalogue() {
            assert!(series.help.ends_with('.') && !series.help.contains(['\n', '"', '\\']), "{}", series.name);
        }
    }

    #[test]
    fn no_label_is_one_that_prometheus_sets_itself() {
        for series in catalogue() {
            for label in series.labels {
                let taken = ["instance", "job", "endpoint", "service", "pod", "namespace", "le", "quantile"];
                assert!(!taken.contains(label), "{label} of {}", series.name);
            }
        }
    }
}
