//! Certificates of authorities that the system does not know, read from `ca_file`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCaFile {
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("there is no certificate in it: they begin with -----BEGIN CERTIFICATE-----")]
    Empty,
    #[error("it holds something that is no certificate")]
    NotACertificate,
    #[error("it is larger than any collection of certificates")]
    TooLarge,
}

/// All of the system's authorities together have a quarter of that.
const LARGEST_FILE: u64 = 1 << 20;

/// The certificates in this file, PEM, in their order.
pub(super) fn read(file: &Path) -> Result<Vec<Certificate>, BadCaFile> {
    let mut pem = Vec::new();
    let file = File::open(file).map_err(BadCaFile::Unreadable)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut pem).map_err(BadCaFile::Unreadable)?;
    if pem.len() as u64 > LARGEST_FILE {
        return Err(BadCaFile::TooLarge);
    }
    let mut roots = RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| BadCaFile::NotACertificate)?;
        certificates.push(Certificate::from_der(&certificate).map_err(|_| BadCaFile::NotACertificate)?);
        roots.add(certificate).map_err(|_| BadCaFile::NotACertificate)?;
    }
    if certificates.is_empty() { Err(BadCaFile::Empty) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> String {
        CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn read(text: &str) -> Result<usize, BadCaFile> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        super::read(file.path()).map(|certificates| certificates.len())
    }

    #[test]
    fn all_certificates_of_a_file_are_taken() {
        assert_eq!(read(&certificate()).unwrap(), 1);
        assert_eq!(read(&format!("# ours\n{}\n# theirs\n{}", certificate(), certificate())).unwrap(), 2);
    }

    #[test]
    fn a_file_without_usable_certificates_is_refused() {
        let cut = certificate().replace("-----END CERTIFICATE-----", "");
        let nonsense = "-----BEGIN CERTIFICATE-----\nTk9ORQ==\n-----END CERTIFICATE-----\n";
        assert!(matches!(read(""), Err(BadCaFile::Empty)));
        assert!(matches!(read("not PEM"), Err(BadCaFile::Empty)));
        assert!(matches!(read(&cut), Err(BadCaFile::NotACertificate)));
        assert!(matches!(read(nonsense), Err(BadCaFile::NotACertificate)));
        assert!(matches!(read(&format!("{}{nonsense}", certificate())), Err(BadCaFile::NotACertificate)));
        assert!(matches!(read(&"x".repeat(2 << 20)), Err(BadCaFile::TooLarge)));
        assert!(matches!(super::read(Path::new("/nonexistent")), Err(BadCaFile::Unreadable(_))));
    }
}
