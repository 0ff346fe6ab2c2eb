//! Which docs a list shows and where it goes on: the world's answer, before it becomes JSON.

use std::cmp::Ordering;

use super::World;
use super::names::title;
use super::nouns::{Doc, DocId, DocStatus, DocType};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortBy {
    Id,
    Created,
    Modified,
    Title,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
}

/// Where a page of a list ended: the key that it is sorted by, and the doc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) key: PositionKey,
    pub(crate) doc: DocId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PositionKey {
    Number(i64),
    Text(String),
}

/// Which docs a list is about. `None` admits all.
#[derive(Clone, Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) doc_type: DocType,
    pub(crate) statuses: &'a [DocStatus],
    /// In ascending order.
    pub(crate) spaces: Option<Vec<u32>>,
    pub(crate) ids: Option<Vec<DocId>>,
    pub(crate) title: Option<&'a str>,
    pub(crate) label: Option<u32>,
}

impl World {
    /// The places of the next docs, at most `limit` of them.
    pub(crate) fn select(
        &self,
        selection: &Selection<'_>,
        sort: Sort,
        after: Option<&Position>,
        limit: usize,
    ) -> Vec<u32> {
        let admitted = |place: &u32| self.admits(selection, &self.docs[*place as usize]);
        let doc_type = selection.doc_type.place();
        let after_place = after.and_then(|after| self.doc_place(after.doc));
        match (sort, &selection.ids, &selection.spaces) {
            (Sort { by: SortBy::Id, descending: false }, Some(ids), _) => {
                let mut places: Vec<u32> = ids.iter().filter_map(|id| self.doc_place(*id)).collect();
                places.sort_unstable();
                places.dedup();
                let is_later = |place: &u32| after_place.is_none_or(|after| *place > after);
                places.into_iter().filter(is_later).filter(admitted).take(limit).collect()
            }
            (Sort { by: SortBy::Id, descending: false }, None, None) => {
                let first = after_place.map_or(0, |place| place + 1);
                self.order.by_id(doc_type, first).filter(admitted).take(limit).collect()
            }
            (Sort { by: SortBy::Id, descending: false }, None, Some(spaces)) => {
                let first = after_place.map_or(0, |place| place + 1);
                // These spaces' docs come from them: that each is of one of them need not be asked.
                let selection = Selection { spaces: None, ..selection.clone() };
                let admitted = |place: &u32| self.admits(&selection, &self.docs[*place as usize]);
                self.order.in_spaces(spaces, doc_type, first).filter(admitted).take(limit).collect()
            }
            (Sort { by: SortBy::Id, descending: true }, None, None) => {
                let end = after_place.unwrap_or(u32::MAX);
                self.order.by_id_backwards(doc_type, end).filter(admitted).take(limit).collect()
            }
            (Sort { by: SortBy::Modified, descending: true }, None, _) => {
                let before = match after {
                    Some(Position { key: PositionKey::Number(modified_ms), .. }) => {
                        (*modified_ms, after_place.unwrap_or(0))
                    }
                    _ => (i64::MAX, u32::MAX),
                };
                self.order.by_change_backwards(doc_type, before).filter(admitted).take(limit).collect()
            }
            _ => self.select_by_sorting(selection, sort, after, limit),
        }
    }

    /// Where the list stands after this doc.
    pub(crate) fn position(&self, place: u32, sort: Sort) -> Position {
        let doc = &self.docs[place as usize];
        Position { key: key(doc, sort.by), doc: doc.id }
    }

    pub(crate) fn admits(&self, selection: &Selection<'_>, doc: &Doc) -> bool {
        doc.kind == selection.doc_type
            && selection.statuses.contains(&doc.status)
            && self.is_in_sight(doc)
            && selection.spaces.as_ref().is_none_or(|spaces| spaces.binary_search(&doc.space).is_ok())
            && selection.title.is_none_or(|wanted| title(doc.id.0) == wanted)
            && selection.label.is_none_or(|label| doc.labels.contains(&label))
    }

    /// The rare orders, which are nobody's benchmark.
    fn select_by_sorting(
        &self,
        selection: &Selection<'_>,
        sort: Sort,
        after: Option<&Position>,
        limit: usize,
    ) -> Vec<u32> {
        let places: Vec<u32> = match &selection.ids {
            Some(ids) => ids.iter().filter_map(|id| self.doc_place(*id)).collect(),
            None => self.order.by_id(selection.doc_type.place(), 0).collect(),
        };
        let mut keyed: Vec<(PositionKey, u32)> = places
            .into_iter()
            .filter(|place| self.admits(selection, &self.docs[*place as usize]))
            .map(|place| (key(&self.docs[place as usize], sort.by), place))
            .collect();
        keyed.sort();
        keyed.dedup();
        if sort.descending {
            keyed.reverse();
        }
        let is_later = |(key, place): &(PositionKey, u32)| {
            after.is_none_or(|after| {
                let order = key.cmp(&after.key).then(self.docs[*place as usize].id.cmp(&after.doc));
                order == if sort.descending { Ordering::Less } else { Ordering::Greater }
            })
        };
        keyed.into_iter().filter(is_later).take(limit).map(|(_, place)| place).collect()
    }
}

fn key(doc: &Doc, by: SortBy) -> PositionKey {
    match by {
        SortBy::Id => PositionKey::Number(i64::try_from(doc.id.0).unwrap_or(i64::MAX)),
        SortBy::Created => PositionKey::Number(doc.created_ms),
        SortBy::Modified => PositionKey::Number(doc.newest_ms),
        SortBy::Title => PositionKey::Text(title(doc.id.0)),
    }
}
