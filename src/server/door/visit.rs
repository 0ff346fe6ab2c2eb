//! One client's stay: the handshake, then request by request who asks and what is answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::server::routes::{self, Answer, Routes};

use super::conversations::Pulse;
use super::lock::Lock;
use super::users::Refused;

/// What a client's requests have in common.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) routes: Arc<Routes>,
    pub(super) lock: Option<Arc<Lock>>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) from: SocketAddr,
}

/// What is known of who asks. Whatever does more than show numbers has to look at this first.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Visitor {
    pub(in crate::server) from: SocketAddr,
    /// A name and its password were asked for, and given.
    pub(in crate::server) has_logged_in: bool,
}

/// Longer than a handshake takes over any line that is fit for scraping.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);

/// A scraper's head has one to two thousand bytes; one with more than this is refused.
const MOST_BYTES_OF_A_HEAD: u32 = 32 * 1024;

/// How many requests may be under way at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 16;

impl Visit {
    pub(super) async fn receive(self, stream: TcpStream, watcher: Watcher, stop: CancellationToken) {
        // An answer is written whole, there is nothing to gather; it matters only for speed, so that a failure is none.
        let _ = stream.set_nodelay(true);
        let tls = match &self.lock {
            Some(lock) => lock.rules().await.tls.clone(),
            None => None,
        };
        let Some(tls) = tls else { return self.talk(stream, watcher).await };
        let handshake = timeout(LONGEST_HANDSHAKE, TlsAcceptor::from(tls).accept(stream));
        match stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.talk_in_streams(stream, watcher).await;
            }
            Some(Ok(Ok(stream))) => self.talk(stream, watcher).await,
            Some(Ok(Err(error))) => debug!(from = %self.from, %error, "a TLS handshake failed"),
            Some(Err(_)) => debug!(from = %self.from, "a TLS handshake took too long"),
            None => {}
        }
    }

    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let answer = self.answering();
        // Whoever is silent is seen to by `conversations`, without a timer for each request.
        let mut http = http1::Builder::new();
        http.header_read_timeout(None).max_buf_size(MOST_BYTES_OF_A_HEAD as usize);
        if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), answer)).await {
            debug!(%error, "a client's connection ended early");
        }
    }

    /// The same in HTTP/2.
    async fn talk_in_streams(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let answer = self.answering();
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.max_concurrent_streams(MOST_STREAMS).max_header_list_size(MOST_BYTES_OF_A_HEAD);
        if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), answer)).await {
            debug!(%error, "a client's connection ended early");
        }
    }

    fn answering(
        self,
    ) -> impl HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible, Future: Send + 'static> + Send + 'static
    {
        // One count for this client alone: that of all clients' routes would be fought over by the threads.
        let visit = Arc::new(self);
        service_fn(move |request| {
            let visit = Arc::clone(&visit);
            async move {
                let _under_way = visit.pulse.answer();
                Ok(visit.answer(&request).await)
            }
        })
    }

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let visitor = Visitor { from: self.from, has_logged_in: false };
        let Some(lock) = &self.lock else { return self.routes.answer(request, visitor).await };
        let rules = lock.rules().await;
        let mut answer = match &rules.users {
            None => self.routes.answer(request, visitor).await,
            Some(users) => match users.check(request.headers()).await {
                Ok(()) => self.routes.answer(request, Visitor { has_logged_in: true, ..visitor }).await,
                Err(Refused) => unauthorized(),
            },
        };
        for (name, value) in &rules.headers {
            answer.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        answer
    }
}

fn unauthorized() -> Answer {
    let mut answer = routes::text(StatusCode::UNAUTHORIZED, "a name and its password are asked for\n");
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"confluence-exporter\""));
    answer
}
