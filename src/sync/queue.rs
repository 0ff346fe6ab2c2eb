//! The order in which the budget is spent: a lane a collector, each in its turn. Pure; asking is `rest`'s business.

use std::collections::{HashSet, VecDeque};

use crate::model::{Access, AccountId, Collector, DocId, DocType, Ledger, Operation, Timestamp};

use super::settings::CollectorsSettings;

/// One question beyond the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// The next step of the reconciling walk.
    Reconcile,
    Versions(DocId, DocType),
    Users(Vec<AccountId>),
    Labels(DocId, DocType),
    State(DocId),
    Views(DocId),
}

/// What is wanted, by collector.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: Vec<Lane>,
    turn: usize,
}

#[derive(Debug)]
struct Lane {
    collector: Collector,
    work: VecDeque<Work>,
    is_closed: bool,
}

/// The collectors whose questions are paid from the budget.
const COLLECTORS: [Collector; 6] =
    [Collector::Docs, Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views];
/// The most accounts that one request may ask for.
const ACCOUNTS_A_QUESTION: usize = 250;

impl Work {
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Reconcile => Operation::Pages,
            Self::Versions(_, DocType::Page) => Operation::PageVersions,
            Self::Versions(_, DocType::Blogpost) => Operation::BlogpostVersions,
            Self::Users(_) => Operation::UsersBulk,
            Self::Labels(_, DocType::Page) => Operation::PageLabels,
            Self::Labels(_, DocType::Blogpost) => Operation::BlogpostLabels,
            Self::State(_) => Operation::ContentState,
            Self::Views(_) => Operation::ContentViews,
        }
    }

    /// The one doc that it is about.
    pub(super) fn doc(&self) -> Option<DocId> {
        match self {
            Self::Reconcile | Self::Users(_) => None,
            Self::Versions(id, _) | Self::Labels(id, _) | Self::State(id) | Self::Views(id) => Some(*id),
        }
    }

    pub(super) fn collector(&self) -> Collector {
        match self {
            Self::Reconcile => Collector::Docs,
            Self::Versions(..) => Collector::Versions,
            Self::Users(_) => Collector::Users,
            Self::Labels(..) => Collector::Labels,
            Self::State(_) => Collector::States,
            Self::Views(_) => Collector::Views,
        }
    }
}

impl Queue {
    pub(super) fn new(settings: &CollectorsSettings) -> Self {
        let enabled = COLLECTORS.into_iter().filter(|collector| settings.is_enabled(*collector));
        let lane = |collector| Lane { collector, work: VecDeque::new(), is_closed: false };
        Self { lanes: enabled.map(lane).collect(), turn: 0 }
    }

    /// Fills every open lane with up to `most` of what the ledger wants now, `stumbling` docs last.
    pub(super) fn fill(
        &mut self,
        ledger: &Ledger,
        stumbling: &HashSet<(Collector, DocId)>,
        settings: &CollectorsSettings,
        most: usize,
        now: Timestamp,
    ) {
        let ages = settings.max_ages();
        for lane in self.lanes.iter_mut().filter(|lane| !lane.is_closed && lane.collector != Collector::Docs) {
            let docs = || {
                let wanted = ledger.wanting(lane.collector, most, &ages, now);
                let stumbles = |(id, _): &(DocId, DocType)| stumbling.contains(&(lane.collector, *id));
                let (last, first): (Vec<_>, Vec<_>) = wanted.into_iter().partition(stumbles);
                first.into_iter().chain(last)
            };
            lane.work = match lane.collector {
                Collector::Versions => docs().map(|(id, doc_type)| Work::Versions(id, doc_type)).collect(),
                Collector::Labels => docs().map(|(id, doc_type)| Work::Labels(id, doc_type)).collect(),
                Collector::States => docs().map(|(id, _)| Work::State(id)).collect(),
                Collector::Views => docs().map(|(id, _)| Work::Views(id)).collect(),
                Collector::Users => {
                    let accounts = ledger.wanting_users(most.saturating_mul(ACCOUNTS_A_QUESTION), &ages, now);
                    accounts.chunks(ACCOUNTS_A_QUESTION).map(|accounts| Work::Users(accounts.to_vec())).collect()
                }
                Collector::Spaces | Collector::Docs => VecDeque::new(),
            };
        }
    }

    /// Lets the reconciling walk make its next step in its turn. Its steps follow each other: there is never a second.
    pub(super) fn reconcile(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == Collector::Docs && !lane.is_closed) {
            lane.work = [Work::Reconcile].into();
        }
    }

    /// Puts a question in front whose only purpose is to learn whether its operation is open to us.
    pub(super) fn probe_versions(&mut self, access: &Access, newest_page: Option<DocId>) {
        let lane = self.lanes.iter_mut().find(|lane| lane.collector == Collector::Versions);
        if let (Some(lane), Some(page)) = (lane, newest_page)
            && !access.was_asked(Operation::PageVersions)
            && !lane.work.iter().any(|work| work.operation() == Operation::PageVersions)
        {
            lane.work.push_front(Work::Versions(page, DocType::Page));
        }
    }

    /// The next question that is `open`, the collectors taking turns. One that is not stays out until the next refresh.
    pub(super) fn next(&mut self, mut open: impl FnMut(Operation) -> bool) -> Option<Work> {
        for _ in 0..self.lanes.len() {
            let turn = self.turn;
            self.turn = (turn + 1) % self.lanes.len();
            let lane = &mut self.lanes[turn];
            while let Some(work) = lane.work.pop_front() {
                if open(work.operation()) {
                    return Some(work);
                }
            }
        }
        None
    }

    /// This collector asks no more in this refresh.
    pub(super) fn close(&mut self, collector: Collector) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == collector) {
            lane.is_closed = true;
            lane.work.clear();
        }
    }
}
