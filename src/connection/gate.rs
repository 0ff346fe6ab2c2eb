//! How many requests may be under way, who goes first, and when the site wants none. How fast they may follow each other is
//! `pace`'s business; what they ask is not known here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::pace::Pace;
use super::question::Turn;
use super::settings::Patience;
use crate::metrics::{Asking, InFlight};
use crate::model::Timestamp;

/// One site's permits, its pause, and its pace.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Notify,
    permits: usize,
    longest_wait: Duration,
    asking: Asking,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// While there are any, nobody else is let in.
    waiting_bases: usize,
    pause: Option<Pause>,
    pace: Pace,
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

impl Gate {
    pub(super) fn new(permits: usize, patience: &Patience, asking: Asking) -> Self {
        let pace = Pace::new(patience.longest_gap);
        let state = Mutex::new(State { free: permits, waiting_bases: 0, pause: None, pace });
        Self { state, changed: Notify::new(), permits, longest_wait: patience.longest_wait, asking }
    }

    /// Waits for a permit, for the end of a pause, and for its time; fails at once with the time when the pause is too long to wait for.
    pub(super) async fn enter(self: &Arc<Self>, turn: Turn) -> Result<Permit, Timestamp> {
        let _first = match turn {
            Turn::Base => Some(WaitingBase::of(self)),
            Turn::Rest => None,
        };
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the look at the state, so that no change falls between the look and the wait.
            changed.as_mut().enable();
            match self.try_enter(turn) {
                Entry::Granted(went) => {
                    return Ok(Permit { gate: Arc::clone(self), went, _in_flight: self.asking.in_flight() });
                }
                Entry::Closed(until) => return Err(until),
                Entry::Wait(None) => changed.await,
                // Whichever comes first, the state is looked at again.
                Entry::Wait(Some(time)) => drop(timeout_at(time, changed).await),
            }
        }
    }

    /// Lets no request pass for this long, unless a longer pause is on already. Tells when the pause ends.
    pub(super) fn pause(&self, span: Duration, now: Timestamp) -> Timestamp {
        let pause = Pause { ends: Instant::now() + span, until: now.later_by(span) };
        let mut state = self.state();
        let longer = state.pause.filter(|standing| standing.ends > pause.ends).unwrap_or(pause);
        state.pause = Some(longer);
        self.asking.throttled_until(Some(longer.until));
        drop(state);
        self.changed.notify_waiters();
        longer.until
    }

    pub(super) fn paused_until(&self) -> Option<Timestamp> {
        self.state().pause.filter(|pause| pause.ends > Instant::now()).map(|pause| pause.until)
    }

    /// How many requests a second the site bears, as far as it has refused any.
    pub(super) fn pace(&self) -> Option<f64> {
        self.state().pace.a_second()
    }

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
            state.pause = None;
            self.asking.throttled_until(None);
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

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::model::ConnectionName;

    fn gate(permits: usize) -> Arc<Gate> {
        let asking = Asking::new(&ConnectionName::new("acme").unwrap());
        Arc::new(Gate::new(permits, &Patience::default(), asking))
    }

    #[tokio::test(start_paused = true)]
    async fn a_base_overtakes_whoever_waits() {
        let gate = gate(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = gate.enter(Turn::Rest).await.unwrap();
        let mut askers = tokio::task::JoinSet::new();
        for (arrival, turn) in [Turn::Rest, Turn::Rest, Turn::Base, Turn::Rest].into_iter().enumerate() {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            askers.spawn(async move {
                sleep(Duration::from_millis(arrival as u64)).await;
                let _permit = gate.enter(turn).await.unwrap();
                order.lock().unwrap().push(turn);
                sleep(Duration::from_secs(1)).await;
            });
        }
        sleep(Duration::from_secs(1)).await;

        drop(held);
        askers.join_all().await;

        assert_eq!(*order.lock().unwrap(), [Turn::Base, Turn::Rest, Turn::Rest, Turn::Rest]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_base_that_goes_away_holds_nobody_up() {
        let gate = gate(1);
        let held = gate.enter(Turn::Rest).await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_secs(1), gate.enter(Turn::Base)).await;
        assert!(given_up.is_err());

        drop(held);

        gate.enter(Turn::Rest).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_passes_during_a_pause_and_a_base_goes_first_after_it() {
        let gate = gate(1);
        let now = Timestamp::from_millis(1_000_000);
        let begun = Instant::now();
        let until = gate.pause(Duration::from_secs(20), now);
        // A shorter pause does not end a longer one.
        assert_eq!(gate.pause(Duration::from_secs(5), now), until);
        assert_eq!(gate.paused_until(), Some(until));
        let enter = async |turn| {
            let permit = gate.enter(turn).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            drop(permit);
            begun.elapsed().as_secs()
        };

        let (rest, base) = tokio::join!(enter(Turn::Rest), enter(Turn::Base));

        assert_eq!((base, rest), (21, 22));
        assert_eq!(gate.paused_until(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_too_long_to_wait_for_turns_everybody_away_at_once() {
        let gate = gate(1);
        let until = gate.pause(Duration::from_mins(6), Timestamp::from_millis(0));

        assert_eq!(gate.enter(Turn::Base).await.unwrap_err(), until);

        sleep(Duration::from_mins(2)).await;
        gate.enter(Turn::Base).await.unwrap();
    }
}
