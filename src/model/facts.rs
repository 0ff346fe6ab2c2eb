//! Facts as the store keeps them: what the ledger knows, without its way of holding it. How they change is `ledger`'s business.

use std::sync::Arc;

use super::{DocId, DocStatus, DocType, Papers, SpaceId, SpaceRow, Timestamp};

/// What has changed between two commits, as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub spaces: Vec<SpaceFacts>,
    pub accounts: Vec<AccountFacts>,
    /// Names of labels that are new, with their numbers.
    pub labels: Vec<(u32, Arc<str>)>,
    /// Names of content states that are new, with their numbers.
    pub states: Vec<(u32, Arc<str>)>,
    pub docs: Vec<DocFacts>,
    /// Views added between two looks at the same doc, by the value of `space` under which it stood, and its type.
    pub observed_views: Vec<(Arc<str>, DocType, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceFacts {
    /// Without the name of a personal space.
    pub row: SpaceRow,
    /// Missing from the list since then.
    pub unseen_since: Option<Timestamp>,
    /// Every doc in it has been met once.
    pub walked: bool,
}

/// An account, by the number under which docs name it: from 1 up, as 0 is nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    pub number: u32,
    pub id: Arc<str>,
    pub status: Option<Arc<str>>,
    pub account_type: Option<Arc<str>>,
    pub asked: Asked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocFacts {
    /// Docs are numbered from 0 up in the order in which they were met.
    pub number: u32,
    pub id: DocId,
    pub doc_type: DocType,
    pub space: SpaceId,
    /// `None` while it is out of sight.
    pub status: Option<DocStatus>,
    pub author: u32,
    pub owner: u32,
    pub created_at: Timestamp,
    pub version: EditFacts,
    pub version_number: u32,
    /// Every version from here on is known, this moment included.
    pub versions_known_since: Timestamp,
    /// Edits before the newest version, newest first; `None` where the store has them already.
    pub earlier_edits: Option<Vec<EditFacts>>,
    pub versions: Asked,
    pub labels: Asked,
    /// Labels by their numbers; `None` where the store has them already.
    pub label_numbers: Option<Vec<u32>>,
    pub state: Asked,
    /// 0 for none, else the state's number and one.
    pub state_number: u32,
    pub views: Asked,
    pub view_count: u32,
    /// No list of the reconciling walk had it: it is to be asked for by name.
    pub missed: bool,
    /// Where a row has told them since the last commit.
    pub papers: Option<Papers>,
}

/// When, and which account's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditFacts {
    pub at: Timestamp,
    pub author: u32,
}

/// What a collector knows of one thing, and since when (whole seconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    #[default]
    Never,
    Learnt(Timestamp),
    Refused(Timestamp),
}

/// A kept fact that points at something that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kept {0} points at something that is not there")]
pub struct Torn(pub &'static str);
