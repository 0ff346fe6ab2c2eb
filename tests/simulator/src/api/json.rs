//! Writes JSON by hand: a list of 250 rows is served some thousand times a second.

use std::fmt::Write as _;

/// An object under way; `end` closes it.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    #[inline]
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.texts(name, &[value])
    }

    /// One text of several pieces.
    #[inline]
    pub(crate) fn texts(&mut self, name: &str, pieces: &[&str]) -> &mut Self {
        self.name(name);
        self.out.push('"');
        for piece in pieces {
            push_escaped(self.out, piece);
        }
        self.out.push('"');
        self
    }

    /// Text that needs no escapes.
    #[inline]
    pub(crate) fn word(&mut self, name: &str, value: &str) -> &mut Self {
        self.words(name, &[value])
    }

    /// One text of several pieces, none of which needs escapes.
    #[inline]
    pub(crate) fn words(&mut self, name: &str, pieces: &[&str]) -> &mut Self {
        self.name(name);
        self.out.push('"');
        for piece in pieces {
            self.out.push_str(piece);
        }
        self.out.push('"');
        self
    }

    #[inline]
    pub(crate) fn optional_word(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.word(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// Already JSON.
    #[inline]
    pub(crate) fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push_str(value);
        self
    }

    #[inline]
    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        push_number(self.out, value);
        self
    }

    /// Ids are strings in v2.
    #[inline]
    pub(crate) fn id(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.push('"');
        push_number(self.out, value);
        self.out.push('"');
        self
    }

    /// RFC 3339, with a fraction only where there is one.
    #[inline]
    pub(crate) fn time(&mut self, name: &str, millis: i64) -> &mut Self {
        self.name(name);
        self.out.push('"');
        push_time(self.out, millis);
        self.out.push('"');
        self
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.name(name);
        let mut object = Object::begin(self.out);
        fill(&mut object);
        object.end();
        self
    }

    #[expect(clippy::inline_always, reason = "names are literals: copied without a call, a row costs a third less")]
    #[inline(always)]
    fn name(&mut self, name: &str) {
        self.out.push_str(if self.is_empty { "\"" } else { ",\"" });
        self.is_empty = false;
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}

pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..place]);
        match rest.as_bytes()[place] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            control => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[place + 1..];
    }
    out.push_str(rest);
}

pub(crate) fn push_number(out: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    let mut left = number;
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(left % 10).expect("a digit");
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.push_str(str::from_utf8(&digits[first..]).expect("digits are ASCII"));
}

/// By hand: a calendar that knows everything costs as much as the rest of a row.
pub(crate) fn push_time(out: &mut String, millis: i64) {
    let (seconds, fraction) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let parts = [(0..4, year), (5..7, month), (8..10, day), (11..13, second / 3600), (14..16, second / 60 % 60)];
    for (place, part) in parts.into_iter().chain([(17..19, second % 60), (20..23, fraction)]) {
        write_digits(&mut text[place], part);
    }
    if fraction == 0 {
        text[19] = b'Z';
    }
    let length = if fraction == 0 { 20 } else { text.len() };
    out.push_str(str::from_utf8(&text[..length]).expect("digits are ASCII"));
}

/// Year, month and day of a day counted from 1970; the usual arithmetic over eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Fills the place from its end; what the number leaves free is zeros.
fn write_digits(place: &mut [u8], number: i64) {
    let mut left = number.unsigned_abs();
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).expect("a digit");
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for millis in [0, 1_000, 951_782_400_123, 4_102_444_800_000, -1, 1_790_000_000_007, 1_709_164_800_000] {
            let mut written = String::new();
            push_time(&mut written, millis);
            let read: jiff::Timestamp = written.parse().unwrap();
            assert_eq!(read.as_millisecond(), millis, "{written}");
        }
    }
}
