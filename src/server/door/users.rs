//! Who may come in: names and passwords, checked so that nobody learns from the time it takes whether a name exists.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::web_config::PasswordHash;

/// Names and what their passwords leave behind.
#[derive(Debug)]
pub(super) struct Users {
    /// Never empty.
    hashes: Vec<(String, PasswordHash)>,
    known: Mutex<HashSet<[u8; 32]>>,
    /// So that what is kept of a password is worth nothing outside this process.
    fingerprint: hmac::Key,
    /// A password's check fills a core: guessing may take one and no more.
    one_at_a_time: Arc<Semaphore>,
}

/// Neither a name that is known nor its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// A user has one password, so that these are more than enough.
const MOST_KNOWN: usize = 100;

impl Users {
    /// `None` where nobody is named: then everybody may come in.
    pub(super) fn of(hashes: BTreeMap<String, PasswordHash>) -> Option<Self> {
        if hashes.is_empty() {
            return None;
        }
        let fingerprint = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Some(Self {
            hashes: hashes.into_iter().collect(),
            known: Mutex::default(),
            fingerprint: fingerprint.expect("the system gives random numbers, or TLS could not work either"),
            one_at_a_time: Arc::new(Semaphore::new(1)),
        })
    }

    /// Quick for who was let in before; everybody else, known or not, waits for one check of a password.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let (name, password) = credentials(headers).ok_or(Refused)?;
        let (hash, is_known) = self.hash_for(&name);
        let login = self.login(&name, hash, &password);
        if is_known && self.was_let_in(&login) {
            return Ok(());
        }
        let turn = Arc::clone(&self.one_at_a_time).acquire_owned().await.expect("the semaphore is never closed");
        // Meanwhile somebody may have come in with the same.
        if is_known && self.was_let_in(&login) {
            return Ok(());
        }
        let hash = hash.clone();
        let check = spawn_blocking(move || {
            // Held to the end, though the client may have gone away long before.
            let _turn = turn;
            hash.is_of(&password)
        });
        if check.await.unwrap_or(false) && is_known {
            self.let_in(login);
            return Ok(());
        }
        Err(Refused)
    }

    /// For who is unknown, somebody's, and always the same: it takes the time that a user's would take.
    fn hash_for(&self, name: &str) -> (&PasswordHash, bool) {
        if let Some((_, hash)) = self.hashes.iter().find(|(known, _)| known == name) {
            return (hash, true);
        }
        let tag = hmac::sign(&self.fingerprint, name.as_bytes());
        let any = tag.as_ref().iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        (&self.hashes[any % self.hashes.len()].1, false)
    }

    fn login(&self, name: &str, hash: &PasswordHash, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.fingerprint);
        for part in [name.as_bytes(), hash.as_bytes(), password] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut login = [0; 32];
        login.copy_from_slice(context.sign().as_ref());
        login
    }

    fn was_let_in(&self, login: &[u8; 32]) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(login)
    }

    /// Only who was let in is remembered: however many guess, no user's place is taken.
    fn let_in(&self, login: [u8; 32]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(login);
    }
}

/// Name and password of HTTP's basic authentication.
pub(super) fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((name, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn who_was_let_in_waits_for_no_guesser() {
        let users = users(&["ann"]);
        assert_eq!(users.check(&login("ann", "sesame")).await, Ok(()));

        // As if somebody's guess were being checked for ever.
        let _guess = Arc::clone(&users.one_at_a_time).acquire_owned().await.unwrap();

        assert_eq!(users.check(&login("ann", "sesame")).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_unknown_waits_for_the_same_check_as_who_is_known() {
        let users = users(&["ann", "bob"]);
        let turn = Arc::clone(&users.one_at_a_time).acquire_owned().await.unwrap();
        for (name, password) in [("ann", "wrong"), ("eve", "wrong"), ("eve", "sesame")] {
            let headers = login(name, password);
            let check = tokio::time::timeout(std::time::Duration::from_secs(9), users.check(&headers));
            assert!(check.await.is_err(), "{name} was refused without a check");
        }
        drop(turn);

        let (of_eve, is_known) = users.hash_for("eve");
        assert!(!is_known && of_eve.is_of(b"sesame"), "the check is a real one, of somebody's password");
        assert!(std::ptr::eq(of_eve, users.hash_for("eve").0), "and always the same");
        assert_eq!(users.check(&login("eve", "sesame")).await, Err(Refused));
    }

    #[tokio::test]
    async fn refusals_are_not_remembered_and_logins_are_few() {
        let users = users(&["ann"]);
        for guess in 0..3 {
            assert_eq!(users.check(&login("ann", &guess.to_string())).await, Err(Refused));
        }
        assert!(users.known.lock().unwrap().is_empty());

        for login in 0..=MOST_KNOWN {
            users.let_in([u8::try_from(login).unwrap(); 32]);
        }
        assert!(users.known.lock().unwrap().len() <= MOST_KNOWN);
    }

    #[test]
    fn neither_passwords_nor_hashes_are_printed() {
        let users = users(&["ann"]);
        let printed = format!("{users:?}");
        assert!(printed.contains("[REDACTED]") && !printed.contains("$2"), "{printed}");
    }

    fn users(names: &[&str]) -> Users {
        let hash = bcrypt::hash("sesame", 4).unwrap();
        let hashes = names.iter().map(|name| ((*name).to_owned(), PasswordHash::try_from(hash.clone()).unwrap()));
        Users::of(hashes.collect()).unwrap()
    }

    fn login(name: &str, password: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")));
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
    }
}
