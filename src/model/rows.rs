//! One answer's facts, as they cross from `confluence` to the ledger. Where they are kept is `ledger`'s business.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DocStatus, DocType, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocId(pub u64);

/// An Atlassian account's id: an opaque word, and the only thing kept of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceRow {
    pub id: SpaceId,
    pub key: Arc<str>,
    pub name: Arc<str>,
    /// `global`, `personal`, ...: an open list, kept as it came.
    pub space_type: Arc<str>,
    pub status: SpaceStatus,
}

/// A space's status; one that we don't know is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpaceStatus {
    Current,
    Archived,
    Other(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocRow {
    pub id: DocId,
    pub doc_type: DocType,
    pub space: SpaceId,
    /// `None` where the doc is out of sight: deleted.
    pub status: Option<DocStatus>,
    pub author: Option<AccountId>,
    /// Pages only: the API tells no owner of a blog post.
    pub owner: Option<AccountId>,
    pub created_at: Timestamp,
    pub version: VersionRow,
    pub papers: Papers,
}

/// What a row tells of a doc that no number needs: only the store keeps it, for the user's own questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    pub title: Option<Box<str>>,
    /// Where the site shows it, from `/wiki` on.
    pub path: Option<Box<str>>,
    /// Who owned it before: pages only.
    pub last_owner: Option<AccountId>,
}

/// One saved state of a doc. Its number is no identity: Confluence renumbers when an older one is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    pub number: u32,
    pub created_at: Timestamp,
    pub author: Option<AccountId>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelRow {
    pub prefix: Arc<str>,
    pub name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub account: AccountId,
    /// `active`, `inactive`, `closed`, `unknown`: an open list, kept as it came.
    pub status: Arc<str>,
    /// `atlassian`, `app`, `customer`, `unknown`: an open list, kept as it came.
    pub account_type: Arc<str>,
}

impl SpaceStatus {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Current => "current",
            Self::Archived => "archived",
            Self::Other(text) => text,
        }
    }
}

/// As Confluence spells a label: the bare name where everybody sees it, else `prefix:name`.
impl fmt::Display for LabelRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.prefix {
            "global" | "" => formatter.write_str(&self.name),
            prefix => write!(formatter, "{prefix}:{}", self.name),
        }
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for DocId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
