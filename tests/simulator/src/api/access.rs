//! Tokens: who may come in by which door, and what he may ask.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::rules::Rule;

/// The four scopes that a user is told to give his token.
pub const FOUR_SCOPES: [&str; 4] =
    ["read:space:confluence", "read:page:confluence", "read:user:confluence", "read:confluence-content.summary"];

const PERSON: &str = "exporter@example.com";
const SERVICE_ACCOUNT: &str = "exporter@serviceaccount.atlassian.com";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Works at the site and at the gateway, for everything.
    Unscoped,
    /// Works at the gateway alone.
    Scoped(Vec<String>),
    /// A scoped one of an account that is nobody's.
    ServiceAccount(Vec<String>),
}

impl TokenKind {
    pub fn scoped() -> Self {
        Self::Scoped(FOUR_SCOPES.map(str::to_owned).to_vec())
    }

    pub fn service_account() -> Self {
        Self::ServiceAccount(FOUR_SCOPES.map(str::to_owned).to_vec())
    }
}

/// What a user puts into his configuration. An invention of this simulator, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub username: String,
    pub secret: String,
}

/// The two doors of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    Site,
    Gateway,
}

/// Why somebody does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Wrong, revoked, expired or no credential, or a user without Confluence: the site tells none of them apart.
    Anonymous,
    Unparsable,
    WrongBase,
    Scope,
    AccountMismatch,
    /// Basic where the account is let in by Bearer alone.
    BasicRefused,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    /// None may ask everything.
    scopes: Option<Vec<String>>,
    is_revoked: bool,
    only_bearer: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Entry>);

enum Presented<'a> {
    Basic { username: String, secret: String },
    Bearer { secret: &'a str },
}

impl Tokens {
    pub(crate) fn issue(&mut self, kind: TokenKind) -> Token {
        let word = match kind {
            TokenKind::Unscoped => "unscoped",
            TokenKind::Scoped(_) => "scoped",
            TokenKind::ServiceAccount(_) => "service",
        };
        let secret = format!("simulated-{word}-token-{}", self.0.len() + 1);
        self.issue_as(kind, secret)
    }

    pub(crate) fn issue_as(&mut self, kind: TokenKind, secret: String) -> Token {
        let (username, scopes) = match kind {
            TokenKind::Unscoped => (PERSON, None),
            TokenKind::Scoped(scopes) => (PERSON, Some(scopes)),
            TokenKind::ServiceAccount(scopes) => (SERVICE_ACCOUNT, Some(scopes)),
        };
        let token = Token { username: username.to_owned(), secret };
        self.0.push(Entry { token: token.clone(), scopes, is_revoked: false, only_bearer: false });
        token
    }

    pub(crate) fn revoke(&mut self, secret: &str) -> bool {
        self.change(secret, |entry| entry.is_revoked = true)
    }

    pub(crate) fn reinstate(&mut self, secret: &str) -> bool {
        self.change(secret, |entry| entry.is_revoked = false)
    }

    /// From now on Basic is refused for this token.
    pub(crate) fn accept_bearer_only(&mut self, secret: &str) -> bool {
        self.change(secret, |entry| entry.only_bearer = true)
    }

    pub(crate) fn take_scope(&mut self, secret: &str, scope: &str) -> bool {
        self.change(secret, |entry| {
            if let Some(scopes) = &mut entry.scopes {
                scopes.retain(|known| known != scope);
            }
        })
    }

    pub(crate) fn give_scope(&mut self, secret: &str, scope: &str) -> bool {
        self.change(secret, |entry| match &mut entry.scopes {
            Some(scopes) if !scopes.iter().any(|known| known == scope) => scopes.push(scope.to_owned()),
            _ => {}
        })
    }

    /// Who presents this header at this door, if he may ask that.
    pub(crate) fn admit(&self, base: Base, header: Option<&str>, rule: &Rule) -> Result<&Token, Refusal> {
        let presented = parse(header.ok_or(Refusal::Anonymous)?)?;
        let (secret, username) = match &presented {
            Presented::Basic { username, secret } => (secret.as_str(), Some(username.as_str())),
            Presented::Bearer { secret } => (*secret, None),
        };
        let entry =
            self.0.iter().find(|entry| entry.token.secret == secret && !entry.is_revoked).ok_or(Refusal::Anonymous)?;
        if username.is_some_and(|username| !username.eq_ignore_ascii_case(&entry.token.username)) {
            return Err(match base {
                Base::Site => Refusal::Anonymous,
                Base::Gateway => Refusal::AccountMismatch,
            });
        }
        if username.is_some() && entry.only_bearer {
            return Err(Refusal::BasicRefused);
        }
        match &entry.scopes {
            Some(_) if base == Base::Site => Err(Refusal::WrongBase),
            Some(scopes) if !rule.scopes.iter().any(|scope| scopes.iter().any(|known| known == scope)) => {
                Err(Refusal::Scope)
            }
            _ => Ok(&entry.token),
        }
    }

    fn change(&mut self, secret: &str, change: impl FnOnce(&mut Entry)) -> bool {
        let entry = self.0.iter_mut().find(|entry| entry.token.secret == secret);
        entry.map(change).is_some()
    }
}

fn parse(header: &str) -> Result<Presented<'_>, Refusal> {
    let (scheme, value) = header.split_once(' ').ok_or(Refusal::Unparsable)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Presented::Bearer { secret: value.trim() });
    }
    let decoded = STANDARD.decode(value.trim()).map_err(|_| Refusal::Unparsable)?;
    let text = String::from_utf8(decoded).map_err(|_| Refusal::Unparsable)?;
    // Exactly one user and one password: a second colon does not parse either.
    let (username, secret) = text.split_once(':').ok_or(Refusal::Unparsable)?;
    if username.is_empty() || secret.is_empty() || secret.contains(':') {
        return Err(Refusal::Unparsable);
    }
    Ok(Presented::Basic { username: username.to_owned(), secret: secret.to_owned() })
}
