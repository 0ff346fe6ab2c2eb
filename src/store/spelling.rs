//! How single values are spelt in the file. Which column holds them is `write`'s and `load`'s business.

use crate::model::{Asked, DocStatus, DocType, ProgressChange, SpaceStatus, Timestamp};

/// An id as SQLite holds it: its integers have a sign, ours have none.
pub(super) const fn id(id: u64) -> i64 {
    id.cast_signed()
}

/// When it was learnt, and when it was refused; at most one of them is there.
pub(super) fn asked(asked: Asked) -> (Option<i64>, Option<i64>) {
    match asked {
        Asked::Never => (None, None),
        Asked::Learnt(at) => (Some(at.as_millis()), None),
        Asked::Refused(at) => (None, Some(at.as_millis())),
    }
}

pub(super) fn asked_of(learnt_at: Option<i64>, refused_at: Option<i64>) -> Asked {
    match (learnt_at, refused_at) {
        (Some(at), _) => Asked::Learnt(Timestamp::from_millis(at)),
        (None, Some(at)) => Asked::Refused(Timestamp::from_millis(at)),
        (None, None) => Asked::Never,
    }
}

pub(super) fn doc_type(text: &str) -> Option<DocType> {
    DocType::ALL.iter().copied().find(|doc_type| doc_type.as_str() == text)
}

pub(super) fn doc_status(text: &str) -> Option<DocStatus> {
    DocStatus::ALL.iter().copied().find(|status| status.as_str() == text)
}

pub(super) fn space_status(text: &str) -> SpaceStatus {
    match text {
        "current" => SpaceStatus::Current,
        "archived" => SpaceStatus::Archived,
        other => SpaceStatus::Other(other.into()),
    }
}

/// Names of the rows of `progress`.
pub(super) const VOUCHED: &str = "vouched";
pub(super) const ACCESS: &str = "access";
pub(super) const SHOWN: &str = "shown";
pub(super) const FOLDED: &str = "folded";
pub(super) const WALK: &str = "walk";
pub(super) const RECONCILING: &str = "reconciling";

/// The walk's listings, so named that they stand in their order.
pub(super) fn listing(place: usize) -> String {
    format!("{LISTING}{place:06}")
}
pub(super) const LISTING: &str = "listing/";

/// The row of a change and its JSON; without one, the row goes, and a listing's takes those after it along.
pub(super) fn progress(change: &ProgressChange) -> (String, Option<String>) {
    let json = |value: Result<String, serde_json::Error>| Some(value.expect("progress has nothing that JSON lacks"));
    match change {
        ProgressChange::Vouched(vouched) => (VOUCHED.into(), json(serde_json::to_string(vouched))),
        ProgressChange::Access(access) => (ACCESS.into(), json(serde_json::to_string(access))),
        ProgressChange::Shown(shown) => (SHOWN.into(), json(serde_json::to_string(shown))),
        ProgressChange::Folded(folded) => (FOLDED.into(), json(serde_json::to_string(folded))),
        ProgressChange::Walk(walk) => (WALK.into(), walk.as_ref().and_then(|walk| json(serde_json::to_string(walk)))),
        ProgressChange::Listing(place, progress) => {
            (listing(*place), progress.as_ref().and_then(|progress| json(serde_json::to_string(progress))))
        }
        ProgressChange::Reconciling(walk) => {
            (RECONCILING.into(), walk.as_ref().and_then(|walk| json(serde_json::to_string(walk))))
        }
    }
}
