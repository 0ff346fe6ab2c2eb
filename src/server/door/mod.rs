//! The way in: who may come, how many at once, how long they may be silent. What they are answered is not its business.

mod conversations;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzed;
mod listeners;
mod lock;
mod tls;
mod users;
mod visit;
mod web_config;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::routes::Routes;

use conversations::{Conversations, Pulse};
use listeners::Listeners;
use lock::Lock;
use visit::Visit;

pub use listeners::ListenError;
pub use lock::WebConfigError;
pub(super) use visit::Visitor;

/// Bound ports that do not answer yet, and what is asked of those who come.
#[derive(Debug)]
pub(super) struct Door {
    listeners: Listeners,
    /// None where everybody may come in, unencrypted.
    lock: Option<Arc<Lock>>,
}

/// How long answers that are under way at the end may still take.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when the system gives no more connections, which only others can change.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_millis(500);

/// How often to look for clients that have been silent for too long.
const ROUND_EVERY: Duration = Duration::from_secs(5);

impl Door {
    pub(super) async fn at(addresses: &[String]) -> Result<Self, ListenError> {
        Ok(Self { listeners: Listeners::at(addresses).await?, lock: None })
    }

    pub(super) fn handed_over() -> Result<Self, ListenError> {
        Ok(Self { listeners: Listeners::handed_over()?, lock: None })
    }

    pub(super) fn locked(self, web_config: &Path) -> Result<Self, WebConfigError> {
        Ok(Self { lock: Some(Arc::new(Lock::read(web_config)?)), ..self })
    }

    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.addresses()
    }

    /// Lets clients in until told to stop, then lets answers under way end.
    pub(super) async fn open(self, routes: Arc<Routes>, stop: CancellationToken) {
        let mut conversations = Conversations::default();
        let graceful = GracefulShutdown::new();
        let mut round = interval(ROUND_EVERY);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = round.tick() => conversations.end_the_silent(),
                accepted = self.listeners.accept() => match accepted {
                    Ok((stream, from)) => {
                        if stop.run_until_cancelled(conversations.make_room()).await.is_none() {
                            break;
                        }
                        let pulse = Arc::new(Pulse::new());
                        let (routes, lock) = (Arc::clone(&routes), self.lock.clone());
                        let visit = Visit { routes, lock, pulse: Arc::clone(&pulse), from };
                        let (watcher, stop) = (graceful.watcher(), stop.clone());
                        conversations.add(pulse, tokio::spawn(visit.receive(stream, watcher, stop)));
                    }
                    Err(error) if is_the_clients(&error) => debug!(%error, "a client went away before it was heard"),
                    Err(error) => {
                        warn!(%error, "could not accept a connection; trying again shortly");
                        stop.run_until_cancelled(sleep(PAUSE_WHEN_REFUSED)).await;
                    }
                },
            }
        }
        drop(self.listeners);
        if timeout(GRACE, graceful.shutdown()).await.is_err() {
            info!("some clients did not take their answers in time; leaving without them");
        }
    }
}

/// Whether a web configuration could be used now.
pub(super) fn check(web_config: &Path) -> Result<(), WebConfigError> {
    Lock::read(web_config).map(drop)
}

/// Whether the failure ends with the one client that it met.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
