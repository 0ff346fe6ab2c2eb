//! Every way in which the simulated site fails, seen through real requests.

use std::time::Duration;

use confluence_exporter::connection::{Failure, Verdict};
use confluence_exporter::model::{Code, DocId, DocType};
use confluence_simulator::{Fault, FaultKind, Options, Simulator, TokenKind};

use crate::setting::{Door, open};

#[derive(Clone, Copy, Debug)]
enum Asked {
    Spaces,
    Versions,
    Views,
    State,
}

impl Asked {
    async fn of(self, door: &Door, doc: DocId) -> Result<(), Failure> {
        match self {
            Self::Spaces => door.site.spaces(None).await.map(drop),
            Self::Versions => door.site.versions(DocType::Page, doc, None).await.map(drop),
            Self::Views => door.site.views(doc).await.map(drop),
            Self::State => door.site.state(doc).await.map(drop),
        }
    }
}

const fn named(code: Code) -> Verdict {
    Verdict::Refused { code, named: true }
}

const fn anonymous(code: Code) -> Verdict {
    Verdict::Refused { code, named: false }
}

const fn passing(code: Code) -> Verdict {
    Verdict::Passing { code }
}

#[tokio::test]
async fn every_failure_gets_its_verdict() {
    use Asked::{Spaces, State, Versions, Views};
    let dead = anonymous(Code::InvalidCredentials);
    let rows = [
        (FaultKind::InvalidCredentials, Spaces, dead),
        (FaultKind::InvalidCredentials, Versions, dead),
        (FaultKind::InvalidCredentials, Views, dead),
        (FaultKind::NotPermitted, Views, dead),
        (FaultKind::NotPermitted, State, dead),
        (FaultKind::Unauthorized, Spaces, dead),
        (FaultKind::Unauthorized, Views, dead),
        (FaultKind::Absent, Versions, Verdict::NotForThisDoc),
        (FaultKind::Absent, Views, Verdict::NotForThisDoc),
        (FaultKind::Absent, State, Verdict::NotForThisDoc),
        (FaultKind::UnparsableCredential, Views, dead),
        (FaultKind::WrongBase, Spaces, anonymous(Code::WrongBaseUrl)),
        (FaultKind::WrongBase, Views, anonymous(Code::WrongBaseUrl)),
        (FaultKind::ScopeMismatch, Spaces, named(Code::InvalidPermissions)),
        (FaultKind::ScopeMismatch, Views, named(Code::InvalidPermissions)),
        (FaultKind::AccountMismatch, Spaces, named(Code::InvalidCredentials)),
        (FaultKind::NoAccess, Spaces, dead),
        (FaultKind::NoAccess, Views, dead),
        (FaultKind::AnalyticsRestricted, Views, Verdict::NotForThisSpace),
        (FaultKind::PlanTooSmall, Views, named(Code::PlanRequired)),
        (FaultKind::SiteSuspended, Spaces, named(Code::SiteSuspended)),
        (FaultKind::SiteSuspendedForbidden, Views, named(Code::SiteSuspended)),
        (FaultKind::Gone, Views, passing(Code::BadResponse)),
        (FaultKind::StatesOffBadRequest, State, Verdict::NotForThisSpace),
        (FaultKind::StatesOffForbidden, State, Verdict::NotForThisSpace),
        (FaultKind::StatesOffNotFound, State, Verdict::NotForThisDoc),
        (FaultKind::RateLimited, Spaces, passing(Code::RateLimited)),
        (FaultKind::RateLimitedReset, Spaces, passing(Code::RateLimited)),
        (FaultKind::RateLimitedResetMinutes, Spaces, passing(Code::RateLimited)),
        (FaultKind::RateLimitedBare, Views, passing(Code::RateLimited)),
        (FaultKind::RateLimitedHtml, Views, passing(Code::RateLimited)),
        (FaultKind::FalseNotFound, Spaces, dead),
        (FaultKind::FalseNotFound, Views, dead),
        (FaultKind::InternalError, Spaces, passing(Code::UpstreamError)),
        (FaultKind::BadGateway, Views, passing(Code::UpstreamError)),
        (FaultKind::Unavailable, Spaces, passing(Code::UpstreamError)),
        (FaultKind::UnavailableHtml, Spaces, passing(Code::UpstreamError)),
        (FaultKind::Silence, Spaces, passing(Code::Unreachable)),
        (FaultKind::Reset, Spaces, passing(Code::Unreachable)),
        (FaultKind::Endless, Spaces, passing(Code::BadResponse)),
        (FaultKind::Oversized, Spaces, passing(Code::BadResponse)),
        (FaultKind::HtmlWithOk, Views, passing(Code::BadResponse)),
        (FaultKind::NotJson, State, passing(Code::BadResponse)),
        (FaultKind::TruncatedJson, Spaces, passing(Code::BadResponse)),
        (FaultKind::EmptyBody, Spaces, passing(Code::BadResponse)),
        (FaultKind::Redirect, Spaces, anonymous(Code::WrongBaseUrl)),
    ];
    let simulator = Simulator::start(Options { docs: 20, ..Options::default() }).await.unwrap();
    let token = simulator.token(TokenKind::Unscoped);
    let doc = DocId(simulator.world().docs()[0].0);
    for (kind, asked, expected) in rows {
        simulator.clear_faults();
        simulator.inject(Fault::new(kind));
        let door = open(&simulator.site_url(), &token.username, &token.secret, |settings| {
            settings.patience.attempt = Duration::from_secs(if kind == FaultKind::Silence { 1 } else { 30 });
            settings.patience.retries = 0;
        });

        let failure = asked.of(&door, doc).await.expect_err(kind.as_str());

        assert_eq!(failure.verdict(), expected, "{kind:?} {asked:?}: {failure}");
        assert!(!failure.to_string().contains(&token.secret));
    }
}

#[tokio::test]
async fn a_dead_cursor_is_told_apart_from_a_dead_listing() {
    let simulator = Simulator::start(Options { docs: 400, spaces: 300, ..Options::default() }).await.unwrap();
    let token = simulator.token(TokenKind::Unscoped);
    let door = open(&simulator.site_url(), &token.username, &token.secret, |_| {});
    simulator.inject(Fault::new(FaultKind::DeadCursor));
    let first = door.site.spaces(None).await.unwrap();
    simulator.clear_journal();

    let failure = door.site.spaces(first.next.as_ref()).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::DeadCursor);
    assert_eq!(failure.code(), None);
    assert_eq!(simulator.journal().len(), 1, "it is not asked again");
}
