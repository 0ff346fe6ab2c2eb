//! One site's door: secrets, permits, retries, and what failure means. What is asked is `confluence`'s business.

mod address;
mod attempt;
mod authorities;
mod entrance;
mod exchange;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod gate;
#[cfg(test)]
mod gate_test;
mod headers;
mod key;
mod pace;
#[cfg(test)]
mod pace_test;
mod proxy;
mod question;
mod retry;
mod seal;
mod sealed;
mod settings;
mod tenant;
mod token;
mod tokens;
mod typed;
mod unreached;
mod values;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde::de::DeserializeOwned;
use tracing::{debug, info, warn};

use crate::clock::Clock;
use crate::metrics::Asking;
use crate::model::{ConnectionName, SiteInfo, Timestamp, TokenSlot};

use entrance::Entrances;
use failure::Cause;
use gate::Lane;
use tokens::Tokens;

pub use address::{BadUrl, CloudId, GatewayUrl, InstanceUrl, Origin};
pub use authorities::BadCaFile;
pub use failure::{Failure, Verdict};
pub use key::{BadKey, KeyFile, Keys};
pub use proxy::{BadProxyUrl, ProxyUrl};
pub use question::{Answer, Question, Turn};
pub use seal::{BadSeal, seal};
pub use sealed::SealedToken;
pub use settings::{OpenError, Patience, Settings, TokenFrom};
pub use token::BadToken;
pub use typed::TypedToken;
pub use values::{
    BadConcurrencyLevel, BadCredentialChoice, BadExpiryDate, BadUsername, ConcurrencyLevel, CredentialChoice,
    ExpiryDate, Username,
};

/// The door to one site. Clones share its permits, its pause, its tokens, and what it has found out about the way in.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    name: ConnectionName,
    clock: Clock,
    asking: Asking,
    patience: Patience,
    token_expires: Option<Timestamp>,
    client: Client,
    lane: Lane,
    tokens: Tokens,
    entrances: Entrances,
}

impl Connection {
    /// Reads the tokens, and asks nothing yet. While a sealed one cannot be opened, every question fails for want of it:
    /// `check_token` says why.
    pub fn open(name: ConnectionName, settings: &Settings, clock: Clock, asking: Asking) -> Result<Self, OpenError> {
        let lane = Lane::new(settings.concurrency_level.get(), &settings.patience, asking.clone());
        Self::open_on(lane, name, settings, clock, asking)
    }

    /// The same, but shares the permits, the pause and the pace of this connection with the new one.
    pub fn open_beside(
        &self,
        name: ConnectionName,
        settings: &Settings,
        clock: Clock,
        asking: Asking,
    ) -> Result<Self, OpenError> {
        Self::open_on(self.0.lane.beside(asking.clone()), name, settings, clock, asking)
    }

    fn open_on(
        lane: Lane,
        name: ConnectionName,
        settings: &Settings,
        clock: Clock,
        asking: Asking,
    ) -> Result<Self, OpenError> {
        // It fails when another connection, or a test, was first: then it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tokens = Tokens::open(&name, &settings.token)?;
        Ok(Self(Arc::new(Inner {
            name,
            clock,
            asking,
            patience: settings.patience,
            token_expires: settings.api_token_expires.map(ExpiryDate::moment),
            client: exchange::client(settings)?,
            lane,
            tokens,
            entrances: Entrances::new(settings),
        })))
    }

    pub fn name(&self) -> &ConnectionName {
        &self.0.name
    }

    /// Whether there is a token to ask with.
    pub fn check_token(&self) -> Result<(), OpenError> {
        self.0.tokens.trouble().map_or(Ok(()), |error| Err(OpenError::SealedToken(error)))
    }

    /// Asks until there is an answer, or no sense in asking on.
    pub async fn ask<T: DeserializeOwned>(&self, question: Question<'_>) -> Result<Answer<T>, Failure> {
        let mut retries = 0;
        loop {
            let mut failure = match self.try_to_ask(&question).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let delay = retry::delay(&self.0.patience, retries);
            let quiet = failure.quiet(delay).map(|quiet| quiet.min(self.0.patience.longest_pause));
            if let Some(quiet) = quiet {
                failure.wait_until = Some(self.keep_quiet(quiet));
            }
            let too_long = quiet.is_some_and(|quiet| quiet > self.0.patience.longest_wait);
            if too_long || retries == self.0.patience.retries || !failure.is_worth_another_try() {
                self.tell(&failure);
                return Err(failure);
            }
            retries += 1;
            if let Some(code) = failure.code() {
                self.0.asking.retry(code.as_str());
            }
            debug!(connection = %self.0.name, %failure, "asking again");
            // A pause is waited for at the gate, together with everybody else.
            if quiet.is_none() {
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// How many requests may be under way at once, those of connections beside it counted.
    pub fn concurrency_level(&self) -> usize {
        self.0.lane.permits()
    }

    /// What has been found out of the site so far: nothing before the token was taken once.
    pub fn site(&self) -> Option<SiteInfo> {
        self.0.entrances.info(self.token_in_use()?)
    }

    /// The site's address and its cloud id, as far as they are known by now.
    pub fn whereabouts(&self) -> (Arc<str>, Option<Arc<str>>) {
        self.0.entrances.whereabouts()
    }

    pub fn token_expires(&self) -> Option<Timestamp> {
        self.0.token_expires
    }

    /// Which token was taken last.
    pub fn token_in_use(&self) -> Option<TokenSlot> {
        self.0.tokens.in_use()
    }

    pub fn paused_until(&self) -> Option<Timestamp> {
        self.0.lane.paused_until()
    }

    /// How many requests a second the site bears, as far as it has refused any.
    pub fn pace(&self) -> Option<f64> {
        self.0.lane.pace()
    }

    /// Takes the place of one that was opened with other settings: the quiet that the site has asked of that one still holds.
    pub fn take_the_place_of(&self, before: &Self) {
        let is_same_site = self.whereabouts().0 == before.whereabouts().0;
        if let Some(until) = before.paused_until().filter(|_| is_same_site) {
            let now = self.0.clock.now();
            // Should our clock have been set back meanwhile.
            self.0.lane.pause(until.since(now).min(self.0.patience.longest_pause), now);
        }
    }

    /// Lets the metrics show its limit and its pause. Of several that were opened under one name the last to say so is shown.
    pub fn show_limits(&self) {
        self.0.asking.concurrency_limit(self.concurrency_level());
        self.0.asking.throttled_until(self.paused_until());
    }

    /// Holds every request back, and says so once: a silence that nobody explains looks like a fault of ours.
    fn keep_quiet(&self, span: Duration) -> Timestamp {
        let was_quiet = self.0.lane.paused_until().is_some();
        let until = self.0.lane.pause(span, self.0.clock.now());
        if !was_quiet {
            let a_second = self.0.lane.pace().map(|pace| (pace * 10.0).round() / 10.0);
            info!(connection = %self.0.name, %until, a_second, "the site wants fewer requests; nothing is asked before {until}");
        }
        until
    }

    /// Once a failure, when nothing more is done about it here.
    fn tell(&self, failure: &Failure) {
        let connection = &self.0.name;
        let operation = failure.operation;
        let status = failure.status();
        let trace = failure.trace.as_deref();
        match failure.verdict {
            // Told already: when the quiet began, and when the token was looked for.
            Verdict::Passing { .. } | Verdict::Refused { .. }
                if matches!(failure.cause, Cause::Quiet | Cause::NoToken) =>
            {
                debug!(%connection, %operation, "{failure}");
            }
            Verdict::Refused { code, .. } | Verdict::Passing { code } => {
                warn!(%connection, %operation, status, trace, %code, "{failure}");
            }
            Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => {
                debug!(%connection, %operation, status, trace, "{failure}");
            }
        }
    }
}

/// Names the connection and nothing of its secrets.
impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Connection").field(&self.0.name).finish()
    }
}
