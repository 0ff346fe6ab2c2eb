//! Writes JSON by hand: a list of 250 rows is served some thousand times a second.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

static WITH_MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
static WITHOUT_FRACTION: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

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

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        push_text(self.out, value);
        self
    }

    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// Already JSON.
    pub(crate) fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push_str(value);
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        push_number(self.out, value);
        self
    }

    /// Ids are strings in v2.
    pub(crate) fn id(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.push('"');
        push_number(self.out, value);
        self.out.push('"');
        self
    }

    /// RFC 3339, with a fraction only where there is one.
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

    fn name(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}

pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
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
    out.push('"');
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
    digits[first..].iter().for_each(|&digit| out.push(char::from(digit)));
}

pub(crate) fn push_time(out: &mut String, millis: i64) {
    let printer = if millis.rem_euclid(1000) == 0 { &WITHOUT_FRACTION } else { &WITH_MILLIS };
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    // Writing to a String cannot fail, and the printer's format has no other errors.
    let _ = printer.print_timestamp(&time, out);
}
