//! Carries requests to the site and answers back, and lets the wire fail where a fault says so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::api::{self, Answered, Reply, Site, Token, percent_decoded};
use crate::control;
use crate::fault::{Fault, FaultKind, Faults, Target};
use crate::journal::{Asked, InFlight, Journal};

/// The largest body that a client may send: 250 account ids are far below.
const MOST_REQUEST_BYTES: usize = 1024 * 1024;
/// So much of a request's body is kept in the journal.
const MOST_JOURNAL_BYTES: usize = 16 * 1024;
const ENDLESS_PIECE: [u8; 16 * 1024] = [b' '; 16 * 1024];
/// `silence` ends then, long after any client has given up.
const SILENCE: Duration = Duration::from_mins(10);

/// Everything that the server's tasks share.
pub(crate) struct Shared {
    pub(crate) site: Site,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    /// The default ones: unscoped, scoped, service account.
    pub(crate) tokens: [Token; 3],
    pub(crate) latency_ms: AtomicU64,
    pub(crate) traces: AtomicU64,
}

impl Shared {
    pub(crate) fn set_latency_ms(&self, millis: u64) {
        self.latency_ms.store(millis, Ordering::Relaxed);
    }

    /// A fault of the CDN that has no end of its own lasts a minute.
    pub(crate) fn inject(&self, mut fault: Fault) {
        if fault.kind == FaultKind::FalseNotFound && fault.until_ms.is_none() && fault.times.is_none() {
            fault.until_ms = Some(self.site.clock.now_ms() + 60_000);
        }
        self.faults.inject(fault);
    }
}

/// Serves until the task is aborted; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that could not be accepted is the client's loss; the next one may come.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve_connection(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let stream = Resettable { stream, reset: Arc::clone(&reset) };
    let service = service_fn(move |request| {
        let (shared, reset) = (Arc::clone(&shared), Arc::clone(&reset));
        async move { answer(&shared, request, &reset).await }
    });
    // How a connection ends is the client's business, or a fault's.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    reset: &AtomicBool,
) -> Result<Response<Sent>, io::Error> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with(control::PREFIX) {
        let body = collect(body).await;
        let reply = control::answer(shared, head.method.as_str(), head.uri.path(), &body);
        return Ok(respond(shared, reply, Wire::Good, None));
    }
    let in_flight = shared.journal.begin();
    let body = collect(body).await;
    let header = |name| head.headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok());
    let authorization = header(AUTHORIZATION);
    let query = head.uri.query().unwrap_or_default();
    let request =
        api::Request { method: head.method.as_str(), path: head.uri.path(), query, authorization, body: &body };
    let route = api::route(&shared.site.cloud_id, request.method, request.path);
    let mut note = Note::begin(&shared.journal, &request, &route);
    let latency = Duration::from_millis(shared.latency_ms.load(Ordering::Relaxed));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let fault = shared.faults.strike(&Target {
        operation: route.operation(),
        base: route.base(),
        variable: route.variable(),
        body: request.body,
        query,
        now_ms: shared.site.clock.now_ms(),
    });
    note.asked.fault = fault.as_ref().map(|fault| fault.kind);
    note.asked.at_ms = shared.site.clock.now_ms();
    let wire = fault.as_ref().map_or(Wire::Good, Wire::of);
    if let Wire::Late(delay) | Wire::Silent(delay) = wire {
        tokio::time::sleep(delay).await;
    }
    let good = || shared.site.answer(&route, &request);
    let Answered { reply, username, rejected } = match &fault {
        Some(fault) => shared.site.strike(fault, &route, good),
        None => good(),
    };
    note.asked.at_ms = reply.date_ms.unwrap_or_else(|| shared.site.clock.now_ms());
    note.asked.username = username;
    note.asked.rejected = rejected;
    if matches!(wire, Wire::Reset | Wire::Silent(_)) {
        reset.store(matches!(wire, Wire::Reset), Ordering::SeqCst);
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    note.asked.status = reply.status;
    Ok(respond(shared, reply, wire, Some(in_flight)))
}

/// What the journal will say of a request, also of one whose client went away before it was answered.
struct Note<'a> {
    journal: &'a Journal,
    asked: Asked,
}

impl<'a> Note<'a> {
    fn begin(journal: &'a Journal, request: &api::Request<'_>, route: &api::Route) -> Self {
        let body = &request.body[..request.body.len().min(MOST_JOURNAL_BYTES)];
        let scheme = request.authorization.map(|header| header.split(' ').next().unwrap_or_default());
        let asked = Asked {
            number: 0,
            at_ms: 0,
            method: request.method.to_owned(),
            base: route.base(),
            operation: route.operation(),
            path: request.path.to_owned(),
            query: request.query.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            username: None,
            scheme: scheme.map(str::to_ascii_lowercase),
            status: 0,
            rejected: None,
            fault: None,
        };
        Self { journal, asked }
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        self.journal.write(std::mem::take(&mut self.asked));
    }
}

async fn collect(body: Incoming) -> Bytes {
    Limited::new(body, MOST_REQUEST_BYTES)
        .collect()
        .await
        .map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes)
}

/// How the wire treats an answer.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Good,
    Late(Duration),
    Silent(Duration),
    CutShort,
    Endless,
    Reset,
}

impl Wire {
    fn of(fault: &Fault) -> Self {
        match fault.kind {
            FaultKind::Slow => Self::Late(Duration::from_secs(fault.seconds.unwrap_or(5))),
            FaultKind::Silence => Self::Silent(SILENCE),
            FaultKind::CutShort => Self::CutShort,
            FaultKind::Endless => Self::Endless,
            FaultKind::Reset => Self::Reset,
            _ => Self::Good,
        }
    }
}

fn respond(shared: &Shared, reply: Reply, wire: Wire, in_flight: Option<InFlight>) -> Response<Sent> {
    let date_ms = reply.date_ms.unwrap_or_else(|| shared.site.clock.now_ms());
    let date = Timestamp::from_second(date_ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH);
    let trace = shared.traces.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(CONTENT_TYPE, reply.content_type)
        .header(DATE, date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .header(
            "atl-traceid",
            format!("{:032x}", u128::from(crate::world::mix(trace, 0x7ace)) << 40 | u128::from(trace)),
        );
    for (name, value) in &reply.headers {
        response = response.header(*name, header_value(value));
    }
    let pieces = match wire {
        Wire::CutShort => Pieces::CutShort(reply.body.slice(..reply.body.len() / 2), reply.body.len()),
        Wire::Endless => Pieces::Endless,
        Wire::Good | Wire::Late(_) | Wire::Silent(_) | Wire::Reset => Pieces::Whole(reply.body),
    };
    if let Pieces::CutShort(_, promised) = &pieces {
        response = response.header(CONTENT_LENGTH, *promised);
    }
    response.body(Sent { pieces, _in_flight: in_flight }).unwrap_or_else(|_| {
        let mut response = Response::new(Sent { pieces: Pieces::Done, _in_flight: None });
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Keys may hold what no header may.
fn header_value(value: &str) -> String {
    if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        value.to_owned()
    } else {
        percent_decoded(value).escape_default().to_string()
    }
}

/// An answer's body. While it is being sent the request counts as in flight.
struct Sent {
    pieces: Pieces,
    _in_flight: Option<InFlight>,
}

enum Pieces {
    Whole(Bytes),
    /// Less than the length that was promised.
    CutShort(Bytes, usize),
    Endless,
    Unsent,
    Broken,
    Done,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if matches!(self.pieces, Pieces::Unsent) {
            // A pause, in which what there is is sent: it would be thrown away with the connection.
            self.pieces = Pieces::Broken;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (piece, rest) = match std::mem::replace(&mut self.pieces, Pieces::Done) {
            Pieces::Whole(body) => (Some(Ok(Frame::data(body))), Pieces::Done),
            Pieces::CutShort(body, _) => (Some(Ok(Frame::data(body))), Pieces::Unsent),
            Pieces::Endless => (Some(Ok(Frame::data(Bytes::from_static(&ENDLESS_PIECE)))), Pieces::Endless),
            Pieces::Unsent | Pieces::Broken => (Some(Err(io::ErrorKind::ConnectionAborted.into())), Pieces::Done),
            Pieces::Done => (None, Pieces::Done),
        };
        self.pieces = rest;
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.pieces, Pieces::Done) || matches!(&self.pieces, Pieces::Whole(body) if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.pieces {
            Pieces::Whole(body) => SizeHint::with_exact(body.len() as u64),
            Pieces::CutShort(_, promised) => SizeHint::with_exact(*promised as u64),
            Pieces::Done => SizeHint::with_exact(0),
            Pieces::Endless | Pieces::Unsent | Pieces::Broken => SizeHint::default(),
        }
    }
}

/// A connection that can be reset instead of closed.
struct Resettable {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            // Without lingering, closing sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
