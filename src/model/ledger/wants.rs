//! What the ledger would still like to know, the most wanted first, and how much of it is known.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use super::{Doc, Knowledge, Ledger, Space, as_f64};
use crate::model::{AccountId, Collector, DocId, DocStatus, DocType, Timestamp};

/// How old the knowledge of a collector may be before it is asked again.
#[derive(Clone, Copy, Debug)]
pub struct MaxAges {
    pub users: Duration,
    pub labels: Duration,
    pub states: Duration,
    pub views: Duration,
}

/// How far a collector is from knowing all that it should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// 0..1: of what it should know, the part that it has learnt within the required age.
    pub coverage: f64,
    /// Nothing is left to ask: what is not covered has been refused.
    pub reached: bool,
    /// The oldest knowledge in use.
    pub oldest_fact: Option<Timestamp>,
}

/// Not learnt yet or changed since comes before what has only grown old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Newest doc first: the smaller, the later.
    Changed(i64),
    Old(Timestamp),
}

/// Of so many questions of a collector one is for the doc that has waited the longest, and the others for the most urgent.
const ONE_FOR_WHO_WAITS: usize = 4;

impl Ledger {
    /// Up to `most` docs that each of these collectors should ask for now, the most urgent first; in one look at each doc.
    /// With each collector, how many questions it has had: every fourth is for the doc that has waited the longest, so that
    /// docs which are edited all the time starve no other.
    pub fn wanting(
        &self,
        collectors: &[(Collector, usize)],
        most: usize,
        ages: &MaxAges,
        now: Timestamp,
    ) -> Vec<Vec<(DocId, DocType)>> {
        let lane = |(collector, asked): &(Collector, usize)| (*collector, *asked, First::new(most), First::new(most));
        let mut lanes: Vec<_> = collectors.iter().map(lane).collect();
        if lanes.is_empty() {
            return Vec::new();
        }
        for doc in &self.docs {
            for (collector, _, urgent, waiting) in &mut lanes {
                if let Some(urgency) = self.urgency(doc, *collector, ages, now) {
                    urgent.add(urgency, doc);
                    let asked_at = doc.knowledge(*collector).and_then(Knowledge::asked_at);
                    waiting.add(asked_at.unwrap_or(doc.created_at), doc);
                }
            }
        }
        let in_order = |(_, asked, urgent, waiting): (_, usize, First<_>, First<_>)| {
            alternating(urgent.in_order(), waiting.in_order(), asked, most)
        };
        lanes.into_iter().map(in_order).collect()
    }

    /// Whether this collector should still ask for this doc: its space may have been refused since, or the doc be gone.
    pub fn wants(&self, collector: Collector, id: DocId, ages: &MaxAges, now: Timestamp) -> bool {
        self.doc(id).is_some_and(|doc| self.urgency(doc, collector, ages, now).is_some())
    }

    /// Up to `most` accounts to ask for now: new ones first, then the oldest knowledge.
    pub fn wanting_users(&self, most: usize, ages: &MaxAges, now: Timestamp) -> Vec<AccountId> {
        let mut wanted: Vec<(Option<Timestamp>, usize)> = self
            .users
            .iter()
            .enumerate()
            .filter(|(_, user)| !is_fresh(user.knowledge, ages.users, now))
            .map(|(index, user)| (user.knowledge.asked_at(), index))
            .collect();
        wanted.sort_unstable();
        wanted.into_iter().take(most).map(|(_, index)| self.accounts.values()[index].clone()).collect()
    }

    /// Of the current docs that are eligible, the one that this collector was answered about last, or else the newest.
    pub fn answered_last(
        &self,
        collector: Collector,
        doc_type: Option<DocType>,
        is_eligible: impl Fn(DocId) -> bool,
    ) -> Option<DocId> {
        let in_sight = self.docs.iter().filter(|doc| self.status_of(doc) == Some(DocStatus::Current));
        let of_type = in_sight.filter(|doc| doc_type.is_none_or(|of| doc.doc_type == of));
        of_type
            .filter(|doc| is_eligible(doc.id))
            .max_by_key(|doc| (doc.knowledge(collector).and_then(Knowledge::learnt_at), doc.version_at))
            .map(|doc| doc.id)
    }

    /// Of the accounts that are eligible, the one that was told of last, or else any.
    pub fn account_answered_last(&self, is_eligible: impl Fn(&AccountId) -> bool) -> Option<AccountId> {
        let accounts = self.users.iter().zip(self.accounts.values()).filter(|(_, id)| is_eligible(id));
        accounts.max_by_key(|(user, _)| user.knowledge.learnt_at()).map(|(_, id)| id.clone())
    }

    /// How far each collector has come, in the order of `Collector::ALL`; in one look at each doc.
    pub fn goals(&self, ages: &MaxAges, now: Timestamp) -> [Goal; Collector::ALL.len()] {
        let horizon = self.horizon(now);
        let (mut docs, mut known, mut wanted) = (0_u64, 0_u64, 0_u64);
        let mut users = Known::within(ages.users, now);
        let mut labels = Known::within(ages.labels, now);
        let mut states = Known::within(ages.states, now);
        let mut views = Known::within(ages.views, now);
        for user in &self.users {
            users.add(user.knowledge, None);
        }
        for doc in self.docs.iter().filter(|doc| doc.status.is_some()) {
            docs += 1;
            known += u64::from(doc.is_known_after(horizon));
            wanted += u64::from(self.wants_versions(doc, now));
            if self.status_of(doc) == Some(DocStatus::Current) {
                labels.add(doc.labels, Some(doc.version_at));
                states.add(doc.state, Some(doc.version_at));
                views.add(doc.views, Some(doc.version_at));
            }
        }
        // Where no doc has been met yet, there may be many.
        let of_none = if self.has_met_all() { 1.0 } else { 0.0 };
        let goal = |collector: Collector| match collector {
            Collector::Spaces => {
                let listed = self.vouching_success(Collector::Spaces);
                Goal { coverage: self.walked_part(), reached: listed.is_some(), oldest_fact: listed }
            }
            Collector::Docs => Goal {
                coverage: self.walked_part() * self.readable_rows,
                reached: self.has_met_all(),
                oldest_fact: self.vouching_success(Collector::Docs),
            },
            Collector::Versions => {
                Goal { coverage: part(known, docs, of_none), reached: wanted == 0, oldest_fact: self.moment }
            }
            Collector::Users => users.goal(of_none),
            Collector::Labels => labels.goal(of_none),
            Collector::States => states.goal(of_none),
            Collector::Views => views.goal(of_none),
        };
        std::array::from_fn(|place| goal(Collector::ALL[place]))
    }

    /// Whether the docs of every listed space have been met.
    pub fn has_met_all(&self) -> bool {
        self.spaces.iter().all(|space| space.walked || !space.is_listed())
    }

    fn urgency(&self, doc: &Doc, collector: Collector, ages: &MaxAges, now: Timestamp) -> Option<Urgency> {
        let changed = Urgency::Changed(-doc.version_at.as_millis());
        let (knowledge, max_age) = match collector {
            Collector::Versions => return self.wants_versions(doc, now).then_some(changed),
            Collector::Labels => (doc.labels, ages.labels),
            Collector::States => (doc.state, ages.states),
            Collector::Views => (doc.views, ages.views),
            Collector::Spaces | Collector::Docs | Collector::Users => return None,
        };
        if self.status_of(doc) != Some(DocStatus::Current) {
            return None;
        }
        match knowledge.asked_at() {
            None => Some(changed),
            Some(asked) if asked < doc.version_at && doc.version_at <= now => Some(changed),
            Some(asked) if now.since(asked) >= max_age => Some(Urgency::Old(asked)),
            Some(_) => None,
        }
    }

    fn wants_versions(&self, doc: &Doc, now: Timestamp) -> bool {
        let rests = doc.versions.is_refused() && is_fresh(doc.versions, REFUSED_VERSIONS_REST_FOR, now);
        doc.status.is_some() && !rests && !doc.is_known_after(self.horizon(now))
    }

    /// Of the listed spaces, the part whose first walk has ended.
    fn walked_part(&self) -> f64 {
        let listed = self.spaces.iter().filter(|space| space.is_listed());
        let (mut all, mut walked) = (0, 0);
        for Space { walked: is_walked, .. } in listed {
            all += 1;
            walked += u64::from(*is_walked);
        }
        part(walked, all, 1.0)
    }
}

/// A refusal of one doc's versions is asked again after a day, or when its row changes.
const REFUSED_VERSIONS_REST_FOR: Duration = Duration::from_hours(24);

/// The first docs of an order, of however many.
struct First<K> {
    most: usize,
    rows: Vec<(K, DocId, DocType)>,
}

impl<K: Ord> First<K> {
    fn new(most: usize) -> Self {
        Self { most, rows: Vec::new() }
    }

    fn add(&mut self, key: K, doc: &Doc) {
        self.rows.push((key, doc.id, doc.doc_type));
        // A million may be wanted of which a few hundred can be asked for: as many again are kept, not all.
        if self.rows.len() >= self.most.saturating_mul(2) {
            self.leave_out_the_last();
        }
    }

    fn leave_out_the_last(&mut self) {
        if self.rows.len() > self.most && self.most > 0 {
            self.rows.select_nth_unstable(self.most - 1);
        }
        self.rows.truncate(self.most);
    }

    fn in_order(mut self) -> Vec<(DocId, DocType)> {
        self.leave_out_the_last();
        self.rows.sort_unstable();
        self.rows.into_iter().map(|(_, id, doc_type)| (id, doc_type)).collect()
    }
}

/// Up to `most` of both, each once, after so many that have been `asked` before.
fn alternating<T: Copy + Eq + Hash>(urgent: Vec<T>, waiting: Vec<T>, asked: usize, most: usize) -> Vec<T> {
    let (mut urgent, mut waiting) = (urgent.into_iter(), waiting.into_iter());
    let mut taken = HashSet::new();
    let in_turn = (asked..).map_while(|place| {
        let is_for_who_waits = place % ONE_FOR_WHO_WAITS == ONE_FOR_WHO_WAITS - 1;
        let (first, second) = if is_for_who_waits { (&mut waiting, &mut urgent) } else { (&mut urgent, &mut waiting) };
        first.chain(second).find(|item| taken.insert(*item))
    });
    in_turn.take(most).collect()
}

/// What is known of a collector's items, added up.
struct Known {
    max_age: Duration,
    now: Timestamp,
    all: u64,
    fresh: u64,
    settled: u64,
    oldest_fact: Option<Timestamp>,
}

impl Known {
    fn within(max_age: Duration, now: Timestamp) -> Self {
        Self { max_age, now, all: 0, fresh: 0, settled: 0, oldest_fact: None }
    }

    /// One item's knowledge, and when the item changed last.
    fn add(&mut self, knowledge: Knowledge, changed_at: Option<Timestamp>) {
        let Self { max_age, now, .. } = *self;
        let changed = matches!((knowledge.asked_at(), changed_at), (Some(asked), Some(at)) if asked < at && at <= now);
        let is_fresh = is_fresh(knowledge, max_age, now);
        self.all += 1;
        self.settled += u64::from(is_fresh && !changed);
        if let Some(at) = knowledge.learnt_at() {
            self.fresh += u64::from(is_fresh);
            self.oldest_fact = Some(self.oldest_fact.map_or(at, |oldest| oldest.min(at)));
        }
    }

    /// `of_none` is the coverage where there is nothing to know.
    fn goal(&self, of_none: f64) -> Goal {
        Goal {
            coverage: part(self.fresh, self.all, of_none),
            reached: self.settled == self.all,
            oldest_fact: self.oldest_fact,
        }
    }
}

fn is_fresh(knowledge: Knowledge, max_age: Duration, now: Timestamp) -> bool {
    knowledge.asked_at().is_some_and(|asked| now.since(asked) < max_age)
}

fn part(some: u64, all: u64, of_none: f64) -> f64 {
    if all == 0 { of_none } else { as_f64(some) / as_f64(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fourth_question_is_for_who_has_waited_the_longest() {
        let (urgent, waiting) = (vec![1, 2, 3, 4, 5, 6], vec![6, 1, 5, 4, 3, 2]);
        assert_eq!(alternating(urgent.clone(), waiting.clone(), 0, 9), [1, 2, 3, 6, 4, 5]);
        assert_eq!(alternating(urgent.clone(), waiting.clone(), 7, 9), [6, 1, 2, 3, 5, 4]);
        assert_eq!(alternating(urgent, waiting, 0, 2), [1, 2]);
    }
}
