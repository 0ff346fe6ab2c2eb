//! A server with a web configuration, and curl as its client.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use confluence_exporter::server::Settings;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::certificates::Authority;
use crate::http::{Running, on_loopback};

/// bcrypt's least, so that a test need not wait: of `open sesame`.
pub(crate) const PASSWORD: &str = "open sesame";

pub(crate) const TLS: &str = "tls_server_config: { cert_file: exporter.crt, key_file: exporter.key }\n";

pub(crate) struct Locked {
    pub(crate) authority: Authority,
    pub(crate) server: Running,
    folder: TempDir,
}

/// What curl saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// 0 where there was no answer.
    pub(crate) status: u16,
    pub(crate) http: String,
    pub(crate) head: String,
}

impl Locked {
    /// Certificates lie beside the web configuration: the exporter's, a client's and their authority's.
    pub(crate) async fn by(web_config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.crt"), &authority.certificate).unwrap();
        authority.server().write(folder.path(), "exporter");
        authority.client().write(folder.path(), "client");
        authority.client().write(folder.path(), "prometheus");
        // The examples have them in a folder of their own.
        symlink(".", folder.path().join("tls")).unwrap();
        let path = folder.path().join("web.yml");
        fs::write(&path, web_config).unwrap();
        let settings = Settings { web_config: Some(path), ..on_loopback() };
        Self { authority, server: Running::start_with(&settings, Vec::new()).await, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `https://`, with the authority's certificate.
    pub(crate) async fn curl(&self, arguments: &[&str]) -> Seen {
        curl(self.folder.path(), "https", self.server.address.port(), arguments).await
    }

    pub(crate) async fn curl_plain(&self, arguments: &[&str]) -> Seen {
        curl(self.folder.path(), "http", self.server.address.port(), arguments).await
    }

    /// Asks until the status is this one; what has changed is seen within a second.
    pub(crate) async fn curl_until(&self, status: u16, scheme: &str, arguments: &[&str]) {
        let begun = Instant::now();
        loop {
            let seen = curl(self.folder.path(), scheme, self.server.address.port(), arguments).await;
            if seen.status == status {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{status} never came: {seen:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn curl(folder: &Path, scheme: &str, port: u16, arguments: &[&str]) -> Seen {
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "--max-time", "20", "--cacert", "ca.crt", "-o", "body", "-D", "-"]);
    command.args(["-w", "\n%{http_code} %{http_version}"]).args(arguments).current_dir(folder);
    let output = command.arg(format!("{scheme}://localhost:{port}/metrics")).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, written) = text.rsplit_once('\n').unwrap();
    let (status, http) = written.split_once(' ').unwrap();
    Seen { status: status.parse().unwrap(), http: http.to_owned(), head: head.to_lowercase() }
}

/// A `basic_auth_users` with these names, all with the same password.
pub(crate) fn users(names: &[&str]) -> String {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let lines: Vec<String> = names.iter().map(|name| format!("  {name}: {hash}\n")).collect();
    format!("basic_auth_users:\n{}", lines.concat())
}
