//! Docs that a walk of the whole site should have met and did not. What has become of them is asked for by name.

use super::Ledger;
use crate::model::{DocId, DocType, Timestamp};

/// Docs in the order of their ids.
#[derive(Clone, Debug)]
pub struct ById(Vec<u32>);

impl Ledger {
    /// The docs of this type in the order of their ids, as they are now.
    pub fn by_id(&self, doc_type: DocType) -> ById {
        let numbers = (0..).zip(&self.docs).filter(|(_, doc)| doc.doc_type == doc_type);
        let mut numbers: Vec<u32> = numbers.map(|(number, _)| number).collect();
        numbers.sort_unstable_by_key(|number| self.docs[*number as usize].id);
        ById(numbers)
    }

    /// Of the docs after this one and up to that, notes those that are in sight by what is known, but were in no answer
    /// from `began` until now, as `answered` has it.
    pub fn miss(
        &mut self,
        by_id: &ById,
        (after, up_to): (Option<DocId>, Option<DocId>),
        began: Timestamp,
        answered: Timestamp,
    ) {
        let id = |number: &u32| self.docs[*number as usize].id;
        let from = after.map_or(0, |after| by_id.0.partition_point(|number| id(number) <= after));
        let to = up_to.map_or(by_id.0.len(), |up_to| by_id.0.partition_point(|number| id(number) <= up_to));
        for number in by_id.0.get(from..to).unwrap_or_default() {
            let doc = &mut self.docs[*number as usize];
            let was_met = doc.seen_at >= began.into() && !Timestamp::from(doc.seen_at).is_far_after(answered);
            if doc.status.is_some() && !was_met {
                doc.missed = true;
                self.doc_changed(*number);
            }
        }
    }

    /// The docs that no list had.
    pub fn missed(&self) -> Vec<(DocType, DocId)> {
        self.docs.iter().filter(|doc| doc.missed).map(|doc| (doc.doc_type, doc.id)).collect()
    }

    /// They have been asked for by name, and nobody can say what became of those that are left.
    pub fn give_up_missed(&mut self, docs: &[DocId]) {
        for id in docs {
            if let Some(doc) = self.doc_mut(*id)
                && doc.missed
            {
                doc.missed = false;
                self.doc_changed_by_id(*id);
            }
        }
    }
}
