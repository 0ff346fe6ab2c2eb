//! What no look at a doc can tell: versions deleted where new edits make up for them in number. METRICS.md leaves just that
//! out, and so do the worlds that live here.

use std::collections::{BTreeMap, BTreeSet};

use confluence_simulator::world::Rewrite;
use confluence_simulator::{DocId, World};

use crate::kept::Row;

/// The dates of a doc's versions, oldest first.
type Dates = Vec<i64>;

/// Every state in which a doc's versions were before they changed: in one of them, or as they are now, the doc has been
/// looked at last.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    states: BTreeMap<DocId, Vec<Dates>>,
    /// Docs from which a version was deleted, which nobody may have seen yet.
    thinned: BTreeSet<DocId>,
    /// How often something was left out because it could not have been seen.
    pub(crate) left_out: usize,
    /// How often something happened that could be seen only because of a look in between.
    pub(crate) seen_in_between: usize,
}

impl Histories {
    /// Whether the change could be seen, wherever the exporter stands; `kept` tells the row that it has kept, if any.
    pub(crate) fn may_be_rewritten(
        &mut self,
        world: &World,
        doc: DocId,
        rewrite: Rewrite,
        kept: impl Fn(DocId) -> Option<Row>,
    ) -> bool {
        let Some(now) = dates(world, doc) else { return false };
        let states = self.states.entry(doc).or_default();
        if states.last() != Some(&now) {
            states.push(now.clone());
        }
        let then = rewritten(now, rewrite);
        let looks_like_one_edit = |seen: &&Dates| {
            let (_, before) = then.split_last().expect("a doc has a version");
            before.len() == seen.len() && then.last() > seen.last() && before != seen.as_slice()
        };
        if states.iter().any(|seen| looks_like_one_edit(&seen)) {
            // Where the row's number and date are kept, no state before them is what was seen last: between two edits a
            // number only falls, so that they tell one state from all others.
            let row = kept(doc);
            let seen_last = row.and_then(|row| states.iter().position(|state| self::row(state) == row));
            if states[seen_last.unwrap_or(0)..].iter().any(|seen| looks_like_one_edit(&seen)) {
                self.left_out += 1;
                return false;
            }
            self.seen_in_between += 1;
        }
        if matches!(rewrite, Rewrite::Deletion(_)) {
            self.thinned.insert(doc);
        }
        true
    }

    /// Whether every deletion so far from a doc that is `kept` has been seen: what is kept of it is as it is now.
    pub(crate) fn all_is_seen(&mut self, world: &World, kept: impl Fn(DocId) -> Option<Row>) -> bool {
        let is_seen = |doc: DocId| kept(doc).map(|kept| Some(kept) == dates(world, doc).map(|dates| row(&dates)));
        self.thinned.retain(|doc| is_seen(*doc) != Some(true));
        self.thinned.iter().all(|doc| is_seen(*doc).is_none())
    }
}

fn dates(world: &World, doc: DocId) -> Option<Dates> {
    Some(world.doc(doc)?.versions.iter().map(|version| version.created_ms).collect())
}

fn row(dates: &[i64]) -> Row {
    (i64::try_from(dates.len()).unwrap(), *dates.last().expect("a doc has a version"))
}

fn rewritten(mut dates: Dates, rewrite: Rewrite) -> Dates {
    match rewrite {
        // Whenever it will be: later than all before.
        Rewrite::Edits(edits) => dates.extend((0..edits).map(|later| i64::MAX - i64::from(edits - later))),
        Rewrite::Deletion(number) => {
            dates.remove(number as usize - 1);
        }
    }
    dates
}
