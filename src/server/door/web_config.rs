//! The web configuration file as it is written, in the format that Prometheus' exporters share: every key, and no other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use bcrypt::HashParts;
use hyper::header::{self, HeaderName, HeaderValue};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, kx_group};
use rustls::{ProtocolVersion, SupportedCipherSuite};
use serde::de::{Deserialize, Deserializer, Error};

use crate::yaml::Spanned;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebYaml {
    #[serde(default)]
    pub(super) tls_server_config: Option<TlsYaml>,
    #[serde(default, deserialize_with = "if_given")]
    pub(super) http_server_config: HttpYaml,
    /// Who may come in. When there is nobody, everybody may.
    #[serde(default, deserialize_with = "if_given")]
    pub(super) basic_auth_users: BTreeMap<String, PasswordHash>,
}

/// TLS settings that fit together.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "UncheckedTls")]
pub(super) struct TlsYaml(UncheckedTls);

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckedTls {
    /// The server's certificate and those between it and its root, PEM.
    pub(super) cert_file: Spanned<PathBuf>,
    pub(super) key_file: Spanned<PathBuf>,
    /// Default: `NoClientCert`.
    #[serde(default)]
    pub(super) client_auth_type: ClientAuthType,
    #[serde(default)]
    pub(super) client_ca_file: Option<Spanned<PathBuf>>,
    /// Default: `TLS12`.
    #[serde(default = "TlsVersion::oldest")]
    pub(super) min_version: TlsVersion,
    /// Default: `TLS13`.
    #[serde(default = "TlsVersion::newest")]
    pub(super) max_version: TlsVersion,
    /// For TLS 1.2; those of TLS 1.3 cannot be chosen. Default: all that there are.
    #[serde(default)]
    pub(super) cipher_suites: Vec<CipherSuite>,
    /// Default: `true`.
    #[serde(default = "yes")]
    pub(super) prefer_server_cipher_suites: bool,
    /// Default: all that there are.
    #[serde(default)]
    pub(super) curve_preferences: Vec<Curve>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpYaml {
    /// HTTP/2, over TLS only. Default: `true`.
    #[serde(default = "yes")]
    pub(super) http2: bool,
    #[serde(default, deserialize_with = "checked_headers")]
    pub(super) headers: BTreeMap<ExtraHeader, HeaderValue>,
}

/// Which certificate a client has to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) enum ClientAuthType {
    /// Nobody looks at what comes when one is merely requested.
    #[default]
    #[serde(alias = "RequestClientCert")]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct CipherSuite(pub(super) SupportedCipherSuite);

#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub(super) enum Curve {
    X25519,
    CurveP256,
    CurveP384,
}

/// The headers that may be set for all answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub(super) enum ExtraHeader {
    #[serde(rename = "Content-Security-Policy")]
    ContentSecurityPolicy,
    #[serde(rename = "Strict-Transport-Security")]
    StrictTransportSecurity,
    #[serde(rename = "X-Content-Type-Options")]
    ContentTypeOptions,
    #[serde(rename = "X-Frame-Options")]
    FrameOptions,
    #[serde(rename = "X-XSS-Protection")]
    XssProtection,
}

/// A password as bcrypt leaves it.
#[derive(Clone, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PasswordHash(String);

#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error("client_ca_file is set, but client_auth_type asks nobody for a certificate")]
    UnusedCa,
    #[error("client_auth_type asks for certificates that client_ca_file has to verify, and there is none")]
    NoCa,
    #[error("max_version is older than min_version, or than TLS12, the oldest that there is")]
    NoVersion,
}

/// A key may stand there with nothing behind it.
fn if_given<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

const fn yes() -> bool {
    true
}

impl TryFrom<UncheckedTls> for TlsYaml {
    type Error = Misfit;

    fn try_from(tls: UncheckedTls) -> Result<Self, Misfit> {
        match (tls.client_auth_type, &tls.client_ca_file) {
            (ClientAuthType::NoClientCert, Some(_)) => return Err(Misfit::UnusedCa),
            (ClientAuthType::VerifyClientCertIfGiven | ClientAuthType::RequireAndVerifyClientCert, None) => {
                return Err(Misfit::NoCa);
            }
            _ => {}
        }
        if tls.max_version < tls.min_version.max(TlsVersion::Tls12) {
            return Err(Misfit::NoVersion);
        }
        Ok(Self(tls))
    }
}

impl std::ops::Deref for TlsYaml {
    type Target = UncheckedTls;

    fn deref(&self) -> &UncheckedTls {
        &self.0
    }
}

impl Default for HttpYaml {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new() }
    }
}

impl TlsVersion {
    const fn oldest() -> Self {
        Self::Tls12
    }

    const fn newest() -> Self {
        Self::Tls13
    }
}

impl TryFrom<String> for CipherSuite {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = ALL_CIPHER_SUITES.iter().find(|suite| name_of(suite).is_some_and(|known| known == name));
        found.copied().map(Self).ok_or_else(|| {
            let known: Vec<_> = ALL_CIPHER_SUITES.iter().filter(|suite| is_chosen(suite)).filter_map(name_of).collect();
            format!("not one of {}", known.join(", "))
        })
    }
}

impl CipherSuite {
    /// These, and those of TLS 1.3, which are always there.
    pub(super) fn chosen(suites: &[Self]) -> Vec<SupportedCipherSuite> {
        let of_tls_13 = ALL_CIPHER_SUITES.iter().copied().filter(|suite| !is_chosen(suite));
        of_tls_13.chain(suites.iter().map(|suite| suite.0).filter(is_chosen)).collect()
    }
}

fn is_chosen(suite: &SupportedCipherSuite) -> bool {
    suite.version().version != ProtocolVersion::TLSv1_3
}

/// As Go, and so everybody's web configuration, spells it.
fn name_of(suite: &SupportedCipherSuite) -> Option<String> {
    suite.suite().as_str().map(|name| name.replace("TLS13_", "TLS_"))
}

impl Curve {
    pub(super) fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::CurveP256 => kx_group::SECP256R1,
            Self::CurveP384 => kx_group::SECP384R1,
        }
    }
}

impl ExtraHeader {
    pub(super) const fn name(self) -> HeaderName {
        match self {
            Self::ContentSecurityPolicy => header::CONTENT_SECURITY_POLICY,
            Self::StrictTransportSecurity => header::STRICT_TRANSPORT_SECURITY,
            Self::ContentTypeOptions => header::X_CONTENT_TYPE_OPTIONS,
            Self::FrameOptions => header::X_FRAME_OPTIONS,
            Self::XssProtection => header::X_XSS_PROTECTION,
        }
    }
}

/// Some have few values, and a misspelt one protects nobody.
fn checked_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ExtraHeader, HeaderValue>, D::Error> {
    let written: BTreeMap<ExtraHeader, String> = if_given(deserializer)?;
    let checked = written.into_iter().map(|(header, value)| {
        let (fits, wanted) = match header {
            ExtraHeader::ContentTypeOptions => (value == "nosniff", "X-Content-Type-Options can only be nosniff"),
            ExtraHeader::FrameOptions => {
                (["deny", "sameorigin"].contains(&value.as_str()), "X-Frame-Options can only be deny or sameorigin")
            }
            ExtraHeader::ContentSecurityPolicy | ExtraHeader::StrictTransportSecurity | ExtraHeader::XssProtection => {
                (true, "not what a header can hold")
            }
        };
        let value = HeaderValue::from_str(&value).ok().filter(|_| fits);
        value.map(|value| (header, value)).ok_or_else(|| D::Error::custom(wanted))
    });
    checked.collect()
}

impl TryFrom<String> for PasswordHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.parse::<HashParts>() {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err("not a password as bcrypt hashes it: make it with htpasswd -nBC 10 NAME"),
        }
    }
}

impl PasswordHash {
    /// Takes as long as whoever made the hash wanted it to take, which is too long for a thread that answers.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.0).unwrap_or(false)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[REDACTED]")
    }
}
