//! What somebody who makes his first connection may not know. It is told before the question that needs it.

use crate::model::Operation;

pub(super) const INTRODUCTION: &str = "\
Nothing is saved before it has passed a test. Ctrl-C ends this at any time.

Application: confluence_cloud (the only one)
";

pub(super) const INSTANCE_URL: &str = "
Any address of your site, as the browser shows it. The cloud id, by which Atlassian's gateway knows the site, need not be looked
up: the site tells it at https://SITE/_edge/tenant_info, and is asked.
";

pub(super) const USERNAME: &str = "
Best a service account: https://admin.atlassian.com, Directory, Service accounts. Make one, give it the Confluence app with the
role User, and access to the spaces that are to be counted. Its e-mail address stands on its page. Your own account works too; the
exporter then sees what you see.
";

pub(super) const EXPIRES: &str = "
Atlassian's tokens live for a year at most, and nobody but the page on which they are made tells when they end. With the day,
an alert comes in time.
";

pub(super) const CONCURRENCY: &str = "
How many requests may be under way at once, 1 to 25. The default is gentle; a large site is read sooner with more.
";

pub(super) const BORROWING: &str = "
Another connection to the same site can share its permits, so that both together ask no more at once than one.
";

/// What the codes of the table mean.
pub(super) const CODES: &str = "
What the table means
  invalid_credentials  Username and token do not belong together, the token has ended or was revoked, or the account has no access
                       to Confluence; Confluence does not tell which.
  invalid_permissions  The token lacks the scope in that row, or the account sees no space. Scopes cannot be added to a token:
                       make a new one with all of them.
";

/// Where tokens are made, and what they are to open.
pub(super) fn token() -> String {
    let mut scopes: Vec<&str> = Operation::ALL
        .iter()
        .filter(|operation| operation.collector().is_some())
        .filter_map(|operation| operation.scope())
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    format!(
        "\nIts API token, with these scopes and no others:\n  {}\nA service account's is made on its page (Create credentials, API \
         token), your own at\nhttps://id.atlassian.com/manage-profile/security/api-tokens (Create API token with scopes). It is kept \
         sealed, and never shown again.\n",
        scopes.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_scopes_are_those_that_the_collectors_need() {
        let scopes: Vec<String> =
            token().lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect();
        assert_eq!(
            scopes,
            [
                "read:confluence-content.summary",
                "read:page:confluence",
                "read:space:confluence",
                "read:user:confluence"
            ]
        );
    }
}
