//! Which page stands where, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, VARY};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::debug;

use crate::cache::{Cache, Coding, Target, UnknownConnection};
use crate::metrics::Dialect;
use crate::model::ConnectionName;

use super::door::Visitor;
use super::permission::may_act;
use super::reload::ReloadRequests;
use super::{TelemetryPath, discovery, index, negotiation};

/// Where one connection's metrics are.
pub(super) const PROBE: &str = "/probe";

/// Where Prometheus is told of all connections.
pub(super) const DISCOVERY: &str = "/sd";

#[derive(Debug)]
pub(super) struct Routes {
    cache: Cache,
    telemetry_path: TelemetryPath,
    /// None where the configuration cannot be read again.
    reloads: Option<ReloadRequests>,
    own_address: String,
    /// Of a page of metrics, by dialect and coding: made once, since a scrape wants them all.
    heads: [[HeaderMap; 2]; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Metrics,
    Probe,
    Discovery,
    Healthy,
    Ready,
    Reload,
    Index,
}

pub(super) type Answer = Response<Full<Bytes>>;

impl Routes {
    pub(super) fn new(
        cache: Cache,
        telemetry_path: TelemetryPath,
        reloads: Option<ReloadRequests>,
        own_address: String,
    ) -> Self {
        let heads = [Dialect::Classic, Dialect::OpenMetrics]
            .map(|dialect| [Coding::Identity, Coding::Gzip].map(|coding| head(dialect, coding)));
        Self { cache, telemetry_path, reloads, own_address, heads }
    }

    pub(super) async fn answer(&self, request: &Request<Incoming>, visitor: Visitor) -> Answer {
        let Visitor { from, has_logged_in } = visitor;
        debug!(%from, has_logged_in, method = %request.method(), path = request.uri().path(), "a client asks");
        let Some(route) = self.route(request.uri().path()) else { return no_such_page() };
        if let Some(refusal) = route.refusal_of(request.method()) {
            return refusal;
        }
        match route {
            Route::Metrics => match self.metrics(Target::All, request.headers()).await {
                Ok(answer) => answer,
                Err(unknown) => not_found(&unknown),
            },
            Route::Probe => self.probe(request).await,
            Route::Discovery => self.discovery(request),
            Route::Healthy => text(StatusCode::OK, "healthy\n"),
            // A server that answers has its configuration loaded and its port bound; Confluence has no say in it.
            Route::Ready => text(StatusCode::OK, "ready\n"),
            Route::Reload => self.reload(request, visitor).await,
            Route::Index => self.index(),
        }
    }

    fn route(&self, path: &str) -> Option<Route> {
        match path {
            path if path == self.telemetry_path.as_str() => Some(Route::Metrics),
            PROBE => Some(Route::Probe),
            DISCOVERY => Some(Route::Discovery),
            "/-/healthy" => Some(Route::Healthy),
            "/-/ready" => Some(Route::Ready),
            "/-/reload" => Some(Route::Reload),
            "/" => Some(Route::Index),
            _ => None,
        }
    }

    async fn metrics(&self, target: Target, headers: &HeaderMap) -> Result<Answer, UnknownConnection> {
        let (dialect, coding) = (negotiation::dialect(headers), negotiation::coding(headers));
        let patience: Duration = negotiation::patience(headers);
        let page = self.cache.page(target, dialect, coding, patience).await?;

        let mut answer = Response::new(Full::new(page));
        *answer.headers_mut() = self.heads[dialect as usize][coding as usize].clone();
        Ok(answer)
    }

    async fn probe(&self, request: &Request<Incoming>) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let mut named = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "connection");
        let (Some((_, name)), None) = (named.next(), named.next()) else {
            let told = format!("name one connection: {PROBE}?connection=NAME; {}\n", self.known_names());
            return text(StatusCode::BAD_REQUEST, told);
        };
        // What is no name cannot be that of a connection, and need not be repeated.
        let Ok(name) = ConnectionName::new(&name) else {
            return text(
                StatusCode::NOT_FOUND,
                format!("there is no connection of that name; {}\n", self.known_names()),
            );
        };
        match self.metrics(Target::One(name), request.headers()).await {
            Ok(answer) => answer,
            Err(unknown) => text(StatusCode::NOT_FOUND, format!("{unknown}; {}\n", self.known_names())),
        }
    }

    fn discovery(&self, request: &Request<Incoming>) -> Answer {
        let address = discovery::reached_at(request).unwrap_or(&self.own_address);
        let targets = discovery::targets(address, &self.cache.names());
        answer(StatusCode::OK, HeaderValue::from_static("application/json"), targets.into())
    }

    async fn reload(&self, request: &Request<Incoming>, visitor: Visitor) -> Answer {
        let Some(requests) = &self.reloads else { return no_such_page() };
        match may_act(request, visitor) {
            Ok(()) => requests.answer().await,
            Err(refusal) => text(StatusCode::FORBIDDEN, format!("{refusal}\n")),
        }
    }

    fn index(&self) -> Answer {
        let page = index::page(&self.cache.summaries(), self.telemetry_path.as_str());
        let mut answer = answer(StatusCode::OK, HeaderValue::from_static("text/html; charset=utf-8"), page.into());
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
        answer.headers_mut().insert(HeaderName::from_static("content-security-policy"), policy);
        answer
    }

    fn known_names(&self) -> String {
        let names = self.cache.names();
        let names: Vec<&str> = names.iter().map(ConnectionName::as_str).collect();
        match &names[..] {
            [] => "none is configured".to_owned(),
            names => format!("configured: {}", names.join(", ")),
        }
    }
}

impl Route {
    fn refusal_of(self, method: &Method) -> Option<Answer> {
        let (methods, allow, told): (&[Method], _, _) = match self {
            // To HEAD, hyper gives the same head and leaves the body out.
            Self::Metrics | Self::Probe | Self::Discovery | Self::Healthy | Self::Ready | Self::Index => {
                (&[Method::GET, Method::HEAD], "GET, HEAD", "this page is only read: GET or HEAD\n")
            }
            Self::Reload => (&[Method::POST], "POST", "this has something done: POST\n"),
        };
        if methods.contains(method) {
            return None;
        }
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, told);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        Some(answer)
    }
}

fn no_such_page() -> Answer {
    text(StatusCode::NOT_FOUND, "there is no such page; / lists those that there are\n")
}

fn not_found(unknown: &UnknownConnection) -> Answer {
    text(StatusCode::NOT_FOUND, format!("{unknown}\n"))
}

pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    answer(status, HeaderValue::from_static("text/plain; charset=utf-8"), text.into())
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    let plainly = HeaderValue::from_static("nosniff");
    answer.headers_mut().insert(HeaderName::from_static("x-content-type-options"), plainly);
    answer
}

fn head(dialect: Dialect, coding: Coding) -> HeaderMap {
    let content_type = HeaderValue::from_static(dialect.content_type());
    let mut headers = answer(StatusCode::OK, content_type, Bytes::new()).into_parts().0.headers;
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    match coding {
        Coding::Identity => {}
        Coding::Gzip => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"))),
    }
    headers
}
