//! Answers HTTP: metrics, probes, health, a plain page. What stands on a page of metrics is `cache`'s business.

mod index;
mod negotiation;
mod routes;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::cache::Cache;

use routes::Routes;

/// Where and how the exporter is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Host and port to listen on; without a host, on every IPv4 address. Default: `0.0.0.0:10054`.
    pub listen_address: String,
    /// Where the metrics are. Default: `/metrics`.
    pub telemetry_path: TelemetryPath,
}

/// A path of which no other page is in the way: it begins with `/`, and is neither `/probe` nor under `/-/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a path for metrics: it begins with '/', has no '?' or '#', and is neither /probe nor under /-/")]
pub struct BadTelemetryPath;

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    telemetry_path: TelemetryPath,
}

#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}")]
pub struct BindError {
    pub address: String,
    #[source]
    source: io::Error,
}

/// More than any set of scrapers needs; one more waits until another is gone.
const MOST_CONNECTIONS: usize = 512;

/// How long a client may be silent before or within a request's head: a scraper that comes once a minute
/// finds its connection still open.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// How long answers that are under way at the end may still take.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when the system gives no more connections, which only others can change.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_millis(500);

impl Server {
    pub async fn bind(settings: &Settings) -> Result<Self, BindError> {
        let address = match settings.listen_address.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => settings.listen_address.clone(),
        };
        match TcpListener::bind(&address).await {
            Ok(listener) => Ok(Self { listener, telemetry_path: settings.telemetry_path.clone() }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until told to stop, then lets answers under way end.
    pub async fn serve(self, cache: Cache, stop: CancellationToken) {
        let routes = Arc::new(Routes::new(cache, self.telemetry_path));
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let next = async || {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            self.listener.accept().await.map(|(stream, _)| (stream, place))
        };
        while let Some(accepted) = stop.run_until_cancelled(next()).await {
            match accepted {
                Ok((stream, place)) => {
                    let conversation = graceful.watch(converse(stream, Arc::clone(&routes)));
                    tokio::spawn(async move {
                        if let Err(error) = conversation.await {
                            debug!(%error, "a client's connection ended early");
                        }
                        drop(place);
                    });
                }
                Err(error) if is_the_clients(&error) => debug!(%error, "a client went away before it was heard"),
                Err(error) => {
                    warn!(%error, "could not accept a connection; trying again shortly");
                    stop.run_until_cancelled(sleep(PAUSE_WHEN_REFUSED)).await;
                }
            }
        }
        drop(self.listener);
        if timeout(GRACE, graceful.shutdown()).await.is_err() {
            info!("some clients did not take their answers in time; leaving without them");
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen_address: "0.0.0.0:10054".to_owned(), telemetry_path: TelemetryPath("/metrics".to_owned()) }
    }
}

impl TelemetryPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TelemetryPath {
    type Err = BadTelemetryPath;

    fn from_str(path: &str) -> Result<Self, BadTelemetryPath> {
        let is_taken = path == routes::PROBE || path.starts_with("/-/");
        let is_path =
            path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
        if is_path && !is_taken { Ok(Self(path.to_owned())) } else { Err(BadTelemetryPath) }
    }
}

fn converse(
    stream: TcpStream,
    routes: Arc<Routes>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // An answer is written whole, there is nothing to gather; it matters only for speed, so that a failure is none.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(&request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_SILENCE)
        .serve_connection(TokioIo::new(stream), answer)
}

/// Whether the failure ends with the one client that it met.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = Server::bind(&Settings { listen_address: "127.0.0.1:0".to_owned(), ..Settings::default() }).await;
        let address = first.as_ref().unwrap().local_addr().unwrap().to_string();

        let second = Server::bind(&Settings { listen_address: address.clone(), ..Settings::default() }).await;

        assert_eq!(second.unwrap_err().to_string(), format!("could not listen on {address}"));
    }

    #[test]
    fn a_telemetry_path_takes_no_other_pages_place() {
        assert_eq!("/custom/metrics".parse(), Ok(TelemetryPath("/custom/metrics".to_owned())));
        assert_eq!("/".parse(), Ok(TelemetryPath("/".to_owned())));
        for bad in ["", "metrics", "/probe", "/-/healthy", "/me trics", "/metrics?all", "/métrics"] {
            assert_eq!(bad.parse::<TelemetryPath>(), Err(BadTelemetryPath), "{bad}");
        }
    }
}
