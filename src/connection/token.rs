//! Where the secret comes from.

/// Why there is no usable token. Quotes nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    #[error("the token cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("the environment variable is not set")]
    NotSet,
    #[error("the token is empty")]
    Empty,
    #[error("the token holds a blank or another character that no token has")]
    NotAToken,
    #[error("the token is longer than any token")]
    TooLong,
}
