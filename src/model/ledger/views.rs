//! How often docs were viewed, and how many views were added while we looked on.

use std::sync::Arc;

use super::learning::knowledge;
use super::{Fact, Ledger};
use crate::model::census::group_name;
use crate::model::{DocId, DocType, Timestamp};

impl Ledger {
    /// A doc's lifetime views. What has been added since the last look counts from now on where the doc stands now, and
    /// stays there: a counter that went along with spaces would fall, and jump elsewhere.
    pub fn learn_views(&mut self, id: DocId, fact: &Fact<u64>, fold_personal: bool, answered: Timestamp) {
        let Some(doc) = self.doc_mut(id) else { return };
        let before = doc.views.learnt_at().map(|_| u64::from(doc.view_count));
        doc.views = knowledge(fact, answered);
        if let Fact::Known(count) = fact {
            doc.view_count = u32::try_from(*count).unwrap_or(u32::MAX);
            let added = before.map_or(0, |before| count.saturating_sub(before));
            let (space, doc_type) = (doc.space, doc.doc_type);
            if added > 0 {
                let name = group_name(&self.spaces[space as usize], fold_personal, &self.folded);
                *self.observed_views.entry((name.clone(), doc_type)).or_default() += added;
                self.observed_views_changed(name, doc_type);
            }
        }
        self.doc_changed_by_id(id);
    }

    /// What was ever observed under this value of `space`.
    pub(in crate::model) fn views_observed(&self, name: &Arc<str>, doc_type: DocType) -> u64 {
        self.observed_views.get(&(Arc::clone(name), doc_type)).copied().unwrap_or(0)
    }

    pub fn restore_observed_views(&mut self, space: Arc<str>, doc_type: DocType, views: u64) {
        self.observed_views.insert((space, doc_type), views);
    }
}
