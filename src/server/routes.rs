//! Which page stands where, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::debug;

use crate::cache::{Cache, Coding, Target, UnknownConnection};
use crate::metrics::Dialect;
use crate::model::ConnectionName;

use super::door::Visitor;
use super::reload::ReloadRequests;
use super::status::{Surroundings, View, page};
use super::{TelemetryPath, discovery, negotiation, permission};

/// Where one connection's metrics are.
pub(super) const PROBE: &str = "/probe";
/// Where the status page is as JSON.
const API: &str = "/api/v1/connections";
const STYLE: &str = "/-/style.css";
/// Where a POST has a connection tested.
const TEST: &str = "/-/test";

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
    Status,
    Api,
    Style,
    Test,
}

pub(super) type Answer = Response<Full<Bytes>>;

const CSS: &str = include_str!("status/templates/style.css");

/// What the status page may do in a browser: have its stylesheet and its buttons, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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
        if !route.methods().contains(request.method()) {
            return route.refuse_method();
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
            Route::Status => self.status(request, visitor).await,
            Route::Api => self.api().await,
            Route::Style => answer(StatusCode::OK, HeaderValue::from_static("text/css; charset=utf-8"), CSS.into()),
            Route::Test => self.test(request, visitor).await,
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
            "/" => Some(Route::Status),
            API => Some(Route::Api),
            STYLE => Some(Route::Style),
            TEST => Some(Route::Test),
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
        let name = match self.named(PROBE, request) {
            Ok(name) => name,
            Err((status, told)) => return text(status, told),
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
        match permission::may_act(request, visitor) {
            Ok(()) => requests.answer().await,
            Err(refusal) => text(StatusCode::FORBIDDEN, format!("{refusal}\n")),
        }
    }

    /// The one connection that a query names, or what is wrong with it.
    fn named(&self, path: &str, request: &Request<Incoming>) -> Result<ConnectionName, (StatusCode, String)> {
        let query = request.uri().query().unwrap_or_default();
        let mut named = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "connection");
        let (Some((_, name)), None) = (named.next(), named.next()) else {
            let told = format!("name one connection: {path}?connection=NAME; {}\n", self.known_names());
            return Err((StatusCode::BAD_REQUEST, told));
        };
        // What is no name cannot be that of a connection, and need not be repeated.
        ConnectionName::new(&name).map_err(|_| {
            let told = format!("there is no connection of that name; {}\n", self.known_names());
            (StatusCode::NOT_FOUND, told)
        })
    }

    async fn status(&self, request: &Request<Incoming>, visitor: Visitor) -> Answer {
        let view = View::of(&self.cache.status().await);
        let around = Surroundings {
            telemetry_path: self.telemetry_path.as_str(),
            probe: PROBE,
            api: API,
            style: STYLE,
            test: TEST,
            may_test: permission::is_trusted(request, visitor),
        };
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let mut answer = of_the_moment(answer(StatusCode::OK, content_type, page(&view, around).into()));
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        // Without any, a browser would not say which page the button was on.
        answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        answer
    }

    async fn api(&self) -> Answer {
        let view = View::of(&self.cache.status().await);
        let json = serde_json::to_vec(&view).expect("the view has nothing that JSON lacks");
        of_the_moment(answer(StatusCode::OK, HeaderValue::from_static("application/json"), json.into()))
    }

    /// Has a connection tested, and sends the browser back to the page, which shows the result.
    async fn test(&self, request: &Request<Incoming>, visitor: Visitor) -> Answer {
        if let Err(refusal) = permission::may_act(request, visitor) {
            debug!(from = %visitor.from, %refusal, "a test of a connection was refused");
            return text(StatusCode::FORBIDDEN, format!("{refusal}\n"));
        }
        let name = match self.named(TEST, request) {
            Ok(name) => name,
            Err((status, told)) => return text(status, told),
        };
        if let Err(unknown) = self.cache.test(&name).await {
            return not_found(&unknown);
        }
        let mut answer = text(StatusCode::SEE_OTHER, "tested; / shows the result\n");
        let place = format!("/#connection-{name}");
        let place = HeaderValue::from_str(&place).expect("a connection's name is made of letters and digits");
        answer.headers_mut().insert(LOCATION, place);
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
    const fn methods(self) -> &'static [Method] {
        match self {
            // To HEAD, hyper gives the same head and leaves the body out.
            Self::Metrics
            | Self::Probe
            | Self::Discovery
            | Self::Healthy
            | Self::Ready
            | Self::Status
            | Self::Api
            | Self::Style => &[Method::GET, Method::HEAD],
            Self::Reload | Self::Test => &[Method::POST],
        }
    }

    fn refuse_method(self) -> Answer {
        let (told, allowed) = if self.methods().contains(&Method::POST) {
            ("this has something done: POST\n", "POST")
        } else {
            ("this page is only read: GET or HEAD\n", "GET, HEAD")
        };
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, told);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        answer
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

/// Nobody is to be shown it later as if it were new.
fn of_the_moment(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
