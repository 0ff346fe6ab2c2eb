//! A connection's one or two tokens, and which of them serves. What a refusal is worth is decided by whoever asks.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

use super::seal::BadSeal;
use super::settings::{OpenError, TokenFrom};
use super::token::{BadToken, SecretFile, Source, Token};
use crate::model::{ConnectionName, TokenSlot};

#[derive(Debug)]
pub(super) struct Tokens {
    connection: ConnectionName,
    state: Mutex<State>,
}

/// What to ask with.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) first: Token,
    /// Where the first is refused.
    pub(super) second: Option<Token>,
}

#[derive(Debug)]
struct State {
    current: Source,
    next: Option<Source>,
    /// Which is asked with first.
    serving: TokenSlot,
    /// Whose token was taken last.
    taken: Option<TokenSlot>,
}

impl Tokens {
    /// Fails when there is no usable token at all, but for a sealed one: that is looked for again when its files change.
    pub(super) fn open(connection: &ConnectionName, from: &TokenFrom) -> Result<Self, OpenError> {
        let file = |slot, path: &PathBuf| Source::file(connection, slot, SecretFile::Plain(path.clone()));
        let (current, next) = match from {
            TokenFrom::Environment(variable) => {
                (Source::variable(connection, variable).map_err(OpenError::TokenVariable)?, None)
            }
            TokenFrom::Typed(token) => (Source::fixed(connection, token.secret().clone()), None),
            TokenFrom::Sealed(sealed) => {
                let (source, _) = Source::file(connection, TokenSlot::Current, SecretFile::Sealed(sealed.clone()));
                (source, None)
            }
            TokenFrom::File(path) => {
                let (source, read) = file(TokenSlot::Current, path);
                read.map_err(OpenError::TokenFile)?;
                (source, None)
            }
            TokenFrom::Files { current, next: None } => {
                let (source, read) = file(TokenSlot::Current, current);
                read.map_err(OpenError::TokenFiles)?;
                (source, None)
            }
            TokenFrom::Files { current, next: Some(next) } => {
                let (current, next) = (file(TokenSlot::Current, current), file(TokenSlot::Next, next));
                let (current, next) = either_usable(connection, current, next)?;
                (current, Some(next))
            }
        };
        let state = State { current, next, serving: TokenSlot::Current, taken: None };
        Ok(Self { connection: connection.clone(), state: Mutex::new(state) })
    }

    /// Why there is no token, where there is none.
    pub(super) fn trouble(&self) -> Option<BadSeal> {
        self.state().current.trouble()
    }

    /// Looks whether the files have changed. A new token in the first file is asked with first, whichever has served so far.
    /// Nothing where no token has ever been usable.
    pub(super) fn offered(&self) -> Option<Offered> {
        let mut state = self.state();
        if state.current.look() {
            state.serving = TokenSlot::Current;
        }
        if let Some(next) = &mut state.next {
            next.look();
        }
        let (current, next) = (state.current.token(), state.next.as_ref().and_then(Source::token));
        let (first, second) = match state.serving {
            TokenSlot::Current => (current, next),
            TokenSlot::Next => (next, current),
        };
        match (first.cloned(), second.cloned()) {
            (Some(first), second) => Some(Offered { first, second }),
            (None, second) => second.map(|first| Offered { first, second: None }),
        }
    }

    /// This token, offered first, was taken.
    pub(super) fn was_taken(&self, token: &Token) {
        let mut state = self.state();
        // An answer that comes after a switch says nothing of the token that serves now.
        if token.slot == state.serving || state.token_of(state.serving).is_none() {
            state.taken = Some(token.slot);
        }
    }

    /// From now on `taken` is asked with first, unless another token has come where the refused one stood.
    pub(super) fn serve_instead(&self, refused: &Token, taken: &Token) {
        let mut state = self.state();
        let is_still_there = state.token_of(refused.slot).is_some_and(|token| token.edition == refused.edition);
        if is_still_there && state.serving == refused.slot {
            state.serving = taken.slot;
            state.taken = Some(taken.slot);
            let (connection, slot) = (&self.connection, taken.slot);
            info!(%connection, %slot, "the token that served is refused; the other one serves now");
        }
    }

    /// Which token was taken last; nothing before one was.
    pub(super) fn in_use(&self) -> Option<TokenSlot> {
        self.state().taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn token_of(&self, slot: TokenSlot) -> Option<&Token> {
        match slot {
            TokenSlot::Current => self.current.token(),
            TokenSlot::Next => self.next.as_ref()?.token(),
        }
    }
}

/// Tells of one that cannot be used, and fails where neither can.
fn either_usable(
    connection: &ConnectionName,
    (current, current_read): (Source, Result<(), BadToken>),
    (next, next_read): (Source, Result<(), BadToken>),
) -> Result<(Source, Source), OpenError> {
    let (slot, error) = match (current_read, next_read) {
        (Ok(()), Ok(())) => return Ok((current, next)),
        (Err(error), Err(_)) => return Err(OpenError::TokenFiles(error)),
        (Err(error), Ok(())) => (TokenSlot::Current, error),
        (Ok(()), Err(error)) => (TokenSlot::Next, error),
    };
    let reason: &dyn std::error::Error = &error;
    warn!(%connection, %slot, error = reason, "one of the two token files cannot be used; the other one serves");
    Ok((current, next))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    fn tokens(folder: &TempDir) -> Result<Tokens, OpenError> {
        let (current, next) = (folder.path().join("current"), Some(folder.path().join("next")));
        Tokens::open(&ConnectionName::new("acme").unwrap(), &TokenFrom::Files { current, next })
    }

    fn write(folder: &TempDir, name: &str, token: &str) {
        fs::write(folder.path().join(name), token).unwrap();
    }

    fn shown(tokens: &Tokens) -> Vec<String> {
        let Offered { first, second } = tokens.offered().unwrap();
        [Some(first), second].into_iter().flatten().map(|token| token.secret.expose_secret().to_owned()).collect()
    }

    #[test]
    fn the_first_file_goes_first_until_it_is_refused_and_again_when_it_is_new() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "current", "old");
        write(&folder, "next", "coming");
        let tokens = tokens(&folder).unwrap();
        assert_eq!((shown(&tokens), tokens.in_use()), (vec!["old".to_owned(), "coming".to_owned()], None));

        let Offered { first, second } = tokens.offered().unwrap();
        tokens.serve_instead(&first, &second.unwrap());
        assert_eq!(shown(&tokens), ["coming", "old"]);
        assert_eq!(tokens.in_use(), Some(TokenSlot::Next));

        write(&folder, "current", "newest");
        assert_eq!(shown(&tokens), ["newest", "coming"]);
        tokens.was_taken(&tokens.offered().unwrap().first);
        assert_eq!(tokens.in_use(), Some(TokenSlot::Current));
    }

    #[test]
    fn a_refusal_of_what_has_been_replaced_meanwhile_switches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "current", "old");
        write(&folder, "next", "coming");
        let tokens = tokens(&folder).unwrap();
        let Offered { first: old, second } = tokens.offered().unwrap();
        write(&folder, "current", "newest");
        assert_eq!(shown(&tokens), ["newest", "coming"]);

        tokens.serve_instead(&old, &second.unwrap());

        assert_eq!(shown(&tokens), ["newest", "coming"]);
    }

    #[test]
    fn one_usable_file_is_enough_and_the_other_is_taken_up_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "next", "coming");
        let tokens = tokens(&folder).unwrap();
        assert_eq!(shown(&tokens), ["coming"]);
        tokens.was_taken(&tokens.offered().unwrap().first);
        assert_eq!(tokens.in_use(), Some(TokenSlot::Next));

        write(&folder, "current", "newest");
        assert_eq!(shown(&tokens), ["newest", "coming"]);
    }

    #[test]
    fn without_any_usable_file_nothing_is_opened_and_nothing_quoted() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "current", "CANARY CANARY");

        let error = tokens(&folder).unwrap_err();

        assert!(matches!(error, OpenError::TokenFiles(BadToken::NotAToken)), "{error:?}");
        assert!(!format!("{error:?}").contains("CANARY"), "{error:?}");
    }
}
