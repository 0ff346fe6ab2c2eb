//! A request's query: taken apart, and held against the table of rules as strictly as Atlassian's documents allow.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::rules::{Kind, Parameter, Rule};

/// The parameters as they came, decoded, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Why a request is a 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadRequest {
    UnknownParameter { name: String },
    Repeated { name: &'static str },
    Missing { name: &'static str },
    WrongType { name: String, value: String, expected: &'static str },
    OutOfRange { name: &'static str, value: i64, minimum: Option<i64>, maximum: Option<i64> },
    TooMany { name: &'static str, given: usize, most: usize },
    NotOneOf { name: &'static str, value: String, allowed: &'static [&'static str] },
    Cursor,
    Body { problem: &'static str },
}

impl<'a> Query<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
                .collect(),
        )
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.one(name).is_some()
    }

    /// Numbers that `validate` has let pass.
    pub(crate) fn numbers(&self, name: &str) -> Option<Vec<u64>> {
        let numbers: Vec<u64> = self.all(name).filter_map(|value| value.parse().ok()).collect();
        self.has(name).then_some(numbers)
    }

    /// The page's size, after `validate`.
    pub(crate) fn limit(&self, rule: &Rule) -> usize {
        let default = rule.parameters.iter().find_map(|parameter| match (parameter.name, parameter.kind) {
            ("limit", Kind::Integer { default, .. }) => default,
            _ => None,
        });
        let asked = self.one("limit").and_then(|value| value.parse().ok());
        usize::try_from(asked.or(default).unwrap_or(25)).unwrap_or(0)
    }

    /// Everything but the cursor and the limit, for the cursor to be true to.
    pub(crate) fn without_paging(&self) -> impl Iterator<Item = &(Cow<'a, str>, Cow<'a, str>)> {
        self.0.iter().filter(|(name, _)| name != "cursor" && name != "limit")
    }

    /// The same question with another cursor, which stands unescaped and not at the end.
    pub(crate) fn with_cursor(&self, path: &str, cursor: &str, limit: usize) -> String {
        let mut link = format!("{path}?");
        let mut others = self.without_paging();
        if let Some((name, value)) = others.next() {
            let _ = write!(link, "{}={}&", percent_encoded(name), percent_encoded(value));
        }
        let _ = write!(link, "cursor={cursor}");
        for (name, value) in others {
            let _ = write!(link, "&{}={}", percent_encoded(name), percent_encoded(value));
        }
        let _ = write!(link, "&limit={limit}");
        link
    }

    pub(crate) fn validate(&self, rule: &Rule) -> Result<(), BadRequest> {
        for (name, _) in &self.0 {
            if !rule.parameters.iter().any(|parameter| parameter.name == name) {
                return Err(BadRequest::UnknownParameter { name: name.clone().into_owned() });
            }
        }
        rule.parameters.iter().try_for_each(|parameter| self.validate_one(parameter))
    }

    fn validate_one(&self, parameter: &Parameter) -> Result<(), BadRequest> {
        let name = parameter.name;
        let values: Vec<&str> = self.all(name).collect();
        if values.is_empty() {
            return if parameter.required { Err(BadRequest::Missing { name }) } else { Ok(()) };
        }
        match parameter.kind {
            Kind::Integers { most } | Kind::Texts { most } => {
                if let Some(most) = most.filter(|&most| values.len() > most) {
                    return Err(BadRequest::TooMany { name, given: values.len(), most });
                }
            }
            Kind::SomeOf(_) => {}
            _ if values.len() > 1 => return Err(BadRequest::Repeated { name }),
            _ => {}
        }
        values.into_iter().try_for_each(|value| check_value(parameter, value))
    }
}

fn check_value(parameter: &Parameter, value: &str) -> Result<(), BadRequest> {
    let name = parameter.name;
    let wrong = |expected| Err(BadRequest::WrongType { name: name.to_owned(), value: value.to_owned(), expected });
    match parameter.kind {
        Kind::Integer { minimum, maximum, .. } => match value.parse::<i64>() {
            Err(_) => wrong("int"),
            Ok(number) if minimum.is_some_and(|least| number < least) || maximum.is_some_and(|most| number > most) => {
                Err(BadRequest::OutOfRange { name, value: number, minimum, maximum })
            }
            Ok(_) => Ok(()),
        },
        Kind::Integers { .. } => {
            if value.parse::<i64>().is_err() {
                wrong("long")
            } else {
                Ok(())
            }
        }
        Kind::Boolean => {
            if matches!(value, "true" | "false") {
                Ok(())
            } else {
                wrong("boolean")
            }
        }
        Kind::OneOf(allowed) | Kind::SomeOf(allowed) => one_of(name, value, allowed),
        Kind::CommaSomeOf(allowed) => value.split(',').try_for_each(|part| one_of(name, part, allowed)),
        Kind::Text if name == "fromDate" && !is_date(value) => wrong("date"),
        Kind::Text | Kind::Texts { .. } | Kind::CommaTexts => Ok(()),
    }
}

fn one_of(name: &'static str, value: &str, allowed: &'static [&'static str]) -> Result<(), BadRequest> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(BadRequest::NotOneOf { name, value: value.to_owned(), allowed })
}

/// `2021-03-21`, with or without a time.
fn is_date(value: &str) -> bool {
    value.parse::<jiff::civil::Date>().is_ok() || value.parse::<jiff::Timestamp>().is_ok()
}

pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let escaped = text.get(place + 1..place + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escaped) {
            (b'%', Some(value)) => {
                decoded.push(value);
                place += 2;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        place += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

pub(crate) fn percent_encoded(text: &str) -> Cow<'_, str> {
    let stays = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.as_bytes().iter().all(stays) {
        return Cow::Borrowed(text);
    }
    let encoded = text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if stays(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    });
    Cow::Owned(encoded)
}
