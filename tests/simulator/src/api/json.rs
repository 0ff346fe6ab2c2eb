//! Writes JSON by hand: a list of 250 rows is served some thousand times a second.

/// The longest name of a member, with its comma, its quotes and its colon.
const LONGEST_NAME: usize = 32;

/// An object under way; `end` closes it.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    #[inline]
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    #[inline]
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    #[inline]
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.texts(name, &[value])
    }

    /// One text of several pieces.
    #[inline]
    pub(crate) fn texts(&mut self, name: &str, pieces: &[&str]) -> &mut Self {
        self.name(name, "\":\"");
        for piece in pieces {
            push_escaped(self.out, piece);
        }
        self.out.push(b'"');
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
        self.name(name, "\":\"");
        for piece in pieces {
            self.out.extend_from_slice(piece.as_bytes());
        }
        self.out.push(b'"');
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
        self.name(name, "\":");
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    #[inline]
    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.raw(name, itoa::Buffer::new().format(value))
    }

    /// Ids are strings in v2.
    #[inline]
    pub(crate) fn id(&mut self, name: &str, value: u64) -> &mut Self {
        self.word(name, itoa::Buffer::new().format(value))
    }

    /// RFC 3339, with a fraction only where there is one.
    #[inline]
    pub(crate) fn time(&mut self, name: &str, millis: i64) -> &mut Self {
        self.name(name, "\":\"");
        push_time(self.out, millis);
        self.out.push(b'"');
        self
    }

    #[inline]
    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.name(name, "\":");
        let mut object = Object::begin(self.out);
        fill(&mut object);
        object.end();
        self
    }

    /// One piece where the name is a literal, put together when it is compiled.
    #[expect(clippy::inline_always, reason = "a literal's length is known only where it stands")]
    #[inline(always)]
    fn name(&mut self, name: &str, colon: &str) {
        let mut piece = [0; LONGEST_NAME];
        let (comma, rest) = piece.split_at_mut(1);
        comma[0] = b',';
        rest[0] = b'"';
        rest[1..=name.len()].copy_from_slice(name.as_bytes());
        rest[name.len() + 1..name.len() + 1 + colon.len()].copy_from_slice(colon.as_bytes());
        let whole = &piece[usize::from(self.is_empty)..name.len() + 2 + colon.len()];
        self.out.extend_from_slice(whole);
        self.is_empty = false;
    }
}

pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..place]);
        match rest[place] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

/// By hand: a calendar that knows everything costs as much as the rest of a row.
pub(crate) fn push_time(out: &mut Vec<u8>, millis: i64) {
    let (seconds, fraction) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
        (20, fraction / 10),
    ];
    for (place, pair) in pairs {
        text[place..place + 2].copy_from_slice(&two_digits(pair));
    }
    text[22] = two_digits(fraction % 10)[1];
    if fraction == 0 {
        text[19] = b'Z';
    }
    let length = if fraction == 0 { 20 } else { text.len() };
    out.extend_from_slice(&text[..length]);
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

/// Of a number from 0 to 99.
fn two_digits(number: i64) -> [u8; 2] {
    TWO_DIGITS[usize::try_from(number).unwrap_or(0) % TWO_DIGITS.len()]
}

const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [*b"00"; 100];
    let mut number = 1;
    while number < pairs.len() {
        let [tens, ones] = pairs[number - 1];
        pairs[number] = if ones == b'9' { [tens + 1, b'0'] } else { [tens, ones + 1] };
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for millis in [0, 1_000, 951_782_400_123, 4_102_444_800_000, -1, 1_790_000_000_007, 1_709_164_800_000] {
            let mut written = Vec::new();
            push_time(&mut written, millis);
            let written = String::from_utf8(written).unwrap();
            let read: jiff::Timestamp = written.parse().unwrap();
            assert_eq!(read.as_millisecond(), millis, "{written}");
        }
    }
}
