//! What a fault makes of an answer, as far as it is still an answer. Faults of the wire are `server`'s business.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::query::BadRequest;
use super::reply::Reply;
use super::rules::{Api, Operation};
use super::{Answered, Route, Site};
use crate::fault::{Fault, FaultKind};

/// Where hostile links point: nobody is there, and whoever goes there has told.
const ELSEWHERE: &str = "http://127.0.0.2:9";

/// More than any client should read.
const OVERSIZED_BYTES: usize = 33 * 1024 * 1024;

const DAY_MS: i64 = 86_400_000;

const DEFAULT_RETRY_AFTER_SECONDS: u64 = 2;

impl Site {
    /// The answer under this fault. `answer` is the good one, which some faults only bend.
    pub(crate) fn strike(&self, fault: &Fault, route: &Route, answer: impl FnOnce() -> Answered) -> Answered {
        let api = route.api();
        let refusal = match fault.kind {
            FaultKind::InvalidCredentials | FaultKind::FalseNotFound => Reply::anonymous(api),
            FaultKind::NotPermitted | FaultKind::NoAccess => Reply::not_permitted(api),
            FaultKind::Unauthorized => Reply::unauthorized(api),
            FaultKind::Absent => Reply::absent(api, noun(route), route.variable()),
            FaultKind::UnparsableCredential => Reply::unparsable_credential(&self.origin),
            FaultKind::WrongBase => Reply::wrong_base(),
            FaultKind::ScopeMismatch => Reply::scope_mismatch(),
            FaultKind::AccountMismatch => Reply::account_mismatch(),
            FaultKind::AnalyticsRestricted => forbidden(
                "com.atlassian.confluence.api.service.exceptions.PermissionException: \
                 {\"reason\":\"ViewAnalyticsRestricted\"}",
            ),
            FaultKind::PlanTooSmall => forbidden("Cannot make this request because you are on Free edition"),
            FaultKind::SiteSuspended => suspended(503),
            FaultKind::SiteSuspendedForbidden => suspended(403),
            FaultKind::Gone => Reply::gone(),
            FaultKind::StatesOffBadRequest => states_off(400),
            FaultKind::StatesOffForbidden => states_off(403),
            FaultKind::StatesOffNotFound => states_off(404),
            FaultKind::RateLimited
            | FaultKind::RateLimitedBeyond
            | FaultKind::RateLimitedReset
            | FaultKind::RateLimitedResetMinutes
            | FaultKind::RateLimitedBare
            | FaultKind::RateLimitedHtml => self.throttled(fault, api),
            FaultKind::DeadCursor => Reply::bad_request(api, &BadRequest::Cursor),
            FaultKind::LostPlace | FaultKind::InternalError => {
                Reply::failure(api, 500, "INTERNAL_SERVER_ERROR", "Internal Server Error", None)
            }
            FaultKind::BadGateway => Reply::html(502, "502 Bad Gateway"),
            FaultKind::Unavailable => Reply::failure(api, 503, "SERVICE_UNAVAILABLE", "Service Unavailable", None),
            FaultKind::UnavailableHtml => {
                Reply::html(503, "Service Unavailable").with("retry-after", seconds(fault).to_string())
            }
            FaultKind::HtmlWithOk => Reply::html(200, "Log in with Atlassian account"),
            FaultKind::NotJson => Reply::json(200, "upstream connect error or disconnect/reset before headers"),
            FaultKind::EmptyBody => Reply::json(200, ""),
            FaultKind::Oversized => oversized(),
            FaultKind::Redirect => Reply::json(302, "").with("location", format!("{ELSEWHERE}/wiki/api/v2/spaces")),
            FaultKind::Slow | FaultKind::Silence | FaultKind::CutShort | FaultKind::Reset | FaultKind::Endless => {
                return answer();
            }
            FaultKind::RateLimitHeaders
            | FaultKind::TruncatedJson
            | FaultKind::HostileNext
            | FaultKind::HostileBase
            | FaultKind::HostileLink
            | FaultKind::EmptyList
            | FaultKind::WrongTypes
            | FaultKind::NullFields
            | FaultKind::UnknownStatus
            | FaultKind::UnknownType
            | FaultKind::UnknownEnum
            | FaultKind::UnlistedSpace
            | FaultKind::VersionFalls
            | FaultKind::DoubleId
            | FaultKind::Date1970
            | FaultKind::Date2100
            | FaultKind::DateAhead => {
                let mut answered = answer();
                if answered.reply.status == 200 {
                    self.bend(fault, &mut answered.reply);
                }
                return answered;
            }
        };
        Answered { reply: refusal, username: None, rejected: None }
    }

    fn throttled(&self, fault: &Fault, api: Api) -> Reply {
        let reply = match fault.kind {
            FaultKind::RateLimitedHtml => Reply::html(429, "Too Many Requests"),
            _ => Reply::failure(api, 429, "TOO_MANY_REQUESTS", "Rate limit exceeded", None),
        };
        let reset_ms = self.clock.now_ms() + i64::try_from(seconds(fault)).unwrap_or(0) * 1000;
        let reset = Timestamp::from_millisecond(reset_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        match fault.kind {
            FaultKind::RateLimitedBare => reply,
            FaultKind::RateLimitedHtml => reply.with("retry-after", seconds(fault).to_string()),
            FaultKind::RateLimitedReset => gateway_quota(reply).with("x-ratelimit-reset", reset.to_string()),
            FaultKind::RateLimitedResetMinutes => {
                gateway_quota(reply).with("x-ratelimit-reset", reset.strftime("%Y-%m-%dT%H:%MZ").to_string())
            }
            _ => reply
                .with("retry-after", seconds(fault).to_string())
                .with("x-ratelimit-limit", "40000")
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                .with("ratelimit-reason", "confluence-quota-global-based"),
        }
    }

    fn bend(&self, fault: &Fault, reply: &mut Reply) {
        match fault.kind {
            FaultKind::RateLimitHeaders => {
                let reset = Timestamp::from_millisecond(self.clock.now_ms() + 60_000).unwrap_or(Timestamp::UNIX_EPOCH);
                reply.headers.extend([
                    ("x-ratelimit-limit", "40000".to_owned()),
                    ("x-ratelimit-remaining", "31234".to_owned()),
                    ("x-ratelimit-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                    ("x-ratelimit-nearlimit", "false".to_owned()),
                ]);
            }
            FaultKind::TruncatedJson => {
                let half = reply.body.len() / 2;
                reply.body.truncate(half);
            }
            FaultKind::DateAhead => {
                let date_ms = reply.date_ms.unwrap_or_else(|| self.clock.now_ms());
                reply.date_ms = Some(date_ms + DAY_MS);
            }
            FaultKind::HostileLink => {
                reply.headers.retain(|(name, _)| *name != "link");
                let link = format!(
                    "<{ELSEWHERE}/wiki/api/v2/pages?cursor=aG9zdGlsZQ==&limit=250>; rel=\"next\", \
                     <{ELSEWHERE}/wiki>; rel=\"base\""
                );
                reply.headers.push(("link", link));
            }
            _ => {
                let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return };
                bend_body(fault.kind, &mut body);
                reply.body = body.to_string().into();
            }
        }
    }
}

pub(crate) fn seconds(fault: &Fault) -> u64 {
    fault.seconds.unwrap_or(DEFAULT_RETRY_AFTER_SECONDS)
}

fn gateway_quota(reply: Reply) -> Reply {
    reply
        .with("x-failure-category", "FAILURE CLIENT RATE LIMITED")
        .with("x-ratelimit-limit", "360000")
        .with("x-ratelimit-remaining", "0")
}

fn noun(route: &Route) -> &'static str {
    match route.operation() {
        Some(Operation::BlogpostVersions | Operation::BlogpostLabels) => "blog post",
        Some(Operation::Space | Operation::SpacePages | Operation::SpaceBlogposts) => "space",
        Some(Operation::ContentViews | Operation::ContentViewers | Operation::ContentState) => "content",
        _ => "page",
    }
}

fn forbidden(message: &str) -> Reply {
    Reply::failure(Api::V1, 403, "", message, None)
}

fn states_off(status: u16) -> Reply {
    let message = "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: \
                   Content states are not enabled in this space";
    Reply::failure(Api::V1, status, "", message, None)
}

fn suspended(status: u16) -> Reply {
    let body = json!({"errorCode": "SUSPENDED_INACTIVITY", "message": "The site is suspended for inactivity."});
    Reply::json(status, body.to_string())
}

fn oversized() -> Reply {
    let mut body = String::with_capacity(OVERSIZED_BYTES + 64);
    body.push_str("{\"results\":[");
    body.extend(std::iter::repeat_n(' ', OVERSIZED_BYTES));
    body.push_str("],\"_links\":{}}");
    Reply::json(200, body)
}

fn bend_body(kind: FaultKind, body: &mut Value) {
    match kind {
        FaultKind::HostileNext => {
            body["_links"]["next"] = format!("{ELSEWHERE}/wiki/api/v2/pages?cursor=aG9zdGlsZQ==&limit=250").into();
        }
        FaultKind::HostileBase => body["_links"]["base"] = format!("{ELSEWHERE}/wiki").into(),
        FaultKind::EmptyList => {
            if body.get("results").is_some() {
                body["results"] = json!([]);
            }
            if let Some(links) = body.get_mut("_links").and_then(Value::as_object_mut) {
                links.remove("next");
            }
        }
        FaultKind::DoubleId => {
            if let Some([first, second, ..]) =
                body.get_mut("results").and_then(Value::as_array_mut).map(Vec::as_mut_slice)
            {
                second["id"] = first["id"].clone();
            }
        }
        _ => {
            // What is no list (views, a state) is its own row.
            let is_list = body.get("results").is_some();
            let row = if is_list { body["results"].get_mut(0) } else { Some(body) };
            if let Some(row) = row.and_then(Value::as_object_mut) {
                bend_row(kind, row);
            }
        }
    }
}

fn bend_row(kind: FaultKind, row: &mut serde_json::Map<String, Value>) {
    // Only what the row has: a fault adds no fields.
    let mut set = |name: &str, value: Value| {
        if let Some(field) = row.get_mut(name) {
            *field = value;
        }
    };
    match kind {
        FaultKind::WrongTypes => {
            set("id", json!({"value": 7}));
            set("createdAt", json!(1_700_000_000));
            set("version", json!("3"));
            set("number", json!("many"));
            set("name", json!(["a", "list"]));
            set("accountStatus", json!(true));
            set("count", json!("a lot"));
            set("contentState", json!("Draft"));
        }
        FaultKind::NullFields => {
            for name in ["id", "createdAt", "version", "number", "spaceId", "key", "name", "accountId", "count"] {
                set(name, Value::Null);
            }
        }
        FaultKind::UnknownStatus => {
            set("status", json!("hibernating"));
            set("accountStatus", json!("hibernating"));
        }
        FaultKind::UnknownType => {
            set("type", json!("whiteboard_garden"));
            set("accountType", json!("android"));
        }
        FaultKind::UnknownEnum => {
            set("parentType", json!("slide_deck"));
            set("subtype", json!("hologram"));
            set("prefix", json!("galaxy"));
            set("accountType", json!("android"));
        }
        FaultKind::UnlistedSpace => set("spaceId", json!("987654321")),
        FaultKind::VersionFalls => {
            if let Some(number) = row.get_mut("version").and_then(|version| version.get_mut("number")) {
                *number = json!(number.as_u64().unwrap_or(1).saturating_sub(1).max(1));
            }
        }
        FaultKind::Date1970 => date(row, "1970-01-01T00:00:00Z"),
        FaultKind::Date2100 => date(row, "2100-01-01T00:00:00.000Z"),
        _ => {}
    }
}

fn date(row: &mut serde_json::Map<String, Value>, text: &str) {
    if let Some(field) = row.get_mut("createdAt") {
        *field = text.into();
    }
    if let Some(field) = row.get_mut("version").and_then(|version| version.get_mut("createdAt")) {
        *field = text.into();
    }
}
