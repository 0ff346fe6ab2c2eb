//! What a collector is refused. A refusal that speaks of the whole space is believed with care: where a doc is now the
//! ledger knows only as of the last walk, and an answer may blame the space for what is the doc's own.

use super::doc::Knowledge;
use super::{Doc, Ledger};
use crate::model::{Collector, DocId, DocStatus, Timestamp};

/// So many docs of a space must be refused, and none answered, before the others are left in peace.
const WITNESSES: usize = 3;

impl Ledger {
    /// A doc that this collector is refused rests. So do all docs of its space where the space is refused as a whole: who has
    /// been answered proves that it is not, and keeps what was learnt.
    pub fn refuse_space_of(&mut self, id: DocId, collector: Collector, answered: Timestamp) {
        let refused = Knowledge::refused(answered);
        let Some(doc) = self.doc_mut(id) else { return };
        let space = doc.space;
        let Some(knowledge) = doc.knowledge_mut(collector) else { return };
        *knowledge = refused;
        self.doc_changed_by_id(id);
        if self.is_refused_as_a_whole(space, collector) {
            self.change_docs(
                |doc| doc.space == space,
                |doc| {
                    if let Some(knowledge) = doc.knowledge_mut(collector) {
                        *knowledge = refused;
                    }
                },
            );
        }
    }

    /// Only current docs are asked for, so that no other can tell.
    fn is_refused_as_a_whole(&self, space: u32, collector: Collector) -> bool {
        let mut witnesses = 0;
        for doc in self.docs.iter().filter(|doc| doc.space == space && self.status_of(doc) == Some(DocStatus::Current))
        {
            let Some(knowledge) = doc.knowledge(collector) else { return false };
            if knowledge.learnt_at().is_some() {
                return false;
            }
            witnesses += usize::from(knowledge.is_refused());
        }
        witnesses >= WITNESSES
    }
}

impl Doc {
    pub(super) fn knowledge(&self, collector: Collector) -> Option<Knowledge> {
        match collector {
            Collector::Versions => Some(self.versions),
            Collector::Labels => Some(self.labels),
            Collector::States => Some(self.state),
            Collector::Views => Some(self.views),
            Collector::Spaces | Collector::Docs | Collector::Users => None,
        }
    }

    fn knowledge_mut(&mut self, collector: Collector) -> Option<&mut Knowledge> {
        match collector {
            Collector::Versions => Some(&mut self.versions),
            Collector::Labels => Some(&mut self.labels),
            Collector::States => Some(&mut self.state),
            Collector::Views => Some(&mut self.views),
            Collector::Spaces | Collector::Docs | Collector::Users => None,
        }
    }
}
