//! The key that seals tokens: a file of its own, or a credential that systemd hands over. Sealing is `seal`'s business.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};

use crate::files;

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
    keeper: Keeper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    /// The file is made at first use.
    Ourselves,
    /// It only hands the key over.
    Systemd,
}

/// The keys of one file. The newest one seals, each opens: while the key is being changed there are two.
#[derive(Debug)]
pub struct Keys {
    pub(super) newest: Key,
    pub(super) previous: Option<Key>,
}

pub(super) type Key = SecretBox<[u8; KEY_BYTES]>;

/// Why there is no key to use.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    #[error("the key file {} is missing: put the one back that sealed the token, or name it with --secrets.key-file", path.display())]
    Missing { path: PathBuf },
    #[error("the key file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("others than its owner may read the key file {}: chmod 600 it, and `connection reseal` if somebody may have", path.display())]
    OpenToOthers { path: PathBuf },
    #[error("the key file {} holds no key, which is a line of 32 random bytes in base64", path.display())]
    NotAKey { path: PathBuf },
    #[error("the key file {} cannot be written", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key {} is systemd's to hand over and not ours to change: name the file that it was made of with --secrets.key-file", path.display())]
    NotOurs { path: PathBuf },
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// What systemd calls the key, and the usual file's name too.
const NAME: &str = "confluence-exporter.key";
const KEY_BYTES: usize = 32;
/// A comment and two keys have less.
const LONGEST_FILE: usize = 1_024;
const COMMENT: &str = "# Opens the tokens of saved connections. Keep it apart from their backups.\n";

impl KeyFile {
    /// The file that is named; else systemd's credential, where there is one; else the usual file in this folder.
    pub fn choose(named: Option<&Path>, usual_folder: &Path) -> Self {
        Self::choose_among(named, std::env::var_os("CREDENTIALS_DIRECTORY").as_deref(), usual_folder)
    }

    fn choose_among(named: Option<&Path>, credentials: Option<&OsStr>, usual_folder: &Path) -> Self {
        let credential = credentials.map(|folder| Path::new(folder).join(NAME)).filter(|path| path.exists());
        match (named, credential) {
            (Some(path), _) => Self { path: path.to_owned(), keeper: Keeper::Ourselves },
            (None, Some(path)) => Self { path, keeper: Keeper::Systemd },
            (None, None) => Self { path: usual_folder.join(NAME), keeper: Keeper::Ourselves },
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    pub fn read(&self) -> Result<Keys, BadKey> {
        let path = || self.path.clone();
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => BadKey::Missing { path: path() },
            _ => BadKey::Unreadable { path: path(), source },
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        if self.keeper == Keeper::Ourselves && is_ours_and_open_to_others(&file.metadata().map_err(unreadable)?) {
            return Err(BadKey::OpenToOthers { path: path() });
        }
        // Large enough from the start: a text that grows leaves its beginning behind.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE + 1));
        file.take(LONGEST_FILE as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
        parse(&text).ok_or_else(|| BadKey::NotAKey { path: path() })
    }

    /// Makes the file where there is none.
    pub fn read_or_make(&self) -> Result<Keys, BadKey> {
        if !self.exists() {
            match files::create(&self.path, written(&new_key()?, None).as_bytes()) {
                // Who else was about to has been first: his key is as good.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(|source| self.unwritable(source))?,
            }
        }
        self.read()
    }

    /// From here on a new key seals; the old one still opens.
    pub fn add(&self) -> Result<Keys, BadKey> {
        let keys = self.read()?;
        self.write(&new_key()?, Some(&keys.newest))?;
        self.read()
    }

    /// From here on the old key opens nothing any more.
    pub fn drop_previous(&self) -> Result<(), BadKey> {
        self.write(&self.read()?.newest, None)
    }

    /// Fails where the key is not ours to change.
    pub fn check_ours(&self) -> Result<(), BadKey> {
        match self.keeper {
            Keeper::Ourselves => Ok(()),
            Keeper::Systemd => Err(BadKey::NotOurs { path: self.path.clone() }),
        }
    }

    fn write(&self, newest: &Key, previous: Option<&Key>) -> Result<(), BadKey> {
        self.check_ours()?;
        files::replace(&self.path, written(newest, previous).as_bytes()).map_err(|source| self.unwritable(source))
    }

    fn unwritable(&self, source: io::Error) -> BadKey {
        BadKey::Unwritable { path: self.path.clone(), source }
    }
}

impl Keys {
    /// Whether a change of the key has begun and not ended.
    pub fn are_two(&self) -> bool {
        self.previous.is_some()
    }
}

fn new_key() -> Result<Key, BadKey> {
    let mut is_filled = false;
    let key = Key::init_with_mut(|bytes| is_filled = SystemRandom::new().fill(bytes).is_ok());
    if is_filled { Ok(key) } else { Err(BadKey::NoRandomness) }
}

/// A key a line, the newest first.
fn written(newest: &Key, previous: Option<&Key>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE));
    text.push_str(COMMENT);
    for key in std::iter::once(newest).chain(previous) {
        BASE64_STANDARD.encode_string(key.expose_secret(), &mut text);
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Option<Keys> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut keys = lines.map(key);
    let newest = keys.next()??;
    let previous = keys.next().map_or(Some(None), |key| key.map(Some))?;
    keys.next().is_none().then_some(Keys { newest, previous })
}

fn key(line: &str) -> Option<Key> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(line).ok()?);
    (bytes.len() == KEY_BYTES).then(|| Key::init_with_mut(|key| key.copy_from_slice(&bytes)))
}

/// As ssh judges its keys: who owns the file can mend it by one command; who doesn't was given it so by somebody who may have
/// had a reason, such as a group for the service.
fn is_ours_and_open_to_others(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 != 0 && metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(folder: &Path) -> KeyFile {
        KeyFile::choose_among(None, None, folder)
    }

    fn bytes(keys: &Keys) -> [u8; KEY_BYTES] {
        *keys.newest.expose_secret()
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(matches!(file.read(), Err(BadKey::Missing { .. })));

        let keys = file.read_or_make().unwrap();

        assert_eq!(bytes(&file.read_or_make().unwrap()), bytes(&keys));
        assert_ne!(bytes(&keys), [0; KEY_BYTES]);
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{keys:?}").contains(&format!("{:?}", bytes(&keys))));
    }

    #[test]
    fn a_change_of_the_key_has_two_keys_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let first = bytes(&file.read_or_make().unwrap());

        let both = file.add().unwrap();
        let second = bytes(&both);
        assert_ne!(second, first);
        assert_eq!(both.previous.map(|key| *key.expose_secret()), Some(first));

        file.drop_previous().unwrap();
        let last = file.read().unwrap();
        assert_eq!((bytes(&last), last.are_two()), (second, false));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let good = BASE64_STANDARD.encode([7; KEY_BYTES]);
        let short = BASE64_STANDARD.encode([7; KEY_BYTES - 1]);
        let many = [good.as_str(); 3].join("\n");
        for text in ["", "# only words\n", "CANARY", &short, &many, &format!("{good}\nCANARY"), &"A".repeat(2_000)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = file(folder.path()).read().unwrap_err();
            assert!(matches!(error, BadKey::NotAKey { .. }), "{text}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
        fs::write(&path, format!("\n# of a person\n {good} \r\n")).unwrap();
        assert_eq!(bytes(&file(folder.path()).read().unwrap()), [7; KEY_BYTES]);
    }

    #[test]
    fn our_own_key_is_refused_while_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.read_or_make().unwrap();
        for mode in [0o604, 0o640, 0o660] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(file.read(), Err(BadKey::OpenToOthers { .. })), "{mode:o}");
        }
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(file.read().is_ok());
    }

    #[test]
    fn a_named_file_goes_before_systemds_and_systemds_before_the_usual_one() {
        let [credentials, usual] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let chosen = |named: Option<&str>| {
            KeyFile::choose_among(named.map(Path::new), Some(credentials.path().as_os_str()), usual.path())
        };
        assert_eq!(chosen(None).path(), usual.path().join(NAME), "systemd has none");

        // As systemd hands it over.
        let credential = credentials.path().join(NAME);
        fs::write(&credential, BASE64_STANDARD.encode([7; KEY_BYTES])).unwrap();
        fs::set_permissions(&credential, fs::Permissions::from_mode(0o440)).unwrap();
        assert_eq!(chosen(None).path(), credential);
        assert!(chosen(None).read().is_ok());
        assert!(matches!(chosen(None).add(), Err(BadKey::NotOurs { .. })));
        assert_eq!(chosen(Some("named")).path(), Path::new("named"));
    }
}
