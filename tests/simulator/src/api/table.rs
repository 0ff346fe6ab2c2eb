//! The table itself: endpoint by endpoint, parameter by parameter. What the columns mean is `rules`' business.

use super::rules::{Api, Kind, Operation, Parameter, PathKind, Rule};

const PAGE_STATUSES: &[&str] = &["current", "archived", "deleted", "trashed"];
const BLOGPOST_STATUSES: &[&str] = &["current", "deleted", "trashed"];
const PAGE_SORTS: &[&str] =
    &["id", "-id", "created-date", "-created-date", "modified-date", "-modified-date", "title", "-title"];
const BLOGPOST_SORTS: &[&str] = &["id", "-id", "created-date", "-created-date", "modified-date", "-modified-date"];
const DATE_SORTS: &[&str] = &["created-date", "-created-date", "modified-date", "-modified-date"];
const BODY_FORMATS: &[&str] = &["storage", "atlas_doc_format"];

const CURSOR: Parameter = optional("cursor", Kind::Text);
const LIMIT: Parameter = optional("limit", integer(1, 250, 25));
const BODY_FORMAT: Parameter = optional("body-format", Kind::OneOf(BODY_FORMATS));
const SPACE_ID: Parameter = optional("space-id", Kind::Integers { most: Some(100) });
const PAGE_SORT: Parameter = optional("sort", Kind::OneOf(PAGE_SORTS));
const BLOGPOST_SORT: Parameter = optional("sort", Kind::OneOf(BLOGPOST_SORTS));
const VERSION_SORT: Parameter = optional("sort", Kind::OneOf(&["modified-date", "-modified-date"]));
const LABEL_SORT: Parameter =
    optional("sort", Kind::OneOf(&["created-date", "-created-date", "id", "-id", "name", "-name"]));
const DOC_LABEL_PREFIX: Parameter = optional("prefix", Kind::OneOf(&["my", "team", "global", "system"]));
const SPACE_LABEL_PREFIX: Parameter = optional("prefix", Kind::OneOf(&["my", "team"]));
const DESCRIPTION_FORMAT: Parameter = optional("description-format", Kind::OneOf(&["plain", "view"]));
const FROM_DATE: Parameter = optional("fromDate", Kind::Text);

const READ_SPACE: &[&str] = &["read:space:confluence"];
const READ_PAGE: &[&str] = &["read:page:confluence"];
const READ_COMMENT: &[&str] = &["read:comment:confluence"];
const READ_ANALYTICS: &[&str] = &["read:confluence-content.summary", "read:analytics.content:confluence"];

const LABEL_LIST: &[Parameter] = &[DOC_LABEL_PREFIX, LABEL_SORT, CURSOR, LIMIT];
const SPACE_LABEL_LIST: &[Parameter] = &[SPACE_LABEL_PREFIX, LABEL_SORT, CURSOR, LIMIT];
const VERSION_LIST: &[Parameter] = &[BODY_FORMAT, CURSOR, LIMIT, VERSION_SORT];

/// Every endpoint that the site answers, but `tenant_info`, which asks nothing of anybody.
pub const RULES: &[Rule] = &[
    v2(
        Operation::Spaces,
        "/spaces",
        PathKind::Fixed,
        READ_SPACE,
        &[
            optional("ids", Kind::Integers { most: Some(250) }),
            optional("keys", Kind::Texts { most: Some(250) }),
            optional(
                "type",
                Kind::OneOf(&[
                    "global",
                    "collaboration",
                    "knowledge_base",
                    "personal",
                    "system",
                    "onboarding",
                    "xflow_sample_space",
                ]),
            ),
            optional("status", Kind::OneOf(&["current", "archived"])),
            optional("labels", Kind::Texts { most: None }),
            optional("favorited-by", Kind::Text),
            optional("not-favorited-by", Kind::Text),
            optional("sort", Kind::OneOf(&["id", "-id", "key", "-key", "name", "-name"])),
            DESCRIPTION_FORMAT,
            optional("include-icon", Kind::Boolean),
            CURSOR,
            LIMIT,
        ],
    ),
    v2(
        Operation::Space,
        "/spaces/{id}",
        PathKind::Number,
        READ_SPACE,
        &[
            DESCRIPTION_FORMAT,
            optional("include-icon", Kind::Boolean),
            optional("include-operations", Kind::Boolean),
            optional("include-properties", Kind::Boolean),
            optional("include-permissions", Kind::Boolean),
            optional("include-role-assignments", Kind::Boolean),
            optional("include-labels", Kind::Boolean),
        ],
    ),
    v2(
        Operation::SpacePages,
        "/spaces/{id}/pages",
        PathKind::Number,
        READ_PAGE,
        &[
            optional("depth", Kind::OneOf(&["all", "root"])),
            PAGE_SORT,
            optional("status", Kind::SomeOf(PAGE_STATUSES)),
            optional("title", Kind::Text),
            BODY_FORMAT,
            CURSOR,
            LIMIT,
        ],
    ),
    v2(
        Operation::SpaceBlogposts,
        "/spaces/{id}/blogposts",
        PathKind::Number,
        READ_PAGE,
        &[
            BLOGPOST_SORT,
            optional("status", Kind::SomeOf(BLOGPOST_STATUSES)),
            optional("title", Kind::Text),
            BODY_FORMAT,
            CURSOR,
            LIMIT,
        ],
    ),
    v2(Operation::SpaceLabels, "/spaces/{id}/labels", PathKind::Number, READ_SPACE, SPACE_LABEL_LIST),
    v2(Operation::SpaceContentLabels, "/spaces/{id}/content/labels", PathKind::Number, READ_SPACE, SPACE_LABEL_LIST),
    v2(
        Operation::Pages,
        "/pages",
        PathKind::Fixed,
        READ_PAGE,
        &[
            optional("id", Kind::Integers { most: Some(250) }),
            SPACE_ID,
            PAGE_SORT,
            optional("status", Kind::SomeOf(PAGE_STATUSES)),
            optional("title", Kind::Text),
            BODY_FORMAT,
            optional("subtype", Kind::OneOf(&["live", "page"])),
            CURSOR,
            LIMIT,
        ],
    ),
    v2(
        Operation::Page,
        "/pages/{id}",
        PathKind::Number,
        READ_PAGE,
        &[
            optional(
                "body-format",
                Kind::OneOf(&[
                    "storage",
                    "atlas_doc_format",
                    "view",
                    "export_view",
                    "anonymous_export_view",
                    "styled_view",
                    "editor",
                ]),
            ),
            optional("get-draft", Kind::Boolean),
            optional("status", Kind::SomeOf(&["current", "archived", "trashed", "deleted", "historical", "draft"])),
            optional("version", Kind::Integer { minimum: None, maximum: None, default: None }),
            optional("include-labels", Kind::Boolean),
            optional("include-properties", Kind::Boolean),
            optional("include-operations", Kind::Boolean),
            optional("include-likes", Kind::Boolean),
            optional("include-versions", Kind::Boolean),
            optional("include-version", Kind::Boolean),
            optional("include-favorited-by-current-user-status", Kind::Boolean),
            optional("include-webresources", Kind::Boolean),
            optional("include-collaborators", Kind::Boolean),
            optional("include-direct-children", Kind::Boolean),
        ],
    ),
    v2(Operation::PageVersions, "/pages/{id}/versions", PathKind::Number, READ_PAGE, VERSION_LIST),
    v2(Operation::PageLabels, "/pages/{id}/labels", PathKind::Number, READ_PAGE, LABEL_LIST),
    v2(
        Operation::Blogposts,
        "/blogposts",
        PathKind::Fixed,
        READ_PAGE,
        &[
            optional("id", Kind::Integers { most: Some(250) }),
            SPACE_ID,
            BLOGPOST_SORT,
            optional("status", Kind::SomeOf(BLOGPOST_STATUSES)),
            optional("title", Kind::Text),
            BODY_FORMAT,
            CURSOR,
            LIMIT,
        ],
    ),
    v2(Operation::BlogpostVersions, "/blogposts/{id}/versions", PathKind::Number, READ_PAGE, VERSION_LIST),
    v2(Operation::BlogpostLabels, "/blogposts/{id}/labels", PathKind::Number, READ_PAGE, LABEL_LIST),
    v2(
        Operation::Labels,
        "/labels",
        PathKind::Fixed,
        &["read:label:confluence"],
        &[
            optional("label-id", Kind::Integers { most: None }),
            optional("prefix", Kind::Texts { most: None }),
            CURSOR,
            LABEL_SORT,
            LIMIT,
        ],
    ),
    v2(
        Operation::LabelPages,
        "/labels/{id}/pages",
        PathKind::Number,
        READ_PAGE,
        &[SPACE_ID, BODY_FORMAT, PAGE_SORT, CURSOR, LIMIT],
    ),
    v2(
        Operation::LabelBlogposts,
        "/labels/{id}/blogposts",
        PathKind::Number,
        READ_PAGE,
        &[SPACE_ID, BODY_FORMAT, BLOGPOST_SORT, CURSOR, LIMIT],
    ),
    Rule { method: "POST", ..v2(Operation::UsersBulk, "/users-bulk", PathKind::Fixed, &["read:user:confluence"], &[]) },
    v2(
        Operation::InlineComments,
        "/inline-comments",
        PathKind::Fixed,
        READ_COMMENT,
        &[BODY_FORMAT, optional("sort", Kind::OneOf(DATE_SORTS)), CURSOR, LIMIT],
    ),
    v2(
        Operation::FooterComments,
        "/footer-comments",
        PathKind::Fixed,
        READ_COMMENT,
        &[BODY_FORMAT, optional("sort", Kind::OneOf(DATE_SORTS)), CURSOR, LIMIT],
    ),
    v2(
        Operation::Tasks,
        "/tasks",
        PathKind::Fixed,
        &["read:task:confluence"],
        &[
            BODY_FORMAT,
            optional("include-blank-tasks", Kind::Boolean),
            optional("status", Kind::OneOf(&["complete", "incomplete"])),
            optional("task-id", Kind::Integers { most: Some(250) }),
            optional("space-id", Kind::Integers { most: Some(250) }),
            optional("page-id", Kind::Integers { most: Some(250) }),
            optional("blogpost-id", Kind::Integers { most: Some(250) }),
            optional("created-by", Kind::Texts { most: Some(250) }),
            optional("assigned-to", Kind::Texts { most: Some(250) }),
            optional("completed-by", Kind::Texts { most: Some(250) }),
            optional("created-at-from", ANY_INTEGER),
            optional("created-at-to", ANY_INTEGER),
            optional("due-at-from", ANY_INTEGER),
            optional("due-at-to", ANY_INTEGER),
            optional("completed-at-from", ANY_INTEGER),
            optional("completed-at-to", ANY_INTEGER),
            CURSOR,
            LIMIT,
        ],
    ),
    v2(
        Operation::Attachments,
        "/attachments",
        PathKind::Fixed,
        &["read:attachment:confluence"],
        &[
            optional("sort", Kind::OneOf(DATE_SORTS)),
            CURSOR,
            optional("status", Kind::SomeOf(&["current", "archived", "trashed"])),
            optional("mediaType", Kind::Text),
            optional("filename", Kind::Text),
            optional("limit", integer(1, 250, 50)),
        ],
    ),
    v1(Operation::ContentViews, "/analytics/content/{id}/views", READ_ANALYTICS, &[FROM_DATE]),
    v1(Operation::ContentViewers, "/analytics/content/{id}/viewers", READ_ANALYTICS, &[FROM_DATE]),
    v1(
        Operation::ContentState,
        "/content/{id}/state",
        &["read:confluence-content.summary", "read:content-details:confluence"],
        &[optional("status", Kind::OneOf(&["current", "draft", "archived"]))],
    ),
    v1(
        Operation::SpaceStates,
        "/space/{key}/state",
        &["read:confluence-space.summary", "read:space.setting:confluence"],
        &[],
    ),
    v1(
        Operation::SpaceStateContent,
        "/space/{key}/state/content",
        &["read:confluence-content.all", "read:content:confluence"],
        &[
            Parameter { name: "state-id", required: true, kind: ANY_INTEGER },
            optional("expand", Kind::CommaTexts),
            optional("limit", Kind::Integer { minimum: Some(0), maximum: Some(100), default: Some(25) }),
            optional("start", Kind::Integer { minimum: Some(0), maximum: None, default: None }),
        ],
    ),
    v1(
        Operation::CurrentUser,
        "/user/current",
        &["read:confluence-user", "read:content-details:confluence"],
        &[optional("expand", Kind::CommaSomeOf(&["operations", "personalSpace", "isExternalCollaborator"]))],
    ),
    v1(
        Operation::Search,
        "/search",
        &["search:confluence", "read:content-details:confluence"],
        &[
            Parameter { name: "cql", required: true, kind: Kind::Text },
            optional("cqlcontext", Kind::Text),
            CURSOR,
            optional("next", Kind::Boolean),
            optional("prev", Kind::Boolean),
            optional("limit", Kind::Integer { minimum: Some(0), maximum: None, default: Some(25) }),
            optional("start", Kind::Integer { minimum: Some(0), maximum: None, default: Some(0) }),
            optional("includeArchivedSpaces", Kind::Boolean),
            optional("excludeCurrentSpaces", Kind::Boolean),
            optional(
                "excerpt",
                Kind::OneOf(&["highlight", "indexed", "none", "highlight_unescaped", "indexed_unescaped"]),
            ),
            optional("sitePermissionTypeFilter", Kind::OneOf(&["all", "externalCollaborator", "none"])),
            optional("_", ANY_INTEGER),
            optional("expand", Kind::CommaTexts),
        ],
    ),
];

const ANY_INTEGER: Kind = Kind::Integer { minimum: None, maximum: None, default: None };

const fn integer(minimum: i64, maximum: i64, default: i64) -> Kind {
    Kind::Integer { minimum: Some(minimum), maximum: Some(maximum), default: Some(default) }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, required: false, kind }
}

const fn v2(
    operation: Operation,
    path: &'static str,
    path_kind: PathKind,
    scopes: &'static [&'static str],
    parameters: &'static [Parameter],
) -> Rule {
    Rule { operation, method: "GET", api: Api::V2, path, path_kind, scopes, parameters }
}

const fn v1(
    operation: Operation,
    path: &'static str,
    scopes: &'static [&'static str],
    parameters: &'static [Parameter],
) -> Rule {
    Rule { operation, method: "GET", api: Api::V1, path, path_kind: PathKind::Text, scopes, parameters }
}
