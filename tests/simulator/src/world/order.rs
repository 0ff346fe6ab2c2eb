//! The orders in which lists are read, kept up with every change so that no list is sorted to be served.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap};

use super::nouns::{Doc, DocStatus};

/// Places of docs in the world's vector, by type.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    ids: [Vec<u32>; 2],
    changes: [BTreeSet<(i64, u32)>; 2],
    /// Of each space, lowest first. A vector: it is read a hundred thousand times for each doc that moves.
    members: Vec<[Vec<u32>; 2]>,
}

impl Order {
    pub(super) fn of(docs: &[Doc], spaces: usize) -> Self {
        let mut order = Self::default();
        let mut changes: [Vec<(i64, u32)>; 2] = Default::default();
        order.members = vec![Default::default(); spaces];
        for (place, doc) in docs.iter().enumerate() {
            let place = u32::try_from(place).expect("no world has billions of docs");
            order.ids[doc.kind.place()].push(place);
            changes[doc.kind.place()].push((doc.newest_ms, place));
            order.members[doc.space as usize][doc.kind.place()].push(place);
        }
        order.changes = changes.map(BTreeSet::from_iter);
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
            let members = &mut self.members[doc.space as usize][doc.kind.place()];
            if let Err(gap) = members.binary_search(&place) {
                members.insert(gap, place);
            }
        }
    }

    /// To be called with the doc as it was when it entered.
    pub(super) fn leave(&mut self, place: u32, doc: &Doc) {
        self.changes[doc.kind.place()].remove(&(doc.newest_ms, place));
        let members = &mut self.members[doc.space as usize][doc.kind.place()];
        if let Ok(found) = members.binary_search(&place) {
            members.remove(found);
        }
    }

    pub(super) fn members(&self, space: u32, doc_type: usize) -> &[u32] {
        &self.members[space as usize][doc_type]
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
        let from_first = |space: &u32| {
            let members = self.members(*space, doc_type);
            members[members.partition_point(|&place| place < first)..].iter().copied()
        };
        let mut sources: Vec<_> = spaces.iter().map(from_first).collect();
        let mut heads: BinaryHeap<Reverse<(u32, usize)>> = sources
            .iter_mut()
            .enumerate()
            .filter_map(|(source, places)| places.next().map(|place| Reverse((place, source))))
            .collect();
        std::iter::from_fn(move || {
            let mut head = heads.peek_mut()?;
            let Reverse((place, source)) = *head;
            match sources[source].next() {
                Some(next) => *head = Reverse((next, source)),
                None => drop(PeekMut::pop(head)),
            }
            Some(place)
        })
    }
}
