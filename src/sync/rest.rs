//! What follows the base, within the budget: versions, users, labels, states, views, in the order of `queue`. How each is
//! asked is `questions`' business, and whose fault a failure is `fault`'s.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{self, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::fault::{Fault, Judgement};
use super::lock::aside;
use super::questions::{Ended, perform, refuse};
use super::queue::{Queue, Subject, Work};
use super::reconcile;
use super::site_state::SiteState;
use crate::connection::Failure;
use crate::model::{Collector, DocType, Timestamp};

/// One refresh's rest.
struct Rest {
    shared: Arc<Shared>,
    began: Timestamp,
    queue: Queue,
    under_way: JoinSet<Ended>,
    /// What is under way, and since when.
    questions: HashMap<task::Id, (Work, Instant)>,
    /// An answer tells its second only: a doc edited within it would be asked for over and over until it is past.
    asked: HashSet<Subject>,
    asked_since_filling: usize,
    has_budget: bool,
    /// Lists are left between two answers from then on.
    over: CancellationToken,
    /// Collectors of which a question failed, once a failure.
    stuck: Vec<Collector>,
}

/// Who asks about what the walks have met, and has a goal to reach.
pub(super) const COLLECTORS: [Collector; 5] =
    [Collector::Versions, Collector::Users, Collector::Labels, Collector::States, Collector::Views];

/// However much can be paid for, a lane holds no more at a time: it is filled again when it is empty.
const MOST_AT_ONCE: usize = 5_000;
/// When a refresh is told to end, so long may a request that is under way still take.
const GRACE: Duration = Duration::from_secs(5);
/// So many failures of its docs end a collector's part in the refresh: each keeps a permit for half a minute.
const MOST_FAILURES: usize = 3;

/// Asks until bucket or work is empty, `stop` comes, or nobody wants it any more. Tells which collectors got stuck.
pub(super) async fn ask(shared: &Arc<Shared>, stop: &CancellationToken) -> Vec<Collector> {
    let mut rest = Rest::new(shared);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = shared.is_unwanted() => {}
        () = rest.ask_all() => {}
    }
    rest.finish().await;
    rest.stuck
}

impl Rest {
    fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            began: shared.clock.now(),
            queue: Queue::new(&shared.settings.collectors, shared.state().turns),
            under_way: JoinSet::new(),
            questions: HashMap::new(),
            asked: HashSet::new(),
            asked_since_filling: 0,
            has_budget: true,
            over: CancellationToken::new(),
            stuck: Vec::new(),
        }
    }

    async fn ask_all(&mut self) {
        self.fill();
        let open = self.shared.state().trials.reopen();
        for suspect in open {
            self.call_witness(&suspect, None);
        }
        loop {
            while self.under_way.len() < self.shared.concurrency() && self.ask_next() {}
            match self.under_way.join_next_with_id().await {
                Some(Ok((id, ended))) => self.note(id, ended),
                Some(Err(error)) => {
                    self.questions.remove(&error.id());
                    warn!(connection = %self.shared.name, %error, "a question was dropped");
                }
                // All is asked that was wanted; asking may have brought new wants, such as authors.
                None if self.asked_since_filling > 0 => {
                    self.asked_since_filling = 0;
                    self.fill();
                }
                None => break,
            }
        }
    }

    /// Asks one question more, if there is one and it can be paid for.
    fn ask_next(&mut self) -> bool {
        let now = self.shared.clock.now();
        let Self { shared, queue, asked, began, .. } = self;
        if !queue.has_next(|work| is_open(shared, work, asked, *began, now)) {
            return false;
        }
        // Only now, as a turn that nobody can pay for is no turn.
        if !shared.budget.take() {
            self.has_budget = false;
            self.queue = Queue::new(&self.shared.settings.collectors, self.queue.turns());
            self.asked_since_filling = 0;
            return false;
        }
        let Some(work) = queue.next() else { return false };
        shared.budget.note_spent(Some(work.collector()));
        let mut state = shared.state();
        state.access.note_asked(work.operation(), now);
        state.turns = queue.turns();
        drop(state);
        asked.extend(work.subjects());
        self.asked_since_filling += 1;
        let (own, question, over) = (Arc::clone(shared), work.clone(), self.over.clone());
        let asking = async move { perform(&own, &question, &over).await };
        let task = self.under_way.spawn(shared.tasks.track_future(asking));
        self.questions.insert(task.id(), (work, Instant::now()));
        true
    }

    fn fill(&mut self) {
        let Self { shared, queue, .. } = self;
        if reconcile::has_work(shared) {
            queue.reconcile();
        }
        let most = shared.budget.most(shared.settings.refresh_interval).min(MOST_AT_ONCE);
        aside(|| {
            let state = shared.state();
            queue.fill(&state.ledger, &state.stumbling, &shared.settings.collectors, most, shared.clock.now());
            queue.probe_versions(&state.access, &state.ledger);
        });
    }

    fn note(&mut self, id: task::Id, ended: Ended) {
        let Some((work, begun)) = self.questions.remove(&id) else { return };
        match ended {
            Ended::Learnt if work == Work::Reconcile => {
                if self.has_budget && reconcile::has_work(&self.shared) {
                    self.queue.reconcile();
                }
            }
            Ended::Learnt => self.note_answer(&work),
            Ended::LeftOff => self.note_slowness(&work, begun),
            Ended::Failed(failure) => self.note_failure(&work, begun, &failure),
        }
    }

    fn note_answer(&mut self, work: &Work) {
        let mut state = self.shared.state();
        note_stumbling(&mut state, work, false, self.shared.clock.now());
        for suspect in state.trials.answered(work, Instant::now()) {
            blame(&self.shared, &mut state, &suspect);
        }
        drop(state);
        self.queue.go_on(work.collector());
    }

    /// Whatever had half a refresh and has come to no end will come to none in the next either.
    fn note_slowness(&mut self, work: &Work, begun: Instant) {
        if begun.elapsed() >= self.shared.settings.refresh_interval / 2 {
            self.note_failure(work, begun, &Failure::given_up(work.operation()));
        }
    }

    fn note_failure(&mut self, work: &Work, begun: Instant, failure: &Failure) {
        let collector = work.collector();
        self.stuck.push(collector);
        if *work == Work::Reconcile {
            reconcile::note_failure(&self.shared, failure);
            self.rest_until_next(collector, failure);
            return;
        }
        let judgement = {
            let mut state = self.shared.state();
            note_stumbling(&mut state, work, true, self.shared.clock.now());
            match Fault::of(failure) {
                Fault::Own => Judgement::Own,
                Fault::Operation => Judgement::Operation,
                Fault::Unclear => state.trials.failed(work, begun),
            }
        };
        match judgement {
            Judgement::Own => {
                blame(&self.shared, &mut self.shared.state(), work);
                if self.stuck.iter().filter(|stuck| **stuck == collector).count() >= MOST_FAILURES {
                    self.rest_until_next(collector, failure);
                }
            }
            Judgement::Open => self.call_witness(work, Some(failure)),
            Judgement::Operation => self.blame_operation(work, failure),
        }
    }

    /// Has the same asked about another. Where there is none, nothing speaks for the operation.
    fn call_witness(&mut self, suspect: &Work, failure: Option<&Failure>) {
        let mut state = self.shared.state();
        if state.trials.has_witness(suspect.operation()) {
            return;
        }
        if let Some(witness) = witness(&state, suspect) {
            state.trials.call(&witness);
            drop(state);
            self.queue.ask_first(&witness);
            return;
        }
        state.trials.end(suspect.operation());
        drop(state);
        if let Some(failure) = failure {
            self.blame_operation(suspect, failure);
        }
    }

    fn blame_operation(&mut self, work: &Work, failure: &Failure) {
        // What was clear at once has been noted already.
        if Fault::of(failure) == Fault::Unclear {
            self.shared.note_failure(work.operation(), failure);
        }
        self.rest_until_next(work.collector(), failure);
    }

    fn rest_until_next(&mut self, collector: Collector, failure: &Failure) {
        warn!(connection = %self.shared.name, %collector, %failure, "the collector rests until the next refresh");
        self.queue.close(collector);
    }

    /// Lets requests that are under way end, for a moment.
    async fn finish(&mut self) {
        self.over.cancel();
        let all_ended = async {
            while let Some(done) = self.under_way.join_next_with_id().await {
                if let Ok((id, ended)) = done {
                    self.note(id, ended);
                }
            }
        };
        if timeout(GRACE, all_ended).await.is_err() {
            debug!(connection = %self.shared.name, "gave up requests that would not end");
        }
        let given_up: Vec<_> = self.questions.drain().map(|(_, question)| question).collect();
        for (work, begun) in given_up {
            self.note_slowness(&work, begun);
        }
    }
}

/// Whether to ask this now: its operation is open to us, nothing learnt meanwhile has made it needless, and it has not been
/// asked in this refresh. A witness is asked in any case.
fn is_open(shared: &Shared, work: &Work, asked: &HashSet<Subject>, refresh_began: Timestamp, now: Timestamp) -> bool {
    let state = shared.state();
    if state.trials.is_witness(work) {
        return true;
    }
    let is_wanted = match work {
        Work::State(id) | Work::Views(id) | Work::Labels(id, _) => {
            state.ledger.wants(work.collector(), *id, &shared.settings.collectors.max_ages(), now)
        }
        // Versions may be asked for the sake of access alone.
        Work::Reconcile | Work::Versions(..) | Work::Users(_) => true,
    };
    is_wanted
        && state.access.has_turn(work.operation(), refresh_began, now)
        && work.subjects().iter().all(|subject| !asked.contains(subject))
}

/// A question like this one about another doc or account, best of all one that was answered before.
fn witness(state: &SiteState, suspect: &Work) -> Option<Work> {
    let SiteState { ledger, stumbling, trials, .. } = state;
    let doc = |doc_type: Option<DocType>| {
        let collector = suspect.collector();
        ledger.answered_last(collector, doc_type, |id| !stumbling.has(&Subject::Doc(collector, id)))
    };
    let witness = match suspect {
        Work::Reconcile => None,
        Work::Versions(_, doc_type) => doc(Some(*doc_type)).map(|id| Work::Versions(id, *doc_type)),
        Work::Labels(_, doc_type) => doc(Some(*doc_type)).map(|id| Work::Labels(id, *doc_type)),
        Work::State(_) => doc(None).map(Work::State),
        Work::Views(_) => doc(None).map(Work::Views),
        Work::Users(_) => {
            let account = ledger.account_answered_last(|id| !stumbling.has(&Subject::Account(id.clone())));
            account.map(|account| Work::Users(vec![account]))
        }
    };
    witness.filter(|witness| witness != suspect && !trials.is_suspect(witness))
}

fn note_stumbling(state: &mut SiteState, work: &Work, has_failed: bool, now: Timestamp) {
    if let Work::Users(accounts) = work {
        state.stumbling.accounts.note(accounts, has_failed);
    }
    if has_failed {
        // Of many nobody knows which it is.
        if let Some(subject) = work.only_subject() {
            state.stumbling.failed(subject, now);
        }
    } else {
        for subject in work.subjects() {
            state.stumbling.answered(&subject);
        }
    }
}

/// It failed while others were answered.
fn blame(shared: &Shared, state: &mut SiteState, work: &Work) {
    let Some(subject) = work.only_subject() else { return };
    if state.stumbling.has_failed_by_its_own_fault(&subject) {
        let collector = work.collector();
        warn!(connection = %shared.name, %collector, operation = %work.operation(), "one fails time and again, while others are answered; it counts as refused");
        refuse(state, work, shared.clock.now());
    }
}
