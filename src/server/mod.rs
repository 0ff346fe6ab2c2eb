//! Answers HTTP: metrics, probes and their discovery, health, the status page, reloads. What stands on a page of metrics is `cache`'s
//! business.

mod discovery;
mod door;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod negotiation;
mod permission;
mod reload;
mod routes;
mod status;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cache::Cache;

use door::Door;
use routes::Routes;

pub use door::{ListenError, WebConfigError};
pub use reload::{ReloadEnd, ReloadRequest, ReloadRequests};

/// Where and how the exporter is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub listen: Listen,
    /// Where the metrics are. Default: `/metrics`.
    pub telemetry_path: TelemetryPath,
    /// The file that says how clients are let in, in the format of Prometheus' exporters. Default: none, everybody is.
    pub web_config: Option<PathBuf>,
}

/// Where clients find the exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At each of these, host and port; without a host, on every IPv4 address. Default: `0.0.0.0:10054`.
    Addresses(Vec<String>),
    /// At the sockets that systemd hands over.
    SystemdSocket,
}

/// A path of which no other page is in the way: it begins with `/`, and is not `/probe`, `/sd` or under `/-/` or `/api/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a path for metrics: it begins with '/', has no '?' or '#', and is not /probe, /sd or under /-/ or /api/")]
pub struct BadTelemetryPath;

/// Bound ports that do not answer yet.
#[derive(Debug)]
pub struct Server {
    door: Door,
    telemetry_path: TelemetryPath,
    reloads: Option<ReloadRequests>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
}

impl Server {
    pub async fn bind(settings: &Settings) -> Result<Self, StartError> {
        let door = match &settings.listen {
            Listen::Addresses(addresses) => Door::at(addresses).await?,
            Listen::SystemdSocket => Door::handed_over()?,
        };
        let door = match &settings.web_config {
            Some(web_config) => door.locked(web_config)?,
            None => door,
        };
        Ok(Self { door, telemetry_path: settings.telemetry_path.clone(), reloads: None })
    }

    /// Puts requests to read the configuration again here; without this there is no page that takes them.
    #[must_use]
    pub fn with_reloads(self, requests: ReloadRequests) -> Self {
        Self { reloads: Some(requests), ..self }
    }

    /// At least one, in the order of the settings.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.door.addresses()
    }

    /// Answers until told to stop, then lets answers under way end.
    pub async fn serve(self, cache: Cache, stop: CancellationToken) {
        let own_address = self.own_address();
        let routes = Routes::new(cache, self.telemetry_path, self.reloads, own_address);
        self.door.open(Arc::new(routes), stop).await;
    }

    /// For whoever does not say under which address he has reached the exporter.
    fn own_address(&self) -> String {
        let first = self.addresses().ok().and_then(|addresses| addresses.first().copied());
        match first {
            Some(address) if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
            Some(address) => address.to_string(),
            None => "localhost".to_owned(),
        }
    }
}

/// Whether a web configuration, its certificates included, could be used now.
pub fn check_web_config(file: &Path) -> Result<(), WebConfigError> {
    door::check(file)
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: Listen::default(), telemetry_path: TelemetryPath("/metrics".to_owned()), web_config: None }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self::at("0.0.0.0:10054")
    }
}

impl Listen {
    pub fn at(address: &str) -> Self {
        Self::Addresses(vec![address.to_owned()])
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
        let is_taken = [routes::PROBE, routes::DISCOVERY].contains(&path)
            || ["/-/", "/api/"].iter().any(|folder| path.starts_with(folder));
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
        let first = Server::bind(&listening_at("127.0.0.1:0")).await;
        let address = first.as_ref().unwrap().addresses().unwrap()[0].to_string();

        let second = Server::bind(&listening_at(&address)).await;

        assert_eq!(second.unwrap_err().to_string(), format!("could not listen on {address}"));
    }

    #[tokio::test]
    async fn the_own_address_is_one_that_leads_here() {
        for (listen, own) in [("127.0.0.1:0", "127.0.0.1:"), ("0.0.0.0:0", "localhost:"), ("[::1]:0", "[::1]:")] {
            let server = Server::bind(&listening_at(listen)).await.unwrap();
            let port = server.addresses().unwrap()[0].port();
            assert_eq!(server.own_address(), format!("{own}{port}"));
        }
    }

    fn listening_at(address: &str) -> Settings {
        Settings { listen: Listen::at(address), ..Settings::default() }
    }

    #[test]
    fn a_telemetry_path_takes_no_other_pages_place() {
        assert_eq!("/custom/metrics".parse(), Ok(TelemetryPath("/custom/metrics".to_owned())));
        assert_eq!("/".parse(), Ok(TelemetryPath("/".to_owned())));
        let bad =
            ["", "metrics", "/probe", "/sd", "/-/healthy", "/api/v1/metrics", "/me trics", "/metrics?all", "/métrics"];
        for bad in bad {
            assert_eq!(bad.parse::<TelemetryPath>(), Err(BadTelemetryPath), "{bad}");
        }
    }
}
