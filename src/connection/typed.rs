//! A token that a person has just given by hand, so that a connection can be tried before anything of it is written.

use std::io::Read;
use std::sync::Arc;

use secrecy::SecretString;

use super::token::{self, BadToken};

/// Nothing of it is on the disk. Clones share it.
#[derive(Clone, Debug)]
pub struct TypedToken(Arc<SecretString>);

impl TypedToken {
    /// Reads to the end.
    pub fn read(from: impl Read) -> Result<Self, BadToken> {
        Ok(Self(Arc::new(token::check(&token::text(from)?)?)))
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// Whether it is the very same one: two are not compared by what they hold.
impl PartialEq for TypedToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TypedToken {}
