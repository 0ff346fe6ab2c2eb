//! The plain page at `/`, for whoever opens the exporter in a browser: self-contained, and readable on a phone.

use std::fmt;
use std::fmt::Write as _;

use crate::cache::Summary;
use crate::metrics::Build;
use crate::model::Code;

use super::routes::PROBE;

pub(super) fn page(connections: &[Summary], telemetry_path: &str) -> String {
    let build = Build::this();
    let mut page = HEAD.to_owned();
    let written = write!(
        page,
        "<h1>confluence-exporter</h1>\n\
         <p>Version {version}, revision {revision}. How documentation on Confluence Cloud is created, updated, read \
         and owned, for Prometheus.</p>\n\
         <p><a href=\"{path}\">Metrics of all connections</a></p>\n",
        version = Escaped(build.version),
        revision = Escaped(build.revision),
        path = Escaped(telemetry_path),
    )
    .and_then(|()| write_connections(&mut page, connections));
    written.expect("writing to a string does not fail");
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn write_connections(page: &mut String, connections: &[Summary]) -> fmt::Result {
    if connections.is_empty() {
        return page.write_str("<p>No connection is configured.</p>\n");
    }
    page.write_str(
        "<table>\n<thead><tr><th>Connection</th><th>State</th><th>What to do</th><th>Numbers</th></tr></thead>\n<tbody>\n",
    )?;
    for summary in connections {
        write_connection(page, summary)?;
    }
    page.write_str("</tbody>\n</table>\n")
}

fn write_connection(page: &mut String, summary: &Summary) -> fmt::Result {
    let health = summary.snapshot.as_ref().map(|snapshot| &snapshot.health);
    let (class, state) = match health.map(|health| health.up) {
        Some(true) => ("up", "up"),
        Some(false) => ("down", "down"),
        None => ("unknown", "not known yet"),
    };
    let name = summary.connection.as_str();
    writeln!(page, "<tr><td><a href=\"{PROBE}?connection={name}\">{name}</a>", name = Escaped(name))?;
    if let Some(site) = health.and_then(|health| health.site.as_ref()) {
        writeln!(page, "<br><small>{}</small>", Escaped(&site.site))?;
    }
    writeln!(page, "</td><td class=\"{class}\" data-label=\"State\">{state}</td><td data-label=\"What to do\">")?;
    match health {
        Some(health) if health.errors.is_empty() => writeln!(page, "nothing")?,
        Some(health) => {
            for code in &health.errors {
                writeln!(page, "<p><code>{code}</code> {advice}</p>", advice = Escaped(advice(*code)))?;
            }
        }
        None => writeln!(page, "Let Prometheus scrape it: nothing is asked of Confluence before.")?,
    }
    page.write_str("</td><td data-label=\"Numbers\">")?;
    match (health.and_then(|health| health.moment), summary.shows_numbers) {
        (Some(moment), true) => write!(page, "as of <time datetime=\"{moment}\">{moment}</time>")?,
        (Some(moment), false) => {
            write!(page, "left out: those of <time datetime=\"{moment}\">{moment}</time> are too old")?;
        }
        (None, _) => page.write_str("none yet")?,
    }
    page.write_str("</td></tr>\n")
}

/// What whoever runs the exporter can do about it, in a sentence.
const fn advice(code: Code) -> &'static str {
    match code {
        Code::InvalidCredentials => {
            "Check username and API token: Confluence does not accept them, or the token has expired."
        }
        Code::InvalidPermissions => {
            "Give the token the scopes that the series of operation access name, and its account a space to see."
        }
        Code::PlanRequired => "Disable the collector that needs it, or move the site to a plan that has it.",
        Code::WrongBaseUrl => "Check instance_url: no Confluence Cloud site answers there.",
        Code::SiteSuspended => "Have the site's administrator reactivate it: Atlassian has suspended it.",
        Code::RateLimited => "Wait, or lower request_budget and concurrency_level: the site wants fewer requests.",
        Code::UpstreamError => "Wait, and look at status.atlassian.com: Confluence answers with errors.",
        Code::Unreachable => "Check network, DNS, proxy and certificates between the exporter and the site.",
        Code::BadResponse => "Check what stands between the exporter and the site: its answers are not Confluence's.",
    }
}

/// Text that stands in HTML, in an attribute or between tags, as text.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>confluence-exporter</title>
<style>
:root { --text: #1c2330; --quiet: #5b6472; --ground: #fff; --line: #d8dce3; --link: #0b57d0; --good: #1a7f37; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7ec; --quiet: #9aa3b1; --ground: #14181f; --line: #353c48; --link: #8ab4f8; --good: #57c271; --bad: #ff8a80 }
}
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: 0 0 .75rem }
a { color: var(--link) }
small, time, th { color: var(--quiet) }
th, time { white-space: nowrap }
code { font-weight: 600 }
table { width: 100%; border-collapse: collapse; margin-top: 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .6rem .75rem .6rem 0; border-bottom: 1px solid var(--line); overflow-wrap: break-word }
td p:last-child { margin: 0 }
.up, .down { font-weight: 600 }
.up, .down, .unknown { white-space: nowrap }
.up { color: var(--good) }
.down { color: var(--bad) }
.unknown { color: var(--quiet) }
@media (max-width: 40rem) {
  thead { display: none }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line) }
  td { display: block; border: 0; padding: .2rem 0 }
  td[data-label]::before { content: attr(data-label) ": "; color: var(--quiet); font-weight: 400 }
}
</style>
</head>
<body>
<main>
"#;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::model::{ConnectionName, Credential, Health, SiteInfo, Snapshot, Timestamp};

    use super::*;

    #[test]
    fn every_connection_has_a_row_that_says_how_it_is_and_what_to_do() {
        let failing = summary("acme", Some(failing()), false);
        let rows = page(&[failing, summary("fresh", None, false)], "/metrics");
        let rows = &rows[rows.find("<tbody>").unwrap()..rows.find("</tbody>").unwrap()];

        insta::assert_snapshot!(rows, @r#"
        <tbody>
        <tr><td><a href="/probe?connection=acme">acme</a>
        <br><small>https://acme.atlassian.net</small>
        </td><td class="down" data-label="State">down</td><td data-label="What to do">
        <p><code>invalid_credentials</code> Check username and API token: Confluence does not accept them, or the token has expired.</p>
        <p><code>unreachable</code> Check network, DNS, proxy and certificates between the exporter and the site.</p>
        </td><td data-label="Numbers">left out: those of <time datetime="2026-05-27T07:09:12Z">2026-05-27T07:09:12Z</time> are too old</td></tr>
        <tr><td><a href="/probe?connection=fresh">fresh</a>
        </td><td class="unknown" data-label="State">not known yet</td><td data-label="What to do">
        Let Prometheus scrape it: nothing is asked of Confluence before.
        </td><td data-label="Numbers">none yet</td></tr>
        "#);
    }

    #[test]
    fn nothing_that_a_site_says_becomes_markup() {
        let mut health = failing();
        health.site.as_mut().unwrap().site = "<script>alert('&\"')</script>".into();

        let page = page(&[summary("acme", Some(health), true)], "/metrics");

        assert!(
            page.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;") && !page.contains("<script")
        );
    }

    #[test]
    fn the_page_fetches_nothing() {
        let page = page(&[], "/metrics");
        for outward in ["http:", "https:", "src=", "<link", "@import", "url("] {
            assert!(!page.contains(outward), "{outward}");
        }
    }

    fn summary(name: &str, health: Option<Health>, shows_numbers: bool) -> Summary {
        let connection = ConnectionName::new(name).unwrap();
        let snapshot = |health| Arc::new(Snapshot { connection: connection.clone(), health, numbers: None });
        Summary { snapshot: health.map(snapshot), connection, shows_numbers }
    }

    fn failing() -> Health {
        Health {
            up: false,
            site: Some(SiteInfo {
                site: "https://acme.atlassian.net".into(),
                cloud_id: None,
                credential: Credential::Unscoped,
            }),
            errors: vec![Code::InvalidCredentials, Code::Unreachable],
            access: Vec::new(),
            token_expires: None,
            token_in_use: None,
            moment: Some(Timestamp::from_millis(1_779_865_752_000)),
            collectors: Vec::new(),
        }
    }
}
