//! Why no request reached the site: nobody there, the proxy, or TLS; and where to look then. Read from the HTTP client's errors.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

/// What failed before there was an answer. Its text holds nothing of what the other side wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreached {
    /// Neither DNS nor TCP led to the site.
    Nobody,
    /// There was no connection in time, with the site or with the proxy.
    Late,
    /// There was a connection, and it went away before an answer came.
    Lost,
    /// Neither DNS nor TCP led to the proxy.
    ProxyGone,
    ProxyWantsLogin,
    /// The proxy does not connect us with the site.
    ProxyRefuses,
    Tls(Peer, TlsFault),
}

/// With whom a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Site,
    /// One that is spoken to over `https://`.
    Proxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsFault {
    UnknownAuthority,
    Expired,
    NotYetValid,
    OtherName,
    /// Something else is wrong with the certificate.
    BadCertificate,
    /// Whoever answers does not speak TLS.
    NotTls,
    NothingInCommon,
    /// The peer gave a TLS alert.
    Refused,
    /// The peer hung up.
    BrokenOff,
    Other,
}

/// The only words by which the HTTP client tells what became of its question to a proxy: their type has no public name.
const TUNNEL: &str = "tunnel error: ";
const TUNNEL_NO_CONNECTION: &str = "failed to create underlying connection";
const TUNNEL_WANTS_LOGIN: &str = "proxy authorization required";

impl Unreached {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let chain: Vec<&(dyn Error + 'static)> = chain(error).collect();
        let tls = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()).map(TlsFault::of);
        let hung_up = || {
            let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
            let ended = chain.iter().filter_map(|error| error.downcast_ref::<io::Error>()).any(is_end);
            (error.is_connect() && ended).then_some(TlsFault::BrokenOff)
        };
        let texts = chain.iter().map(ToString::to_string);
        let tunnel = texts.into_iter().find_map(|text| text.strip_prefix(TUNNEL).map(str::to_owned));
        match (tunnel.as_deref(), tls.or_else(hung_up)) {
            (Some(TUNNEL_NO_CONNECTION), Some(fault)) => Self::Tls(Peer::Proxy, fault),
            _ if error.is_timeout() => Self::Late,
            (Some(TUNNEL_NO_CONNECTION), None) => Self::ProxyGone,
            (Some(TUNNEL_WANTS_LOGIN), _) => Self::ProxyWantsLogin,
            (Some(_), _) => Self::ProxyRefuses,
            (None, Some(fault)) => Self::Tls(Peer::Site, fault),
            (None, None) if error.is_connect() => Self::Nobody,
            (None, None) => Self::Lost,
        }
    }

    /// How such an attempt is counted.
    pub(super) const fn metric(self) -> &'static str {
        match self {
            Self::Late => "timeout",
            Self::Tls(..) => "tls",
            Self::Nobody | Self::Lost | Self::ProxyGone | Self::ProxyWantsLogin | Self::ProxyRefuses => "connect",
        }
    }

    /// Whether the same way may be open within a minute.
    pub(super) const fn is_worth_another_try(self) -> bool {
        match self {
            Self::Nobody
            | Self::Late
            | Self::Lost
            | Self::ProxyGone
            | Self::ProxyRefuses
            | Self::Tls(_, TlsFault::BrokenOff) => true,
            Self::ProxyWantsLogin | Self::Tls(..) => false,
        }
    }

    /// What a person can do about it.
    pub(super) const fn where_to_look(self) -> &'static str {
        match self {
            Self::Nobody | Self::Late | Self::Lost => "check instance_url, DNS, proxy and firewall",
            Self::ProxyGone => "check the proxy's address in proxy_url or HTTPS_PROXY",
            Self::ProxyWantsLogin => {
                "put the right user and password into proxy_url or HTTPS_PROXY, like http://user:password@host:port"
            }
            Self::ProxyRefuses => {
                "have the proxy let CONNECT through to the site and to api.atlassian.com, or go past it with NO_PROXY"
            }
            Self::Tls(_, TlsFault::UnknownAuthority) => {
                "if a proxy or a firewall opens TLS here, name its authority's certificate in ca_file"
            }
            Self::Tls(_, TlsFault::Expired | TlsFault::NotYetValid) => {
                "check this machine's clock, and who answers in the site's place"
            }
            Self::Tls(Peer::Site, _) => "check instance_url, and who answers in the site's place",
            Self::Tls(Peer::Proxy, _) => {
                "check the proxy's address in proxy_url or HTTPS_PROXY: most proxies are spoken to over http://"
            }
        }
    }
}

impl TlsFault {
    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer => Self::UnknownAuthority,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
                _ => Self::BadCertificate,
            },
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::PeerIncompatible(_) => Self::NothingInCommon,
            rustls::Error::AlertReceived(_) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// The error's causes, one behind the other.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| behind(*error))
}

/// An I/O error passes over the error that it wraps when it is asked for its source.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => formatter.write_str("no connection to the site"),
            Self::Late => formatter.write_str("no connection in time"),
            Self::Lost => formatter.write_str("the connection was lost before an answer came"),
            Self::ProxyGone => formatter.write_str("no connection to the proxy"),
            Self::ProxyWantsLogin => formatter.write_str("the proxy wants user and password (407)"),
            Self::ProxyRefuses => formatter.write_str("the proxy does not connect us with the site"),
            Self::Tls(peer, fault) => write!(formatter, "no secure connection to the {peer}: {fault}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Site => "site",
            Self::Proxy => "proxy",
        })
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownAuthority => "its certificate is from an authority that this machine does not know",
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::OtherName => "its certificate is for another name",
            Self::BadCertificate => "its certificate cannot be used",
            Self::NotTls => "what answers there does not speak TLS",
            Self::NothingInCommon => "there is no TLS version or cipher that both know",
            Self::Refused => "it refuses the handshake",
            Self::BrokenOff => "it hung up during the handshake",
            Self::Other => "the handshake failed",
        })
    }
}
