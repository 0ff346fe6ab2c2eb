//! What may stand between an exporter and a site: TLS, with certificates made for one test, and a proxy. Both carry bytes; what
//! these mean is none of their business.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Who signs certificates, and is known to nobody else.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// Speaks TLS in the place of a server that does not. Dropping it stops it.
pub struct TlsFront(Server);

/// A proxy that answers `CONNECT`, and remembers what it saw. Dropping it stops it.
pub struct Proxy {
    server: Server,
    seen: Arc<Mutex<Seen>>,
}

/// What a proxy does with whoever asks it.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Connects everybody with this address, whatever name he asks for: names need no DNS then.
    ConnectsTo(SocketAddr),
    /// The same for who shows this user and password, as Basic has them; others get a 407.
    ConnectsWhoShows { login: String, to: SocketAddr },
    /// Gives this status and hangs up.
    Answers(u16),
    /// Takes the question and says nothing.
    IsSilent,
}

#[derive(Debug, Default)]
struct Seen {
    heads: Vec<String>,
    passed: Vec<u8>,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Authority {
    /// Two of one name would be taken for one whose certificates are forged.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("ring makes keys");
        let pem = params.self_signed(&key).expect("an authority may sign itself").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Speaks TLS for the server at this address, with a certificate for this name.
    pub async fn front(&self, name: &str, to: SocketAddr) -> io::Result<TlsFront> {
        TlsFront::start(self.certificate(name, false), to).await
    }

    /// The same with a certificate of years ago.
    pub async fn expired_front(&self, name: &str, to: SocketAddr) -> io::Result<TlsFront> {
        TlsFront::start(self.certificate(name, true), to).await
    }

    fn certificate(&self, name: &str, is_expired: bool) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a test's names are names");
        if is_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority may sign").der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("key and certificate belong together")
    }
}

impl TlsFront {
    async fn start(config: ServerConfig, to: SocketAddr) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Server::start(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                copy_bidirectional(&mut stream, &mut TcpStream::connect(to).await?).await.map(drop)
            }
        });
        Ok(Self(server.await?))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

impl Proxy {
    pub async fn start(manner: Manner) -> io::Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        let server = Server::start({
            let seen = Arc::clone(&seen);
            move |stream| serve(stream, manner.clone(), Arc::clone(&seen))
        });
        Ok(Self { server: server.await?, seen })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The head of every question so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).heads.clone()
    }

    /// Every byte that clients have sent through it.
    pub fn passed(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).passed.clone()
    }
}

async fn serve(mut client: TcpStream, manner: Manner, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    let mut head = Vec::new();
    // A client that begins with a TLS handshake is answered at its first byte.
    while !head.ends_with(b"\r\n\r\n") && head != [0x16] {
        head.push(client.read_u8().await?);
    }
    if head == [0x16] {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).heads.push(head.clone());
    let (status, to) = match manner {
        Manner::ConnectsTo(to) => (200, Some(to)),
        Manner::ConnectsWhoShows { login, to } if head.to_ascii_lowercase().contains(&shown(&login)) => (200, Some(to)),
        Manner::ConnectsWhoShows { .. } => (407, None),
        Manner::Answers(status) => (status, None),
        Manner::IsSilent => return client.read_u8().await.map(drop),
    };
    client.write_all(format!("HTTP/1.1 {status} So\r\n\r\n").as_bytes()).await?;
    let Some(to) = to else { return client.shutdown().await };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(to).await?.into_split();
    let forth = async {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let length = from_client.read(&mut piece).await?;
            if length == 0 {
                return to_server.shutdown().await;
            }
            seen.lock().unwrap_or_else(PoisonError::into_inner).passed.extend_from_slice(&piece[..length]);
            to_server.write_all(&piece[..length]).await?;
        }
    };
    let back = async {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(forth, back).map(drop)
}

/// The header that shows a user and a password, in small letters.
fn shown(login: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(login);
    format!("proxy-authorization: basic {encoded}").to_ascii_lowercase()
}

impl Server {
    /// Serves each client by itself. How one ends is his business.
    async fn start<S>(serve: impl Fn(TcpStream) -> S + Send + 'static) -> io::Result<Self>
    where
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                clients.spawn(serve(stream));
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
