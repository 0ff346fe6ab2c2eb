//! One place that a token comes from, and whether it has changed there. Which of two is asked with is `tokens`' business; how a
//! sealed one is opened is `seal`'s.

use std::fs::{self, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tracing::{info, warn};

use super::seal::BadSeal;
use super::sealed::SealedToken;
use crate::model::{ConnectionName, TokenSlot};

/// A token as it was last read, and where to look for a newer one.
#[derive(Debug)]
pub(super) struct Source {
    connection: ConnectionName,
    slot: TokenSlot,
    /// `None` for a token that does not change.
    file: Option<SecretFile>,
    stamps: Stamps,
    /// `None` for a file that has never held a usable one.
    token: Option<Token>,
}

#[derive(Debug)]
pub(super) enum SecretFile {
    Plain(PathBuf),
    Sealed(SealedToken),
}

/// One reading of a token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    pub(super) slot: TokenSlot,
    /// Counts the changes: what was found out with another token may not hold for this one.
    pub(super) edition: u64,
}

/// Why there is no usable token. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("the environment variable is not set")]
    NotSet,
    #[error("the token is empty")]
    Empty,
    #[error("it holds more than one word, or characters that no token has")]
    NotAToken,
    #[error("it is longer than any token")]
    TooLong,
    #[error(transparent)]
    Sealed(#[from] BadSeal),
}

/// The token's file, and the key's where it is sealed.
type Stamps = [Option<Stamp>; 2];

/// What tells that a file has been written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Another file may be as old and as long as the one whose place it has taken.
    inode: u64,
    /// Whoever was not allowed to read a file may be now.
    changed: (i64, i64),
}

/// Atlassian's tokens have about 200 characters.
const LONGEST_TOKEN: u64 = 4_096;
const LONGEST_TEXT: usize = 4_096 + 1;

impl Source {
    pub(super) fn variable(connection: &ConnectionName, variable: &str) -> Result<Self, BadToken> {
        let text = std::env::var(variable).map_err(|_| BadToken::NotSet)?;
        Ok(Self::fixed(connection, check(&text)?))
    }

    pub(super) fn fixed(connection: &ConnectionName, secret: SecretString) -> Self {
        let slot = TokenSlot::Current;
        let token = Some(Token { secret, slot, edition: 0 });
        Self { connection: connection.clone(), slot, file: None, stamps: [None; 2], token }
    }

    /// Reads the file. One that cannot be used is looked at again as any other.
    pub(super) fn file(connection: &ConnectionName, slot: TokenSlot, file: SecretFile) -> (Self, Result<(), BadToken>) {
        // Before it is read, so that what is written meanwhile is read with the next request.
        let stamps = file.stamps();
        let mut source = Self { connection: connection.clone(), slot, file: Some(file), stamps, token: None };
        let read = source.read();
        (source, read)
    }

    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Reads a file again that was written since, and tells whether another token has come of it. While the file cannot be
    /// read, the old token is kept.
    pub(super) fn look(&mut self) -> bool {
        // A look at a local file is over sooner than another thread would have been told to take it.
        let Some(file) = &self.file else { return false };
        let stamps = file.stamps();
        if stamps == self.stamps {
            return false;
        }
        self.stamps = stamps;
        let (connection, slot) = (self.connection.clone(), self.slot);
        match self.read() {
            Ok(()) => info!(%connection, %slot, "the token file has changed and was read again"),
            Err(error) => {
                let reason: &dyn std::error::Error = &error;
                warn!(%connection, %slot, error = reason, "the token file has changed and cannot be used; the old token is kept");
                return false;
            }
        }
        true
    }

    /// Why there is no token, where it is sealed and does not open.
    pub(super) fn trouble(&self) -> Option<BadSeal> {
        match &self.file {
            Some(SecretFile::Sealed(sealed)) => sealed.check(&self.connection).err(),
            Some(SecretFile::Plain(_)) | None => None,
        }
    }

    fn read(&mut self) -> Result<(), BadToken> {
        let Some(file) = &self.file else { return Ok(()) };
        let secret = file.read(&self.connection)?;
        let edition = self.token.as_ref().map_or(0, |token| token.edition + 1);
        self.token = Some(Token { secret, slot: self.slot, edition });
        Ok(())
    }
}

impl SecretFile {
    fn stamps(&self) -> Stamps {
        match self {
            Self::Plain(path) => [Stamp::of_file(path), None],
            Self::Sealed(sealed) => [Stamp::of_file(&sealed.file), Stamp::of_file(sealed.key.path())],
        }
    }

    fn read(&self, connection: &ConnectionName) -> Result<SecretString, BadToken> {
        match self {
            Self::Plain(path) => read_file(connection, path),
            Self::Sealed(sealed) => Ok(sealed.open(connection)?),
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(metadata),
            changed: changed(metadata),
        }
    }

    fn of_file(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

fn read_file(connection: &ConnectionName, path: &Path) -> Result<SecretString, BadToken> {
    let file = fs::File::open(path).map_err(BadToken::Unreadable)?;
    let metadata = file.metadata().map_err(BadToken::Unreadable)?;
    let secret = check(&text(file)?)?;
    if is_world_readable(&metadata) {
        warn!(%connection, "every user of this machine can read the token file: chmod o-r it");
    }
    Ok(secret)
}

/// Large enough from the start: a text that grows leaves its beginning behind in memory.
pub(super) fn text(from: impl Read) -> Result<Zeroizing<String>, BadToken> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_TEXT));
    from.take(LONGEST_TOKEN + 1).read_to_string(&mut text).map_err(BadToken::Unreadable)?;
    Ok(text)
}

/// Editors end a file with a new line, which is not the token's.
pub(super) fn check(text: &str) -> Result<SecretString, BadToken> {
    let token = text.trim();
    match token {
        "" => Err(BadToken::Empty),
        _ if text.len() as u64 > LONGEST_TOKEN => Err(BadToken::TooLong),
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => Err(BadToken::NotAToken),
        _ => Ok(token.into()),
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ino()
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> (i64, i64) {
    (0, 0)
}

#[cfg(unix)]
fn is_world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn acme() -> ConnectionName {
        ConnectionName::new("acme").unwrap()
    }

    fn source(path: &Path) -> Result<Source, BadToken> {
        let (source, read) = Source::file(&acme(), TokenSlot::Current, SecretFile::Plain(path.to_owned()));
        read.map(|()| source)
    }

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    fn shown(source: &Source) -> (String, u64) {
        let token = source.token().unwrap();
        (token.secret.expose_secret().to_owned(), token.edition)
    }

    #[test]
    fn a_new_line_at_the_end_of_the_file_is_not_the_tokens() {
        for text in ["CANARY", "CANARY\n", "CANARY\r\n", " CANARY \n\n"] {
            let file = written(text);
            assert_eq!(shown(&source(file.path()).unwrap()), ("CANARY".to_owned(), 0));
        }
    }

    #[test]
    fn a_file_without_a_usable_token_is_refused_and_never_quoted() {
        for text in ["", "\n", "CANARY two", "CANARY\nCANARY", "CANARYé", &"CANARY".repeat(1_000)] {
            let file = written(text);
            let error = source(file.path()).unwrap_err();
            assert!(!format!("{error:?}").contains("CANARY"), "{error:?}");
        }
        let missing = source(Path::new("/nonexistent/CANARY")).unwrap_err();
        assert!(matches!(missing, BadToken::Unreadable(_)), "{missing:?}");
        assert!(!format!("{missing:?}").contains("CANARY"), "{missing:?}");
    }

    #[test]
    fn a_file_that_was_written_again_is_read_again_and_a_bad_one_changes_nothing() {
        let file = written("first");
        let mut source = source(file.path()).unwrap();
        assert!(!source.look());
        assert_eq!(shown(&source), ("first".to_owned(), 0));

        fs::write(file.path(), "second-token").unwrap();
        assert!(source.look());
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::write(file.path(), "").unwrap();
        assert!(!source.look());
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::remove_file(file.path()).unwrap();
        assert!(!source.look());
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::write(file.path(), "third\n").unwrap();
        assert!(source.look());
        assert_eq!(shown(&source), ("third".to_owned(), 2));
    }

    #[test]
    fn a_file_that_takes_the_place_of_another_is_read_though_it_is_as_old_and_as_long() {
        let folder = tempfile::tempdir().unwrap();
        let [current, next] = ["current", "next"].map(|name| folder.path().join(name));
        for (path, token) in [(&current, "CANARY-1"), (&next, "CANARY-2")] {
            fs::write(path, token).unwrap();
            fs::File::options().append(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        let mut source = source(&current).unwrap();

        fs::rename(&next, &current).unwrap();

        assert!(source.look());
        assert_eq!(shown(&source), ("CANARY-2".to_owned(), 1));
        assert!(!format!("{source:?}").contains("CANARY"));
    }

    #[test]
    fn a_token_may_come_from_the_environment() {
        // Cargo sets it for every test.
        let source = Source::variable(&acme(), "CARGO_PKG_NAME").unwrap();
        assert_eq!(shown(&source).0, env!("CARGO_PKG_NAME"));

        let unset = Source::variable(&acme(), "NO_SUCH_VARIABLE_IS_SET");
        assert!(matches!(unset, Err(BadToken::NotSet)));
    }

    #[test]
    fn a_file_that_everybody_can_read_is_noticed() {
        let file = written("CANARY");
        for (mode, open_to_all) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_world_readable(&fs::metadata(file.path()).unwrap()), open_to_all);
        }
    }
}
