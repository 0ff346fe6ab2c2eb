//! An answer before it is sent, and the failures that the site has words for.

use bytes::Bytes;
use serde_json::json;

use super::access::Refusal;
use super::query::BadRequest;
use super::rules::Api;

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// When the rows were read: the answer's `Date`. None where no world was looked at.
    pub(crate) date_ms: Option<i64>,
}

const JSON: &str = "application/json";
const HTML: &str = "text/html;charset=UTF-8";

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: JSON, headers: Vec::new(), body: body.into(), date_ms: None }
    }

    pub(crate) fn html(status: u16, heading: &str) -> Self {
        let body = format!(
            "<!doctype html><html lang=\"en\"><head><title>{heading}</title></head><body><h1>{heading}</h1>\
             <hr class=\"line\"/><h3>Apache Tomcat</h3></body></html>"
        );
        Self { status, content_type: HTML, headers: Vec::new(), body: body.into(), date_ms: None }
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(crate) fn dated(mut self, millis: i64) -> Self {
        self.date_ms = Some(millis);
        self
    }

    /// The shape of both APIs' failures: v2 lists errors, v1 has a message.
    pub(crate) fn failure(api: Api, status: u16, code: &str, title: &str, detail: Option<&str>) -> Self {
        let body = match api {
            Api::V2 => json!({"errors": [{"status": status, "code": code, "title": title, "detail": detail}]}),
            Api::V1 => json!({"statusCode": status, "message": title}),
        };
        Self::json(status, body.to_string())
    }

    /// Wrong, revoked, expired or no credential; also a user who has no Confluence.
    pub(crate) fn anonymous(api: Api) -> Self {
        match api {
            Api::V2 => Self::failure(api, 404, "NOT_FOUND", "Not Found", None),
            Api::V1 => Self::failure(
                api,
                403,
                "",
                "com.atlassian.confluence.mvc.rest.common.exception.StacklessResponseStatusException: \
                 403 FORBIDDEN \"Request rejected because caller cannot access Confluence\"",
                None,
            ),
        }
    }

    /// The other text that v1 has for it; v2 stays as it is.
    pub(crate) fn not_permitted(api: Api) -> Self {
        match api {
            Api::V2 => Self::anonymous(api),
            Api::V1 => Self::failure(api, 403, "", "Current user not permitted to use Confluence", None)
                .with("cache-control", "no-cache, no-store, must-revalidate")
                .with("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
        }
    }

    pub(crate) fn unauthorized(api: Api) -> Self {
        Self::failure(api, 401, "UNAUTHORIZED", "Unauthorized", None)
    }

    pub(crate) fn scope_mismatch() -> Self {
        Self::json(401, json!({"code": 401, "message": "Unauthorized; scope does not match"}).to_string())
            .with("x-failure-category", "FAILURE_CLIENT_SCOPE_CHECK")
    }

    pub(crate) fn account_mismatch() -> Self {
        Self::json(401, json!({"code": 401, "message": "Unauthorized"}).to_string())
            .with("x-failure-category", "FAILURE_CLIENT_AUTH_MISMATCH")
    }

    pub(crate) fn unparsable_credential(site: &str) -> Self {
        let address = format!("{site}/wiki");
        let realm = super::query::percent_encoded(&address);
        Self::html(401, "HTTP Status 401 - Unauthorized").with("www-authenticate", format!("OAuth realm=\"{realm}\""))
    }

    pub(crate) fn wrong_base() -> Self {
        Self::html(401, "HTTP Status 401 – Unauthorized")
    }

    pub(crate) fn refused(refusal: Refusal, api: Api, site: &str) -> Self {
        match refusal {
            Refusal::Anonymous => Self::anonymous(api),
            Refusal::Unparsable => Self::unparsable_credential(site),
            Refusal::WrongBase => Self::wrong_base(),
            Refusal::Scope => Self::scope_mismatch(),
            Refusal::AccountMismatch => Self::account_mismatch(),
            Refusal::BasicRefused => Self::json(401, json!({"code": 401, "message": "Unauthorized"}).to_string()),
        }
    }

    pub(crate) fn absent(api: Api, what: &str, id: &str) -> Self {
        let title = match api {
            Api::V2 => format!("Cannot find a {what} with id [{id}]"),
            Api::V1 => format!(
                "com.atlassian.confluence.api.service.exceptions.api.NotFoundException: No {what} found with id : {id}"
            ),
        };
        Self::failure(api, 404, "NOT_FOUND", &title, None)
    }

    pub(crate) fn gone() -> Self {
        let message = "com.atlassian.confluence.api.service.exceptions.GoneException: \
                       This deprecated endpoint has been removed.";
        Self::failure(Api::V1, 410, "", message, None)
    }

    pub(crate) fn bad_request(api: Api, problem: &BadRequest) -> Self {
        match api {
            Api::V2 => {
                let detail = matches!(problem, BadRequest::Cursor).then_some(
                    "The provided cursor was not valid. You can get a new valid cursor by making the original \
                     pagination request again.",
                );
                Self::failure(api, 400, "INVALID_REQUEST_PARAMETER", &problem.title(), detail)
            }
            Api::V1 => {
                let exception = match problem {
                    BadRequest::WrongType { value, expected: expected @ "int", .. } => format!(
                        "org.springframework.web.method.annotation.MethodArgumentTypeMismatchException: Failed to \
                         convert value of type 'java.lang.String' to required type '{expected}'; nested exception is \
                         java.lang.NumberFormatException: For input string: \"{value}\""
                    ),
                    _ => format!(
                        "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: {}",
                        problem.title()
                    ),
                };
                Self::failure(api, 400, "", &exception, None)
            }
        }
    }
}

impl BadRequest {
    pub(crate) fn title(&self) -> String {
        match self {
            Self::UnknownParameter { name } => format!("Parameter '{name}' is not known to this endpoint."),
            Self::Repeated { name } => format!("Parameter '{name}' may be given once."),
            Self::Missing { name } => format!("{name} query parameter is required"),
            Self::WrongType { name, value, expected } => {
                format!("Provided value {{{value}}} for '{name}' is not the correct type. Expected type is {expected}.")
            }
            Self::OutOfRange { name, value, minimum, maximum } => {
                let end = |end: &Option<i64>| end.map_or_else(|| "any".to_owned(), |end| end.to_string());
                format!("Provided value {{{value}}} for '{name}' is not in {}..{}.", end(minimum), end(maximum))
            }
            Self::TooMany { name, given, most } => {
                format!("Parameter '{name}' takes {most} values at most, {given} were given.")
            }
            Self::NotOneOf { name, value, allowed } => format!(
                "Provided value {{{value}}} for '{name}' is not the correct type. Expected type is one of [{}].",
                allowed.join(", ")
            ),
            Self::Cursor => "Provided value for 'cursor' is not the correct type. Expected type is Cursor.".to_owned(),
            Self::Body { problem } => format!("The request's body is not what was expected: {problem}."),
        }
    }
}
