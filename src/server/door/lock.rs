//! What the web configuration asks of those who come, read anew when one of its files has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper::HeaderMap;
use ring::digest;
use rustls::ServerConfig;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::yaml;

use super::tls::{self, Files, TlsProblem};
use super::users::Users;
use super::web_config::WebYaml;

/// The web configuration as it now stands.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    rules: RwLock<Arc<Rules>>,
    begun: Instant,
    looked_after_ms: AtomicU64,
    /// What the files were like, used or not.
    seen: Mutex<Fingerprint>,
}

/// What is asked of those who come.
#[derive(Debug)]
pub(super) struct Rules {
    /// None where the web configuration wants no TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// For every answer that does not set them itself.
    pub(super) headers: HeaderMap,
    /// None where everybody may come in.
    pub(super) users: Option<Users>,
}

/// Why a web configuration is not taken: the file, the line and the key, and never a value.
#[derive(Debug, thiserror::Error)]
pub enum WebConfigError {
    #[error("cannot read the web configuration {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {problem}", path.display())]
    Wrong { path: PathBuf, problem: String },
}

/// What tells some files from others.
type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

/// A crowd of clients has the files read no more often than this.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(1);

impl Lock {
    pub(super) fn read(path: &Path) -> Result<Self, WebConfigError> {
        let (seen, rules) = Rules::read(path);
        Ok(Self {
            path: path.to_owned(),
            rules: RwLock::new(Arc::new(rules?)),
            begun: Instant::now(),
            looked_after_ms: AtomicU64::new(0),
            seen: Mutex::new(seen),
        })
    }

    /// What holds now: one of the clients looks whether a file has changed.
    pub(super) async fn rules(self: &Arc<Self>) -> Arc<Rules> {
        if self.is_time_to_look() {
            let lock = Arc::clone(self);
            // Ends well, or nothing changes.
            let _ = spawn_blocking(move || lock.look()).await;
        }
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// True for one caller in a while.
    fn is_time_to_look(&self) -> bool {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let looked = self.looked_after_ms.load(Ordering::Relaxed);
        let is_time = u128::from(now.saturating_sub(looked)) >= LOOK_AT_MOST_EVERY.as_millis();
        is_time && self.looked_after_ms.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A web configuration that cannot be used changes nothing: a certificate may be there before its key is.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, rules) = Rules::read(&self.path);
        if found == *seen {
            return;
        }
        *seen = found;
        let mut current = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        match rules.and_then(|rules| current.may_be_followed_by(rules, &self.path)) {
            Ok(rules) => {
                *current = Arc::new(rules);
                info!("the web configuration has changed, and is used as it is now");
            }
            Err(error) => {
                warn!(reason = %with_cause(&error), "the web configuration has changed and cannot be used; the old one is used on");
            }
        }
    }
}

impl Rules {
    /// With what tells these files from others; if they cannot be used, too, so that it is said once.
    fn read(path: &Path) -> (Fingerprint, Result<Self, WebConfigError>) {
        let mut fingerprint = digest::Context::new(&digest::SHA256);
        let rules = Self::read_files(path, |contents| {
            fingerprint.update(&contents.len().to_be_bytes());
            fingerprint.update(contents);
        });
        if let Err(error) = &rules {
            fingerprint.update(with_cause(error).as_bytes());
        }
        let mut found = [0; digest::SHA256_OUTPUT_LEN];
        found.copy_from_slice(fingerprint.finish().as_ref());
        (found, rules)
    }

    fn read_files(path: &Path, mut note: impl FnMut(&[u8])) -> Result<Self, WebConfigError> {
        let wrong = |problem: String| WebConfigError::Wrong { path: path.to_owned(), problem };
        let text = std::fs::read_to_string(path)
            .map_err(|source| WebConfigError::Unreadable { path: path.to_owned(), source })?;
        note(text.as_bytes());
        // An empty file is one that asks for nothing.
        let web: WebYaml = yaml::read::<Option<WebYaml>>(&text).map_err(wrong)?.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new(""));
        let tls = web.tls_server_config.as_ref().map(|tls| {
            let files = Files::read(tls, folder)?;
            files.contents().for_each(&mut note);
            tls::server_config(tls, &files, web.http_server_config.http2).map(Arc::new)
        });
        let tls = tls.transpose().map_err(|problem: TlsProblem| wrong(problem.to_string()))?;
        let headers = web.http_server_config.headers.into_iter();
        Ok(Self {
            tls,
            headers: headers.map(|(header, value)| (header.name(), value)).collect(),
            users: Users::of(web.basic_auth_users),
        })
    }

    /// What is open to the few does not become open to all by a slip, such as a file that is just being written.
    fn may_be_followed_by(&self, next: Self, path: &Path) -> Result<Self, WebConfigError> {
        let problem = if self.tls.is_some() != next.tls.is_some() {
            "tls_server_config comes and goes with a restart only"
        } else if self.users.is_some() && next.users.is_none() {
            "basic_auth_users: the last one goes with a restart only"
        } else {
            return Ok(next);
        };
        Err(WebConfigError::Wrong { path: path.to_owned(), problem: problem.to_owned() })
    }
}

fn with_cause(error: &WebConfigError) -> String {
    match error {
        WebConfigError::Unreadable { source, .. } => format!("{error}: {source}"),
        WebConfigError::Wrong { .. } => error.to_string(),
    }
}
