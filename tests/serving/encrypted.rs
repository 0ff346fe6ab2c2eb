//! TLS as the web configuration asks for it, with curl on the other side.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::certificates::Authority;
use crate::locked::{Locked, TLS};

/// More keys of `tls_server_config`.
fn tls(more: &str) -> String {
    format!("tls_server_config:\n  cert_file: exporter.crt\n  key_file: exporter.key\n{more}")
}

const WITH_CERTIFICATE: [&str; 4] = ["--cert", "client.crt", "--key", "client.key"];

#[tokio::test]
async fn http_2_is_spoken_over_tls_unless_it_is_switched_off() {
    let both = Locked::by(TLS).await;
    let newest = both.curl(&[]).await;
    let older = both.curl(&["--http1.1"]).await;
    assert_eq!((newest.status, newest.http.as_str()), (200, "2"));
    assert_eq!((older.status, older.http.as_str()), (200, "1.1"));

    let one = Locked::by(&format!("{TLS}http_server_config: {{ http2: false }}\n")).await;
    assert_eq!(one.curl(&[]).await.http, "1.1");
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_gets_nothing() {
    let locked = Locked::by(TLS).await;
    let mut stream = TcpStream::connect(locked.server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"));
}

#[tokio::test]
async fn a_crowd_that_begins_handshakes_and_ends_none_keeps_no_scraper_out() {
    let locked = Locked::by(TLS).await;
    let mut crowd = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(locked.server.address).await.unwrap();
        // Of a hello that would be longer.
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01").await.unwrap();
        crowd.push(stream);
    }

    assert_eq!(locked.curl(&[]).await.status, 200);
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_and_verified() {
    let required = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
    let locked = Locked::by(&tls(required)).await;
    Authority::new().client().write(&locked.path(""), "stranger");
    locked.authority.expired_client().write(&locked.path(""), "expired");
    locked.authority.server().write(&locked.path(""), "server");

    for version in ["--tlsv1.3", "--tls-max=1.2"] {
        let version: Vec<&str> = version.split('=').collect();
        let with = async |name: &str| {
            let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
            let arguments = [&version[..], &["--cert", &certificate, "--key", &key]].concat();
            locked.curl(&arguments).await.status
        };
        assert_eq!(with("client").await, 200);
        assert_eq!(with("stranger").await, 0);
        assert_eq!(with("expired").await, 0);
        assert_eq!(with("server").await, 0, "it is for servers");
        assert_eq!(locked.curl(&version).await.status, 0);
    }
}

#[tokio::test]
async fn a_client_certificate_may_be_welcome_and_not_needed() {
    let welcome = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n";
    let locked = Locked::by(&tls(welcome)).await;
    Authority::new().client().write(&locked.path(""), "stranger");

    assert_eq!(locked.curl(&[]).await.status, 200);
    assert_eq!(locked.curl(&WITH_CERTIFICATE).await.status, 200);
    assert_eq!(locked.curl(&["--cert", "stranger.crt", "--key", "stranger.key"]).await.status, 0);
}

#[tokio::test]
async fn versions_and_ciphers_are_those_that_are_allowed() {
    let newest = Locked::by(&tls("  min_version: TLS13\n")).await;
    assert_eq!(newest.curl(&[]).await.status, 200);
    assert_eq!(newest.curl(&["--tls-max", "1.2"]).await.status, 0);

    let older =
        Locked::by(&tls("  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  \
         curve_preferences: [CurveP384]\n"))
        .await;
    assert_eq!(older.curl(&[]).await.status, 200);
    assert_eq!(older.curl(&["--tlsv1.3"]).await.status, 0);
    assert_eq!(older.curl(&["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"]).await.status, 0);
    assert_eq!(older.curl(&["--curves", "X25519"]).await.status, 0);
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_without_a_restart() {
    let locked = Locked::by(TLS).await;
    assert_eq!(locked.curl(&[]).await.status, 200);

    // A certificate of another authority, which curl does not know yet; its key comes a moment later.
    let other = Authority::new();
    let renewed = other.server();
    locked.write("exporter.crt", &renewed.certificate);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(locked.curl(&[]).await.status, 200, "one without the other is not used");
    locked.write("exporter.key", &renewed.key);

    locked.curl_until(0, "https", &[]).await;
    locked.write("ca.crt", &other.certificate);
    assert_eq!(locked.curl(&[]).await.status, 200);
}

#[tokio::test]
async fn another_authority_for_clients_holds_without_a_restart() {
    let required = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n";
    let locked = Locked::by(&tls(&required.replace("clients.crt", "ca.crt"))).await;
    locked.write("clients.crt", &Authority::new().certificate);
    assert_eq!(locked.curl(&WITH_CERTIFICATE).await.status, 200);

    locked.write("web.yml", &tls(required));

    locked.curl_until(0, "https", &WITH_CERTIFICATE).await;
}

#[tokio::test]
async fn tls_does_not_go_while_the_exporter_runs() {
    let locked = Locked::by(TLS).await;

    for slip in ["", "# nothing\n", "tls_server_config: [", "basic_auth_users: {}\n"] {
        locked.write("web.yml", slip);
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        assert_eq!(locked.curl(&[]).await.status, 200, "{slip}");
        assert_eq!(locked.curl_plain(&[]).await.status, 0, "{slip}");
    }
}
