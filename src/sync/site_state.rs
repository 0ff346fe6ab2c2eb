//! What one connection knows, and how far its readings have come: the ledger and what vouches for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::connection::{Failure, Verdict};
use crate::model::{
    Access, ById, Collector, Descent, DocType, Learnt, Ledger, Operation, Outcome, Progress, Reconciling, Snapshot,
    SpaceId, Timestamp, Vouched, Walk, WalkListing, decide_folding,
};
use crate::store::Identity;

use super::Shared;
use super::base::list_operation;
use super::fault::{Fault, Trials};
use super::queue::Turns;
use super::settings::{Settings, SpacesSettings};
use super::stumbling::Stumbling;

#[derive(Debug)]
pub(super) struct SiteState {
    pub(super) ledger: Ledger,
    pub(super) access: Access,
    /// The last base gave a usable answer.
    pub(super) up: bool,
    /// Spaces that the user doesn't want counted; their rows are dropped.
    pub(super) excluded: HashSet<SpaceId>,
    /// Spaces that rows have named and no list has shown: they are looked for once.
    pub(super) strangers: HashSet<SpaceId>,
    /// Whose questions failed last time.
    pub(super) stumbling: Stumbling,
    /// Whose fault that may be.
    pub(super) trials: Trials,
    /// Whose turn it is to ask, so that nobody is left out refresh after refresh.
    pub(super) turns: Turns,
    /// So many milliseconds the site's clock is ahead of ours at the most, by the last base.
    site_is_ahead_ms: Option<i64>,
    /// By doc type: every change up to here has been read.
    watermarks: [Option<Timestamp>; DocType::ALL.len()],
    /// Rows that the last base could not read.
    unreadable_in_base: u64,
    /// By doc type: the incremental walk that a base could not end.
    pub(super) descents: BTreeMap<DocType, Descent>,
    /// The walk that is under way.
    pub(super) walk: Option<Walk>,
    /// Its listings, with their places.
    pub(super) listings: Vec<WalkListing>,
    /// The reconciling walk that is under way.
    pub(super) reconciling: Option<Reconciling>,
    /// The docs that it should meet, of the type that it is at.
    pub(super) expected: Option<(DocType, ById)>,
    /// What the store has been told last.
    pub(super) saved: Progress,
    pub(super) unsaved_snapshot: Option<Arc<Snapshot>>,
    /// Which site the facts are about.
    pub(super) identity: Option<Identity>,
}

/// More are a site's fault, and forgetting them costs one list of spaces.
const MOST_STRANGERS: usize = 1_000;

impl SiteState {
    pub(super) fn new(reach: Duration) -> Self {
        Self {
            ledger: Ledger::new(reach),
            access: Access::default(),
            up: false,
            excluded: HashSet::new(),
            strangers: HashSet::new(),
            stumbling: Stumbling::default(),
            trials: Trials::default(),
            turns: Turns::default(),
            site_is_ahead_ms: None,
            watermarks: [None; DocType::ALL.len()],
            unreadable_in_base: 0,
            descents: BTreeMap::new(),
            walk: None,
            listings: Vec::new(),
            reconciling: None,
            expected: None,
            saved: Progress::default(),
            unsaved_snapshot: None,
            identity: None,
        }
    }

    /// Whether one of these spaces is neither listed nor looked for in vain before.
    pub(super) fn has_news_of(&self, mut spaces: impl Iterator<Item = SpaceId>) -> bool {
        spaces.any(|space| !self.ledger.knows_space(space) && !self.strangers.contains(&space))
    }

    /// Of these spaces those that even a fresh list does not show.
    pub(super) fn note_strangers(&mut self, spaces: impl Iterator<Item = SpaceId>) {
        if self.strangers.len() >= MOST_STRANGERS {
            self.strangers.clear();
        }
        let ledger = &self.ledger;
        self.strangers.extend(spaces.filter(|space| !ledger.knows_space(*space)));
    }

    /// Spaces that were counted, and are not to be any more.
    pub(super) fn leave_out_unwanted(&mut self, wanted: &SpacesSettings, now: Timestamp) {
        self.ledger.exclude_spaces(|key, space_type| !wanted.counts(key, space_type), now);
    }

    /// A space that is out of sight meanwhile may have been read as empty: when it comes back, it is walked anew.
    pub(super) fn leave_out_unlisted(&mut self) {
        let Self { ledger, walk, reconciling, .. } = self;
        let to_be_met = [walk.as_mut().map(|walk| &mut walk.spaces), reconciling.as_mut().map(|walk| &mut walk.spaces)];
        for spaces in to_be_met.into_iter().flatten() {
            spaces.retain(|space| ledger.knows_space(*space));
        }
        self.leave_out_listings();
    }

    /// The reconciling walk, which has met all docs of the site, ends that of these spaces, too.
    pub(super) fn note_met(&mut self, spaces: &[SpaceId]) {
        self.ledger.note_walked(spaces);
        let Some(walk) = &mut self.walk else { return };
        walk.is_whole = false;
        walk.spaces.retain(|space| !spaces.contains(space));
        // What could not be read of them has been counted with the whole.
        for progress in &mut self.listings {
            progress.unreadable = 0;
        }
        self.leave_out_listings();
        if self.walk.as_ref().is_some_and(|walk| walk.spaces.is_empty()) {
            self.walk = None;
            self.listings.clear();
        }
    }

    /// Nobody waits for those whose spaces are not in the walk any more. They keep their places in the list, as some may be
    /// under way.
    fn leave_out_listings(&mut self) {
        let Some(walk) = &self.walk else { return };
        let spaces: HashSet<SpaceId> = walk.spaces.iter().copied().collect();
        for progress in &mut self.listings {
            progress.is_done |= !progress.spaces.iter().any(|space| spaces.contains(space));
        }
    }

    pub(super) fn decide_folding(&mut self, settings: &Settings) {
        let folded = decide_folding(&self.ledger, &settings.census());
        self.ledger.fold(folded);
    }

    /// What the facts are vouched for with.
    pub(super) fn vouched(&self) -> Vouched {
        let watermarks = DocType::ALL.iter().filter_map(|doc_type| Some((*doc_type, self.watermark(*doc_type)?)));
        let descents = self.descents.clone();
        Vouched { watermarks: watermarks.collect(), descents, ..self.ledger.vouched() }
    }

    pub(super) fn watermark(&self, doc_type: DocType) -> Option<Timestamp> {
        self.watermarks[doc_type as usize]
    }

    /// Down to here changes are to be read. A watermark that lies ahead of the site's time came of a wrong date; then what the
    /// last walk of the whole site has met is known all the same.
    pub(super) fn read_down_to(&self, doc_type: DocType, date: Timestamp) -> Option<Timestamp> {
        let watermark = self.watermark(doc_type)?;
        let whole_walk = self.walk.as_ref().filter(|walk| walk.is_whole).map(|walk| walk.began);
        let walked = self.ledger.success(Collector::Docs).or(whole_walk);
        [Some(watermark), walked].into_iter().flatten().find(|known| !known.is_far_after(date))
    }

    /// What time it was on the site, by an answer of a base that was asked for at this time of ours.
    pub(super) fn note_site_time(&mut self, date: Timestamp, asked_at: Timestamp) {
        self.site_is_ahead_ms = Some(date.as_millis().saturating_sub(asked_at.as_millis()));
    }

    /// What time it is on the site now, by what the last base has told; before there was any, by our own clock.
    pub(super) fn site_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.site_is_ahead_ms.unwrap_or_default()))
    }

    /// An answer's date, unless it is far ahead of what the last base makes expect: what was learnt then would seem to be
    /// fresh until that day.
    pub(super) fn believable(&self, date: Timestamp, now: Timestamp) -> Timestamp {
        let expected = self.site_time(now);
        if self.site_is_ahead_ms.is_some() && date.is_far_after(expected) { expected } else { date }
    }

    /// A base reads some rows that the one before has read: only what is more than then is new.
    pub(super) fn note_unreadable_in_base(&mut self, rows: u64, has_ended: bool) {
        self.ledger.note_unreadable_rows(rows.saturating_sub(self.unreadable_in_base));
        self.unreadable_in_base = if has_ended { rows } else { rows.max(self.unreadable_in_base) };
    }

    pub(super) fn set_watermark(&mut self, doc_type: DocType, watermark: Timestamp) {
        self.watermarks[doc_type as usize] = Some(watermark);
    }
}

/// What an answer, or its absence, says of access.
pub(super) fn outcome_of<T>(answer: Result<&T, &Failure>) -> Outcome {
    match answer.map_err(Failure::verdict) {
        // Who is refused one doc was let in.
        Ok(_) | Err(Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor) => Outcome::Answered,
        Err(Verdict::Refused { code, named }) => Outcome::Refused { code, names_its_cause: named },
        Err(Verdict::Passing { code }) => Outcome::Passing(code),
    }
}

impl Shared {
    /// Takes notice of what an answer, or its absence, says of access.
    pub(super) fn note<T>(&self, operation: Operation, answer: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = outcome_of(answer.as_ref());
        self.state().access.note(operation, outcome, self.clock.now());
        answer
    }

    /// The same where one doc or account was asked for: what may be its own fault is left to be judged.
    pub(super) fn note_one<T>(&self, operation: Operation, answer: Result<T, Failure>) -> Result<T, Failure> {
        match answer {
            Err(failure) if Fault::of(&failure) == Fault::Unclear => Err(failure),
            answer => self.note(operation, answer),
        }
    }

    /// It has been judged: this is how it is with the operation.
    pub(super) fn note_failure(&self, operation: Operation, failure: &Failure) {
        self.state().access.note(operation, outcome_of::<()>(Err(failure)), self.clock.now());
    }

    /// Counts rows that contradict what is known, of an answer given at this date and under this trace.
    pub(super) fn count_learnt(&self, learnt: &Learnt, of: DocType, date: Timestamp, trace: Option<&str>) {
        for (kind, rows) in [("doc_conflict", learnt.conflicting), ("doc_space", learnt.homeless)] {
            self.asking.unreadable(kind, rows);
            if rows > 0 {
                self.site.tell_unreadable(list_operation(of), kind, date, trace);
            }
        }
    }

    /// Counts what could not be read of an answer.
    pub(super) fn count_unreadable(&self, kinds: &[&'static str]) {
        for kind in kinds {
            self.asking.unreadable(kind, 1);
        }
    }
}
