//! Who may have something done, rather than only look: not a stranger, and not a page of another site in a visitor's browser.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::{FORWARDED, HOST, HeaderName, ORIGIN};
use hyper::http::uri::Authority;

use super::door::Visitor;

/// Why a request that asks for more than a look is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("only on the exporter's own machine, or where the web configuration asks for a password")]
    Stranger,
    #[error("without a password only at a loopback address, such as http://127.0.0.1 or http://localhost")]
    OtherName,
    #[error("not from a page of another site")]
    OtherSite,
}

/// What proxies tell of those for whom they ask.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether this request may change something, or have Confluence asked.
pub(super) fn may_act<B>(request: &Request<B>, visitor: Visitor) -> Result<(), Refusal> {
    if !is_trusted(request, visitor) {
        return Err(Refusal::Stranger);
    }
    let host = host(request).unwrap_or_default();
    // A name of somebody else's that leads here makes his page one of ours for a browser.
    if !visitor.has_logged_in && !is_loopback(host) {
        return Err(Refusal::OtherName);
    }
    if is_of_another_site(request, host) { Err(Refusal::OtherSite) } else { Ok(()) }
}

/// Whether a button for it is of any use to this visitor.
pub(super) fn is_trusted<B>(request: &Request<B>, visitor: Visitor) -> bool {
    let is_forwarded = [FORWARDED, FORWARDED_FOR].iter().any(|header| request.headers().contains_key(header));
    visitor.has_logged_in || (visitor.from.ip().to_canonical().is_loopback() && !is_forwarded)
}

/// A browser says where a request comes from; what says nothing is no browser.
fn is_of_another_site<B>(request: &Request<B>, host: &str) -> bool {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let is_foreign = header(FETCH_SITE).is_some_and(|site| !["same-origin", "none"].contains(&site));
    let origin = header(ORIGIN);
    let is_elsewhere = origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, from)| from != host));
    is_foreign || is_elsewhere
}

/// With its port, as the client spells it.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let in_uri = request.uri().authority().map(Authority::as_str);
    in_uri.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:9";
    const ELSEWHERE: &str = "192.0.2.7:9";

    fn judged(from: &str, has_logged_in: bool, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        may_act(&request.body(()).unwrap(), Visitor { from: from.parse().unwrap(), has_logged_in })
    }

    #[test]
    fn who_has_logged_in_or_sits_at_the_machine_may_act_and_nobody_else() {
        let (local, named) = (("host", "localhost:10054"), ("host", "exporter.example:10054"));
        for (from, has_logged_in, headers, judgement) in [
            (HERE, false, &[local][..], Ok(())),
            ("[::1]:9", false, &[("host", "[::1]:10054")], Ok(())),
            ("[::ffff:127.0.0.1]:9", false, &[("host", "127.0.0.1")], Ok(())),
            (ELSEWHERE, true, &[named], Ok(())),
            (ELSEWHERE, false, &[local], Err(Refusal::Stranger)),
            (ELSEWHERE, false, &[named], Err(Refusal::Stranger)),
            // A proxy on this machine asks for others.
            (HERE, false, &[local, ("x-forwarded-for", "192.0.2.7")], Err(Refusal::Stranger)),
            (HERE, false, &[local, ("forwarded", "for=192.0.2.7")], Err(Refusal::Stranger)),
            (HERE, true, &[named, ("x-forwarded-for", "192.0.2.7")], Ok(())),
            // Somebody's name for 127.0.0.1.
            (HERE, false, &[named], Err(Refusal::OtherName)),
            (HERE, false, &[], Err(Refusal::OtherName)),
        ] {
            assert_eq!(judged(from, has_logged_in, headers), judgement, "{from} {has_logged_in} {headers:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_cannot_act_through_its_readers_browser() {
        let host = ("host", "localhost:10054");
        for (headers, judgement) in [
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:10054")][..], Ok(())),
            (&[host, ("sec-fetch-site", "none")], Ok(())),
            (&[host, ("origin", "http://localhost:10054")], Ok(())),
            (&[host, ("sec-fetch-site", "cross-site")], Err(Refusal::OtherSite)),
            (&[host, ("sec-fetch-site", "same-site")], Err(Refusal::OtherSite)),
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")], Err(Refusal::OtherSite)),
            (&[host, ("origin", "http://localhost:10055")], Err(Refusal::OtherSite)),
            (&[host, ("origin", "null")], Err(Refusal::OtherSite)),
            (&[host, ("origin", "")], Err(Refusal::OtherSite)),
        ] {
            assert_eq!(judged(HERE, false, headers), judgement, "{headers:?}");
            assert_eq!(judged(ELSEWHERE, true, headers), judgement, "{headers:?}");
        }
    }
}
