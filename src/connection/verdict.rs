//! What a refusal means. The status alone decides nothing: the operation, the headers and the body do together.

use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::entrance::Place;
use super::exchange::Reply;
use super::failure::Verdict;
use super::headers;
use crate::model::{Code, Operation};

/// The verdict on an answer that is not a success.
pub(super) fn of(operation: Operation, place: Place, reply: &Reply) -> Verdict {
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
        } else if self.operation == Operation::ContentState {
            Verdict::NotForThisSpace
        } else if self.is_about_one_doc() && self.body.contains("PermissionException") {
            Verdict::NotForThisDoc
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
