//! What a site consists of: users, spaces, docs, versions, labels, states.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceId(pub u64);

/// A user of the world by his place in it; `World::account_id` tells the id that the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocType {
    Page,
    Blogpost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocStatus {
    Current,
    Archived,
    Trashed,
    /// Purged, but the API still lists it to who asks for `deleted`.
    Deleted,
    /// Purged without a trace.
    Purged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpaceStatus {
    Current,
    Archived,
}

/// Whether the site's list of spaces shows a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Listed,
    Hidden { since_ms: i64 },
    Deleted { since_ms: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub created_ms: i64,
    pub author: Account,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    pub prefix: Arc<str>,
    pub name: Arc<str>,
}

#[derive(Clone, Debug)]
pub struct User {
    pub account_id: Arc<str>,
    pub display_name: Arc<str>,
    pub status: Arc<str>,
    pub account_type: Arc<str>,
    /// users-bulk says nothing of this account.
    pub left_out: bool,
}

#[derive(Clone, Debug)]
pub struct Space {
    pub id: SpaceId,
    pub key: Arc<str>,
    pub name: Arc<str>,
    pub space_type: Arc<str>,
    pub status: SpaceStatus,
    pub created_ms: i64,
    pub author: Account,
    pub sight: Sight,
}

/// A content state that pages and blog posts can be in.
#[derive(Clone, Debug)]
pub struct State {
    pub id: u64,
    pub name: Arc<str>,
    pub color: Arc<str>,
}

/// A page or a blog post. About a hundred bytes: what can be worked out again from the seed is not kept.
#[derive(Clone, Debug)]
pub(crate) struct Doc {
    pub(crate) id: DocId,
    pub(crate) created_ms: i64,
    pub(crate) newest_ms: i64,
    /// None while the history is still the one that the seed gave.
    pub(crate) history: Option<Vec<Version>>,
    pub(crate) labels: Box<[u32]>,
    pub(crate) space: u32,
    pub(crate) creator: Account,
    pub(crate) newest_author: Account,
    pub(crate) owner: Option<Account>,
    pub(crate) last_owner: Option<Account>,
    pub(crate) versions: u32,
    pub(crate) views: u32,
    /// 0 is none, else the place in the world's states, plus one.
    pub(crate) state: u16,
    pub(crate) kind: DocType,
    pub(crate) status: DocStatus,
}

impl DocType {
    pub const ALL: [Self; 2] = [Self::Page, Self::Blogpost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Blogpost => "blogpost",
        }
    }

    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Page => 0,
            Self::Blogpost => 1,
        }
    }
}

impl DocStatus {
    /// Those of a doc that has not been purged.
    pub(super) const LIVING: [Self; 3] = [Self::Current, Self::Archived, Self::Trashed];

    /// As the API spells it; what was purged without a trace is never spelt.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Archived => "archived",
            Self::Trashed => "trashed",
            Self::Deleted | Self::Purged => "deleted",
        }
    }

    pub fn from_api(text: &str) -> Option<Self> {
        [Self::Current, Self::Archived, Self::Trashed, Self::Deleted].into_iter().find(|status| status.as_str() == text)
    }
}

impl SpaceStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Archived => "archived",
        }
    }
}

impl Label {
    pub fn new(prefix: &str, name: &str) -> Self {
        Self { prefix: prefix.into(), name: name.into() }
    }
}
