//! What the site tells in headers: its time, its limits, the next answer's link. Nothing here decides anything.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, LINK, RETRY_AFTER};

use crate::model::Timestamp;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const FAILURE_CATEGORY: HeaderName = HeaderName::from_static("x-failure-category");
const TRACE: HeaderName = HeaderName::from_static("atl-traceid");

/// What an answer tells of its site's limits; each only where its header came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RateLimit {
    pub(super) remaining: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) reset: Option<Timestamp>,
}

pub(super) fn rate_limit(headers: &HeaderMap) -> RateLimit {
    RateLimit {
        remaining: number(headers, &REMAINING),
        limit: number(headers, &LIMIT),
        reset: text(headers, &RESET).and_then(moment),
    }
}

/// When the site answered, by its own clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    text(headers, &DATE).and_then(http_date)
}

/// How long the site wants quiet, counted from its answer: seconds mostly, a date by the standard.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => http_date(text).map(|until| until.since(now)),
    }
}

/// The failure category in one spelling: the site writes it with underscores and the gateway has written it with blanks.
pub(super) fn failure_category(headers: &HeaderMap) -> Option<String> {
    text(headers, &FAILURE_CATEGORY).map(|category| category.to_ascii_uppercase().replace([' ', '-'], "_"))
}

/// What Atlassian's support asks for. Only hexadecimal digits, as it has them: it goes into the log, and a header that
/// repeats the token must not.
pub(super) fn trace(headers: &HeaderMap) -> Option<String> {
    let trace = text(headers, &TRACE)?;
    let fits = (1..=64).contains(&trace.len()) && trace.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then(|| trace.to_owned())
}

/// The target of `rel="next"`, as it came. The header holds several links, and a cursor may hold almost any character.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().find_map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let links = value.split('<').skip(1).filter_map(|link| link.split_once('>'));
        let next = links.into_iter().find(|(_, parameters)| is_next(parameters));
        next.map(|(target, _)| target.to_owned())
    })
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<f64> {
    text(headers, name)?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn http_date(text: &str) -> Option<Timestamp> {
    let moment = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// ISO 8601; the gateway has left the seconds out.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_read_with_seconds_and_without() {
        for text in ["2026-03-04T05:06:00Z", "2026-03-04T05:06Z", "2026-03-04T05:06:00.000Z", "2026-03-04T06:06+01:00"]
        {
            let headers = HeaderMap::from_iter([(RESET, text.parse().unwrap())]);
            assert_eq!(rate_limit(&headers).reset, "2026-03-04T05:06:00Z".parse().ok(), "{text}");
        }
        let headers = HeaderMap::from_iter([(RESET, "soon".parse().unwrap())]);
        assert_eq!(rate_limit(&headers), RateLimit::default());
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = "2026-03-04T05:06:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            ("Wed, 04 Mar 2026 05:06:30 GMT", Some(30)),
            ("Wed, 04 Mar 2026 05:00:00 GMT", Some(0)),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_next_link_is_found_among_others_and_keeps_its_raw_cursor() {
        for (text, next) in [
            (
                r#"</list?cursor=eyJh,b+c/==&limit=2>; rel="next", <https://acme.example>; rel="base""#,
                Some("/list?cursor=eyJh,b+c/==&limit=2"),
            ),
            (
                r#"<https://acme.example>; rel="base", </list?limit=2&cursor=a>;rel=next"#,
                Some("/list?limit=2&cursor=a"),
            ),
            (r#"<https://acme.example>; rel="base""#, None),
            ("nonsense", None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, text.parse().unwrap())]);
            assert_eq!(next_link(&headers).as_deref(), next, "{text}");
        }
    }
}
