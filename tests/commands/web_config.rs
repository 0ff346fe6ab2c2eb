//! A web configuration that cannot be used is told by file, line and key, and what it says is never repeated.

use std::fs;

use confluence_simulator::{Token, TokenKind};
use rcgen::{CertificateParams, KeyPair};

use crate::program::{CONFIG, Desk, connection, site};

const WEB: &str = "--web.config.file=web.yml";
const TLS: &str = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n";

/// With a certificate, its key, and another key.
fn desk() -> Desk {
    let token = Token { username: "ann@acme.example".to_owned(), secret: String::new() };
    let config = connection("acme", "acme.atlassian.net", &token).replace("  gateway_url: acme.atlassian.net\n", "");
    let desk = Desk::new(&format!("connections:\n{config}"), "token");
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    desk.write("web.crt", &certificate.pem());
    desk.write("web.key", &key.serialize_pem());
    desk.write("other.key", &other.serialize_pem());
    desk
}

#[tokio::test]
async fn a_good_web_configuration_is_called_good() {
    let desk = desk();
    for web in ["", "# nothing\n", "tls_server_config:\nhttp_server_config: { headers: }\nbasic_auth_users:\n", TLS] {
        desk.write("web.yml", web);
        let ended = desk.run(&["check-config", CONFIG, WEB]).await;
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{web}");
        assert_eq!(ended.out, "exporter.yml: good, 1 connection\nweb.yml: good\n");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_by_file_line_and_key() {
    let desk = desk();
    let more = |line: &str| format!("{TLS}  {line}\n");
    let web_configs = [
        "CANARY".to_owned(),
        "tls_config: CANARY".to_owned(),
        "rate_limit: { burst: 5 }".to_owned(),
        "tls_server_config: { cert_file: CANARY }".to_owned(),
        TLS.replace("web.crt", "CANARY"),
        TLS.replace("web.key", "CANARY"),
        TLS.replace("web.crt", "web.key"),
        TLS.replace("web.key", "web.crt"),
        TLS.replace("web.key", "other.key"),
        more("client_allowed_sans: [CANARY]"),
        more("client_auth_type: CANARY"),
        more("client_auth_type: RequireAnyClientCert"),
        more("client_auth_type: RequireAndVerifyClientCert"),
        more("client_ca_file: web.crt"),
        more("client_ca_file: CANARY\n  client_auth_type: VerifyClientCertIfGiven"),
        more("client_ca_file: web.key\n  client_auth_type: VerifyClientCertIfGiven"),
        more("min_version: CANARY"),
        more("max_version: TLS11"),
        more("min_version: TLS13\n  max_version: TLS12"),
        more("cipher_suites: [CANARY]"),
        more("curve_preferences: [CANARY]"),
        "http_server_config: { http2: CANARY }".to_owned(),
        "http_server_config: { headers: { X-Frame-Option: CANARY } }".to_owned(),
        "http_server_config: { headers: { X-Frame-Options: CANARY } }".to_owned(),
        "http_server_config: { headers: { X-Content-Type-Options: CANARY } }".to_owned(),
        "http_server_config: { headers: { X-XSS-Protection: \"CANARY\\n\" } }".to_owned(),
        "basic_auth_users: CANARY".to_owned(),
        "basic_auth_users:\n  ann: CANARY".to_owned(),
        "basic_auth_users:\n  ann: [CANARY]".to_owned(),
    ];
    let mut problems = String::new();
    for web in web_configs {
        desk.write("web.yml", &web);
        let ended = desk.run(&["check-config", CONFIG, WEB]).await;
        problems.push_str(ended.complaint());
        problems.push('\n');
    }

    assert!(!problems.contains("CANARY"), "{problems}");
    insta::assert_snapshot!(problems);
}

#[tokio::test]
async fn a_web_configuration_that_cannot_be_read_is_named() {
    let desk = desk();
    insta::assert_snapshot!(desk.run(&["check-config", CONFIG, WEB]).await.complaint(), @"cannot read the web configuration web.yml: No such file or directory (os error 2)");
    fs::create_dir(desk.path("web.yml")).unwrap();
    insta::assert_snapshot!(desk.run(&["check-config", CONFIG, WEB]).await.complaint(), @"cannot read the web configuration web.yml: Is a directory (os error 21)");
}

#[tokio::test]
async fn nothing_is_answered_without_the_lock_that_is_wanted() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    desk.write("web.yml", "basic_auth_users: { ann: ann }");

    let ended = desk.run(&["serve", CONFIG, "--web.listen-address=127.0.0.1:0", WEB]).await;

    insta::assert_snapshot!(ended.complaint(), @"web.yml: line 1: basic_auth_users.ann: not a password as bcrypt hashes it: make it with htpasswd -nBC 10 NAME");
}
