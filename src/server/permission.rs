//! Who may have the exporter do more than show numbers, and from where. Who may come in at all is `door`'s business.

use std::net::IpAddr;

use hyper::header::{FORWARDED, HOST, HeaderName, ORIGIN, VIA};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request};

use super::door::Visitor;

/// Why a request to act is refused. Repeats nothing that the client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a page of another site has asked for this: ask from the exporter's own page, or by a program")]
    AnotherSite,
    #[error(
        "only who has logged in may ask for this, or who asks on the exporter's own machine: see basic_auth_users of \
         --web.config.file"
    )]
    NotLoggedIn,
    #[error("without a login this is asked for as localhost or 127.0.0.1, and not by way of a proxy")]
    NotDirect,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether this visitor's request may have something done: asked for by himself and not by another site's page in his
/// browser, and by somebody who has logged in or sits at this machine.
pub(super) fn may_act<B>(request: &Request<B>, visitor: Visitor) -> Result<(), Refusal> {
    // A browser sends the password that its user once typed, and reaches loopback addresses, for whatever page it shows.
    if !is_from_own_page(request.headers(), authority(request)) {
        return Err(Refusal::AnotherSite);
    }
    trust(request, visitor)
}

/// Whether a button for it is of any use to this visitor.
pub(super) fn is_trusted<B>(request: &Request<B>, visitor: Visitor) -> bool {
    trust(request, visitor).is_ok()
}

fn trust<B>(request: &Request<B>, visitor: Visitor) -> Result<(), Refusal> {
    if visitor.has_logged_in {
        return Ok(());
    }
    if !visitor.from.ip().to_canonical().is_loopback() {
        return Err(Refusal::NotLoggedIn);
    }
    // Any name may be made to lead to 127.0.0.1, and then its pages are of the same origin. A proxy on this machine brings
    // everybody's requests from here.
    let came_by_proxy = [FORWARDED, X_FORWARDED_FOR, VIA].iter().any(|header| request.headers().contains_key(header));
    if came_by_proxy || !authority(request).is_some_and(is_loopback) { Err(Refusal::NotDirect) } else { Ok(()) }
}

/// Host and port under which the exporter was asked.
pub(super) fn authority<B>(request: &Request<B>) -> Option<&str> {
    // HTTP/2 has it in the URI.
    let of_uri = request.uri().authority().map(Authority::as_str);
    of_uri.or_else(|| only(request.headers(), &HOST))
}

/// True of programs, which send neither header.
fn is_from_own_page(headers: &HeaderMap, own: Option<&str>) -> bool {
    let is_own = |site: &str| ["same-origin", "none"].contains(&site);
    let is_own_origin = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.zip(own).is_some_and(|(host, own)| host.eq_ignore_ascii_case(own))
    };
    is_absent_or(headers, &SEC_FETCH_SITE, is_own) && is_absent_or(headers, &ORIGIN, is_own_origin)
}

fn is_absent_or(headers: &HeaderMap, name: &HeaderName, is_good: impl Fn(&str) -> bool) -> bool {
    !headers.contains_key(name) || only(headers, name).is_some_and(is_good)
}

/// The header's value, where it comes once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    value.to_str().ok()
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_THIS_MACHINE: &str = "127.0.0.1:50000";
    const ELSEWHERE: &str = "192.0.2.7:50000";

    fn asked(from: &str, has_logged_in: bool, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = Request::post("/-/reload");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        may_act(&request.body(()).unwrap(), Visitor { from: from.parse().unwrap(), has_logged_in })
    }

    #[test]
    fn whoever_sits_at_the_machine_may_and_others_only_with_a_login() {
        for host in ["localhost:10054", "LocalHost", "127.0.0.1:10054", "127.9.9.9", "[::1]:10054", "[::1]"] {
            assert_eq!(asked(AT_THIS_MACHINE, false, &[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!(asked("[::1]:50000", false, &[("host", "localhost:10054")]), Ok(()));
        assert_eq!(asked("[::ffff:127.0.0.1]:50000", false, &[("host", "localhost:10054")]), Ok(()));
        assert_eq!(asked(ELSEWHERE, false, &[("host", "localhost:10054")]), Err(Refusal::NotLoggedIn));
        assert_eq!(asked(ELSEWHERE, true, &[("host", "exporter:10054")]), Ok(()));
    }

    #[test]
    fn a_page_of_another_site_may_not_whoever_looks_at_it() {
        let host = ("host", "localhost:10054");
        for header in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "something new"),
            ("sec-fetch-site", ""),
            ("origin", "https://evil.example"),
            ("origin", "http://localhost:3000"),
            ("origin", "http://localhost"),
            ("origin", "null"),
            ("origin", ""),
        ] {
            for (from, has_logged_in) in [(AT_THIS_MACHINE, false), (AT_THIS_MACHINE, true), (ELSEWHERE, true)] {
                let answer = asked(from, has_logged_in, &[host, header]);
                assert_eq!(answer, Err(Refusal::AnotherSite), "{header:?} from {from}");
            }
        }
        let twice = [host, ("origin", "http://localhost:10054"), ("origin", "https://evil.example")];
        assert_eq!(asked(AT_THIS_MACHINE, true, &twice), Err(Refusal::AnotherSite));
        assert_eq!(asked(AT_THIS_MACHINE, true, &[("origin", "http://localhost:10054")]), Err(Refusal::AnotherSite));
    }

    #[test]
    fn the_exporter_s_own_page_may() {
        let own =
            [("host", "localhost:10054"), ("origin", "http://localhost:10054"), ("sec-fetch-site", "same-origin")];
        assert_eq!(asked(AT_THIS_MACHINE, false, &own), Ok(()));
        let own = [("host", "Exporter.example"), ("origin", "https://exporter.example"), ("sec-fetch-site", "none")];
        assert_eq!(asked(ELSEWHERE, true, &own), Ok(()));
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_not_this_machine_s() {
        for host in ["evil.example:10054", "127.0.0.1.evil.example", "localhost.evil.example:10054", "192.0.2.7", ""] {
            let origin = format!("http://{host}");
            let rebound = [("host", host), ("origin", &*origin), ("sec-fetch-site", "same-origin")];
            assert_eq!(asked(AT_THIS_MACHINE, false, &rebound), Err(Refusal::NotDirect), "{host}");
        }
        assert_eq!(asked(AT_THIS_MACHINE, false, &[]), Err(Refusal::NotDirect), "no name at all");
    }

    #[test]
    fn what_a_proxy_brings_is_not_from_this_machine() {
        for header in [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7"), ("via", "1.1 proxy")] {
            let brought = [("host", "127.0.0.1:10054"), header];
            assert_eq!(asked(AT_THIS_MACHINE, false, &brought), Err(Refusal::NotDirect), "{header:?}");
            assert_eq!(asked(AT_THIS_MACHINE, true, &brought), Ok(()));
        }
    }
}
