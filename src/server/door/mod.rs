//! The way in: who may come, how many at once, how long they may be silent. What they are answered is not its business.

mod conversations;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::routes::Routes;

use conversations::{Conversations, Pulse};

/// A bound port that does not answer yet.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
}

/// How long answers that are under way at the end may still take.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when the system gives no more connections, which only others can change.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_millis(500);

/// How often to look for clients that have been silent for too long.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A scraper's head has one to two thousand bytes; one with more than this is refused.
const MOST_BYTES_OF_A_HEAD: usize = 32 * 1024;

impl Door {
    pub(super) async fn bind(address: &str) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets clients in until told to stop, then lets answers under way end.
    pub(super) async fn open(self, routes: Arc<Routes>, stop: CancellationToken) {
        let mut conversations = Conversations::default();
        let graceful = GracefulShutdown::new();
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => conversations.end_the_silent(),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if stop.run_until_cancelled(conversations.make_room()).await.is_none() {
                            break;
                        }
                        let pulse = Arc::new(Pulse::new());
                        let conversation = converse(stream, Arc::clone(&routes), Arc::clone(&pulse), graceful.watcher());
                        conversations.add(pulse, tokio::spawn(conversation));
                    }
                    Err(error) if is_the_clients(&error) => debug!(%error, "a client went away before it was heard"),
                    Err(error) => {
                        warn!(%error, "could not accept a connection; trying again shortly");
                        stop.run_until_cancelled(sleep(PAUSE_WHEN_REFUSED)).await;
                    }
                },
            }
        }
        drop(self.listener);
        if timeout(GRACE, graceful.shutdown()).await.is_err() {
            info!("some clients did not take their answers in time; leaving without them");
        }
    }
}

async fn converse(stream: TcpStream, routes: Arc<Routes>, pulse: Arc<Pulse>, watcher: Watcher) {
    // An answer is written whole, there is nothing to gather; it matters only for speed, so that a failure is none.
    let _ = stream.set_nodelay(true);
    // One count for this client alone: that of all clients' routes would be fought over by the threads.
    let shared = Arc::new((routes, pulse));
    let answer = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move {
            let (routes, pulse) = &*shared;
            let _under_way = pulse.answer();
            Ok::<_, Infallible>(routes.answer(&request).await)
        }
    });
    // Whoever is silent is seen to by `conversations`, without a timer for each request.
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(MOST_BYTES_OF_A_HEAD);
    if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), answer)).await {
        debug!(%error, "a client's connection ended early");
    }
}

/// Whether the failure ends with the one client that it met.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
