//! One attempt over HTTP: what was sent, and what came back as bytes. What it means is `verdict`'s business.

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, LOCATION};
use reqwest::{Client, RequestBuilder, Response, redirect};
use tokio::time::Instant;
use url::Url;

use super::authorities;
use super::failure::Cause;
use super::question::Question;
use super::settings::{OpenError, Settings};
use super::unreached::Unreached;
use crate::metrics::Asking;
use crate::model::Operation;

/// What came back, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The site sends us to another origin. Nobody goes there.
    pub(super) leads_elsewhere: bool,
}

/// The most of an answer that is taken in: 250 docs are well below one MiB.
const LARGEST_ANSWER: usize = 32 << 20;

/// The most of a refusal that is taken in; what it means stands at its beginning.
const LARGEST_REFUSAL: usize = 64 << 10;

/// A client that follows no redirect, for the token must not travel.
pub(super) fn client(settings: &Settings) -> Result<Client, OpenError> {
    let mut client = Client::builder()
        .user_agent(concat!("confluence-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(settings.patience.connect)
        .timeout(settings.patience.attempt);
    if let Some(file) = &settings.ca_file {
        // Beside the system's authorities, not in their place.
        client = client.tls_certs_merge(authorities::read(file).map_err(OpenError::CaFile)?);
    }
    let client = match (&settings.proxy_url, settings.is_loopback()) {
        (Some(_), true) => return Err(OpenError::ProxyOnLoopback),
        // Over plain HTTP a proxy would see the token.
        (None, true) => client.no_proxy(),
        (None, false) => client.https_only(true),
        // Without its source, which knows the proxy's password.
        (Some(proxy), false) => client.https_only(true).proxy(proxy.proxy().map_err(|_| OpenError::Proxy)?),
    };
    client.build().map_err(|error| OpenError::Client(error.into()))
}

/// The question as it is sent to this base, but for who asks.
pub(super) fn request(client: &Client, base: &str, question: &Question<'_>) -> RequestBuilder {
    let url = format!("{base}{}", question.path);
    let request = match &question.body {
        Some(body) => client.post(url).json(body),
        None => client.get(url),
    };
    request.query(question.query)
}

/// Sends and reads to the end, and counts it.
pub(super) async fn send(request: RequestBuilder, operation: Operation, asking: &Asking) -> Result<Reply, Cause> {
    let begun = Instant::now();
    let outcome = match request.header(ACCEPT, "application/json").send().await {
        Ok(response) => read(response).await,
        Err(error) => Err(cause_of(&error)),
    };
    let status = match &outcome {
        Ok(reply) => reply.status.to_string(),
        Err(cause) => cause.metric().to_owned(),
    };
    asking.request(operation, &status, begun.elapsed().as_secs_f64());
    outcome
}

impl Reply {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

async fn read(mut response: Response) -> Result<Reply, Cause> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let leads_elsewhere = status.is_redirection() && leads_elsewhere(response.url(), &headers);
    let body = if status.is_success() { read_answer(&mut response).await? } else { read_refusal(&mut response).await };
    Ok(Reply { status: status.as_u16(), headers, body, leads_elsewhere })
}

async fn read_answer(response: &mut Response) -> Result<Vec<u8>, Cause> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Cause::CutShort)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Cause::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The status has come, so a body that breaks off takes nothing from it.
async fn read_refusal(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_REFUSAL {
            body.truncate(LARGEST_REFUSAL);
            break;
        }
    }
    body
}

fn leads_elsewhere(asked: &Url, headers: &HeaderMap) -> bool {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| asked.join(location).ok());
    target.is_none_or(|target| target.origin() != asked.origin())
}

fn cause_of(error: &reqwest::Error) -> Cause {
    if error.is_timeout() && !error.is_connect() { Cause::Timeout } else { Cause::Unreached(Unreached::of(error)) }
}
