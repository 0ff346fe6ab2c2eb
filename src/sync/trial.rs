//! Each operation asked once, for a person who wants to know what is open to a token.

use crate::confluence::{DocsListing, Order, Site};
use crate::connection::{Failure, Turn, Verdict};
use crate::model::{AccountId, Code, DocId, DocRow, DocType, Finding, NO_VISIBLE_SPACE, Operation, Outcome, Tried};

use super::base::list_operation;
use super::settings::CollectorsSettings;
use super::site_state::outcome_of;

/// What has been asked so far. `note` is told of each answer.
#[derive(Debug)]
pub struct Trial<'a, N> {
    site: &'a Site,
    collectors: &'a CollectorsSettings,
    note: N,
    /// Nothing else need be asked: the connection as a whole does not work.
    over: Option<Code>,
    findings: Vec<Finding>,
}

/// An id that no doc has: what a token may do is told before it is looked for.
const NO_DOC: DocId = DocId(1);

impl<'a, N: Fn(Operation, Outcome)> Trial<'a, N> {
    /// Asks nothing yet.
    pub fn of(site: &'a Site, collectors: &'a CollectorsSettings, note: N) -> Self {
        Self { site, collectors, note, over: None, findings: Vec::new() }
    }

    /// Whatever a collector asks.
    pub async fn ask_everything(&mut self) {
        let site = self.site;
        self.ask_for_spaces().await;
        let page = self.newest(DocType::Page).await;
        let post = self.newest(DocType::Blogpost).await;
        let page_id = page.as_ref().map_or(NO_DOC, |page| page.id);
        let post_id = post.as_ref().map_or(NO_DOC, |post| post.id);
        let account = page.and_then(|page| page.author).unwrap_or_else(|| AccountId("unknown".into()));
        self.ask(Operation::PageVersions, site.versions(DocType::Page, page_id, None)).await;
        self.ask(Operation::BlogpostVersions, site.versions(DocType::Blogpost, post_id, None)).await;
        self.ask(Operation::PageLabels, site.labels(DocType::Page, page_id, None)).await;
        self.ask(Operation::BlogpostLabels, site.labels(DocType::Blogpost, post_id, None)).await;
        self.ask(Operation::UsersBulk, site.users(&[account])).await;
        self.ask(Operation::ContentViews, site.views(page_id)).await;
        self.ask(Operation::ContentState, site.state(page_id)).await;
    }

    /// Whether the credential is alive, where the token may ask that.
    pub async fn ask_current_user(&mut self) {
        let site = self.site;
        self.ask(Operation::CurrentUser, site.current_user()).await;
    }

    pub fn findings(self) -> Vec<Finding> {
        self.findings
    }

    async fn ask_for_spaces(&mut self) {
        let answer = self.site.spaces(None).await;
        if answer.as_ref().is_ok_and(|listing| listing.rows.is_empty()) {
            (self.note)(Operation::Spaces, Outcome::SeesNothing);
            self.add(Operation::Spaces, Tried::Closed(Code::InvalidPermissions), NO_VISIBLE_SPACE.to_owned());
            return;
        }
        let closed = self.settle(Operation::Spaces, answer).err();
        self.over = closed.flatten().filter(|code| *code != Code::InvalidPermissions);
    }

    async fn newest(&mut self, doc_type: DocType) -> Option<DocRow> {
        let listing = DocsListing { doc_type, order: Order::NewestFirst, spaces: Vec::new(), turn: Turn::Base };
        let site = self.site;
        let answer = self.ask(list_operation(doc_type), site.docs(&listing, None)).await?;
        answer.rows.into_iter().next()
    }

    async fn ask<T>(&mut self, operation: Operation, question: impl Future<Output = Result<T, Failure>>) -> Option<T> {
        if let Some(code) = self.over {
            self.add(operation, Tried::NotAsked, format!("mend {code} first"));
            return None;
        }
        self.settle(operation, question.await).ok()
    }

    /// Without an answer, tells what closes the operation; nothing does where only this doc is not there.
    fn settle<T>(&mut self, operation: Operation, answer: Result<T, Failure>) -> Result<T, Option<Code>> {
        (self.note)(operation, outcome_of(answer.as_ref()));
        match answer {
            Ok(answer) => {
                self.add(operation, Tried::Open, String::new());
                Ok(answer)
            }
            Err(failure) => {
                let closed = match failure.verdict() {
                    // Who is told that this doc is not there was let in.
                    Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => None,
                    Verdict::Refused { code, .. } | Verdict::Passing { code } => Some(code),
                };
                let to_do = closed.map(|code| to_do(code, operation, &failure)).unwrap_or_default();
                self.add(operation, closed.map_or(Tried::Open, Tried::Closed), to_do);
                Err(closed)
            }
        }
    }

    fn add(&mut self, operation: Operation, access: Tried, to_do: String) {
        let is_off = operation.collector().is_some_and(|collector| !self.collectors.is_enabled(collector));
        self.findings.push(Finding {
            operation,
            scope: operation.scope(),
            access,
            needed: operation.collector().is_some() && !is_off,
            costs: operation.costs(is_off),
            to_do: if is_off { String::new() } else { to_do },
        });
    }
}

/// What a person can do about it, with what the failure says where that is all there is to go by.
pub fn to_do(code: Code, operation: Operation, failure: &Failure) -> String {
    let to_do = code.to_do(operation);
    match code {
        // Which of DNS, proxy, firewall and certificates it was, the failure knows.
        Code::Unreachable => format!("{} ({failure})", failure.where_to_look()),
        Code::UpstreamError | Code::BadResponse => format!("{to_do} ({failure})"),
        Code::InvalidCredentials
        | Code::InvalidPermissions
        | Code::PlanRequired
        | Code::WrongBaseUrl
        | Code::SiteSuspended
        | Code::RateLimited => to_do,
    }
}
