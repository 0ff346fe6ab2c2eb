//! What stands between: a proxy and TLS, each told apart where it fails. Neither sees the token.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use confluence_exporter::clock::Clock;
use confluence_exporter::connection::{Connection, Failure, OpenError, Settings};
use confluence_exporter::metrics::Asking;
use confluence_exporter::model::{Code, ConnectionName};
use confluence_simulator::network::{Authority, Manner, Proxy};
use confluence_simulator::{Options, Simulator, Token, TokenKind};
use tempfile::NamedTempFile;

use crate::setting::{Door, open};

/// A site that is known as `acme.test` to whoever speaks TLS.
struct Encrypted {
    site: Simulator,
    token: Token,
    authority: Authority,
    ca_file: NamedTempFile,
}

impl Encrypted {
    async fn site() -> Self {
        let site = Simulator::start(Options { docs: 20, ..Options::default() }).await.unwrap();
        let token = site.token(TokenKind::Unscoped);
        let authority = Authority::new("ours");
        let ca_file = NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), authority.pem()).unwrap();
        Self { site, token, authority, ca_file }
    }

    /// Opens a door to it that trusts its authority.
    fn open(&self, instance_url: &str, change: impl FnOnce(&mut Settings)) -> Door {
        open(instance_url, &self.token.username, &self.token.secret, |settings| {
            settings.ca_file = Some(self.ca_file.path().to_owned());
            settings.patience.retries = 1;
            change(settings);
        })
    }

    fn through(&self, proxy_url: &str) -> Door {
        self.open("https://acme.test", |settings| settings.proxy_url = Some(proxy_url.parse().unwrap()))
    }
}

async fn failure(door: &Door) -> Failure {
    let failure = door.site.spaces(None).await.unwrap_err();
    assert_eq!(failure.code(), Some(Code::Unreachable), "{failure}");
    failure
}

/// How often requests ended so.
fn ended(door: &Door, status: &str) -> Vec<String> {
    let series = format!(r#"confluence_api_requests_total{{connection="acme",operation="spaces",status="{status}"}} "#);
    let counted = door.counted("confluence_api_requests_total");
    counted.iter().filter_map(|line| line.strip_prefix(&series)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_proxy_carries_what_it_cannot_read() {
    let acme = Encrypted::site().await;
    let front = acme.authority.front("acme.test", acme.site.address()).await.unwrap();
    let proxy = Proxy::start(Manner::ConnectsTo(front.address())).await.unwrap();

    acme.through(&proxy.url()).site.spaces(None).await.unwrap();

    let heads = proxy.heads();
    assert!(heads.iter().all(|head| head.starts_with("CONNECT acme.test:443 HTTP/1.1\r\n")), "{heads:?}");
    let seen = heads.concat() + &String::from_utf8_lossy(&proxy.passed());
    assert!(seen.contains("acme.test"), "the name that TLS begins with was looked at");
    let Token { username, secret } = &acme.token;
    for secret in [secret.clone(), STANDARD.encode(format!("{username}:{secret}"))] {
        assert!(!seen.contains(&secret));
    }
    assert!(acme.site.journal().iter().any(|asked| asked.status == 200));
}

#[tokio::test]
async fn a_proxy_that_wants_a_login_gets_it_from_its_url() {
    let acme = Encrypted::site().await;
    let front = acme.authority.front("acme.test", acme.site.address()).await.unwrap();
    let login = "ann:CANARY/@1".to_owned();
    let proxy = Proxy::start(Manner::ConnectsWhoShows { login, to: front.address() }).await.unwrap();
    let with = |login: &str| acme.through(&proxy.url().replace("://", &format!("://{login}@")));

    with("ann:CANARY%2F%401").site.spaces(None).await.unwrap();

    for door in [with("ann:CANARY"), acme.through(&proxy.url())] {
        let failure = failure(&door).await;
        assert!(failure.to_string().contains("the proxy wants user and password (407)"), "{failure}");
        assert!(failure.where_to_look().contains("proxy_url"), "{}", failure.where_to_look());
        assert!(!format!("{failure:?}").contains("CANARY"));
        assert_eq!(ended(&door, "connect"), ["1"], "asking again brings no password");
    }
}

#[tokio::test]
async fn a_proxy_that_is_gone_refuses_or_keeps_silent_is_told_from_a_site_that_does() {
    let acme = Encrypted::site().await;
    let refusing = Proxy::start(Manner::Answers(403)).await.unwrap();
    let failing = Proxy::start(Manner::Answers(502)).await.unwrap();
    let silent = Proxy::start(Manner::IsSilent).await.unwrap();
    let gone = Proxy::start(Manner::IsSilent).await.unwrap().url();
    for (proxy_url, text, status) in [
        (refusing.url(), "the proxy does not connect us with the site", "connect"),
        (failing.url(), "the proxy does not connect us with the site", "connect"),
        (gone, "no connection to the proxy", "connect"),
        (silent.url(), "no connection in time", "timeout"),
    ] {
        let door = acme.open("https://acme.test", |settings| {
            settings.proxy_url = Some(proxy_url.parse().unwrap());
            settings.patience.connect = Duration::from_millis(300);
        });

        let failure = failure(&door).await;

        assert!(failure.to_string().contains(text), "{failure}");
        assert!(failure.where_to_look().contains("proxy"), "{}", failure.where_to_look());
        assert_eq!(ended(&door, status), ["2"], "{text}");
    }
    assert!(acme.site.journal().is_empty());
}

#[tokio::test]
async fn a_handshake_that_fails_says_with_whom_and_why() {
    let acme = Encrypted::site().await;
    let plain = acme.site.address();
    let good = acme.authority.front("localhost", plain).await.unwrap();
    let expired = acme.authority.expired_front("localhost", plain).await.unwrap();
    let other_name = acme.authority.front("acme.test", plain).await.unwrap();
    let stranger = Authority::new("theirs").front("localhost", plain).await.unwrap();
    let without_tls = Proxy::start(Manner::IsSilent).await.unwrap();
    let unknown = "its certificate is from an authority that this machine does not know";
    for (address, text, look) in [
        (stranger.address(), unknown, "ca_file"),
        (expired.address(), "its certificate has expired", "clock"),
        (other_name.address(), "its certificate is for another name", "instance_url"),
        (without_tls.address(), "what answers there does not speak TLS", "instance_url"),
    ] {
        let door = acme.open(&format!("https://localhost:{}", address.port()), |_| {});

        let failure = failure(&door).await;

        assert!(failure.to_string().contains(&format!("no secure connection to the site: {text}")), "{failure}");
        assert!(failure.where_to_look().contains(look), "{}", failure.where_to_look());
        assert_eq!(ended(&door, "tls"), ["1"], "{failure}");
    }
    let door = acme.open(&format!("https://localhost:{}", good.address().port()), |_| {});
    door.site.spaces(None).await.unwrap();
}

#[tokio::test]
async fn with_a_proxy_between_the_handshake_is_with_the_site_or_with_the_proxy() {
    let acme = Encrypted::site().await;
    let front = acme.authority.front("acme.test", acme.site.address()).await.unwrap();
    let strange_front = Authority::new("theirs").front("acme.test", acme.site.address()).await.unwrap();
    let to = async |address: SocketAddr| Proxy::start(Manner::ConnectsTo(address)).await.unwrap();
    let (proxy, to_a_stranger) = (to(front.address()).await, to(strange_front.address()).await);
    let over_tls = acme.authority.front("localhost", proxy.address()).await.unwrap();
    let stranger_over_tls = Authority::new("theirs").front("localhost", proxy.address()).await.unwrap();
    let https = |address: SocketAddr| format!("https://localhost:{}", address.port());

    acme.through(&https(over_tls.address())).site.spaces(None).await.unwrap();

    for (proxy_url, peer) in [
        (to_a_stranger.url(), "site"),
        (https(stranger_over_tls.address()), "proxy"),
        (https(proxy.address()), "proxy"),
    ] {
        let door = acme.through(&proxy_url);
        let failure = failure(&door).await;
        assert!(failure.to_string().contains(&format!("no secure connection to the {peer}: ")), "{failure}");
        assert_eq!(ended(&door, "tls"), ["1"], "{failure}");
    }
}

#[test]
fn a_proxy_has_no_use_before_a_loopback_address() {
    let token_file = NamedTempFile::new().unwrap();
    std::fs::write(token_file.path(), "token").unwrap();
    let url = "http://127.0.0.1:8090";
    let username = "ann@acme.example".parse().unwrap();
    let mut settings = Settings::new(url.parse().unwrap(), username, token_file.path().to_owned());
    settings.gateway_url = url.parse().unwrap();
    settings.proxy_url = Some("http://127.0.0.1:3128".parse().unwrap());
    let name = ConnectionName::new("acme").unwrap();

    let opened = Connection::open(name.clone(), &settings, Clock::system(), Asking::new(&name));

    assert!(matches!(opened, Err(OpenError::ProxyOnLoopback)), "{opened:?}");
}
