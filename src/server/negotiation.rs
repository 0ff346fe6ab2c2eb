//! What a client's headers ask for: dialect, coding, patience. Odd headers get the usual answer, never a refusal.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName};

use crate::cache::Coding;
use crate::metrics::Dialect;

/// Classic text, unless OpenMetrics 1.0 is wanted more.
pub(super) fn dialect(headers: &HeaderMap) -> Dialect {
    let (mut open_metrics, mut classic) = (Wish::default(), Wish::default());
    for element in elements(headers, ACCEPT) {
        open_metrics.hear(&element, "application", "openmetrics-text", "1.0.0");
        classic.hear(&element, "text", "plain", "0.0.4");
    }
    if open_metrics.weight() > classic.weight() { Dialect::OpenMetrics } else { Dialect::Classic }
}

/// Gzip where it is accepted and nothing is liked better.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let (mut any, mut gzip, mut identity) = (None, None, None);
    for element in elements(headers, ACCEPT_ENCODING) {
        let wish = match element.name {
            "*" => &mut any,
            name if ["gzip", "x-gzip"].iter().any(|gzip| name.eq_ignore_ascii_case(gzip)) => &mut gzip,
            name if name.eq_ignore_ascii_case("identity") => &mut identity,
            _ => continue,
        };
        wish.get_or_insert_with(|| element.weight());
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    // Where it is not named, it is accepted, but only for want of better.
    let identity = identity.unwrap_or(0.0);
    if gzip > 0.0 && gzip >= identity { Coding::Gzip } else { Coding::Identity }
}

/// How long a client is ready to wait, less what the answer's way takes.
pub(super) fn patience(headers: &HeaderMap) -> Duration {
    let told = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok());
    let seconds = told.and_then(|text| text.trim().parse::<f64>().ok()).filter(|seconds| seconds.is_finite());
    match seconds {
        Some(seconds) if seconds > 0.0 => {
            let told = Duration::from_secs_f64(seconds.min(MOST_PATIENCE.as_secs_f64()));
            told.saturating_sub(FOR_THE_WAY)
        }
        Some(_) | None => USUAL_PATIENCE,
    }
}

const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// Longer than any scrape waits; whoever says more is not believed.
const MOST_PATIENCE: Duration = Duration::from_mins(10);

const FOR_THE_WAY: Duration = Duration::from_millis(500);

/// One element of a header that lists what is accepted: `text/plain;version=0.0.4;q=0.5`.
#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    name: &'a str,
    parameters: &'a str,
}

/// How much a media type is wanted, by the ranges that match it.
#[derive(Default)]
struct Wish(Option<(Exactness, f64)>);

/// How closely a range names a media type, its version included.
type Exactness = (u8, bool);

impl Wish {
    /// The most exact of the ranges that match decides (RFC 9110, 12.5.1), the best of equals.
    fn hear(&mut self, element: &Element<'_>, class: &str, kind: &str, only_version: &str) {
        let Some((element_class, element_kind)) = element.name.split_once('/') else { return };
        let exactness = match (element_class, element_kind) {
            (a, b) if a.eq_ignore_ascii_case(class) && b.eq_ignore_ascii_case(kind) => 2,
            (a, "*") if a.eq_ignore_ascii_case(class) => 1,
            ("*", "*") => 0,
            _ => return,
        };
        let version = element.parameter("version");
        if version.is_none_or(|version| version == only_version) {
            let heard = ((exactness, version.is_some()), element.weight());
            self.0 = self.0.filter(|best| *best >= heard).or(Some(heard));
        }
    }

    fn weight(&self) -> f64 {
        self.0.map_or(0.0, |(_, weight)| weight)
    }
}

fn elements(headers: &HeaderMap, header: impl AsHeaderName) -> impl Iterator<Item = Element<'_>> {
    let lists = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        Element { name: name.trim(), parameters }
    })
}

impl<'a> Element<'a> {
    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
        })
    }

    /// Its q-value; 1 where there is none, 0 where it is no number between 0 and 1.
    fn weight(&self) -> f64 {
        match self.parameter("q").map(str::parse) {
            None => 1.0,
            Some(Ok(weight)) if (0.0..=1.0).contains(&weight) => weight,
            Some(_) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_dialect_is_the_one_that_is_wanted_more() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;\
                            escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let protobuf_first = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                              encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, wanted) in [
            (prometheus_2, Dialect::OpenMetrics),
            (prometheus_3, Dialect::OpenMetrics),
            (protobuf_first, Dialect::Classic),
            (browser, Dialect::Classic),
            ("", Dialect::Classic),
            ("*/*", Dialect::Classic),
            ("text/plain", Dialect::Classic),
            ("image/png", Dialect::Classic),
            ("application/openmetrics-text", Dialect::OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", Dialect::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0; Q=0.2, text/plain; q=0.1", Dialect::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Dialect::Classic),
            ("application/openmetrics-text; version=2.0.0", Dialect::Classic),
            ("application/openmetrics-text;q=0.3, text/*;q=0.4", Dialect::Classic),
            ("application/openmetrics-text;q=0, */*", Dialect::Classic),
            ("application/openmetrics-text, text/plain", Dialect::Classic),
            ("application/*;q=0.9, text/plain;q=0.8", Dialect::OpenMetrics),
            ("*/*, text/plain;q=0.5", Dialect::OpenMetrics),
            ("application/openmetrics-text;q=high, text/plain;q=0.1", Dialect::Classic),
            (";;;,,,=;q=", Dialect::Classic),
        ] {
            assert_eq!(dialect(&headers("accept", accept)), wanted, "{accept}");
        }
    }

    #[test]
    fn a_list_may_be_spread_over_several_lines() {
        let mut headers = headers("accept", "text/plain;q=0.5");
        headers.append(ACCEPT, HeaderValue::from_static("application/openmetrics-text"));
        assert_eq!(dialect(&headers), Dialect::OpenMetrics);
    }

    #[test]
    fn gzip_is_taken_where_it_is_accepted() {
        for (accept, wanted) in [
            ("gzip", Coding::Gzip),
            ("deflate, gzip;q=1.0, *;q=0.5", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("*", Coding::Gzip),
            ("gzip;q=0.5, identity;q=0.5", Coding::Gzip),
            ("gzip;q=0.4, identity;q=0.5", Coding::Identity),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0.000, *", Coding::Identity),
            ("gzip;q=2", Coding::Identity),
            ("br, zstd", Coding::Identity),
            ("identity", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(coding(&headers("accept-encoding", accept)), wanted, "{accept}");
        }
    }

    #[test]
    fn patience_is_what_the_scraper_says_within_reason() {
        for (told, seconds) in [
            ("10", 9.5),
            ("2.5", 2.0),
            ("0.3", 0.0),
            ("86400", 599.5),
            ("1e300", 599.5),
            ("inf", 10.0),
            ("NaN", 10.0),
            ("-3", 10.0),
            ("0", 10.0),
            ("soon", 10.0),
            ("", 10.0),
        ] {
            let headers = headers("x-prometheus-scrape-timeout-seconds", told);
            assert_eq!(patience(&headers), Duration::from_secs_f64(seconds), "{told}");
        }
        assert_eq!(patience(&HeaderMap::new()), USUAL_PATIENCE);
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }
}
