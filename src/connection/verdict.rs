//! What a refusal means. The status alone decides nothing: the operation, the headers and the body do together.

use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::entrance::Place;
use super::exchange::Reply;
use super::failure::{Cause, Failure, Verdict};
use super::headers;
use crate::model::{Code, Operation, Timestamp};

/// The failure that an answer is which is not a success.
pub(super) fn failure(operation: Operation, place: Place, reply: &Reply, now: Timestamp) -> Failure {
    // The site's own time, so that its clock and ours need not agree.
    let now = headers::date(&reply.headers).unwrap_or(now);
    let reset = headers::rate_limit(&reply.headers).reset.filter(|_| reply.status == 429);
    Failure {
        verdict: of(operation, place, reply),
        trace: headers::trace(&reply.headers),
        wanted_quiet: headers::retry_after(&reply.headers, now).or_else(|| reset.map(|reset| reset.since(now))),
        ..Failure::new(operation, Cause::Status(reply.status))
    }
}

/// What such an answer means.
fn of(operation: Operation, place: Place, reply: &Reply) -> Verdict {
    let category = headers::failure_category(&reply.headers).unwrap_or_default();
    let body = String::from_utf8_lossy(&reply.body);
    let evidence = Evidence { operation, place, reply, category: &category, body: &body };
    match reply.status {
        403 | 503 if body.contains("SUSPENDED_INACTIVITY") => named(Code::SiteSuspended),
        429 => Verdict::Passing { code: Code::RateLimited },
        _ if category.contains("RATE_LIMITED") => Verdict::Passing { code: Code::RateLimited },
        408 | 500.. => Verdict::Passing { code: Code::UpstreamError },
        300..400 if reply.leads_elsewhere => anonymous(Code::WrongBaseUrl),
        // Asked without a credential: whoever refuses it is no Confluence site.
        400..500 if operation == Operation::TenantInfo => anonymous(Code::WrongBaseUrl),
        400 => evidence.bad_request(),
        401 => evidence.unauthorized(),
        403 => evidence.forbidden(),
        404 => evidence.not_found(),
        _ => Verdict::Passing { code: Code::BadResponse },
    }
}

struct Evidence<'a> {
    operation: Operation,
    place: Place,
    reply: &'a Reply,
    category: &'a str,
    body: &'a str,
}

/// What v2 says of an error.
#[derive(Deserialize)]
struct ErrorsJson {
    errors: Vec<ErrorJson>,
}

#[derive(Deserialize)]
struct ErrorJson {
    title: String,
}

impl Evidence<'_> {
    fn bad_request(&self) -> Verdict {
        match self.title() {
            Some(title) if title.contains("'cursor'") => Verdict::DeadCursor,
            // States can be off for a space.
            _ if self.operation == Operation::ContentState => Verdict::NotForThisSpace,
            _ => Verdict::Passing { code: Code::BadResponse },
        }
    }

    fn unauthorized(&self) -> Verdict {
        if self.category.contains("SCOPE_CHECK") || self.body.contains("scope does not match") {
            named(Code::InvalidPermissions)
        } else if self.category.contains("AUTH_MISMATCH") {
            named(Code::InvalidCredentials)
        } else if self.place == Place::Site && self.is_html() && !self.wants_oauth() {
            anonymous(Code::WrongBaseUrl)
        } else {
            anonymous(Code::InvalidCredentials)
        }
    }

    fn forbidden(&self) -> Verdict {
        if self.body.contains("ViewAnalyticsRestricted") {
            Verdict::NotForThisSpace
        } else if self.body.contains("on Free edition") {
            named(Code::PlanRequired)
        } else if self.is_html() || DEAD_CREDENTIAL.iter().any(|text| self.body.contains(text)) {
            anonymous(Code::InvalidCredentials)
        } else if self.is_about_one_doc() && self.body.contains("PermissionException") {
            Verdict::NotForThisDoc
        } else if self.operation == Operation::ContentState {
            Verdict::NotForThisSpace
        } else {
            anonymous(Code::InvalidPermissions)
        }
    }

    fn not_found(&self) -> Verdict {
        match self.title() {
            // What every operation gets to hear from v2 when the credential is dead.
            Some(title) if title == "Not Found" => anonymous(Code::InvalidCredentials),
            _ if self.is_html() => anonymous(Code::WrongBaseUrl),
            _ if self.is_about_one_doc() => Verdict::NotForThisDoc,
            _ => Verdict::Passing { code: Code::BadResponse },
        }
    }

    fn title(&self) -> Option<String> {
        let json: ErrorsJson = serde_json::from_slice(&self.reply.body).ok()?;
        json.errors.into_iter().next().map(|error| error.title)
    }

    /// Under `Accept: application/json` all the same.
    fn is_html(&self) -> bool {
        let content_type = self.reply.header(&CONTENT_TYPE).unwrap_or_default();
        content_type.contains("html") || self.body.trim_start().starts_with('<')
    }

    /// The site could not make sense of the `Authorization` header.
    fn wants_oauth(&self) -> bool {
        self.reply.header(&WWW_AUTHENTICATE).is_some_and(|wanted| wanted.starts_with("OAuth"))
    }

    fn is_about_one_doc(&self) -> bool {
        match self.operation {
            Operation::PageVersions
            | Operation::BlogpostVersions
            | Operation::PageLabels
            | Operation::BlogpostLabels
            | Operation::ContentViews
            | Operation::ContentState => true,
            Operation::TenantInfo
            | Operation::CurrentUser
            | Operation::Spaces
            | Operation::Pages
            | Operation::Blogposts
            | Operation::UsersBulk => false,
        }
    }
}

/// What v1 says to a credential that is wrong, revoked, expired or of an account without access to Confluence. Which
/// of these it is, it does not tell.
const DEAD_CREDENTIAL: &[&str] = &["caller cannot access Confluence", "Current user not permitted to use Confluence"];

const fn named(code: Code) -> Verdict {
    Verdict::Refused { code, named: true }
}

const fn anonymous(code: Code) -> Verdict {
    Verdict::Refused { code, named: false }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const BARE: &str = r#"{"errors":[{"status":404,"code":"NOT_FOUND","title":"Not Found","detail":null}]}"#;
    const HTML: &str =
        "<!doctype html><html lang=\"en\"><head><title>HTTP Status 401 – Unauthorized</title></head></html>";
    const DEAD_V1: &str = r#"{"statusCode":403,"message":"com.example.StacklessException: 403 FORBIDDEN \"Request rejected because caller cannot access Confluence\""}"#;
    const DEAD_V1_TOO: &str = r#"{"message":"Current user not permitted to use Confluence","statusCode":403}"#;
    const NO_SUCH_PAGE: &str =
        r#"{"errors":[{"status":404,"code":"NOT_FOUND","title":"Cannot find a page with id [4711]","detail":null}]}"#;
    const NO_SUCH_CONTENT: &str = r#"{"statusCode":404,"message":"com.example.NotFoundException: No content 4711"}"#;
    const NO_SCOPE: &str = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;
    const RESTRICTED: &str =
        r#"{"statusCode":403,"message":"com.example.PermissionException: {\"reason\":\"ViewAnalyticsRestricted\"}"}"#;
    const NOT_PERMITTED: &str =
        r#"{"statusCode":403,"message":"com.example.PermissionException: not permitted to view this content"}"#;
    const FREE: &str = r#"{"statusCode":403,"message":"Cannot make this request because you are on Free edition"}"#;
    const SUSPENDED: &str = r#"{"errorCode":"SUSPENDED_INACTIVITY","message":"the site sleeps"}"#;
    const GONE: &str = r#"{"statusCode":410,"message":"com.example.GoneException: This endpoint has been removed."}"#;
    const DEAD_CURSOR: &str = r#"{"errors":[{"status":400,"code":"INVALID_REQUEST_PARAMETER","title":"Provided value for 'cursor' is not the correct type. Expected type is Cursor.","detail":"stale"}]}"#;
    const BAD_PARAMETER: &str = r#"{"errors":[{"status":400,"code":"INVALID_REQUEST_PARAMETER","title":"Provided value {x} for 'id' is not the correct type. Expected type is long.","detail":null}]}"#;
    const SCOPE_CHECK: &[(&str, &str)] = &[("X-Failure-Category", "FAILURE_CLIENT_SCOPE_CHECK")];
    const OAUTH: &[(&str, &str)] = &[("WWW-Authenticate", "OAuth realm=\"https%3A%2F%2Facme.example\"")];
    const HTML_TYPE: &[(&str, &str)] = &[("Content-Type", "text/html;charset=UTF-8")];

    fn verdict(operation: Operation, place: Place, status: u16, headers: &[(&str, &str)], body: &str) -> Verdict {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        let reply = Reply { status, headers, body: body.into(), leads_elsewhere: status == 302 };
        of(operation, place, &reply)
    }

    /// A row of the table in the order of the API's description, and its neighbours that are easily confused with it.
    #[test]
    fn every_kind_of_failure_gets_its_own_verdict() {
        use Operation::{
            ContentState, ContentViews, CurrentUser, PageLabels, PageVersions, Pages, Spaces, TenantInfo, UsersBulk,
        };
        use Place::{Gateway, Site};
        let dead = anonymous(Code::InvalidCredentials);
        let passing = |code| Verdict::Passing { code };
        let rows = [
            // A wrong, revoked, expired or missing credential.
            (Spaces, Site, 404, &[][..], BARE, dead),
            (Pages, Gateway, 404, &[], BARE, dead),
            (UsersBulk, Gateway, 404, &[], BARE, dead),
            (PageVersions, Site, 404, &[], BARE, dead),
            (ContentViews, Site, 403, &[], DEAD_V1, dead),
            (CurrentUser, Site, 403, &[], DEAD_V1_TOO, dead),
            (ContentState, Site, 403, &[], DEAD_V1_TOO, dead),
            // The same, by the specification.
            (Spaces, Site, 401, &[], r#"{"code":401,"message":"Unauthorized"}"#, dead),
            (ContentViews, Gateway, 401, &[], "", dead),
            // A doc that is absent or hidden.
            (PageVersions, Site, 404, &[], NO_SUCH_PAGE, Verdict::NotForThisDoc),
            (PageLabels, Gateway, 404, &[], NO_SUCH_PAGE, Verdict::NotForThisDoc),
            (ContentViews, Site, 404, &[], NO_SUCH_CONTENT, Verdict::NotForThisDoc),
            (ContentState, Site, 404, &[], NO_SUCH_CONTENT, Verdict::NotForThisDoc),
            // A Basic header that does not parse.
            (CurrentUser, Site, 401, OAUTH, HTML, dead),
            // A scoped token at the site, and the same page from the gateway.
            (Spaces, Site, 401, HTML_TYPE, HTML, anonymous(Code::WrongBaseUrl)),
            (ContentViews, Site, 401, &[], HTML, anonymous(Code::WrongBaseUrl)),
            (Spaces, Gateway, 401, HTML_TYPE, HTML, dead),
            // A missing scope.
            (Spaces, Gateway, 401, SCOPE_CHECK, NO_SCOPE, named(Code::InvalidPermissions)),
            (ContentViews, Gateway, 401, &[], NO_SCOPE, named(Code::InvalidPermissions)),
            (
                UsersBulk,
                Gateway,
                401,
                &[("x-failure-category", "FAILURE CLIENT SCOPE CHECK")],
                "",
                named(Code::InvalidPermissions),
            ),
            // E-mail address and token of different accounts.
            (
                Pages,
                Gateway,
                401,
                &[("x-failure-category", "FAILURE_CLIENT_AUTH_MISMATCH")],
                "",
                named(Code::InvalidCredentials),
            ),
            // Analytics restricted in a space; states off in a space.
            (ContentViews, Site, 403, &[], RESTRICTED, Verdict::NotForThisSpace),
            (
                ContentState,
                Site,
                403,
                &[],
                r#"{"statusCode":403,"message":"states are off"}"#,
                Verdict::NotForThisSpace,
            ),
            (
                ContentState,
                Site,
                400,
                &[],
                r#"{"statusCode":400,"message":"states are off"}"#,
                Verdict::NotForThisSpace,
            ),
            // A doc that this account may not read, under v1's name for it.
            (ContentState, Site, 403, &[], NOT_PERMITTED, Verdict::NotForThisDoc),
            (ContentViews, Site, 403, &[], NOT_PERMITTED, Verdict::NotForThisDoc),
            // A plan too small.
            (ContentViews, Site, 403, &[], FREE, named(Code::PlanRequired)),
            // A suspended site.
            (Spaces, Site, 503, &[], SUSPENDED, named(Code::SiteSuspended)),
            (ContentViews, Site, 403, &[], SUSPENDED, named(Code::SiteSuspended)),
            // A removed endpoint.
            (ContentViews, Site, 410, &[], GONE, passing(Code::BadResponse)),
            // Throttled, in JSON and in HTML.
            (Pages, Site, 429, &[("Retry-After", "7")], "", passing(Code::RateLimited)),
            (
                Pages,
                Gateway,
                429,
                &[("X-Failure-Category", "FAILURE CLIENT RATE LIMITED")],
                HTML,
                passing(Code::RateLimited),
            ),
            // A dead cursor, and another bad parameter.
            (Pages, Site, 400, &[], DEAD_CURSOR, Verdict::DeadCursor),
            (Pages, Site, 400, &[], BAD_PARAMETER, passing(Code::BadResponse)),
            // What the table leaves out.
            (Pages, Site, 500, HTML_TYPE, HTML, passing(Code::UpstreamError)),
            (Pages, Site, 502, &[], "", passing(Code::UpstreamError)),
            (Pages, Site, 503, &[], "", passing(Code::UpstreamError)),
            (Pages, Site, 408, &[], "", passing(Code::UpstreamError)),
            (Pages, Site, 418, &[], "", passing(Code::BadResponse)),
            (Pages, Site, 404, &[], NO_SUCH_PAGE, passing(Code::BadResponse)),
            (Pages, Site, 404, HTML_TYPE, HTML, anonymous(Code::WrongBaseUrl)),
            (Pages, Site, 403, HTML_TYPE, HTML, dead),
            (Pages, Site, 403, &[], r#"{"message":"no"}"#, anonymous(Code::InvalidPermissions)),
            (Pages, Site, 302, &[], "", anonymous(Code::WrongBaseUrl)),
            (Pages, Site, 304, &[], "", passing(Code::BadResponse)),
            (TenantInfo, Site, 404, &[], BARE, anonymous(Code::WrongBaseUrl)),
            (TenantInfo, Site, 503, &[], "", passing(Code::UpstreamError)),
        ];
        for (operation, place, status, headers, body, expected) in rows {
            let found = verdict(operation, place, status, headers, body);
            assert_eq!(found, expected, "{operation} at the {place:?}: {status} {headers:?} {body}");
        }
    }
}
