//! How far the readings of one site have come: what a restart must know beside the facts themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::census::Shown;
use super::{Access, Collector, DocId, DocType, SpaceId, Timestamp};

/// A place in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// An opaque word of the site's.
    pub value: String,
    /// How many answers of the listing lie before it.
    pub answers: u32,
}

/// The walk by id over spaces that have not been met yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The base before it.
    pub began: Timestamp,
    /// It goes over all the spaces that are listed.
    pub is_whole: bool,
    /// Those that will have been walked at its end.
    pub spaces: Vec<SpaceId>,
}

/// One listing of such a walk: a group of spaces and a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkListing {
    pub doc_type: DocType,
    pub spaces: Vec<SpaceId>,
    /// Where it goes on.
    pub cursor: Option<Cursor>,
    pub is_done: bool,
    /// How many rows its answers had.
    #[serde(default)]
    pub rows: u64,
    /// And how many more that could not be read.
    #[serde(default)]
    pub unreadable: u64,
    /// In so many refreshes in a row its place gave no answer.
    #[serde(default)]
    pub failures: u32,
    /// So often it has lost its place since it last got further than ever before.
    #[serde(default)]
    pub losses: u32,
    /// So many answers it had at the most when it lost its place.
    #[serde(default)]
    pub lost_after: u32,
}

impl WalkListing {
    pub fn new(doc_type: DocType, spaces: Vec<SpaceId>) -> Self {
        Self {
            doc_type,
            spaces,
            cursor: None,
            is_done: false,
            rows: 0,
            unreadable: 0,
            failures: 0,
            losses: 0,
            lost_after: 0,
        }
    }

    /// An answer of so many rows, without those that could not be read, leads to this place, or to the end.
    pub fn go_on(&mut self, rows: u64, unreadable: u64, next: Option<Cursor>) {
        self.rows += rows;
        self.unreadable += unreadable;
        self.failures = 0;
        if next.as_ref().is_none_or(|next| next.answers > self.lost_after) {
            self.losses = 0;
        }
        self.is_done = next.is_none();
        self.cursor = next;
    }

    pub fn begin_anew(&mut self) {
        let answers = self.cursor.as_ref().map_or(0, |cursor| cursor.answers);
        *self = Self {
            losses: self.losses + 1,
            lost_after: self.lost_after.max(answers),
            ..Self::new(self.doc_type, std::mem::take(&mut self.spaces))
        };
    }
}

/// A reconciling walk under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciling {
    /// The base before it: whoever was not seen since may be gone.
    pub began: Timestamp,
    pub step: ReconcilingStep,
    pub rows: u64,
    pub unreadable: u64,
    /// In so many refreshes in a row its place gave no answer.
    #[serde(default)]
    pub failures: u32,
    /// Those that had not been met when it began, as their own listings give no answer: at its end they have been.
    #[serde(default)]
    pub spaces: Vec<SpaceId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReconcilingStep {
    /// Reads the list of this type from here on, and has come by this doc.
    Read { doc_type: DocType, cursor: Option<Cursor>, come_by: Option<DocId> },
    /// Asks by name for the docs that no list had.
    Confirm,
}

/// An incremental walk that no base has ended yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    /// The moment of the base that began it.
    pub began: Timestamp,
    /// The watermark from its end on.
    pub reached: Timestamp,
    /// Where it goes on.
    pub cursor: Cursor,
}

/// What the ledger vouches for, beside its facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vouched {
    pub moment: Option<Timestamp>,
    /// When the pass that last reached its goal began.
    pub successes: BTreeMap<Collector, Timestamp>,
    /// Of the rows of the last whole walk and since, the part that could be read (0..1).
    pub readable_rows: Option<f64>,
    /// By doc type: every change up to here has been read.
    pub watermarks: BTreeMap<DocType, Timestamp>,
    /// By doc type: what a base has begun to read.
    #[serde(default)]
    pub descents: BTreeMap<DocType, Descent>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub vouched: Vouched,
    pub access: Access,
    pub shown: Shown,
    /// Spaces that share the series of `(other)`.
    pub folded: BTreeSet<SpaceId>,
    pub walk: Option<Walk>,
    /// The walk's, in its order.
    pub listings: Vec<WalkListing>,
    pub reconciling: Option<Reconciling>,
}

/// A part of the progress that is not as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgressChange {
    Vouched(Vouched),
    Access(Box<Access>),
    Shown(Shown),
    Folded(BTreeSet<SpaceId>),
    Walk(Option<Walk>),
    /// Of the walk's listings the one in this place; without one, the listings from this place on are gone.
    Listing(usize, Option<WalkListing>),
    Reconciling(Option<Reconciling>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: u32) -> Cursor {
        Cursor { value: answers.to_string(), answers }
    }

    #[test]
    fn a_listing_that_begins_anew_counts_anew_and_is_trusted_again_once_it_gets_further() {
        let mut listing = WalkListing::new(DocType::Page, vec![SpaceId(1)]);
        for losses in 1..=2 {
            listing.go_on(249, 1, Some(after(1)));
            listing.begin_anew();
            assert_eq!((listing.losses, listing.rows, listing.unreadable, &listing.cursor), (losses, 0, 0, &None));
        }
        listing.go_on(249, 1, Some(after(1)));
        assert_eq!(listing.losses, 2, "it has been there before");
        listing.go_on(249, 1, Some(after(2)));
        assert_eq!((listing.losses, listing.rows, listing.unreadable), (0, 498, 2));
    }
}
