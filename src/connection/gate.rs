//! How many requests may be under way, who goes first, and when the site wants none: for one connection or for several. How
//! fast they may follow each other is `pace`'s business; what they ask is not known here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::pace::Pace;
use super::question::Turn;
use super::settings::Patience;
use crate::metrics::{Asking, InFlight};
use crate::model::Timestamp;

/// One connection's lane to a gate. Lanes to one gate share everything but what is counted of each. It is given up when it is
/// dropped.
#[derive(Debug)]
pub(super) struct Lane {
    gate: Arc<Gate>,
    number: u64,
    asking: Asking,
}

/// Permits, a pause, and a pace: one connection's, or shared by several.
#[derive(Debug)]
struct Gate {
    state: Mutex<State>,
    changed: Notify,
    permits: usize,
    longest_wait: Duration,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// While there are any, nobody else is let in.
    waiting_bases: usize,
    pause: Option<Pause>,
    pace: Pace,
    /// Who is to show the pause, by the lane's number.
    lanes: BTreeMap<u64, Asking>,
    next_lane: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    ends: Instant,
    /// The same by the wall clock, for people.
    until: Timestamp,
}

/// One request under way. Given back when the answer has been read, or dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    went: Instant,
    _in_flight: InFlight,
}

enum Entry {
    /// At this moment.
    Granted(Instant),
    /// Something must change first, or this time must come.
    Wait(Option<Instant>),
    /// The site wants quiet for longer than anybody waits.
    Closed(Timestamp),
}

impl Lane {
    /// Builds a gate, and the first lane to it.
    pub(super) fn new(permits: usize, patience: &Patience, asking: Asking) -> Self {
        let state = State {
            free: permits,
            waiting_bases: 0,
            pause: None,
            pace: Pace::new(patience.longest_gap),
            lanes: BTreeMap::new(),
            next_lane: 0,
        };
        let state = Mutex::new(state);
        Self::to(Gate { state, changed: Notify::new(), permits, longest_wait: patience.longest_wait }.into(), asking)
    }

    /// Another lane to the same gate.
    pub(super) fn beside(&self, asking: Asking) -> Self {
        Self::to(Arc::clone(&self.gate), asking)
    }

    fn to(gate: Arc<Gate>, asking: Asking) -> Self {
        let mut state = gate.state();
        let number = state.next_lane;
        state.next_lane += 1;
        state.lanes.insert(number, asking.clone());
        drop(state);
        Self { gate, number, asking }
    }

    /// Waits for a permit, for the end of a pause, and for its time; fails at once with the time when the pause is too long to wait for.
    pub(super) async fn enter(&self, turn: Turn) -> Result<Permit, Timestamp> {
        let gate = &self.gate;
        let _first = match turn {
            Turn::Base => Some(WaitingBase::of(gate)),
            Turn::Rest => None,
        };
        loop {
            let mut changed = std::pin::pin!(gate.changed.notified());
            // Before the look at the state, so that no change falls between the look and the wait.
            changed.as_mut().enable();
            match gate.try_enter(turn) {
                Entry::Granted(went) => {
                    return Ok(Permit { gate: Arc::clone(gate), went, _in_flight: self.asking.in_flight() });
                }
                Entry::Closed(until) => return Err(until),
                Entry::Wait(None) => changed.await,
                // Whichever comes first, the state is looked at again.
                Entry::Wait(Some(time)) => drop(timeout_at(time, changed).await),
            }
        }
    }

    /// Lets no request pass for this long, on any lane, unless a longer pause is on already. Tells when the pause ends.
    pub(super) fn pause(&self, span: Duration, now: Timestamp) -> Timestamp {
        let pause = Pause { ends: Instant::now() + span, until: now.later_by(span) };
        let mut state = self.gate.state();
        let longer = state.pause.filter(|standing| standing.ends > pause.ends).unwrap_or(pause);
        state.show_pause(Some(longer));
        drop(state);
        self.gate.changed.notify_waiters();
        longer.until
    }

    pub(super) fn paused_until(&self) -> Option<Timestamp> {
        self.gate.state().pause.filter(|pause| pause.ends > Instant::now()).map(|pause| pause.until)
    }

    /// How many requests a second the site bears, as far as it has refused any.
    pub(super) fn pace(&self) -> Option<f64> {
        self.gate.state().pace.a_second()
    }

    /// How many requests may be under way at once, on all lanes together.
    pub(super) fn permits(&self) -> usize {
        self.gate.permits
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.gate.state().lanes.remove(&self.number);
    }
}

impl State {
    fn show_pause(&mut self, pause: Option<Pause>) {
        self.pause = pause;
        self.lanes.values().for_each(|asking| asking.throttled_until(pause.map(|pause| pause.until)));
    }
}

impl Gate {
    fn try_enter(&self, turn: Turn) -> Entry {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(pause) = state.pause {
            let left = pause.ends.saturating_duration_since(now);
            if left > self.longest_wait {
                return Entry::Closed(pause.until);
            }
            if !left.is_zero() {
                return Entry::Wait(Some(pause.ends));
            }
            state.show_pause(None);
        }
        let may_go = match turn {
            Turn::Base => state.free > 0,
            Turn::Rest => state.free > 0 && state.waiting_bases == 0,
        };
        if !may_go {
            return Entry::Wait(None);
        }
        if let Some(time) = state.pace.not_before(now) {
            return Entry::Wait(Some(time));
        }
        state.free -= 1;
        state.pace.go(now);
        Entry::Granted(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The site has answered it.
    pub(super) fn was_answered(&self) {
        self.gate.state().pace.answered(self.went, Instant::now());
    }

    /// The site has refused it as one too many.
    pub(super) fn was_refused(&self) {
        let mut state = self.gate.state();
        let under_way = self.gate.permits - state.free;
        state.pace.refused(self.went, under_way, Instant::now());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.free += 1;
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

/// A base that stands at the gate. Given up when it has passed, or its asker has gone away.
struct WaitingBase<'a>(&'a Gate);

impl<'a> WaitingBase<'a> {
    fn of(gate: &'a Gate) -> Self {
        gate.state().waiting_bases += 1;
        Self(gate)
    }
}

impl Drop for WaitingBase<'_> {
    fn drop(&mut self) {
        self.0.state().waiting_bases -= 1;
        self.0.changed.notify_waiters();
    }
}
