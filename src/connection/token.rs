//! Where the secret comes from, and whether it has changed. The one line that opens it stands in `entrance`.

use std::fs::{self, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use secrecy::SecretString;
use tracing::warn;

use super::settings::{OpenError, Settings, TokenFrom};
use crate::model::ConnectionName;

/// The token as it was last read, and where to look for a newer one.
#[derive(Debug)]
pub(super) struct TokenSource {
    connection: ConnectionName,
    /// `None` for a token from the environment, which does not change.
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

/// One reading of the token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
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
}

#[derive(Debug)]
struct Last {
    token: Token,
    stamp: Option<Stamp>,
}

/// What tells that a file has been written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// Atlassian's tokens have about 200 characters.
const LONGEST_TOKEN: u64 = 4_096;

impl TokenSource {
    pub(super) fn open(connection: &ConnectionName, settings: &Settings) -> Result<Self, OpenError> {
        let (file, secret, stamp) = match &settings.token {
            TokenFrom::File(path) => {
                let (secret, stamp) = read_file(connection, path).map_err(OpenError::TokenFile)?;
                (Some(path.clone()), secret, Some(stamp))
            }
            TokenFrom::Environment(variable) => {
                let text = std::env::var(variable).map_err(|_| OpenError::TokenVariable(BadToken::NotSet))?;
                (None, check(&text).map_err(OpenError::TokenVariable)?, None)
            }
        };
        let last = Mutex::new(Last { token: Token { secret, edition: 0 }, stamp });
        Ok(Self { connection: connection.clone(), file, last })
    }

    /// The token to send now. A file that was written since is read again; while it cannot be read, the old token
    /// serves on.
    pub(super) fn current(&self) -> Token {
        // A look at a local file is over sooner than another thread would have been told to take it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.file {
            let stamp = fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
            if stamp != last.stamp {
                last.stamp = stamp;
                self.read_again(path, &mut last);
            }
        }
        last.token.clone()
    }

    fn read_again(&self, path: &Path, last: &mut Last) {
        let connection = &self.connection;
        match read_file(connection, path) {
            Ok((secret, stamp)) => {
                *last = Last { token: Token { secret, edition: last.token.edition + 1 }, stamp: Some(stamp) };
                tracing::info!(%connection, "the token file has changed and was read again");
            }
            Err(error) => {
                let reason: &dyn std::error::Error = &error;
                warn!(%connection, error = reason, "the token file has changed and cannot be used; the old token serves on");
            }
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), length: metadata.len() }
    }
}

fn read_file(connection: &ConnectionName, path: &Path) -> Result<(SecretString, Stamp), BadToken> {
    let file = fs::File::open(path).map_err(BadToken::Unreadable)?;
    let metadata = file.metadata().map_err(BadToken::Unreadable)?;
    let mut text = String::new();
    file.take(LONGEST_TOKEN + 1).read_to_string(&mut text).map_err(BadToken::Unreadable)?;
    let secret = check(&text)?;
    if is_world_readable(&metadata) {
        warn!(%connection, "every user of this machine can read the token file: chmod o-r it");
    }
    Ok((secret, Stamp::of(&metadata)))
}

/// Editors end a file with a new line, which is not the token's.
fn check(text: &str) -> Result<SecretString, BadToken> {
    let token = text.trim();
    match token {
        "" => Err(BadToken::Empty),
        _ if text.len() as u64 > LONGEST_TOKEN => Err(BadToken::TooLong),
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => Err(BadToken::NotAToken),
        _ => Ok(token.into()),
    }
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

    fn source(path: &Path) -> Result<TokenSource, OpenError> {
        let url = "acme.atlassian.net".parse().unwrap();
        let settings = Settings::new(url, "ann@acme.example".parse().unwrap(), path.to_owned());
        TokenSource::open(&ConnectionName::new("acme").unwrap(), &settings)
    }

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    fn shown(source: &TokenSource) -> (String, u64) {
        let token = source.current();
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
            assert!(matches!(error, OpenError::TokenFile(_)), "{error:?}");
            assert!(!format!("{error:?}").contains("CANARY"), "{error:?}");
        }
        let missing = source(Path::new("/nonexistent/CANARY")).unwrap_err();
        assert!(matches!(missing, OpenError::TokenFile(BadToken::Unreadable(_))), "{missing:?}");
        assert!(!format!("{missing:?}").contains("CANARY"), "{missing:?}");
    }

    #[test]
    fn a_file_that_was_written_again_is_read_again_and_a_bad_one_changes_nothing() {
        let file = written("first");
        let source = source(file.path()).unwrap();
        assert_eq!(shown(&source), ("first".to_owned(), 0));

        fs::write(file.path(), "second-token").unwrap();
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::write(file.path(), "").unwrap();
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::remove_file(file.path()).unwrap();
        assert_eq!(shown(&source), ("second-token".to_owned(), 1));

        fs::write(file.path(), "third\n").unwrap();
        assert_eq!(shown(&source), ("third".to_owned(), 2));
    }

    #[test]
    fn a_token_may_come_from_the_environment() {
        let url = "acme.atlassian.net".parse().unwrap();
        let mut settings = Settings::new(url, "ann@acme.example".parse().unwrap(), PathBuf::from("/nonexistent"));
        let name = ConnectionName::new("acme").unwrap();
        // Cargo sets it for every test.
        settings.token = TokenFrom::Environment("CARGO_PKG_NAME".to_owned());
        assert_eq!(shown(&TokenSource::open(&name, &settings).unwrap()).0, env!("CARGO_PKG_NAME"));

        settings.token = TokenFrom::Environment("NO_SUCH_VARIABLE_IS_SET".to_owned());
        let unset = TokenSource::open(&name, &settings);
        assert!(matches!(unset, Err(OpenError::TokenVariable(BadToken::NotSet))));
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
