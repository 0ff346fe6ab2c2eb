//! One snapshot's samples, written once. What the numbers are is `model`'s business.

use crate::model::{
    Code, DocStatus, GroupNumbers, Health, Numbers, PerWindow, Snapshot, Timestamp, TypeNumbers, Window,
};

use super::catalogue::{
    COLLECTOR_COVERAGE, COLLECTOR_OLDEST_FACT, COLLECTOR_SUCCESS, CONNECTION_ERROR, CONNECTION_INFO, CONTRIBUTORS,
    DOC_EDIT_SESSIONS, DOC_UPDATES, DOC_VIEWS, DOC_VIEWS_OBSERVED, DOCS, DOCS_BY_LABEL, DOCS_BY_OWNER_STATUS,
    DOCS_BY_STATE, FOLDED_SPACES, NEW_DOCS, OPERATION_ACCESS, SITE_CONTRIBUTORS, SNAPSHOT_TIMESTAMP, SPACE_INFO,
    SPACE_LAST_UPDATE, SPACES, STALE_DOCS, Series, TOKEN_EXPIRY, TOKEN_IN_USE, UNLABELLED_DOCS, UP, UPDATED_DOCS,
    USERS, VIEWS_SAMPLED_DOCS,
};
use super::text::Chunks;

/// One snapshot as text: its health, and apart from it its numbers, which leave when they are too old.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(super) health: Chunks,
    pub(super) numbers: Option<Chunks>,
    moment: Option<Timestamp>,
}

impl Encoded {
    pub fn of(snapshot: &Snapshot) -> Self {
        let connection = snapshot.connection.as_str();
        Self {
            health: health(connection, &snapshot.health),
            numbers: snapshot.numbers.as_ref().map(|numbers| self::numbers(connection, numbers)),
            moment: snapshot.health.moment,
        }
    }

    /// What the numbers are true for.
    pub fn moment(&self) -> Option<Timestamp> {
        self.moment
    }
}

fn health(connection: &str, health: &Health) -> Chunks {
    let mut chunks = Chunks::default();
    chunks.family(&UP).push(&[connection], health.up);
    if let Some(info) = &health.site {
        let cloud_id = info.cloud_id.as_deref().unwrap_or_default();
        let labels = [connection, &info.site, cloud_id, info.credential.as_str()];
        chunks.family(&CONNECTION_INFO).push(&labels, true);
    }
    let mut errors = chunks.family(&CONNECTION_ERROR);
    for code in Code::ALL {
        errors.push(&[connection, code.as_str()], health.errors.contains(code));
    }
    let mut access = chunks.family(&OPERATION_ACCESS);
    for (operation, refusal) in &health.access {
        let code = refusal.map_or("ok", Code::as_str);
        access.push(&[connection, operation.as_str(), operation.scope().unwrap_or_default(), code], true);
    }
    chunks.family(&TOKEN_EXPIRY).push_known(&[connection], health.token_expires);
    if let Some(slot) = health.token_in_use {
        chunks.family(&TOKEN_IN_USE).push(&[connection, slot.as_str()], true);
    }
    chunks.family(&SNAPSHOT_TIMESTAMP).push_known(&[connection], health.moment);
    let mut success = chunks.family(&COLLECTOR_SUCCESS);
    for collector in &health.collectors {
        success.push_known(&[connection, collector.collector.as_str()], collector.success);
    }
    let mut oldest_fact = chunks.family(&COLLECTOR_OLDEST_FACT);
    for collector in &health.collectors {
        oldest_fact.push_known(&[connection, collector.collector.as_str()], collector.oldest_fact);
    }
    let mut coverage = chunks.family(&COLLECTOR_COVERAGE);
    for collector in &health.collectors {
        coverage.push(&[connection, collector.collector.as_str()], collector.coverage);
    }
    chunks
}

fn numbers(connection: &str, numbers: &Numbers) -> Chunks {
    let windows = &spelt(&numbers.windows);
    let mut chunks = Chunks::default();
    site_numbers(&mut chunks, connection, numbers, windows);
    group_numbers(&mut chunks, connection, &numbers.groups, windows);
    type_numbers(&mut chunks, connection, &numbers.groups, windows, &spelt(&numbers.ages));
    chunks
}

/// What is counted once a site.
fn site_numbers(chunks: &mut Chunks, connection: &str, numbers: &Numbers, windows: &[String]) {
    let mut spaces = chunks.family(&SPACES);
    for ((space_type, status), count) in &numbers.spaces {
        spaces.push(&[connection, space_type, status], *count);
    }
    let mut space_info = chunks.family(&SPACE_INFO);
    for info in &numbers.space_infos {
        let id = info.id.to_string();
        space_info.push(&[connection, &info.space, &id, &info.name, &info.space_type, &info.status], true);
    }
    let mut contributors = chunks.family(&SITE_CONTRIBUTORS);
    for (account_type, counts) in &numbers.site_contributors {
        for (window, count) in windows.iter().zip(counts) {
            contributors.push_known(&[connection, account_type, window], *count);
        }
    }
    let mut users = chunks.family(&USERS);
    for ((status, account_type), count) in numbers.users.iter().flatten() {
        users.push(&[connection, status, account_type], *count);
    }
    chunks.family(&FOLDED_SPACES).push(&[connection], numbers.folded_spaces);
}

/// What is counted once a space.
fn group_numbers(chunks: &mut Chunks, connection: &str, groups: &[GroupNumbers], windows: &[String]) {
    let mut last_update = chunks.family(&SPACE_LAST_UPDATE);
    for group in groups {
        last_update.push_known(&[connection, &group.space], group.last_update);
    }
    let mut contributors = chunks.family(&CONTRIBUTORS);
    for group in groups {
        for (account_type, counts) in &group.contributors {
            for (window, count) in windows.iter().zip(counts) {
                contributors.push_known(&[connection, &group.space, account_type, window], *count);
            }
        }
    }
    let mut owners = chunks.family(&DOCS_BY_OWNER_STATUS);
    for group in groups {
        for (status, count) in group.owners.iter().flatten() {
            owners.push(&[connection, &group.space, status.as_str()], *count);
        }
    }
    let mut labels = chunks.family(&DOCS_BY_LABEL);
    for group in groups {
        for (label, count) in group.labels.iter().flatten() {
            labels.push(&[connection, &group.space, label], *count);
        }
    }
    let mut states = chunks.family(&DOCS_BY_STATE);
    for group in groups {
        for (state, count) in group.states.iter().flatten() {
            states.push(&[connection, &group.space, state], *count);
        }
    }
}

/// Picks one of a type's numbers.
type OfType<'a, T> = fn(&'a TypeNumbers) -> T;

/// What is counted once a space and type.
fn type_numbers(chunks: &mut Chunks, connection: &str, groups: &[GroupNumbers], windows: &[String], ages: &[String]) {
    let typed = || groups.iter().flat_map(|group| group.types.iter().map(|numbers| (&*group.space, numbers)));

    let mut docs = chunks.family(&DOCS);
    for (space, numbers) in typed() {
        for (status, count) in DocStatus::ALL.iter().zip(numbers.docs) {
            docs.push(&[connection, space, numbers.doc_type.as_str(), status.as_str()], count);
        }
    }

    let spans: [(&Series, &[String], OfType<'_, &PerWindow>); 5] = [
        (&NEW_DOCS, windows, |numbers| &numbers.new),
        (&UPDATED_DOCS, windows, |numbers| &numbers.updated),
        (&DOC_UPDATES, windows, |numbers| &numbers.updates),
        (&DOC_EDIT_SESSIONS, windows, |numbers| &numbers.edit_sessions),
        (&STALE_DOCS, ages, |numbers| &numbers.stale),
    ];
    for (series, spans, counts) in spans {
        let mut family = chunks.family(series);
        for (space, numbers) in typed() {
            for (span, count) in spans.iter().zip(counts(numbers)) {
                family.push_known(&[connection, space, numbers.doc_type.as_str(), span], *count);
            }
        }
    }

    let sums: [(&Series, OfType<'_, Option<u64>>); 4] = [
        (&UNLABELLED_DOCS, |numbers| numbers.unlabelled),
        (&DOC_VIEWS, |numbers| numbers.views?.lifetime),
        (&VIEWS_SAMPLED_DOCS, |numbers| Some(numbers.views?.sampled_docs)),
        (&DOC_VIEWS_OBSERVED, |numbers| Some(numbers.views?.observed)),
    ];
    for (series, count) in sums {
        let mut family = chunks.family(series);
        for (space, numbers) in typed() {
            family.push_known(&[connection, space, numbers.doc_type.as_str()], count(numbers));
        }
    }
}

fn spelt(windows: &[Window]) -> Vec<String> {
    windows.iter().map(Window::to_string).collect()
}
