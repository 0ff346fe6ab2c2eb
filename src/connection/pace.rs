//! How fast a site may be asked: as fast as permits allow until it refuses, then at the pace that it bears. Pure: time is
//! handed in, and waiting is `gate`'s business.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of one site's requests: additive increase, multiplicative decrease.
///
/// Requests a second and not requests at once, for that is what sites count: one at a time can still be too many.
#[derive(Debug)]
pub(super) struct Pace {
    /// None while the site has not refused anything.
    held: Option<Held>,
    /// How long an answer takes, smoothed.
    answer_seconds: Option<f64>,
    slowest: f64,
}

#[derive(Debug)]
struct Held {
    a_second: f64,
    /// What was too fast.
    refused: f64,
    slowed_at: Instant,
    /// Something has been answered at this pace.
    is_tried: bool,
    /// No request goes before.
    next: Instant,
}

/// From the half back to the pace that was refused.
const BACK_AFTER_SECONDS: f64 = 30.0;
/// Beyond what was refused nothing is known, and so it is found out quickly: doubled in ten seconds.
const MORE_AN_ANSWER: f64 = 0.07;
/// What no connection reaches need not be held.
const FASTEST: f64 = 1_000.0;
/// Timers are late by so much, which shortens the next gap: many small delays would add up.
const LATE_TIMERS: Duration = Duration::from_millis(2);
/// The weight of one answer in the time that an answer takes.
const SMOOTHING: f64 = 0.1;

impl Pace {
    /// However often the site refuses, one request in `longest_gap` is sent.
    pub(super) fn new(longest_gap: Duration) -> Self {
        Self { held: None, answer_seconds: None, slowest: longest_gap.as_secs_f64().recip() }
    }

    /// When the next request may go, where that is not at once.
    pub(super) fn not_before(&self, now: Instant) -> Option<Instant> {
        self.held.as_ref().map(|held| held.next).filter(|next| *next > now)
    }

    pub(super) fn a_second(&self) -> Option<f64> {
        self.held.as_ref().map(|held| held.a_second)
    }

    /// A request goes.
    pub(super) fn go(&mut self, now: Instant) {
        if let Some(held) = &mut self.held {
            let gap = Duration::from_secs_f64(held.a_second.recip());
            let late = now.saturating_duration_since(held.next);
            held.next = now + gap - late.min(gap).min(LATE_TIMERS);
        }
    }

    /// A request that went at `went` has been answered.
    pub(super) fn answered(&mut self, went: Instant, now: Instant) {
        let seconds = now.duration_since(went).as_secs_f64();
        let before = self.answer_seconds.unwrap_or(seconds);
        self.answer_seconds = Some(before + (seconds - before) * SMOOTHING);
        let Some(held) = &mut self.held else { return };
        held.is_tried |= went > held.slowed_at;
        held.a_second += if held.a_second < held.refused {
            // As many answers a second as the pace says, so that in all it is as much in any second.
            held.refused / 2.0 / BACK_AFTER_SECONDS / held.a_second
        } else {
            MORE_AN_ANSWER
        };
        if held.a_second > FASTEST {
            self.held = None;
        }
    }

    /// A request that went at `went` has been refused as one too many, when so many were `under_way`.
    pub(super) fn refused(&mut self, went: Instant, under_way: usize, now: Instant) {
        // What was on its way before the last refusal was heard says nothing new; and a site that refuses whatever comes
        // has not said that this pace is too fast.
        if self.held.as_ref().is_some_and(|held| went <= held.slowed_at || !held.is_tried) {
            return;
        }
        let refused = self.a_second().unwrap_or_else(|| {
            let seconds = self.answer_seconds.unwrap_or_else(|| now.duration_since(went).as_secs_f64());
            f64::from(u32::try_from(under_way).unwrap_or(u32::MAX)) / seconds.max(FASTEST.recip())
        });
        let a_second = (refused / 2.0).max(self.slowest);
        self.held = Some(Held { a_second, refused, slowed_at: now, is_tried: false, next: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Duration = Duration::from_millis(100);

    /// A site that was asked 50 times a second and has refused that.
    fn refused(now: Instant) -> Pace {
        let mut pace = Pace::new(Duration::from_secs(10));
        pace.answered(now, now + ANSWER);
        pace.refused(now, 5, now + ANSWER);
        pace
    }

    fn rounded(pace: &Pace) -> String {
        format!("{:.1}", pace.a_second().unwrap())
    }

    #[test]
    fn nothing_is_held_until_the_site_refuses_and_then_the_half_of_what_was_asked() {
        let now = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(10));
        pace.go(now);
        assert_eq!((pace.not_before(now), pace.a_second()), (None, None));

        pace = refused(now);

        let later = now + ANSWER;
        assert_eq!((rounded(&pace).as_str(), pace.not_before(later)), ("25.0", None));
        pace.go(later);
        assert_eq!(pace.not_before(later), Some(later + Duration::from_millis(40)));
    }

    #[test]
    fn refusals_of_one_moment_halve_once() {
        let now = Instant::now();
        let mut pace = refused(now);
        for _ in 0..4 {
            pace.refused(now + ANSWER / 2, 4, now + ANSWER);
        }
        assert_eq!(rounded(&pace), "25.0");
    }

    #[test]
    fn a_site_that_refuses_whatever_comes_is_no_reason_to_slow_down_further() {
        let now = Instant::now();
        let time = |number: u32| now + ANSWER * number;
        let mut pace = refused(now);
        pace.refused(time(2), 1, time(3));
        assert_eq!(rounded(&pace), "25.0");

        pace.answered(time(4), time(5));
        pace.refused(time(6), 1, time(7));
        assert_eq!(rounded(&pace), "12.5");
    }

    #[test]
    fn it_is_back_after_half_a_minute_and_then_doubles_in_ten_seconds() {
        let now = Instant::now();
        let mut pace = refused(now);
        let mut after = |seconds: f64| {
            let mut passed = 0.0;
            while passed < seconds {
                passed += pace.a_second().unwrap().recip();
                pace.answered(now, now + ANSWER);
            }
            pace.a_second().unwrap()
        };

        assert!((37.0..38.0).contains(&after(15.0)));
        assert!((49.5..50.5).contains(&after(15.0)));
        assert!((95.0..105.0).contains(&after(10.0)));
    }

    #[test]
    fn no_number_of_refusals_stops_it_for_good_and_no_number_of_answers_holds_it_for_ever() {
        let now = Instant::now();
        let mut pace = refused(now);
        let time = |number: u32| now + ANSWER * number;
        for number in 1..30 {
            pace.answered(time(4 * number), time(4 * number + 1));
            pace.refused(time(4 * number + 2), 1, time(4 * number + 3));
        }
        assert_eq!(rounded(&pace), "0.1");

        for _ in 0..20_000 {
            pace.answered(now, now + ANSWER);
        }
        assert_eq!(pace.a_second(), None);
    }
}
