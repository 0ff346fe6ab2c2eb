//! How the site can be made to fail, by name. Each name is a way in which the real one has failed, or might.

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::api::{Base, Operation};

/// One fault, and when it strikes. Of several that fit, the first injected strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub kind: FaultKind,
    /// None strikes every operation but `tenant_info`, which must be named.
    #[serde(default)]
    pub operation: Option<Operation>,
    #[serde(default)]
    pub base: Option<Base>,
    /// What it strikes alone: the doc, space or label in the path, by its id or key, an account that is asked for, or a pair
    /// of the query, such as `space-id=65537`.
    #[serde(default)]
    pub only: Option<String>,
    /// So many requests that fit are let pass first.
    #[serde(default)]
    pub after: u32,
    /// None strikes until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// It strikes before this moment of the site's clock only.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// What `slow` waits, and what `rate_limited` and its like ask for. Each kind has its own default.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// What `rate_limited_beyond` lets pass, by the machine's clock.
    #[serde(default)]
    pub a_second: Option<u32>,
}

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// The names of the faults; `--fault` and the control endpoint spell them so.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FaultKind { $($(#[$doc])* #[serde(rename = $name)] $variant),+ }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

fault_kinds! {
    /// Wrong, revoked or expired credential: v2 404 without a name, v1 403.
    InvalidCredentials = "invalid_credentials",
    /// The other text that v1 has for it.
    NotPermitted = "not_permitted",
    /// The same by the documents: 401.
    Unauthorized = "unauthorized",
    /// The doc is not there, or not for these eyes: 404 that names it.
    Absent = "absent",
    /// 401 HTML with `WWW-Authenticate`: the header does not parse.
    UnparsableCredential = "unparsable_credential",
    /// 401 Tomcat HTML, as for a scoped token at the site.
    WrongBase = "wrong_base",
    ScopeMismatch = "scope_mismatch",
    AccountMismatch = "account_mismatch",
    /// The user has no access to Confluence.
    NoAccess = "no_access",
    /// v1 403 `ViewAnalyticsRestricted`.
    AnalyticsRestricted = "analytics_restricted",
    PlanTooSmall = "plan_too_small",
    /// 503 `SUSPENDED_INACTIVITY`.
    SiteSuspended = "site_suspended",
    /// The same under 403.
    SiteSuspendedForbidden = "site_suspended_forbidden",
    /// 410 `GoneException`.
    Gone = "gone",
    /// States are off for a space: 400, 403 or 404.
    StatesOffBadRequest = "states_off_400",
    StatesOffForbidden = "states_off_403",
    StatesOffNotFound = "states_off_404",
    /// 429 with `Retry-After` and every header that the quota has.
    RateLimited = "rate_limited",
    /// 429 as the gateway sent it: `X-RateLimit-Reset` and no `Retry-After`.
    RateLimitedReset = "rate_limited_reset",
    /// The same, the reset written without seconds.
    RateLimitedResetMinutes = "rate_limited_reset_minutes",
    /// 429 and nothing else.
    RateLimitedBare = "rate_limited_bare",
    /// 429 with `Retry-After` and HTML.
    RateLimitedHtml = "rate_limited_html",
    /// The same as the first, to requests beyond so many (`a_second`) of them; a second's worth is saved up.
    RateLimitedBeyond = "rate_limited_beyond",
    /// Good answers, with the headers of a quota.
    RateLimitHeaders = "rate_limit_headers",
    /// 400 to each request that has a cursor.
    DeadCursor = "dead_cursor",
    /// 500 to each of them.
    LostPlace = "lost_place",
    /// A CDN's fault: for a minute (`until_ms`) good credentials get 404 and 403.
    FalseNotFound = "false_not_found",
    InternalError = "internal_error",
    /// 502 as HTML.
    BadGateway = "bad_gateway",
    Unavailable = "unavailable",
    /// 503 as HTML, with `Retry-After`.
    UnavailableHtml = "unavailable_html",
    /// A good answer, late.
    Slow = "slow",
    /// No answer at all; the connection stays open.
    Silence = "silence",
    /// The body ends before its Content-Length.
    CutShort = "cut_short",
    /// The connection is reset instead of an answer.
    Reset = "reset",
    /// A body that never ends.
    Endless = "endless",
    /// A well-formed answer of more than 32 MiB.
    Oversized = "oversized",
    /// 200 with HTML.
    HtmlWithOk = "html_with_ok",
    /// 200 with text that is no JSON, but says so.
    NotJson = "not_json",
    /// 200 with the first half of the JSON, of the right length.
    TruncatedJson = "truncated_json",
    EmptyBody = "empty_body",
    /// 302 to another origin.
    Redirect = "redirect",
    /// `_links.next` names another origin.
    HostileNext = "hostile_next",
    /// `_links.base` names another origin.
    HostileBase = "hostile_base",
    /// The `Link` header names another origin.
    HostileLink = "hostile_link",
    /// An answer without rows, where there are some.
    EmptyList = "empty_list",
    /// In the first row: numbers as text, text as lists.
    WrongTypes = "wrong_types",
    /// In the first row: null for what must be there.
    NullFields = "null_fields",
    /// In the first row: a status nobody knows.
    UnknownStatus = "unknown_status",
    /// In the first row: a type nobody knows.
    UnknownType = "unknown_type",
    /// In the first row: other words nobody knows (parent type, prefix, account type).
    UnknownEnum = "unknown_enum",
    /// The first row's doc is in a space that no list shows.
    UnlistedSpace = "unlisted_space",
    /// The first row's version number is lower than it was.
    VersionFalls = "version_falls",
    /// The second row has the first one's id.
    DoubleId = "double_id",
    /// The first row's dates are in 1970.
    Date1970 = "date_1970",
    /// The first row's dates are in 2100.
    Date2100 = "date_2100",
    /// The answer's own `Date` is a day ahead.
    DateAhead = "date_ahead",
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFault(String);

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Injected>);

#[derive(Debug, Default)]
struct Injected {
    list: Vec<Fault>,
    /// What is left of `rate_limited_beyond`'s requests, and when that was so; nothing has been asked yet without.
    left: Option<(f64, Instant)>,
}

/// So many requests a second `rate_limited_beyond` lets pass unless it is told otherwise.
const DEFAULT_A_SECOND: u32 = 10;

/// A request as far as faults ask about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) operation: Option<Operation>,
    pub(crate) base: Option<Base>,
    pub(crate) variable: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) query: &'a str,
    pub(crate) now_ms: i64,
}

impl Fault {
    pub const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            operation: None,
            base: None,
            only: None,
            after: 0,
            times: None,
            until_ms: None,
            seconds: None,
            a_second: None,
        }
    }

    #[must_use]
    pub const fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    #[must_use]
    pub const fn at(mut self, base: Base) -> Self {
        self.base = Some(base);
        self
    }

    #[must_use]
    pub fn only(mut self, id_or_key: &str) -> Self {
        self.only = Some(id_or_key.to_string());
        self
    }

    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub const fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    #[must_use]
    pub const fn until_ms(mut self, moment: i64) -> Self {
        self.until_ms = Some(moment);
        self
    }

    #[must_use]
    pub const fn seconds(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    #[must_use]
    pub const fn a_second(mut self, requests: u32) -> Self {
        self.a_second = Some(requests);
        self
    }

    fn fits(&self, target: &Target<'_>) -> bool {
        let operation_fits = match self.operation {
            Some(_) => self.operation == target.operation,
            None => target.operation.is_some_and(|operation| operation != Operation::TenantInfo),
        };
        operation_fits
            && self.base.is_none_or(|base| Some(base) == target.base)
            && self.only.as_deref().is_none_or(|only| target.is_about(only))
            && (!matches!(self.kind, FaultKind::DeadCursor | FaultKind::LostPlace) || target.has_cursor())
            && self.until_ms.is_none_or(|until_ms| target.now_ms < until_ms)
    }
}

impl Target<'_> {
    fn has_cursor(&self) -> bool {
        self.query.split('&').any(|pair| pair.starts_with("cursor="))
    }

    fn is_about(&self, id_or_key: &str) -> bool {
        let quoted = format!("\"{id_or_key}\"");
        id_or_key == self.variable
            || self.body.windows(quoted.len()).any(|word| word == quoted.as_bytes())
            || self.query.split('&').any(|pair| pair == id_or_key)
    }
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) {
        self.injected().list.push(fault);
    }

    pub(crate) fn clear(&self) {
        *self.injected() = Injected::default();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.injected().list.clone()
    }

    /// What strikes this request. It is counted as struck.
    pub(crate) fn strike(&self, target: &Target<'_>) -> Option<Fault> {
        let mut injected = self.injected();
        let Injected { list, left } = &mut *injected;
        list.retain(|fault| fault.times != Some(0) && fault.until_ms.is_none_or(|until| target.now_ms < until));
        for fault in list.iter_mut().filter(|fault| fault.fits(target)) {
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            if fault.kind == FaultKind::RateLimitedBeyond && take(left, fault.a_second.unwrap_or(DEFAULT_A_SECOND)) {
                continue;
            }
            fault.times = fault.times.map(|times| times - 1);
            return Some(fault.clone());
        }
        None
    }

    fn injected(&self) -> MutexGuard<'_, Injected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one of the requests that may pass; tells whether there was one.
fn take(left: &mut Option<(f64, Instant)>, a_second: u32) -> bool {
    let a_second = f64::from(a_second);
    let now = Instant::now();
    let saved =
        left.map_or(a_second, |(left, at)| a_second.min(left + now.duration_since(at).as_secs_f64() * a_second));
    let passes = saved >= 1.0;
    *left = Some((if passes { saved - 1.0 } else { saved }, now));
    passes
}

/// `NAME[:operation[:times]]`
impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let kind = FaultKind::ALL.iter().find(|kind| kind.as_str() == name.replace('-', "_"));
        let mut fault = Self::new(*kind.ok_or_else(|| BadFault(format!("no fault is called {name}")))?);
        if let Some(operation) = parts.next().filter(|operation| !operation.is_empty()) {
            let known = Operation::from_name(operation);
            fault.operation = Some(known.ok_or_else(|| BadFault(format!("no operation is called {operation}")))?);
        }
        if let Some(times) = parts.next() {
            let number = times.parse();
            fault.times = Some(number.map_err(|_| BadFault(format!("not a number of times: {times}")))?);
        }
        parts.next().map_or(Ok(fault), |more| Err(BadFault(format!("what is {more}? NAME[:operation[:times]]"))))
    }
}

impl std::fmt::Display for BadFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadFault {}
