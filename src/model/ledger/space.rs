//! One space's facts.

use std::collections::HashSet;
use std::sync::Arc;

use super::Ledger;
use crate::model::{Collector, SpaceId, SpaceRow, SpaceStatus, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Ledger {
    /// The list of spaces, as of `listed`. One that is missing from it goes out of sight with its docs, but only if every
    /// row could be read.
    pub fn learn_spaces(&mut self, rows: Vec<SpaceRow>, every_row_was_read: bool, listed: Timestamp) {
        let mut missing: HashSet<u32> =
            (0..self.spaces.len()).filter_map(|number| u32::try_from(number).ok()).collect();
        for row in rows {
            if let Some(number) = self.space_numbers.get(&row.id).copied() {
                missing.remove(&number);
                let known = &mut self.spaces[number as usize];
                let walked = known.walked && known.is_listed();
                let listed = Space { walked, ..Space::from(row) };
                if *known != listed {
                    *known = listed;
                    self.space_changed(number);
                }
            } else {
                let number = u32::try_from(self.spaces.len()).expect("a site has fewer than four billion spaces");
                self.space_numbers.insert(row.id, number);
                self.spaces.push(Space::from(row));
                self.space_changed(number);
            }
        }
        missing.retain(|number| every_row_was_read && self.spaces[*number as usize].is_listed());
        for number in &missing {
            self.spaces[*number as usize].sight = Sight::Unseen { since: listed };
            self.space_changed(*number);
        }
        if !missing.is_empty() {
            self.change_docs(|doc| missing.contains(&doc.space), |doc| doc.status = None);
        }
        self.succeed(Collector::Spaces, listed);
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
