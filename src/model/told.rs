//! Numbers and spans as people tell them.

use std::fmt;
use std::time::Duration;

/// A time as people tell one that nobody knows to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roughly(pub Duration);

/// With commas: `172,800`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouped(pub u64);

impl fmt::Display for Roughly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..59.5 => write!(formatter, "{:.0} s", seconds.max(1.0)),
            ..3_570.0 => write!(formatter, "{:.0} min", seconds / 60.0),
            ..172_800.0 => write!(formatter, "{:.1} h", seconds / 3_600.0),
            _ => write!(formatter, "{:.1} d", seconds / 86_400.0),
        }
    }
}

impl fmt::Display for Grouped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.bytes().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                formatter.write_str(",")?;
            }
            write!(formatter, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let times = [0.01, 59.0, 59.9, 90.0, 3_599.0, 5_400.0, 172_800.0];
        let told = times.map(|seconds| Roughly(Duration::from_secs_f64(seconds)).to_string());
        assert_eq!(told, ["1 s", "59 s", "1 min", "2 min", "1.0 h", "1.5 h", "2.0 d"]);
    }

    #[test]
    fn numbers_are_told_as_people_tell_them() {
        let told = [0, 999, 1_000, 1_234_567].map(|number| Grouped(number).to_string());
        assert_eq!(told, ["0", "999", "1,000", "1,234,567"]);
    }
}
