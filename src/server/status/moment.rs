//! Moments and spans: RFC 3339 and seconds for programs, words for people.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::model::{Roughly, Timestamp};

/// A moment, seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    at: Timestamp,
    now: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) Duration);

impl Moment {
    pub(super) const fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now }
    }

    /// `3 min ago`, `in 42 s`, `just now`.
    pub(super) fn seen_from_now(&self) -> String {
        let (past, future) = (self.now.since(self.at), self.at.since(self.now));
        match (past.as_secs(), future.as_secs()) {
            (0, 0) => "just now".to_owned(),
            (0, _) => format!("in {}", Roughly(future)),
            (_, _) => format!("{} ago", Roughly(past)),
        }
    }

    /// `2026-05-27 07:09:12 UTC`
    pub(super) fn in_full(&self) -> String {
        format!("{} UTC", self.to_the_second().replacen('T', " ", 1))
    }

    /// `07:09:12 UTC`
    pub(super) fn time_of_day(&self) -> String {
        let text = self.to_the_second();
        format!("{} UTC", text.split_once('T').map_or(&*text, |(_, time)| time))
    }

    /// `2026-05-27`
    pub(super) fn day(&self) -> String {
        let text = self.to_the_second();
        text.split_once('T').map_or(&*text, |(day, _)| day).to_owned()
    }

    fn to_the_second(self) -> String {
        let text = self.at.to_string();
        text.split(['.', 'Z']).next().unwrap_or_default().to_owned()
    }
}

/// As RFC 3339 writes it.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(formatter)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Roughly(self.0).fmt(formatter)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_seen_from_now_and_in_full() {
        let now: Timestamp = "2026-05-27T07:09:12.034Z".parse().unwrap();
        let seen_from_now = |at: Timestamp| Moment::new(at, now).seen_from_now();
        assert_eq!(seen_from_now(now.earlier_by(Duration::from_millis(400))), "just now");
        assert_eq!(seen_from_now(now.earlier_by(Duration::from_mins(3))), "3 min ago");
        assert_eq!(seen_from_now(now.later_by(Duration::from_secs(42))), "in 42 s");

        let moment = Moment::new(now, now);
        assert_eq!(moment.in_full(), "2026-05-27 07:09:12 UTC");
        assert_eq!((moment.time_of_day(), moment.day()), ("07:09:12 UTC".to_owned(), "2026-05-27".to_owned()));
        assert_eq!(moment.to_string(), "2026-05-27T07:09:12.034Z");
    }
}
