//! Where clients knock: ports of our own, or sockets that systemd has opened.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream};

/// At least one.
#[derive(Debug)]
pub(super) struct Listeners(Vec<TcpListener>);

#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address}")]
pub struct ListenError {
    address: String,
    #[source]
    source: io::Error,
}

impl Listeners {
    pub(super) async fn at(addresses: &[String]) -> Result<Self, ListenError> {
        let mut listeners = Vec::new();
        for address in addresses {
            let address = match address.strip_prefix(':') {
                Some(port) => format!("0.0.0.0:{port}"),
                None => address.clone(),
            };
            match TcpListener::bind(&address).await {
                Ok(listener) => listeners.push(listener),
                Err(source) => return Err(ListenError { address, source }),
            }
        }
        Ok(Self(listeners))
    }

    /// Those that systemd hands over.
    pub(super) fn handed_over() -> Result<Self, ListenError> {
        let of_systemd = |source| ListenError { address: "systemd's sockets".to_owned(), source };
        let mut sockets = ListenFd::from_env();
        let mut listeners = Vec::new();
        for place in 0..sockets.len() {
            if let Some(listener) = sockets.take_tcp_listener(place).map_err(of_systemd)? {
                listener.set_nonblocking(true).map_err(of_systemd)?;
                listeners.push(TcpListener::from_std(listener).map_err(of_systemd)?);
            }
        }
        if listeners.is_empty() {
            return Err(of_systemd(io::Error::other("there is none: LISTEN_FDS is not set for this process")));
        }
        Ok(Self(listeners))
    }

    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
    }

    /// Whoever comes first, wherever.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        std::future::poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let polled = self.0.iter().map(|listener| listener.poll_accept(context));
        polled.into_iter().find(Poll::is_ready).unwrap_or(Poll::Pending)
    }
}
