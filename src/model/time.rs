//! Moments and spans, as integers. Who reads the clock is `clock`'s business.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, in milliseconds since 1970, which is as finely as Confluence tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// A span that ends at the moment and is half-open: (moment - window, moment].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(Duration);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a date and time as RFC 3339 writes it")]
pub struct BadTimestamp;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a duration: write a whole number and a unit of s, m, h, d, w or y, like 60s, 6h or 90d, from 1s up")]
pub struct BadDuration;

/// Longer than an answer is waited for, with whatever delays the learning of it.
const MOST_DISORDER: Duration = Duration::from_mins(10);

impl Timestamp {
    pub const MIN: Self = Self(i64::MIN);

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, for Prometheus.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year that is met fit 53 bits")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    #[must_use]
    pub fn earlier_by(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    #[must_use]
    pub fn later_by(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// Whether this is later than any disorder of answers explains. They overtake each other by minutes, and the clocks of a
    /// site's machines differ by seconds: beyond that one of the two dates is wrong.
    pub fn is_far_after(self, other: Self) -> bool {
        self.since(other) > MOST_DISORDER
    }

    /// How long ago `earlier` was, and nothing if it is yet to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Both of Confluence's forms: with a fraction of a second and without.
impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(formatter),
            Err(_) => write!(formatter, "{} ms", self.0),
        }
    }
}

impl Window {
    pub const fn of_days(days: u64) -> Self {
        Self(Duration::from_secs(days * 86_400))
    }

    pub const fn span(self) -> Duration {
        self.0
    }

    pub fn holds(self, moment: Timestamp, date: Timestamp) -> bool {
        date <= moment && date > moment.earlier_by(self.0)
    }
}

impl FromStr for Window {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, BadDuration> {
        duration_from_str(text).map(Self)
    }
}

/// The largest unit that divides it, as the configuration spells it: `1d`, `36h`, `90s`.
impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, name) = [(86_400, "d"), (3_600, "h"), (60, "m")]
            .into_iter()
            .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
            .unwrap_or((1, "s"));
        write!(formatter, "{}{name}", seconds / unit)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        duration(deserializer).map(Self)
    }
}

/// Reads a setting that is a duration: `60s`, `6h`, `90d`; from 1s up.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    // The text is not quoted in the error: a token pasted into the wrong line must not reach a log.
    duration_from_str(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn duration_from_str(text: &str) -> Result<Duration, BadDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => return Err(BadDuration),
    };
    let number: u64 = number.parse().map_err(|_| BadDuration)?;
    match number.checked_mul(unit_seconds) {
        Some(seconds @ 1..=LONGEST_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(BadDuration),
    }
}

/// A thousand years: far enough for any setting, near enough that no sum of milliseconds overflows.
const LONGEST_SECONDS: u64 = 1_000 * 365 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_date_are_read() {
        assert_eq!("2026-05-27T07:09:12Z".parse(), Ok(Timestamp(1_779_865_752_000)));
        assert_eq!("2026-05-27T07:09:12.034Z".parse(), Ok(Timestamp(1_779_865_752_034)));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(BadTimestamp));
    }

    #[test]
    fn a_window_is_open_at_its_beginning_and_closed_at_its_end() {
        let moment = Timestamp::from_millis(86_400_000 * 10);
        let window = Window::of_days(1);
        assert!(window.holds(moment, moment));
        assert!(!window.holds(moment, moment.later_by(Duration::from_millis(1))));
        assert!(!window.holds(moment, moment.earlier_by(window.span())));
        assert!(window.holds(moment, moment.earlier_by(window.span()).later_by(Duration::from_millis(1))));
    }

    #[test]
    fn durations_are_read_and_shown_in_their_largest_unit() {
        for (text, shown) in [("90d", "90d"), ("24h", "1d"), ("90s", "90s"), ("1w", "7d"), ("36h", "36h")] {
            assert_eq!(text.parse::<Window>().map(|window| window.to_string()), Ok(shown.to_owned()));
        }
        for bad in ["", "0s", "d", "1", "1.5h", "-1d", "9999999999999999999s", "99999999999d", "1 d"] {
            assert_eq!(bad.parse::<Window>(), Err(BadDuration), "{bad}");
        }
    }
}
