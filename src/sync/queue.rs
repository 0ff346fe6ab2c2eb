//! The order in which the budget is spent: a lane a collector, each in its turn. Pure; asking is `rest`'s business.

use std::collections::VecDeque;

use crate::model::{Access, AccountId, Collector, DocId, DocType, Ledger, Operation, Timestamp};

use super::settings::CollectorsSettings;
use super::stumbling::Stumbling;

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

/// One doc, as a collector asks for it, or one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Doc(Collector, DocId),
    Account(AccountId),
}

/// What is wanted, by collector.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: Vec<Lane>,
    turns: Turns,
}

/// Whose turn it is, which outlives a queue: a small budget reaches everybody in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    lane: usize,
    /// By collector: how many questions it has had.
    asked: [usize; Collector::ALL.len()],
}

#[derive(Debug)]
struct Lane {
    collector: Collector,
    work: VecDeque<Work>,
    /// Waits until a witness has told whether it makes sense to go on.
    held: VecDeque<Work>,
    is_closed: bool,
}

/// The collectors whose questions are paid from the budget.
const COLLECTORS: [Collector; 6] =
    [Collector::Docs, Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views];
/// Those of them that ask about one doc at a time.
const ASKED_BY_DOC: [Collector; 4] = [Collector::Versions, Collector::Labels, Collector::States, Collector::Views];
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

    /// What this collector asks about a doc, where it asks by doc.
    fn about(collector: Collector, id: DocId, doc_type: DocType) -> Option<Self> {
        match collector {
            Collector::Versions => Some(Self::Versions(id, doc_type)),
            Collector::Labels => Some(Self::Labels(id, doc_type)),
            Collector::States => Some(Self::State(id)),
            Collector::Views => Some(Self::Views(id)),
            Collector::Spaces | Collector::Docs | Collector::Users => None,
        }
    }

    /// What it is about.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Reconcile => Vec::new(),
            Self::Users(accounts) => accounts.iter().cloned().map(Subject::Account).collect(),
            Self::Versions(id, _) | Self::Labels(id, _) | Self::State(id) | Self::Views(id) => {
                vec![Subject::Doc(self.collector(), *id)]
            }
        }
    }

    /// What it is about, if that is one alone.
    pub(super) fn only_subject(&self) -> Option<Subject> {
        let mut subjects = self.subjects();
        subjects.pop().filter(|_| subjects.is_empty())
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
    /// `turns` is what `turns()` told of the queue before it.
    pub(super) fn new(settings: &CollectorsSettings, turns: Turns) -> Self {
        let enabled = COLLECTORS.into_iter().filter(|collector| settings.is_enabled(*collector));
        let lane = |collector| Lane { collector, work: VecDeque::new(), held: VecDeque::new(), is_closed: false };
        let lanes: Vec<_> = enabled.map(lane).collect();
        Self { turns: Turns { lane: turns.lane % lanes.len(), ..turns }, lanes }
    }

    pub(super) fn turns(&self) -> Turns {
        self.turns
    }

    /// Fills every open lane with up to `most` of what the ledger wants now, what is `stumbling` last.
    pub(super) fn fill(
        &mut self,
        ledger: &Ledger,
        stumbling: &Stumbling,
        settings: &CollectorsSettings,
        most: usize,
        now: Timestamp,
    ) {
        let ages = settings.max_ages();
        let mut open: Vec<_> = self.lanes.iter_mut().filter(|lane| !lane.is_closed).collect();
        for lane in &mut open {
            lane.held.clear();
        }
        if let Some(lane) = open.iter_mut().find(|lane| lane.collector == Collector::Users) {
            let accounts = ledger.wanting_users(most.saturating_mul(ACCOUNTS_A_QUESTION), &ages, now);
            let questions = stumbling.accounts.deal(accounts, ACCOUNTS_A_QUESTION);
            lane.work = questions.into_iter().map(Work::Users).collect();
        }
        open.retain(|lane| ASKED_BY_DOC.contains(&lane.collector));
        let asked = self.turns.asked;
        let collectors: Vec<_> = open.iter().map(|lane| (lane.collector, asked[lane.collector as usize])).collect();
        for (lane, wanted) in open.into_iter().zip(ledger.wanting(&collectors, most, &ages, now)) {
            let stumbles = |(id, _): &(DocId, DocType)| stumbling.has_lately(lane.collector, *id, now);
            let (last, first): (Vec<_>, Vec<_>) = wanted.into_iter().partition(stumbles);
            let docs = first.into_iter().chain(last);
            lane.work = docs.filter_map(|(id, doc_type)| Work::about(lane.collector, id, doc_type)).collect();
        }
    }

    /// Lets the reconciling walk make its next step in its turn. Its steps follow each other: there is never a second.
    pub(super) fn reconcile(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == Collector::Docs && !lane.is_closed) {
            lane.work = [Work::Reconcile].into();
        }
    }

    /// Puts a question in front whose only purpose is to learn whether its operation is open to us.
    /// Rows tell most versions, so that often no doc needs one asked.
    pub(super) fn probe_versions(&mut self, access: &Access, ledger: &Ledger) {
        let lane = self.lanes.iter_mut().find(|lane| lane.collector == Collector::Versions && !lane.is_closed);
        if let Some(lane) = lane
            && !access.is_open(Operation::PageVersions)
            && !lane.work.iter().any(|work| work.operation() == Operation::PageVersions)
            && let Some(page) = ledger.newest_page()
        {
            lane.work.push_front(Work::Versions(page, DocType::Page));
        }
    }

    /// Whether there is a question that is `open`. Those before it that are not stay out until the next refresh.
    pub(super) fn has_next(&mut self, open: impl Fn(&Work) -> bool) -> bool {
        for _ in 0..self.lanes.len() {
            let lane = &mut self.lanes[self.turns.lane];
            while lane.work.front().is_some_and(|work| !open(work)) {
                lane.work.pop_front();
            }
            if !lane.work.is_empty() {
                return true;
            }
            self.pass_on();
        }
        false
    }

    /// The question that `has_next` has found. After it another collector has its turn.
    pub(super) fn next(&mut self) -> Option<Work> {
        let lane = &mut self.lanes[self.turns.lane];
        let work = lane.work.pop_front();
        let asked = &mut self.turns.asked[lane.collector as usize];
        *asked = asked.wrapping_add(1);
        self.pass_on();
        work
    }

    fn pass_on(&mut self) {
        self.turns.lane = (self.turns.lane + 1) % self.lanes.len();
    }

    /// Only this for now: what else its collector wants to ask waits for the answer.
    pub(super) fn ask_first(&mut self, witness: &Work) {
        let collector = witness.collector();
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == collector && !lane.is_closed) {
            let waiting = std::mem::replace(&mut lane.work, [witness.clone()].into());
            lane.held.extend(waiting);
        }
    }

    /// Whatever has waited need wait no more.
    pub(super) fn go_on(&mut self, collector: Collector) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == collector) {
            lane.work.append(&mut lane.held);
        }
    }

    /// This collector asks no more in this refresh.
    pub(super) fn close(&mut self, collector: Collector) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.collector == collector) {
            lane.is_closed = true;
            lane.work.clear();
            lane.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(turns: Turns) -> Queue {
        let mut queue = Queue::new(&CollectorsSettings::default(), turns);
        for lane in &mut queue.lanes {
            lane.work = vec![Work::State(DocId(1)), Work::State(DocId(2))].into();
        }
        queue
    }

    #[test]
    fn a_queue_goes_on_with_whoever_had_no_turn_in_the_one_before() {
        let mut first = full(Turns::default());
        for _ in 0..4 {
            assert!(first.has_next(|_| true) && first.next().is_some());
        }

        let mut second = full(first.turns());
        assert!(second.has_next(|_| true) && second.next().is_some());
        let left: Vec<_> = second.lanes.iter().map(|lane| lane.work.len()).collect();
        assert_eq!(left, [2, 2, 2, 2, 1, 2], "states, the fifth");
    }

    #[test]
    fn what_is_not_open_is_left_out_and_nobody_waits_for_it() {
        let mut queue = full(Turns::default());
        assert!(queue.has_next(|work| *work == Work::State(DocId(2))));
        assert_eq!(queue.next(), Some(Work::State(DocId(2))));
        assert!(!queue.has_next(|_| false));
        assert!(!queue.has_next(|_| true), "it has been left out");
    }

    #[test]
    fn a_witness_is_asked_alone_and_then_the_others() {
        let mut queue = full(Turns::default());
        queue.lanes.retain(|lane| lane.collector == Collector::States);
        queue.ask_first(&Work::State(DocId(9)));

        assert!(queue.has_next(|_| true) && queue.next() == Some(Work::State(DocId(9))));
        assert!(!queue.has_next(|_| true), "they wait");
        queue.go_on(Collector::States);
        assert!(queue.has_next(|_| true) && queue.next() == Some(Work::State(DocId(1))));
    }
}
