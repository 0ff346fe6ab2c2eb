//! One attempt at a question: with which token, at which door, under a permit. Whether to ask again is
//! decided one floor up, in the room's own file.

use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;

use super::entrance::{Entrance, Place};
use super::exchange::{self, Reply};
use super::failure::{Cause, Failure, Verdict};
use super::question::{Answer, Question, Turn};
use super::token::Token;
use super::tokens::Offered;
use super::{Connection, headers, verdict};
use crate::model::{Code, Operation};

impl Connection {
    /// Asks with the token that serves, and where that is refused with the other one.
    pub(super) async fn try_to_ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<Answer<T>, Failure> {
        let offered = self.0.tokens.offered().ok_or_else(|| Failure::without_token(question.operation))?;
        let Offered { first, second } = offered;
        let outcome = self.ask_with(&first, question).await;
        if is_taken(&outcome) {
            self.0.tokens.was_taken(&first);
        }
        let (Err(refusal), Some(second)) = (&outcome, second) else { return outcome };
        if !refusal.is_refusal_of_the_token() {
            return outcome;
        }
        match self.ask_with(&second, question).await {
            // A token that lacks a scope, or meets a fault, is no reason to leave the one that has served.
            Err(failure) if matches!(failure.verdict(), Verdict::Refused { .. }) => outcome,
            // Nothing has been found out: the question is asked again, with both.
            Err(failure) if matches!(failure.verdict(), Verdict::Passing { .. }) => Err(failure),
            answered => {
                self.0.tokens.serve_instead(&first, &second);
                answered
            }
        }
    }

    /// Asks where this token has been taken before, else wherever it may be.
    async fn ask_with<T: DeserializeOwned>(
        &self,
        token: &Token,
        question: &Question<'_>,
    ) -> Result<Answer<T>, Failure> {
        if let Some(entrance) = self.0.entrances.settled(token) {
            return self.ask_at(entrance, question, token).await;
        }
        let mut first_refusal = None;
        for &entrance in self.0.entrances.candidates() {
            let outcome = self.ask_at(entrance, question, token).await;
            match outcome {
                Err(failure) if entrance.is_wrong_by(&failure) => _ = first_refusal.get_or_insert(failure),
                // Without a cloud id there is no gateway to try, and the site's own refusal says more.
                Err(failure) if failure.is_refusal_of(Operation::TenantInfo) => {
                    return Err(first_refusal.unwrap_or(failure));
                }
                outcome => {
                    if is_taken(&outcome) {
                        self.settle(entrance, token).await;
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
        let request = exchange::request(&self.0.client, &base, question);
        let request = self.0.entrances.authorise(request, entrance, token);
        let reply = self.exchange(request, question.operation, entrance.place, question.turn).await?;
        let value = serde_json::from_slice(&reply.body).map_err(|_| Failure {
            trace: headers::trace(&reply.headers),
            ..Failure::new(question.operation, Cause::NotTheJson)
        })?;
        let date = headers::date(&reply.headers).unwrap_or_else(|| self.0.clock.now());
        let (next_link, trace) = (headers::next_link(&reply.headers), headers::trace(&reply.headers));
        Ok(Answer { value, date, next_link, trace })
    }

    /// One request, under a permit.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        operation: Operation,
        place: Place,
        turn: Turn,
    ) -> Result<Reply, Failure> {
        let permit = self
            .0
            .lane
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
        let failure = verdict::failure(operation, place, &reply, self.0.clock.now());
        if failure.verdict == (Verdict::Passing { code: Code::RateLimited }) {
            permit.was_refused();
        }
        Err(failure)
    }
}

/// Whether whoever answered so had taken the token.
fn is_taken<T>(outcome: &Result<Answer<T>, Failure>) -> bool {
    outcome.as_ref().map_or_else(Entrance::is_proven_by, |_| true)
}
