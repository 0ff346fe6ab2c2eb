//! What holds of every address that somebody writes and of every answer that a site gives.

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use url::Url;

use super::address::{CloudId, GatewayUrl, InstanceUrl};
use super::entrance::Place;
use super::exchange::{self, Reply};
use super::failure::Verdict;
use super::settings::Patience;
use super::{Question, headers, verdict};
use crate::model::{Operation, Timestamp};

/// What a site might say back: it must not be told on.
const TOKEN: &str = "ATATT3xCANARY0that0nobody0may0see=0C0FFEE";

/// So short that a fuzzer keeps it whole and moves it around.
const MARK: &str = "TOKEN";

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    // It fails when somebody was first: then it has been done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
});

/// Whatever is taken for the address of a site or a gateway, or for a cloud id, leads to one host over a line that nobody
/// listens to, and what follows it stays below it. A line for each of the three.
pub fn address(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (instance, gateway, cloud_id) = (next(), next(), next());
    let cloud_id = cloud_id.parse::<CloudId>().ok();
    let mut bases = Vec::new();
    match instance.parse() {
        Ok(InstanceUrl::Site(origin)) => bases.push((origin.as_str().to_owned(), String::new())),
        Ok(InstanceUrl::Gateway { gateway, cloud_id }) => bases.push(below(&gateway, &cloud_id)),
        Err(_) => {}
    }
    if let (Ok(gateway), Some(cloud_id)) = (gateway.parse(), &cloud_id) {
        bases.push(below(&gateway, cloud_id));
    }
    for (base, folder) in bases {
        let host = Url::parse(&base).expect("it was taken for an address");
        let asked = Url::parse(&format!("{base}/list")).expect("what stands below it is one, too");
        assert_eq!(asked.origin(), host.origin(), "{base}");
        assert!(asked.path().ends_with(&format!("{folder}/list")), "{asked}");
        assert!(asked.username().is_empty() && asked.password().is_none() && asked.query().is_none(), "{asked}");
        let loopback = ["localhost", "[::1]"].contains(&asked.host_str().unwrap_or_default())
            || asked.host_str().is_some_and(|host| host.starts_with("127."));
        assert!(asked.scheme() == "https" || (asked.scheme() == "http" && loopback), "{asked}");
    }
}

fn below(gateway: &GatewayUrl, cloud_id: &CloudId) -> (String, String) {
    (gateway.base(cloud_id), format!("/ex/confluence/{}", cloud_id.as_str()))
}

/// Every refusal has a verdict, whose text repeats nothing of it. The first line says status, operation and place, then come
/// headers, an empty line and a body.
pub fn error_answers(input: &[u8]) {
    let text = String::from_utf8_lossy(input).replace(MARK, TOKEN);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let status = words.next().and_then(|status| status.parse().ok()).unwrap_or(404);
    let word = words.next().unwrap_or_default();
    let operation = Operation::ALL.iter().find(|operation| operation.as_str() == word).unwrap_or(&Operation::Spaces);
    let place = if words.next() == Some("gateway") { Place::Gateway } else { Place::Site };
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    let reply = Reply { status, headers: headers.collect(), body: body.into(), leads_elsewhere: status == 302 };

    let failure = verdict::failure(*operation, place, &reply, Timestamp::from_millis(0));

    match failure.verdict() {
        Verdict::Refused { code, .. } => assert!(code.is_refusal(), "{code}"),
        Verdict::Passing { code } => assert!(!code.is_refusal(), "{code}"),
        Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => {}
    }
    let told = format!("{failure} {failure:?}");
    assert!(!told.contains(TOKEN) && told.lines().count() == 1, "{told}");
    let patience = Patience::default();
    if let Some(quiet) = failure.quiet(patience.first_delay) {
        assert!(quiet >= patience.first_delay);
        assert!(Timestamp::from_millis(0).later_by(quiet.min(patience.longest_pause)) > Timestamp::from_millis(0));
    }
    let limits = headers::rate_limit(&reply.headers);
    assert!([limits.remaining, limits.limit].into_iter().flatten().all(f64::is_finite), "{limits:?}");
    assert!(headers::retry_after(&reply.headers, Timestamp::MIN).is_none_or(|quiet| quiet >= Duration::ZERO));
}

/// The link that a `Link` header of this value leads to.
pub(crate) fn next_link(value: &[u8]) -> Option<String> {
    headers::next_link(&HeaderMap::from_iter([(LINK, HeaderValue::from_bytes(value).ok()?)]))
}

/// Where this question is sent, for a site at this base.
pub(crate) fn url_of(base: &str, question: &Question<'_>) -> Url {
    let request = exchange::request(&CLIENT, base, question).build();
    request.expect("any question can be sent").url().clone()
}
