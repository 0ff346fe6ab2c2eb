//! One space's facts.

use std::sync::Arc;

use crate::model::{SpaceId, SpaceRow, SpaceStatus, Timestamp};

#[derive(Clone, Debug)]
pub(in crate::model) struct Space {
    pub(in crate::model) id: SpaceId,
    pub(in crate::model) key: Arc<str>,
    pub(in crate::model) name: Arc<str>,
    pub(in crate::model) space_type: Arc<str>,
    pub(in crate::model) status: SpaceStatus,
    pub(in crate::model) sight: Sight,
    /// Its first walk has ended: every doc in it has been met once.
    pub(in crate::model) walked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Sight {
    Listed,
    /// Missing from the list since then: deleted, or hidden from us.
    Unseen {
        since: Timestamp,
    },
}

impl Space {
    pub(in crate::model) fn is_listed(&self) -> bool {
        match self.sight {
            Sight::Listed => true,
            Sight::Unseen { .. } => false,
        }
    }
}

impl From<SpaceRow> for Space {
    fn from(row: SpaceRow) -> Self {
        Self {
            id: row.id,
            key: row.key,
            name: row.name,
            space_type: row.space_type,
            status: row.status,
            sight: Sight::Listed,
            walked: false,
        }
    }
}
