//! What the ledger would still like to know, the most wanted first, and how much of it is known.

use std::time::Duration;

use super::{Doc, Knowledge, Ledger, Space};
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

impl Ledger {
    /// Up to `most` docs that this collector should ask for now, the most wanted first.
    pub fn wanting(&self, collector: Collector, most: usize, ages: &MaxAges, now: Timestamp) -> Vec<(DocId, DocType)> {
        let mut wanted: Vec<(Urgency, DocId, DocType)> = self
            .docs
            .iter()
            .filter_map(|doc| Some((self.urgency(doc, collector, ages, now)?, doc.id, doc.doc_type)))
            .collect();
        if wanted.len() > most && most > 0 {
            wanted.select_nth_unstable(most - 1);
        }
        wanted.truncate(most);
        wanted.sort_unstable();
        wanted.into_iter().map(|(_, id, doc_type)| (id, doc_type)).collect()
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

    /// How far this collector has come.
    pub fn goal(&self, collector: Collector, ages: &MaxAges, now: Timestamp) -> Goal {
        match collector {
            Collector::Spaces => {
                let listed = self.success(Collector::Spaces);
                Goal { coverage: self.walked_part(), reached: listed.is_some(), oldest_fact: listed }
            }
            Collector::Docs => Goal {
                coverage: self.walked_part() * self.readable_rows,
                reached: self.spaces.iter().all(|space| space.walked || !space.is_listed()),
                oldest_fact: self.success(Collector::Docs),
            },
            Collector::Versions => self.versions_goal(now),
            Collector::Users => Goal::of(self.users.iter().map(|user| (user.knowledge, None)), ages.users, now),
            Collector::Labels => self.docs_goal(ages.labels, now, |doc| doc.labels),
            Collector::States => self.docs_goal(ages.states, now, |doc| doc.state),
            Collector::Views => self.docs_goal(ages.views, now, |doc| doc.views),
        }
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

    fn versions_goal(&self, now: Timestamp) -> Goal {
        let horizon = self.horizon(now);
        let (mut all, mut known, mut wanted) = (0_u64, 0_u64, 0_u64);
        for doc in self.docs.iter().filter(|doc| doc.status.is_some()) {
            all += 1;
            known += u64::from(doc.is_known_after(horizon));
            wanted += u64::from(self.wants_versions(doc, now));
        }
        Goal { coverage: part(known, all), reached: wanted == 0, oldest_fact: self.moment }
    }

    fn docs_goal(&self, max_age: Duration, now: Timestamp, knowledge: impl Fn(&Doc) -> Knowledge) -> Goal {
        let current = self.docs.iter().filter(|doc| self.status_of(doc) == Some(DocStatus::Current));
        Goal::of(current.map(|doc| (knowledge(doc), Some(doc.version_at))), max_age, now)
    }

    /// Of the listed spaces, the part whose first walk has ended.
    fn walked_part(&self) -> f64 {
        let listed = self.spaces.iter().filter(|space| space.is_listed());
        let (mut all, mut walked) = (0, 0);
        for Space { walked: is_walked, .. } in listed {
            all += 1;
            walked += u64::from(*is_walked);
        }
        part(walked, all)
    }
}

/// A refusal of one doc's versions is asked again after a day, or when its row changes.
const REFUSED_VERSIONS_REST_FOR: Duration = Duration::from_hours(24);

impl Goal {
    /// Each item's knowledge, and when it changed last.
    fn of(items: impl Iterator<Item = (Knowledge, Option<Timestamp>)>, max_age: Duration, now: Timestamp) -> Self {
        let (mut all, mut fresh, mut settled) = (0_u64, 0_u64, 0_u64);
        let mut oldest_fact: Option<Timestamp> = None;
        for (knowledge, changed_at) in items {
            all += 1;
            let changed =
                matches!((knowledge.asked_at(), changed_at), (Some(asked), Some(at)) if asked < at && at <= now);
            let is_settled = is_fresh(knowledge, max_age, now) && !changed;
            settled += u64::from(is_settled);
            if let Some(at) = knowledge.learnt_at() {
                fresh += u64::from(is_fresh(knowledge, max_age, now));
                oldest_fact = Some(oldest_fact.map_or(at, |oldest| oldest.min(at)));
            }
        }
        Self { coverage: part(fresh, all), reached: settled == all, oldest_fact }
    }
}

fn is_fresh(knowledge: Knowledge, max_age: Duration, now: Timestamp) -> bool {
    knowledge.asked_at().is_some_and(|asked| now.since(asked) < max_age)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn part(some: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { some as f64 / all as f64 }
}
