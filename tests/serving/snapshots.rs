//! Snapshots made by hand: every series, as many spaces as wanted, and names that are hard to spell.

use std::collections::BTreeMap;
use std::sync::Arc;

use confluence_exporter::model::{
    Code, Collector, CollectorHealth, ConnectionName, Credential, DocType, GroupNumbers, Health, Numbers, Operation,
    OwnerStatus, PerWindow, SiteInfo, Snapshot, SpaceId, SpaceInfo, Timestamp, TokenSlot, TypeNumbers, ViewNumbers,
    Window,
};

/// Names that a page has to spell with care.
const AWKWARD: [&str; 5] = ["plain", "with \"quotes\"", "back\\slash", "two\nlines", "rocket 🚀"];

pub(crate) fn name(name: &str) -> ConnectionName {
    ConnectionName::new(name).unwrap()
}

/// A snapshot in which every series of a snapshot has a sample.
pub(crate) fn full(connection: &str, moment: Timestamp) -> Snapshot {
    let awkward = |index: usize| -> Arc<str> { AWKWARD[index % AWKWARD.len()].into() };
    let numbers = Numbers {
        windows: vec![Window::of_days(1), Window::of_days(7)],
        ages: vec![Window::of_days(30), Window::of_days(365)],
        spaces: BTreeMap::from([(("global".into(), "current".into()), 5), (("personal".into(), "unseen".into()), 1)]),
        space_infos: (0..AWKWARD.len())
            .map(|index| SpaceInfo {
                id: SpaceId(index as u64),
                space: awkward(index),
                name: awkward(index + 1),
                space_type: "global".into(),
                status: "current".into(),
            })
            .collect(),
        groups: (0..AWKWARD.len()).map(|index| group(awkward(index), moment)).collect(),
        site_contributors: vec![("atlassian".into(), known([3, 7])), ("app".into(), known([0, 1]))],
        users: Some(BTreeMap::from([(("active".into(), "atlassian".into()), 9)])),
        folded_spaces: 2,
    };
    Snapshot { connection: name(connection), health: health(moment), numbers: Some(numbers) }
}

/// The same of a site with so many spaces.
pub(crate) fn of_spaces(connection: &str, moment: Timestamp, spaces: usize) -> Snapshot {
    let groups = (0..spaces).map(|index| group(format!("S{index}").into(), moment)).collect();
    let snapshot = full(connection, moment);
    let numbers = snapshot.numbers.map(|numbers| Numbers { groups, ..numbers });
    Snapshot { numbers, ..snapshot }
}

/// What a connection shows whose first base has failed.
pub(crate) fn failed(connection: &str, code: Code) -> Snapshot {
    let health = Health {
        up: false,
        site: None,
        errors: vec![code],
        access: vec![(Operation::Spaces, Some(code))],
        token_expires: None,
        token_in_use: None,
        moment: None,
        collectors: Vec::new(),
    };
    Snapshot { connection: name(connection), health, numbers: None }
}

fn health(moment: Timestamp) -> Health {
    let collector = |&collector| CollectorHealth {
        collector,
        success: Some(moment),
        oldest_fact: Some(moment),
        coverage: 2.0 / 3.0,
    };
    Health {
        up: true,
        site: Some(SiteInfo {
            site: "https://acme.atlassian.net".into(),
            cloud_id: Some("11111111-2222-3333-4444-555555555555".into()),
            credential: Credential::Scoped,
        }),
        errors: vec![Code::PlanRequired],
        access: Operation::ALL.iter().map(|&operation| (operation, None)).collect(),
        token_expires: Some(moment),
        token_in_use: Some(TokenSlot::Current),
        moment: Some(moment),
        collectors: Collector::ALL.iter().map(collector).collect(),
    }
}

fn group(space: Arc<str>, moment: Timestamp) -> GroupNumbers {
    let of_type = |&doc_type: &DocType| TypeNumbers {
        doc_type,
        docs: [12, 3, 1],
        new: known([0, 2]),
        updated: known([1, 4]),
        updates: known([5, 9]),
        edit_sessions: known([2, 3]),
        stale: known([6, 0]),
        unlabelled: Some(4),
        views: Some(ViewNumbers { lifetime: Some(1234), sampled_docs: 10, observed: 56 }),
    };
    GroupNumbers {
        space,
        last_update: Some(moment),
        types: DocType::ALL.iter().map(of_type).collect(),
        contributors: vec![("atlassian".into(), known([1, 2]))],
        owners: Some(BTreeMap::from([(OwnerStatus::Active, 11), (OwnerStatus::None, 1)])),
        labels: Some(AWKWARD.iter().map(|&label| (label.into(), 1)).collect()),
        states: Some(AWKWARD.iter().map(|&state| (state.into(), 1)).collect()),
    }
}

fn known(counts: [u64; 2]) -> PerWindow {
    counts.map(Some).into()
}
