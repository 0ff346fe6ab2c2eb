//! One site's door: secrets, permits, retries, and what failure means. What is asked is `confluence`'s business.

mod address;
mod entrance;
mod exchange;
mod failure;
mod gate;
mod headers;
mod pace;
#[cfg(test)]
mod pace_test;
mod question;
mod retry;
mod settings;
mod tenant;
mod token;
mod values;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use tracing::{debug, info, warn};

use crate::clock::Clock;
use crate::metrics::Asking;
use crate::model::{Code, ConnectionName, Operation, SiteInfo, Timestamp};

use entrance::{Entrance, Entrances, Place};
use exchange::Reply;
use failure::Cause;
use gate::Gate;
use token::{Token, TokenSource};

pub use address::{BadUrl, CloudId, GatewayUrl, InstanceUrl, Origin};
pub use failure::{Failure, Verdict};
pub use question::{Answer, Question, Turn};
pub use settings::{OpenError, Patience, Settings, TokenFrom};
pub use token::BadToken;
pub use values::{
    BadConcurrencyLevel, BadCredentialChoice, BadExpiryDate, BadUsername, ConcurrencyLevel, CredentialChoice,
    ExpiryDate, Username,
};

/// The door to one site. Clones share its permits, its pause, its token, and what it has found out about the way in.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    name: ConnectionName,
    clock: Clock,
    asking: Asking,
    patience: Patience,
    token_expires: Option<Timestamp>,
    concurrency_level: usize,
    client: Client,
    gate: Arc<Gate>,
    token: TokenSource,
    entrances: Entrances,
}

impl Connection {
    /// Reads the token, and asks nothing yet.
    pub fn open(name: ConnectionName, settings: &Settings, clock: Clock, asking: Asking) -> Result<Self, OpenError> {
        // It fails when another connection, or a test, was first: then it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let token = TokenSource::open(&name, settings)?;
        let gate = Gate::new(settings.concurrency_level.get(), &settings.patience, asking.clone());
        Ok(Self(Arc::new(Inner {
            name,
            clock,
            asking,
            patience: settings.patience,
            token_expires: settings.api_token_expires.map(ExpiryDate::moment),
            concurrency_level: settings.concurrency_level.get(),
            client: exchange::client(settings)?,
            gate: Arc::new(gate),
            token,
            entrances: Entrances::new(settings),
        })))
    }

    pub fn name(&self) -> &ConnectionName {
        &self.0.name
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

    /// How many requests may be under way at once.
    pub fn concurrency_level(&self) -> usize {
        self.0.concurrency_level
    }

    /// What has been found out of the site so far: nothing before the token was taken once.
    pub fn site(&self) -> Option<SiteInfo> {
        self.0.entrances.info()
    }

    /// The site's address and its cloud id, as far as they are known by now.
    pub fn whereabouts(&self) -> (Arc<str>, Option<Arc<str>>) {
        self.0.entrances.whereabouts()
    }

    pub fn token_expires(&self) -> Option<Timestamp> {
        self.0.token_expires
    }

    pub fn paused_until(&self) -> Option<Timestamp> {
        self.0.gate.paused_until()
    }

    /// How many requests a second the site bears, as far as it has refused any.
    pub fn pace(&self) -> Option<f64> {
        self.0.gate.pace()
    }

    /// Asks where the token has been taken before, else wherever it may be.
    async fn try_to_ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<Answer<T>, Failure> {
        let token = self.0.token.current();
        if let Some(entrance) = self.0.entrances.settled(&token) {
            return self.ask_at(entrance, question, &token).await;
        }
        let mut first_refusal = None;
        for &entrance in self.0.entrances.candidates() {
            let outcome = self.ask_at(entrance, question, &token).await;
            match outcome {
                Err(failure) if entrance.is_wrong_by(&failure) => _ = first_refusal.get_or_insert(failure),
                // Without a cloud id there is no gateway to try, and the site's own refusal says more.
                Err(failure) if failure.is_refusal_of(Operation::TenantInfo) => {
                    return Err(first_refusal.unwrap_or(failure));
                }
                outcome => {
                    if outcome.as_ref().map_or_else(Entrance::is_proven_by, |_| true) {
                        self.settle(entrance, &token).await;
                    }
                    return outcome;
                }
            }
        }
        Err(first_refusal.expect("there is always a candidate, and each was refused"))
    }

    async fn ask_at<T: DeserializeOwned>(
        &self,
        entrance: Entrance,
        question: &Question<'_>,
        token: &Token,
    ) -> Result<Answer<T>, Failure> {
        let base = self.base(entrance.place, question.turn).await?;
        let url = format!("{base}{}", question.path);
        let request = match &question.body {
            Some(body) => self.0.client.post(url).json(body),
            None => self.0.client.get(url),
        };
        let request = self.0.entrances.authorise(request.query(question.query), entrance, token);
        let reply = self.exchange(request, question.operation, entrance.place, question.turn).await?;
        let value = serde_json::from_slice(&reply.body).map_err(|_| Failure {
            trace: headers::trace(&reply.headers),
            ..Failure::new(question.operation, Cause::NotTheJson)
        })?;
        let date = headers::date(&reply.headers).unwrap_or_else(|| self.0.clock.now());
        Ok(Answer { value, date, next_link: headers::next_link(&reply.headers) })
    }

    /// One attempt, under a permit.
    async fn exchange(
        &self,
        request: RequestBuilder,
        operation: Operation,
        place: Place,
        turn: Turn,
    ) -> Result<Reply, Failure> {
        let permit = self
            .0
            .gate
            .enter(turn)
            .await
            .map_err(|until| Failure { wait_until: Some(until), ..Failure::new(operation, Cause::Quiet) })?;
        let reply = exchange::send(request, operation, &self.0.asking).await;
        let reply = reply.map_err(|cause| Failure::new(operation, cause))?;
        let limits = headers::rate_limit(&reply.headers);
        self.0.asking.rate_limit(limits.remaining, limits.limit, limits.reset);
        if (200..300).contains(&reply.status) {
            permit.was_answered();
            return Ok(reply);
        }
        let verdict = verdict::of(operation, place, &reply);
        if verdict == (Verdict::Passing { code: Code::RateLimited }) {
            permit.was_refused();
        }
        // The site's own time, so that its clock and ours need not agree.
        let now = headers::date(&reply.headers).unwrap_or_else(|| self.0.clock.now());
        let until_reset = limits.reset.filter(|_| reply.status == 429).map(|reset| reset.since(now));
        Err(Failure {
            verdict,
            trace: headers::trace(&reply.headers),
            wanted_quiet: headers::retry_after(&reply.headers, now).or(until_reset),
            ..Failure::new(operation, Cause::Status(reply.status))
        })
    }

    /// Holds every request back, and says so once: a silence that nobody explains looks like a fault of ours.
    fn keep_quiet(&self, span: Duration) -> Timestamp {
        let was_quiet = self.0.gate.paused_until().is_some();
        let until = self.0.gate.pause(span, self.0.clock.now());
        if !was_quiet {
            let a_second = self.0.gate.pace().map(|pace| (pace * 10.0).round() / 10.0);
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
            Verdict::Passing { .. } if failure.cause == Cause::Quiet => {
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
