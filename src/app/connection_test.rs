//! `connection test`: each operation asked once, and what its refusal costs.

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::cli::{Format, TestConnection};
use crate::config::{Config, ConnectionConfig};
use crate::confluence::{DocsListing, Order, Site};
use crate::connection::{Failure, Turn, Verdict};
use crate::model::{AccountId, Code, Collector, DocId, DocRow, DocType, Operation};

use super::open::{CannotOpen, chosen, open_for_a_person};
use super::output;

/// How one operation answered.
#[derive(Debug, Serialize)]
struct Finding {
    connection: String,
    operation: &'static str,
    scope: Option<&'static str>,
    /// `ok`, a code, or `not asked`.
    access: &'static str,
    /// Whether anything is missing without it: its collector is on.
    needed: bool,
    costs: &'static str,
    to_do: String,
}

/// An id that no doc has: what a token may do is told before it is looked for.
const NO_DOC: DocId = DocId(1);
/// What a person can do about a list of spaces that is empty.
pub(super) const NO_VISIBLE_SPACE: &str =
    "the account sees no space: give it access to Confluence and to the spaces to count";

pub(super) async fn run(test: &TestConnection) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&test.config.path)?;
    let mut findings = Vec::new();
    for connection in chosen(&config, test.name.as_deref())? {
        findings.extend(test_connection(connection).await?);
    }
    let all_open = findings.iter().all(Finding::is_fine);
    match test.format {
        Format::Table => output::print(&table(&findings)),
        Format::Json => output::print(&format!("{}\n", serde_json::to_string_pretty(&findings)?)),
    }
    Ok(if all_open { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn test_connection(config: &ConnectionConfig) -> Result<Vec<Finding>, CannotOpen> {
    let site = open_for_a_person(config)?;
    let mut findings = Findings { config, over: None, list: Vec::new() };

    let spaces = findings.ask(Operation::Spaces, site.spaces(None)).await;
    if spaces.is_some_and(|answer| answer.rows.is_empty()) {
        findings.note_empty_list();
    }
    let page = findings.newest(&site, DocType::Page).await;
    let post = findings.newest(&site, DocType::Blogpost).await;
    let page_id = page.as_ref().map_or(NO_DOC, |page| page.id);
    let post_id = post.as_ref().map_or(NO_DOC, |post| post.id);
    let account = page.and_then(|page| page.author).unwrap_or_else(|| AccountId("unknown".into()));
    findings.ask(Operation::PageVersions, site.versions(DocType::Page, page_id, None)).await;
    findings.ask(Operation::BlogpostVersions, site.versions(DocType::Blogpost, post_id, None)).await;
    findings.ask(Operation::PageLabels, site.labels(DocType::Page, page_id, None)).await;
    findings.ask(Operation::BlogpostLabels, site.labels(DocType::Blogpost, post_id, None)).await;
    findings.ask(Operation::UsersBulk, site.users(&[account])).await;
    findings.ask(Operation::ContentViews, site.views(page_id)).await;
    findings.ask(Operation::ContentState, site.state(page_id)).await;
    // Few tokens may ask this, and none needs to: the table says it, and a warning would only frighten.
    let current_user = site.current_user().with_subscriber(NoSubscriber::default());
    findings.ask(Operation::CurrentUser, current_user).await;
    Ok(findings.list)
}

struct Findings<'a> {
    config: &'a ConnectionConfig,
    /// Nothing else need be asked: the connection as a whole does not work.
    over: Option<Code>,
    list: Vec<Finding>,
}

impl Finding {
    fn is_fine(&self) -> bool {
        !self.needed || self.access == "ok"
    }
}

impl Findings<'_> {
    async fn ask<T>(&mut self, operation: Operation, question: impl Future<Output = Result<T, Failure>>) -> Option<T> {
        if let Some(code) = self.over {
            self.add(operation, "not asked", format!("mend {code} first"));
            return None;
        }
        match question.await {
            Ok(answer) => {
                self.add(operation, "ok", String::new());
                Some(answer)
            }
            Err(failure) => {
                let access = match failure.verdict() {
                    // Who is told that this doc is not there was let in.
                    Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => None,
                    Verdict::Refused { code, .. } | Verdict::Passing { code } => Some(code),
                };
                let to_do = access.map(|code| to_do(code, operation, &failure)).unwrap_or_default();
                self.add(operation, access.map_or("ok", Code::as_str), to_do);
                self.over = access.filter(|code| operation == Operation::Spaces && *code != Code::InvalidPermissions);
                None
            }
        }
    }

    async fn newest(&mut self, site: &Site, doc_type: DocType) -> Option<DocRow> {
        let operation = match doc_type {
            DocType::Page => Operation::Pages,
            DocType::Blogpost => Operation::Blogposts,
        };
        let listing = DocsListing { doc_type, order: Order::NewestFirst, spaces: Vec::new(), turn: Turn::Base };
        self.ask(operation, site.docs(&listing, None)).await?.rows.into_iter().next()
    }

    fn note_empty_list(&mut self) {
        if let Some(finding) = self.list.last_mut() {
            finding.access = Code::InvalidPermissions.as_str();
            NO_VISIBLE_SPACE.clone_into(&mut finding.to_do);
        }
    }

    fn add(&mut self, operation: Operation, access: &'static str, to_do: String) {
        let is_enabled = |collector: Collector| self.config.sync.collectors.is_enabled(collector);
        let is_off = operation.collector().is_some_and(|collector| !is_enabled(collector));
        self.list.push(Finding {
            connection: self.config.name.to_string(),
            operation: operation.as_str(),
            scope: operation.scope(),
            access,
            needed: operation.collector().is_some() && !is_off,
            costs: if is_off { "nothing: its collector is off" } else { costs(operation) },
            to_do: if is_off { String::new() } else { to_do },
        });
    }
}

/// What is missing where an operation is refused.
const fn costs(operation: Operation) -> &'static str {
    match operation {
        Operation::TenantInfo => "everything for scoped tokens",
        Operation::CurrentUser => "nothing",
        Operation::Spaces => "everything",
        Operation::Pages => "docs, new docs, updates, staleness, owners of pages",
        Operation::Blogposts => "docs, new docs, updates, staleness of blog posts",
        Operation::PageVersions | Operation::BlogpostVersions => "updates, edit sessions, contributors",
        Operation::PageLabels | Operation::BlogpostLabels => "docs by label, unlabelled docs",
        Operation::UsersBulk => "contributors, owner status, users",
        Operation::ContentViews => "views",
        Operation::ContentState => "docs by state",
    }
}

/// What a person can do about it.
pub(super) fn to_do(code: Code, operation: Operation, failure: &Failure) -> String {
    match (code, operation.scope()) {
        (Code::InvalidPermissions, Some(_)) if operation == Operation::CurrentUser => "nothing".to_owned(),
        (Code::InvalidPermissions, Some(scope)) => format!("give the token the scope {scope}"),
        (Code::InvalidPermissions, None) => "give the account the permission".to_owned(),
        (Code::InvalidCredentials, _) => {
            "check username and token; the account also needs access to Confluence".to_owned()
        }
        (Code::WrongBaseUrl, _) => {
            "check instance_url; a scoped token works at the gateway only: set credential: auto or scoped".to_owned()
        }
        (Code::PlanRequired, _) => "the site's plan does not have it: switch its collector off".to_owned(),
        (Code::SiteSuspended, _) => "the site is suspended: an administrator of the site can reactivate it".to_owned(),
        (Code::RateLimited, _) => "wait, and lower concurrency_level or request_budget".to_owned(),
        (Code::Unreachable, _) => format!("{} ({failure})", failure.where_to_look()),
        (Code::UpstreamError | Code::BadResponse, _) => format!("try again; tell Atlassian's support ({failure})"),
    }
}

fn table(findings: &[Finding]) -> String {
    let header = ["CONNECTION", "OPERATION", "SCOPE", "ACCESS", "WITHOUT IT MISSING", "WHAT TO DO"];
    let row = |finding: &Finding| {
        let scope = finding.scope.unwrap_or("-");
        [&finding.connection, finding.operation, scope, finding.access, finding.costs, &finding.to_do]
            .map(str::to_owned)
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    let mut text = output::table(header, &rows, &[]);
    text.push('\n');
    text.push_str(&summary(findings));
    text
}

fn summary(findings: &[Finding]) -> String {
    let needed = findings.iter().filter(|finding| finding.needed).count();
    match findings.iter().filter(|finding| !finding.is_fine()).count() {
        0 => "Everything that is needed is open.\n".to_owned(),
        1 => format!("1 of the {needed} operations that are needed is not open.\n"),
        closed => format!("{closed} of the {needed} operations that are needed are not open.\n"),
    }
}
