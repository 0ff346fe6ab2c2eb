//! From the web configuration's TLS settings to what a handshake goes by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::yaml::Spanned;

use super::web_config::{CipherSuite, ClientAuthType, TlsVersion, TlsYaml};

/// What is wrong with one of the files, told by the line and the key that name it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: tls_server_config.{key}: {problem}")]
pub(super) struct TlsProblem {
    line: u64,
    key: &'static str,
    problem: String,
}

/// The files as they were found.
pub(super) struct Files {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    /// Their paths are relative to `folder`.
    pub(super) fn read(tls: &TlsYaml, folder: &Path) -> Result<Self, TlsProblem> {
        let read = |key, file: &Spanned<PathBuf>| {
            let wrong = |error| problem(key, file, format!("the file cannot be read: {error}"));
            std::fs::read(folder.join(&file.value)).map_err(wrong)
        };
        Ok(Self {
            certificates: read("cert_file", &tls.cert_file)?,
            key: read("key_file", &tls.key_file)?,
            client_ca: tls.client_ca_file.as_ref().map(|file| read("client_ca_file", file)).transpose()?,
        })
    }

    /// All of them hold this.
    #[cfg(any(test, fuzzing))]
    pub(super) fn holding(contents: &[u8]) -> Self {
        let contents = contents.to_owned();
        Self { certificates: contents.clone(), key: contents.clone(), client_ca: Some(contents) }
    }

    pub(super) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.certificates), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().map(Vec::as_slice)
    }
}

/// What all handshakes go by from now on.
pub(super) fn server_config(tls: &TlsYaml, files: &Files, http2: bool) -> Result<ServerConfig, TlsProblem> {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        provider.cipher_suites = CipherSuite::chosen(&tls.cipher_suites);
    }
    if !tls.curve_preferences.is_empty() {
        provider.kx_groups = tls.curve_preferences.iter().map(|curve| curve.group()).collect();
    }
    let provider = Arc::new(provider);
    let certificates = certificates("cert_file", &tls.cert_file, &files.certificates)?;
    let key = PrivateKeyDer::from_pem_slice(&files.key)
        .map_err(|_| problem("key_file", &tls.key_file, "it holds no private key in PEM".to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))
        .map_err(|error| problem("cert_file", &tls.cert_file, format!("no TLS version is left: {error}")))?
        .with_client_cert_verifier(verifier(tls, files, provider)?)
        .with_single_cert(certificates, key)
        .map_err(|error| problem("cert_file", &tls.cert_file, format!("it does not go with key_file: {error}")))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites;
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

fn versions(tls: &TlsYaml) -> Vec<&'static SupportedProtocolVersion> {
    let allowed = tls.min_version..=tls.max_version;
    let known = [(TlsVersion::Tls13, &TLS13), (TlsVersion::Tls12, &TLS12)];
    known.into_iter().filter(|(version, _)| allowed.contains(version)).map(|(_, version)| version).collect()
}

fn verifier(
    tls: &TlsYaml,
    files: &Files,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsProblem> {
    let (Some(file), Some(contents)) = (&tls.client_ca_file, &files.client_ca) else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let wrong = |error: &dyn std::fmt::Display| problem("client_ca_file", file, format!("it cannot be used: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca_file", file, contents)? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = match tls.client_auth_type {
        ClientAuthType::NoClientCert => return Ok(WebPkiClientVerifier::no_client_auth()),
        ClientAuthType::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
        ClientAuthType::RequireAndVerifyClientCert => verifier,
    };
    verifier.build().map_err(|error| wrong(&error))
}

/// At least one.
fn certificates(
    key: &'static str,
    file: &Spanned<PathBuf>,
    contents: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(problem(key, file, "it holds no certificate in PEM".to_owned())),
    }
}

fn problem(key: &'static str, file: &Spanned<PathBuf>, problem: String) -> TlsProblem {
    TlsProblem { line: file.referenced.line(), key, problem }
}
