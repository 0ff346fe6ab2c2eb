//! Answers HTTP: metrics, probes, health, a plain page. What stands on a page of metrics is `cache`'s business.

mod door;
mod index;
mod negotiation;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cache::Cache;

use door::Door;
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
    door: Door,
    telemetry_path: TelemetryPath,
}

#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}")]
pub struct BindError {
    pub address: String,
    #[source]
    source: io::Error,
}

impl Server {
    pub async fn bind(settings: &Settings) -> Result<Self, BindError> {
        let address = match settings.listen_address.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => settings.listen_address.clone(),
        };
        match Door::bind(&address).await {
            Ok(door) => Ok(Self { door, telemetry_path: settings.telemetry_path.clone() }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.door.local_addr()
    }

    /// Answers until told to stop, then lets answers under way end.
    pub async fn serve(self, cache: Cache, stop: CancellationToken) {
        self.door.open(Arc::new(Routes::new(cache, self.telemetry_path)), stop).await;
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
