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
    /// Not wanted by the user since then, whether it is still in the list or not.
    Excluded {
        since: Timestamp,
    },
}

impl Space {
    pub(in crate::model) fn is_listed(&self) -> bool {
        match self.sight {
            Sight::Listed => true,
            Sight::Unseen { .. } | Sight::Excluded { .. } => false,
        }
    }

    /// Its name is that of a person.
    pub(in crate::model) fn is_personal(&self) -> bool {
        &*self.space_type == "personal"
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
        self.put_out_of_sight(&missing, Sight::Unseen { since: listed });
        self.succeed(Collector::Spaces, listed);
    }

    /// The user wants no space counted whose key and type fit this: those that are known go out of sight, and nobody is to
    /// think that they had gone by themselves.
    pub fn exclude_spaces(&mut self, is_excluded: impl Fn(&str, &str) -> bool, now: Timestamp) {
        let known = (0..).zip(&self.spaces);
        let unwanted = known.filter(|(_, space)| is_excluded(&space.key, &space.space_type));
        let news = unwanted.filter(|(_, space)| !matches!(space.sight, Sight::Excluded { .. }));
        let news: HashSet<u32> = news.map(|(number, _)| number).collect();
        self.put_out_of_sight(&news, Sight::Excluded { since: now });
    }

    fn put_out_of_sight(&mut self, spaces: &HashSet<u32>, sight: Sight) {
        for number in spaces {
            self.spaces[*number as usize].sight = sight;
            self.space_changed(*number);
        }
        if !spaces.is_empty() {
            self.change_docs(|doc| spaces.contains(&doc.space) && doc.status.is_some(), |doc| doc.status = None);
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
