//! The closed sets: what can be asked, what can go wrong, who collects. Their spellings are labels' values.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A connection's name in the configuration, and the value of the label `connection`: 1 to 64
/// letters, digits, `.`, `_` or `-`, so that it can also stand in a URL and in a file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionName(Arc<str>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a connection's name: 1 to 64 letters, digits, '.', '_' or '-', the first no '.'")]
pub struct BadConnectionName;

macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let known = Self::ALL.iter().find(|value| value.as_str() == text);
                known.copied().ok_or_else(|| serde::de::Error::custom(concat!("no ", stringify!($name))))
            }
        }
    };
}

closed_set! {
    /// What the exporter asks of Confluence; one name an endpoint.
    Operation {
        TenantInfo = "tenant_info",
        CurrentUser = "current_user",
        Spaces = "spaces",
        Pages = "pages",
        Blogposts = "blogposts",
        PageVersions = "page_versions",
        BlogpostVersions = "blogpost_versions",
        PageLabels = "page_labels",
        BlogpostLabels = "blogpost_labels",
        UsersBulk = "users_bulk",
        ContentViews = "content_views",
        ContentState = "content_state",
    }
}

closed_set! {
    /// Why a connection does not give what it should. The first two are what the user is promised.
    Code {
        InvalidCredentials = "invalid_credentials",
        InvalidPermissions = "invalid_permissions",
        PlanRequired = "plan_required",
        WrongBaseUrl = "wrong_base_url",
        SiteSuspended = "site_suspended",
        RateLimited = "rate_limited",
        UpstreamError = "upstream_error",
        Unreachable = "unreachable",
        BadResponse = "bad_response",
    }
}

closed_set! {
    /// What reads one kind of fact.
    Collector {
        Spaces = "spaces",
        Docs = "docs",
        Versions = "versions",
        Users = "users",
        Labels = "labels",
        States = "states",
        Views = "views",
    }
}

closed_set! {
    /// What a token may do; the site decides it when the token is made.
    Credential { Scoped = "scoped", Unscoped = "unscoped" }
}

closed_set! {
    /// Which of a connection's token files: a connection with one token has it in the first.
    TokenSlot { Current = "current", Next = "next" }
}

closed_set! {
    DocType { Page = "page", Blogpost = "blogpost" }
}

closed_set! {
    /// Where a doc stands, as far as it is counted.
    DocStatus { Current = "current", Archived = "archived", Trashed = "trashed" }
}

closed_set! {
    /// What is known of a page's owner.
    OwnerStatus { Active = "active", Inactive = "inactive", Closed = "closed", Unknown = "unknown", None = "none" }
}

closed_set! {
    /// How a refresh ended.
    RefreshResult { Success = "success", Partial = "partial", Failure = "failure" }
}

impl Operation {
    /// The granular scope that the gateway asks of a scoped token, or none.
    /// Source: `x-atlassian-oauth2-scopes` of each operation in Atlassian's OpenAPI documents.
    pub const fn scope(self) -> Option<&'static str> {
        match self {
            Self::TenantInfo => None,
            Self::CurrentUser => Some("read:confluence-user"),
            Self::Spaces => Some("read:space:confluence"),
            Self::Pages
            | Self::Blogposts
            | Self::PageVersions
            | Self::BlogpostVersions
            | Self::PageLabels
            | Self::BlogpostLabels => Some("read:page:confluence"),
            Self::UsersBulk => Some("read:user:confluence"),
            Self::ContentViews | Self::ContentState => Some("read:confluence-content.summary"),
        }
    }

    /// One of the seven endpoints whose standing verdict is the connection's own.
    pub const fn is_essential(self) -> bool {
        match self {
            Self::Spaces
            | Self::Pages
            | Self::PageVersions
            | Self::PageLabels
            | Self::UsersBulk
            | Self::ContentViews
            | Self::ContentState => true,
            Self::TenantInfo | Self::CurrentUser | Self::Blogposts | Self::BlogpostVersions | Self::BlogpostLabels => {
                false
            }
        }
    }

    /// Who asks it, where it belongs to a collector.
    pub const fn collector(self) -> Option<Collector> {
        match self {
            Self::TenantInfo | Self::CurrentUser => None,
            Self::Spaces => Some(Collector::Spaces),
            Self::Pages | Self::Blogposts => Some(Collector::Docs),
            Self::PageVersions | Self::BlogpostVersions => Some(Collector::Versions),
            Self::PageLabels | Self::BlogpostLabels => Some(Collector::Labels),
            Self::UsersBulk => Some(Collector::Users),
            Self::ContentViews => Some(Collector::Views),
            Self::ContentState => Some(Collector::States),
        }
    }
}

impl Code {
    /// A refusal stands until a success or another refusal; anything else passes by itself.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::InvalidCredentials
            | Self::InvalidPermissions
            | Self::PlanRequired
            | Self::WrongBaseUrl
            | Self::SiteSuspended => true,
            Self::RateLimited | Self::UpstreamError | Self::Unreachable | Self::BadResponse => false,
        }
    }
}

impl ConnectionName {
    pub fn new(name: &str) -> Result<Self, BadConnectionName> {
        let fits = (1..=64).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if fits { Ok(Self(name.into())) } else { Err(BadConnectionName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
