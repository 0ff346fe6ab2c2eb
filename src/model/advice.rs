//! What a refusal costs, what a code means, and what a person can do about it: one wording for commands and pages.

use super::{Code, Operation};

/// What a person can do about a list of spaces that is empty.
pub const NO_VISIBLE_SPACE: &str = "the account sees no space: give it access to Confluence and to the spaces to count";

impl Operation {
    /// What is missing where it is refused. `is_off`: its collector is.
    pub const fn costs(self, is_off: bool) -> &'static str {
        match self {
            _ if is_off => "nothing: its collector is off",
            Self::TenantInfo => "everything for scoped tokens",
            Self::CurrentUser => "nothing",
            Self::Spaces => "everything",
            Self::Pages => "docs, new docs, updates, staleness, owners of pages",
            Self::Blogposts => "docs, new docs, updates, staleness of blog posts",
            Self::PageVersions | Self::BlogpostVersions => "updates, edit sessions, contributors",
            Self::PageLabels | Self::BlogpostLabels => "docs by label, unlabelled docs",
            Self::UsersBulk => "contributors, owner status, users",
            Self::ContentViews => "views",
            Self::ContentState => "docs by state",
        }
    }
}

impl Code {
    /// What has happened.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "username and token are not accepted",
            Self::InvalidPermissions => "the token lacks a scope, or its account a permission",
            Self::PlanRequired => "the site's plan does not have what is asked for",
            Self::WrongBaseUrl => "this token is not taken at this address, or no Confluence is there",
            Self::SiteSuspended => "Atlassian has suspended the site",
            Self::RateLimited => "Confluence wants fewer requests",
            Self::UpstreamError => "Confluence answers with errors of its own",
            Self::Unreachable => "no connection to the site",
            Self::BadResponse => "what answers there does not answer as Confluence does",
        }
    }

    /// What a person can do about it where it is this operation's.
    pub fn to_do(self, operation: Operation) -> String {
        let to_do = match (self, operation.scope()) {
            (Self::InvalidPermissions, Some(_)) if operation == Operation::CurrentUser => "nothing",
            (Self::InvalidPermissions, Some(scope)) => return format!("give the token the scope {scope}"),
            (Self::InvalidPermissions, None) => "give the account the permission",
            (Self::InvalidCredentials, _) => "check username and token; the account also needs access to Confluence",
            (Self::WrongBaseUrl, _) => {
                "check instance_url; a scoped token works at the gateway only: set credential: auto or scoped"
            }
            (Self::PlanRequired, _) => "the site's plan does not have it: switch its collector off",
            (Self::SiteSuspended, _) => "the site is suspended: an administrator of the site can reactivate it",
            (Self::RateLimited, _) => "wait, and lower concurrency_level or request_budget",
            (Self::Unreachable, _) => "check instance_url, DNS, proxy and firewall",
            (Self::UpstreamError | Self::BadResponse, _) => "try again; tell Atlassian's support",
        };
        to_do.to_owned()
    }
}
