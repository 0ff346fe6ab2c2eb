//! One site's door: secrets, permits, retries, and what failure means. What is asked is `confluence`'s business.

mod address;
mod failure;
mod question;
mod settings;
mod token;

use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::metrics::Asking;
use crate::model::{ConnectionName, SiteInfo, Timestamp};

pub use address::{BadUrl, GatewayUrl, InstanceUrl};
pub use failure::{Failure, Verdict};
pub use question::{Answer, Question, Turn};
pub use settings::{
    BadConcurrencyLevel, BadUsername, ConcurrencyLevel, CredentialChoice, OpenError, Patience, Settings, Username,
};
pub use token::BadToken;

/// The door to one site. Clones share its permits, its pause, and what it has found out about the way in.
#[derive(Clone, Debug)]
pub struct Connection {
    name: ConnectionName,
}

#[expect(
    clippy::unused_self,
    clippy::unused_async,
    clippy::needless_pass_by_value,
    reason = "only the signatures stand"
)]
impl Connection {
    pub fn open(name: ConnectionName, _settings: &Settings, _clock: Clock, _asking: Asking) -> Result<Self, OpenError> {
        Ok(Self { name })
    }

    pub fn name(&self) -> &ConnectionName {
        &self.name
    }

    pub async fn ask<T: DeserializeOwned>(&self, question: Question<'_>) -> Result<Answer<T>, Failure> {
        Err(Failure::unusable_answer(question.operation))
    }

    /// How many requests may be under way at once.
    pub fn concurrency_level(&self) -> usize {
        5
    }

    /// What has been found out of the site so far.
    pub fn site(&self) -> Option<SiteInfo> {
        None
    }

    pub fn token_expires(&self) -> Option<Timestamp> {
        None
    }

    pub fn paused_until(&self) -> Option<Timestamp> {
        None
    }
}
