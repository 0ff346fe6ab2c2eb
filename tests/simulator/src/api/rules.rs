//! What may be asked and how: the columns of the table in `table`. `query` obeys it, `check-openapi` holds it against
//! Atlassian's documents.

use serde::{Deserialize, Serialize};

pub use super::table::RULES;

/// One name an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    TenantInfo,
    Spaces,
    Space,
    SpacePages,
    SpaceBlogposts,
    SpaceLabels,
    SpaceContentLabels,
    Pages,
    Page,
    PageVersions,
    PageLabels,
    Blogposts,
    BlogpostVersions,
    BlogpostLabels,
    Labels,
    LabelPages,
    LabelBlogposts,
    UsersBulk,
    InlineComments,
    FooterComments,
    Tasks,
    Attachments,
    ContentViews,
    ContentViewers,
    ContentState,
    SpaceStates,
    SpaceStateContent,
    CurrentUser,
    Search,
}

/// Which of the two APIs an endpoint belongs to: they fail in different words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    V1,
    V2,
}

/// One endpoint. A path's `{name}` stands for one segment.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub operation: Operation,
    pub method: &'static str,
    pub api: Api,
    /// After `/wiki/api/v2` or `/wiki/rest/api`.
    pub path: &'static str,
    /// Whether the path's variable is a number; v1 says "string" and means a number too.
    pub path_kind: PathKind,
    /// Any one of these opens it to a scoped token.
    pub scopes: &'static [&'static str],
    pub parameters: &'static [Parameter],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    Fixed,
    Number,
    Text,
}

#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub required: bool,
    pub kind: Kind,
}

/// What a parameter's value must be. The lists are repeated parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Integer {
        minimum: Option<i64>,
        maximum: Option<i64>,
        default: Option<i64>,
    },
    Boolean,
    Text,
    OneOf(&'static [&'static str]),
    Integers {
        most: Option<usize>,
    },
    Texts {
        most: Option<usize>,
    },
    SomeOf(&'static [&'static str]),
    /// v1's lists: one value, with commas.
    CommaTexts,
    CommaSomeOf(&'static [&'static str]),
}

/// The most account ids that one users-bulk may name, and the fewest.
pub const USERS_BULK_ACCOUNTS: std::ops::RangeInclusive<usize> = 1..=250;

impl Operation {
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(operation, _)| *operation == self).map_or("", |(_, name)| name)
    }

    pub fn from_name(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(operation, _)| *operation)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(operation, _)| *operation)
    }
}

const NAMES: [(Operation, &str); 29] = [
    (Operation::TenantInfo, "tenant_info"),
    (Operation::Spaces, "spaces"),
    (Operation::Space, "space"),
    (Operation::SpacePages, "space_pages"),
    (Operation::SpaceBlogposts, "space_blogposts"),
    (Operation::SpaceLabels, "space_labels"),
    (Operation::SpaceContentLabels, "space_content_labels"),
    (Operation::Pages, "pages"),
    (Operation::Page, "page"),
    (Operation::PageVersions, "page_versions"),
    (Operation::PageLabels, "page_labels"),
    (Operation::Blogposts, "blogposts"),
    (Operation::BlogpostVersions, "blogpost_versions"),
    (Operation::BlogpostLabels, "blogpost_labels"),
    (Operation::Labels, "labels"),
    (Operation::LabelPages, "label_pages"),
    (Operation::LabelBlogposts, "label_blogposts"),
    (Operation::UsersBulk, "users_bulk"),
    (Operation::InlineComments, "inline_comments"),
    (Operation::FooterComments, "footer_comments"),
    (Operation::Tasks, "tasks"),
    (Operation::Attachments, "attachments"),
    (Operation::ContentViews, "content_views"),
    (Operation::ContentViewers, "content_viewers"),
    (Operation::ContentState, "content_state"),
    (Operation::SpaceStates, "space_states"),
    (Operation::SpaceStateContent, "space_state_content"),
    (Operation::CurrentUser, "current_user"),
    (Operation::Search, "search"),
];
