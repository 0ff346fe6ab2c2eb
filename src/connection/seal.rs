//! Seals tokens for the disk and opens them again: AES-256-GCM, a fresh nonce each time, and the connection's name sealed in,
//! so that a token opens for its own connection only. Where the key comes from is `key`'s business.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::key::{BadKey, Key, Keys};
use super::token;
use super::typed::TypedToken;
use crate::model::ConnectionName;

/// Why a sealed token does not open. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum BadSeal {
    #[error(transparent)]
    Key(#[from] BadKey),
    #[error("the saved connection cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("{0}")]
    NotYaml(String),
    #[error("there is no api_token_sealed in it any more")]
    Gone,
    #[error("api_token_sealed is not what `connection add` writes; seal the token anew with `connection edit`")]
    NotSealed,
    #[error(
        "the key does not open api_token_sealed: it was sealed under another key or for a connection of another name, or it was \
         changed; put the right key or file back, or seal the token anew with `connection edit`"
    )]
    DoesNotOpen,
    #[error("what was sealed is no token")]
    NotAToken,
}

/// What the text begins with. Another way to seal would have another number.
const VERSION: &str = "v1:";
const NONCE_BYTES: usize = 12;

/// As it stands in a saved connection's file.
pub fn seal(keys: &Keys, connection: &ConnectionName, token: &TypedToken) -> Result<String, BadKey> {
    seal_with(&keys.newest, connection, token.secret())
}

/// The same token, sealed with the newest key, whichever it was sealed with.
pub(super) fn reseal(sealed: &str, keys: &Keys, connection: &ConnectionName) -> Result<String, BadSeal> {
    Ok(seal_with(&keys.newest, connection, &open(sealed, keys, connection)?)?)
}

pub(super) fn open(sealed: &str, keys: &Keys, connection: &ConnectionName) -> Result<SecretString, BadSeal> {
    let base64 = sealed.trim().strip_prefix(VERSION).ok_or(BadSeal::NotSealed)?;
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| BadSeal::NotSealed)?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(BadSeal::NotSealed)?;
    let opened = std::iter::once(&keys.newest)
        .chain(&keys.previous)
        .find_map(|key| cipher(key).decrypt(&Nonce::from(*nonce), payload(sealed, connection)).ok());
    let opened = Zeroizing::new(opened.ok_or(BadSeal::DoesNotOpen)?);
    let text = std::str::from_utf8(&opened).map_err(|_| BadSeal::NotAToken)?;
    token::check(text).map_err(|_| BadSeal::NotAToken)
}

fn seal_with(key: &Key, connection: &ConnectionName, token: &SecretString) -> Result<String, BadKey> {
    let mut nonce = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut nonce).map_err(|_| BadKey::NoRandomness)?;
    let sealed = cipher(key)
        .encrypt(&Nonce::from(nonce), payload(token.expose_secret().as_bytes(), connection))
        .expect("a token is shorter than what AES-GCM can seal");
    Ok(format!("{VERSION}{}", BASE64_STANDARD.encode([&nonce[..], &sealed].concat())))
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(key.expose_secret()).expect("a key has 32 bytes")
}

fn payload<'a>(bytes: &'a [u8], connection: &'a ConnectionName) -> Payload<'a, 'a> {
    Payload { msg: bytes, aad: connection.as_str().as_bytes() }
}

#[cfg(test)]
mod tests {
    use super::super::key::KeyFile;
    use super::*;

    fn name(name: &str) -> ConnectionName {
        ConnectionName::new(name).unwrap()
    }

    fn key_file() -> (tempfile::TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::choose(Some(&folder.path().join("key")), folder.path());
        (folder, file)
    }

    fn token() -> TypedToken {
        TypedToken::read("CANARY-token".as_bytes()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_connection_and_looks_different_each_time() {
        let (_folder, file) = key_file();
        let keys = file.read_or_make().unwrap();

        let [one, another] = [(); 2].map(|()| seal(&keys, &name("acme"), &token()).unwrap());

        assert_ne!(one, another);
        for sealed in [one, another] {
            assert!(sealed.starts_with("v1:") && !sealed.contains("CANARY"), "{sealed}");
            let opened = open(&sealed, &keys, &name("acme")).unwrap();
            assert_eq!(opened.expose_secret(), "CANARY-token");
        }
    }

    #[test]
    fn neither_another_name_nor_another_key_nor_a_changed_character_opens_it() {
        let (_folder, file) = key_file();
        let (_other_folder, other_file) = key_file();
        let (keys, other_keys) = (file.read_or_make().unwrap(), other_file.read_or_make().unwrap());
        let sealed = seal(&keys, &name("acme"), &token()).unwrap();
        let verdict = |sealed: &str, keys, of: &str| open(sealed, keys, &name(of)).map(|_| "opened");

        assert!(matches!(verdict(&sealed, &keys, "beta"), Err(BadSeal::DoesNotOpen)));
        assert!(matches!(verdict(&sealed, &other_keys, "acme"), Err(BadSeal::DoesNotOpen)));
        for place in VERSION.len()..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verdict(&changed, &keys, "acme").is_err(), "{place}");
        }
        for no_seal in ["", "CANARY", "v2:AAAA", "v1:", "v1:AAAA", "v1:CANARY!"] {
            assert!(matches!(verdict(no_seal, &keys, "acme"), Err(BadSeal::NotSealed)), "{no_seal}");
        }
    }

    #[test]
    fn a_token_is_sealed_anew_while_the_key_is_being_changed() {
        let (_folder, file) = key_file();
        let old = seal(&file.read_or_make().unwrap(), &name("acme"), &token()).unwrap();
        let both = file.add().unwrap();
        assert!(open(&old, &both, &name("acme")).is_ok());

        let new = reseal(&old, &both, &name("acme")).unwrap();

        file.drop_previous().unwrap();
        let keys = file.read().unwrap();
        assert_eq!(open(&new, &keys, &name("acme")).unwrap().expose_secret(), "CANARY-token");
        assert!(matches!(open(&old, &keys, &name("acme")), Err(BadSeal::DoesNotOpen)));
    }
}
