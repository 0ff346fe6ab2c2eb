//! The orders in which lists are read, kept up with every change so that no list is sorted to be served.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::nouns::{Doc, DocStatus};

/// Places of docs in the world's vector, by type.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    ids: [Vec<u32>; 2],
    changes: [BTreeSet<(i64, u32)>; 2],
    members: Vec<[BTreeSet<u32>; 2]>,
}

impl Order {
    pub(super) fn of(docs: &[Doc], spaces: usize) -> Self {
        let mut order = Self::default();
        let mut changes: [Vec<(i64, u32)>; 2] = Default::default();
        let mut members: Vec<[Vec<u32>; 2]> = vec![Default::default(); spaces];
        for (place, doc) in docs.iter().enumerate() {
            let place = u32::try_from(place).expect("no world has billions of docs");
            order.ids[doc.kind.place()].push(place);
            changes[doc.kind.place()].push((doc.newest_ms, place));
            members[doc.space as usize][doc.kind.place()].push(place);
        }
        order.changes = changes.map(BTreeSet::from_iter);
        order.members = members.into_iter().map(|types| types.map(BTreeSet::from_iter)).collect();
        order
    }

    pub(super) fn add_space(&mut self) {
        self.members.push(Default::default());
    }

    /// The newest doc has the highest place.
    pub(super) fn append(&mut self, place: u32, doc: &Doc) {
        self.ids[doc.kind.place()].push(place);
        self.enter(place, doc);
    }

    pub(super) fn enter(&mut self, place: u32, doc: &Doc) {
        if doc.status != DocStatus::Purged {
            self.changes[doc.kind.place()].insert((doc.newest_ms, place));
            self.members[doc.space as usize][doc.kind.place()].insert(place);
        }
    }

    /// To be called with the doc as it was when it entered.
    pub(super) fn leave(&mut self, place: u32, doc: &Doc) {
        self.changes[doc.kind.place()].remove(&(doc.newest_ms, place));
        self.members[doc.space as usize][doc.kind.place()].remove(&place);
    }

    pub(super) fn members(&self, space: u32, doc_type: usize) -> impl Iterator<Item = u32> {
        self.members[space as usize][doc_type].iter().copied()
    }

    /// All places from `first` on, those who purged without a trace included.
    pub(super) fn by_id(&self, doc_type: usize, first: u32) -> impl DoubleEndedIterator<Item = u32> {
        let places = &self.ids[doc_type];
        places[places.partition_point(|&place| place < first)..].iter().copied()
    }

    /// All places before `end`, highest first.
    pub(super) fn by_id_backwards(&self, doc_type: usize, end: u32) -> impl Iterator<Item = u32> {
        let places = &self.ids[doc_type];
        places[..places.partition_point(|&place| place < end)].iter().rev().copied()
    }

    /// Latest change first, from what comes after `before` on.
    pub(super) fn by_change_backwards(&self, doc_type: usize, before: (i64, u32)) -> impl Iterator<Item = u32> {
        self.changes[doc_type].range(..before).rev().map(|&(_, place)| place)
    }

    /// The places of several spaces together from `first` on, lowest first.
    pub(super) fn in_spaces(&self, spaces: &[u32], doc_type: usize, first: u32) -> impl Iterator<Item = u32> {
        let mut sources: Vec<_> =
            spaces.iter().map(|&space| self.members[space as usize][doc_type].range(first..).copied()).collect();
        let mut heads: BinaryHeap<Reverse<(u32, usize)>> = sources
            .iter_mut()
            .enumerate()
            .filter_map(|(source, places)| places.next().map(|place| Reverse((place, source))))
            .collect();
        std::iter::from_fn(move || {
            let Reverse((place, source)) = heads.pop()?;
            if let Some(next) = sources[source].next() {
                heads.push(Reverse((next, source)));
            }
            Some(place)
        })
    }
}
