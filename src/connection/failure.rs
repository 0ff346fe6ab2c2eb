//! Why a question got no answer, and what that means for whoever asked. The meaning is found in `verdict`.

use std::fmt;
use std::time::Duration;

use super::unreached::Unreached;
use crate::model::{Code, Operation, Timestamp};

/// A question that got no answer. Its text holds no secret and nothing that the site wrote.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(super) operation: Operation,
    pub(super) verdict: Verdict,
    pub(super) cause: Cause,
    pub(super) trace: Option<String>,
    /// The quiet that the site asked for in so many words.
    pub(super) wanted_quiet: Option<Duration>,
    pub(super) wait_until: Option<Timestamp>,
}

/// What a failure says about access, which is what callers act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The operation is refused. `named`: the answer says why in so many words; an anonymous refusal may be a passing
    /// fault of the site that looks like one.
    Refused { code: Code, named: bool },
    /// This doc is gone or hidden; the operation works for others.
    NotForThisDoc,
    /// The space does not have it (states off, analytics restricted); the operation works in others.
    NotForThisSpace,
    /// The listing must start again.
    DeadCursor,
    /// It may work next time.
    Passing { code: Code },
}

/// What happened, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Status(u16),
    /// No request was sent: the site has asked for quiet.
    Quiet,
    /// No request was sent: there is nothing to authorise it with.
    NoToken,
    Timeout,
    /// Nothing has come to the site at all, as far as we know.
    Unreached(Unreached),
    /// The answer broke off.
    CutShort,
    TooLarge,
    /// The answer is not the JSON that belongs here.
    NotTheJson,
}

impl Failure {
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What it means for the connection; nothing where only a doc, a space or a cursor is concerned.
    pub fn code(&self) -> Option<Code> {
        match self.verdict {
            Verdict::Refused { code, .. } | Verdict::Passing { code } => Some(code),
            Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => None,
        }
    }

    /// Until when the site wants no request, where that is why it failed.
    pub fn wait_until(&self) -> Option<Timestamp> {
        self.wait_until
    }

    /// What a person can look at where the site is unreachable.
    pub fn where_to_look(&self) -> &'static str {
        match self.cause {
            Cause::Unreached(unreached) => unreached.where_to_look(),
            Cause::Status(_)
            | Cause::Quiet
            | Cause::NoToken
            | Cause::Timeout
            | Cause::CutShort
            | Cause::TooLarge
            | Cause::NotTheJson => "check instance_url, proxy and firewall",
        }
    }

    /// The answer came, and cannot be used: what `confluence` finds on reading it.
    pub(crate) fn unusable_answer(operation: Operation) -> Self {
        Self::new(operation, Cause::NotTheJson)
    }

    /// The listing leads nowhere from here: what `confluence` finds when it has no end.
    pub(crate) fn lost_place(operation: Operation) -> Self {
        Self { verdict: Verdict::DeadCursor, ..Self::new(operation, Cause::NotTheJson) }
    }

    /// Nobody waits for the answer any more: what `sync` makes of a question that takes too long.
    pub(crate) fn given_up(operation: Operation) -> Self {
        Self::new(operation, Cause::Timeout)
    }

    /// There is no token to ask with, which comes to the same as a wrong one.
    pub(super) fn without_token(operation: Operation) -> Self {
        let verdict = Verdict::Refused { code: Code::InvalidCredentials, named: true };
        Self { verdict, ..Self::new(operation, Cause::NoToken) }
    }

    /// A failure without an answer, or with one that cannot be used.
    pub(super) fn new(operation: Operation, cause: Cause) -> Self {
        let code = match cause {
            Cause::Quiet => Code::RateLimited,
            Cause::NoToken => Code::InvalidCredentials,
            Cause::Timeout | Cause::Unreached(_) => Code::Unreachable,
            Cause::Status(_) | Cause::CutShort | Cause::TooLarge | Cause::NotTheJson => Code::BadResponse,
        };
        Self { operation, verdict: Verdict::Passing { code }, cause, trace: None, wanted_quiet: None, wait_until: None }
    }

    /// The HTTP status, where one came.
    pub(super) fn status(&self) -> Option<u16> {
        if let Cause::Status(status) = self.cause { Some(status) } else { None }
    }

    pub(super) fn is_refusal_of(&self, operation: Operation) -> bool {
        self.operation == operation && matches!(self.verdict, Verdict::Refused { .. })
    }

    /// Whether it is the token that is refused, so that another one is worth a try.
    pub(super) fn is_refusal_of_the_token(&self) -> bool {
        let Verdict::Refused { code, named } = self.verdict else { return false };
        // Nobody shows a token to be told the cloud id. A bare 401 is what a token gets at a door that is for others.
        self.operation != Operation::TenantInfo
            && (code == Code::InvalidCredentials || (!named && self.cause == Cause::Status(401)))
    }

    /// For how long the whole connection must keep quiet: what the site named and at least `delay`, or `delay` where
    /// the site only said that it is too much.
    pub(super) fn quiet(&self, delay: Duration) -> Option<Duration> {
        let (Verdict::Passing { code }, Cause::Status(_)) = (self.verdict, self.cause) else { return None };
        match self.wanted_quiet {
            Some(wanted) => Some(wanted.max(delay)),
            None => (code == Code::RateLimited).then_some(delay),
        }
    }

    /// Whether the same question may be answered within a minute.
    pub(super) fn is_worth_another_try(&self) -> bool {
        let Verdict::Passing { code } = self.verdict else { return false };
        match self.cause {
            Cause::Timeout | Cause::CutShort | Cause::NotTheJson => true,
            Cause::Unreached(unreached) => unreached.is_worth_another_try(),
            Cause::Status(status) => code == Code::RateLimited || status == 408 || status >= 500,
            Cause::Quiet | Cause::NoToken | Cause::TooLarge => false,
        }
    }
}

impl Cause {
    /// How an attempt that got no whole answer is counted.
    pub(super) const fn metric(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreached(unreached) => unreached.metric(),
            Self::CutShort | Self::TooLarge | Self::NotTheJson => "body",
            Self::Quiet | Self::NoToken | Self::Status(_) => "connect",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}, {}", self.operation, self.cause, self.verdict)?;
        if let Some(until) = self.wait_until {
            write!(formatter, ", nothing is asked before {until}")?;
        }
        if let Some(trace) = &self.trace {
            write!(formatter, " (atl-traceid {trace})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, .. } => write!(formatter, "refused ({code})"),
            Self::NotForThisDoc => formatter.write_str("not for this doc"),
            Self::NotForThisSpace => formatter.write_str("not in this space"),
            Self::DeadCursor => formatter.write_str("the listing must start again"),
            Self::Passing { code } => write!(formatter, "it may pass ({code})"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(formatter, "the site answered {status}"),
            Self::Quiet => formatter.write_str("the site has asked for quiet"),
            Self::NoToken => formatter.write_str("there is no token to ask with"),
            Self::Timeout => formatter.write_str("no answer in time"),
            Self::Unreached(unreached) => unreached.fmt(formatter),
            Self::CutShort => formatter.write_str("the answer broke off"),
            Self::TooLarge => formatter.write_str("the answer is too large"),
            Self::NotTheJson => formatter.write_str("the answer is not the JSON that belongs here"),
        }
    }
}
