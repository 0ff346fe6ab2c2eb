//! What the view says of connections made by hand, and that the page lets nothing through that is no text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::cache::Summary;
use crate::model::{
    Access, BudgetStatus, Code, CollectorRules, ConnectionName, Finding, Health, Operation, OperationStatus, Outcome,
    RateLimit, RefreshResult, RefreshStatus, SiteInfo, Snapshot, Test, TestCourse, Timestamp, TokenSlot, Tried,
    WalkStatus,
};

fn now() -> Timestamp {
    "2026-05-27T07:09:12Z".parse().unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    now().earlier_by(Duration::from_secs(seconds))
}

/// A connection that is well, or as `change` has it.
fn watched(change: impl FnOnce(&mut Watched, &mut Health, &mut Access)) -> Watched {
    let connection = ConnectionName::new("acme").unwrap();
    let site = SiteInfo { site: "acme.atlassian.net".into(), cloud_id: None, credential: Credential::Scoped };
    let mut health = Health {
        up: true,
        site: Some(site.clone()),
        errors: Vec::new(),
        access: Vec::new(),
        token_in_use: None,
        token_expires: None,
        moment: Some(ago(10)),
        collectors: Vec::new(),
    };
    let minute = Duration::from_mins(1);
    let ended = Some((ago(8), RefreshResult::Success));
    let status = ConnectionStatus {
        address: "https://acme.atlassian.net".into(),
        site: Some(site),
        errors: Vec::new(),
        operations: Vec::new(),
        token_expires: None,
        token_in_use: None,
        first_walk: None,
        refresh: RefreshStatus { began: Some(ago(10)), base_ended: Some(ago(9)), ended, interval: minute },
        collectors: vec![CollectorRules {
            collector: crate::model::Collector::Labels,
            is_enabled: true,
            renewed_after: minute,
        }],
        budget: BudgetStatus { a_minute: 120.0, left: -7.2, most: 240.0, spent: Vec::new() },
        rate_limit: RateLimit::default(),
        paused_until: None,
        pace: None,
        requests_in_flight: 0,
        concurrency_level: 5,
        test: None,
        no_test_for: Duration::ZERO,
    };
    let summary = Summary { connection: connection.clone(), snapshot: None, shows_numbers: true };
    let mut watched = Watched { summary, status, not_due_before: None, max_stale: Duration::from_hours(24) };
    let mut access = Access::default();
    // So that a change can take the snapshot away.
    watched.summary.snapshot =
        Some(Arc::new(Snapshot { connection: connection.clone(), health: health.clone(), numbers: None }));
    change(&mut watched, &mut health, &mut access);
    if let Some(snapshot) = &mut watched.summary.snapshot {
        *snapshot = Arc::new(Snapshot { connection, health, numbers: None });
    }
    watched.status.errors = access.errors(|operation| operation.collector().is_some());
    let operation_status = |operation: &Operation| OperationStatus {
        standing: access.standing(*operation),
        is_needed: operation.collector().is_some(),
        requests: 0,
    };
    watched.status.operations = Operation::ALL.iter().map(operation_status).collect();
    watched
}

fn view(watched: Watched) -> View {
    View::of(&Status { now: now(), started: ago(3_600), store_up: None, connections: vec![watched] })
}

fn html(watched: Watched, may_test: bool) -> String {
    let around = Surroundings {
        telemetry_path: "/metrics",
        probe: "/probe",
        api: "/api",
        style: "/style",
        test: "/test",
        may_test,
    };
    page(&view(watched), around)
}

fn told(watched: Watched) -> String {
    let view = view(watched);
    let ConnectionView { state, says, note, problems, .. } = &view.connections[0];
    let mut told = format!("{}: {says}", state.word());
    told.extend(note.iter().map(|note| format!("\n{note}")));
    for problem in problems {
        write!(told, "\n{}: {}; {}", problem.code, problem.meaning, problem.to_do.join("; ")).unwrap();
    }
    told
}

const SCOPE: Outcome = Outcome::Refused { code: Code::InvalidPermissions, names_its_cause: true };
const DEAD: Outcome = Outcome::Refused { code: Code::InvalidCredentials, names_its_cause: true };

#[test]
fn each_state_is_told_in_words_with_what_to_do() {
    let never_asked = told(watched(|it, _, _| {
        it.summary.snapshot = None;
        it.status.refresh.began = None;
    }));
    let starting = told(watched(|it, _, _| it.summary.snapshot = None));
    let healthy = told(watched(|_, _, _| {}));
    let walk = |lists_done, is_stuck| WalkStatus { docs: 12_345, lists_done, lists: 9, is_stuck };
    let first_walk = told(watched(|it, _, _| it.status.first_walk = Some(walk(1, false))));
    let stuck_walk = told(watched(|it, _, _| it.status.first_walk = Some(walk(8, true))));
    let limited = told(watched(|_, _, access| {
        access.note(Operation::ContentViews, SCOPE, now());
        access.note(Operation::ContentState, SCOPE, now());
        access.note(Operation::UsersBulk, SCOPE, now());
    }));
    let throttled = told(watched(|it, health, access| {
        health.up = false;
        it.status.paused_until = Some(now().later_by(Duration::from_secs(90)));
        access.note(Operation::Pages, Outcome::Passing(Code::RateLimited), now());
    }));
    let down = told(watched(|_, health, access| {
        health.up = false;
        access.note(Operation::Spaces, DEAD, now());
        access.note(Operation::Pages, Outcome::Passing(Code::RateLimited), now());
    }));
    let no_space = told(watched(|it, health, access| {
        it.summary.shows_numbers = false;
        health.up = false;
        access.note(Operation::Spaces, Outcome::SeesNothing, now());
    }));
    let suspected = told(watched(|_, health, _| health.up = false));
    let tested = told(watched(|it, _, _| it.status.test = Some(test(ago(5)))));

    let all =
        [never_asked, starting, healthy, first_walk, stuck_walk, limited, throttled, down, no_space, suspected, tested];
    insta::assert_snapshot!("states", all.join("\n\n"));
}

/// One that has found the token dead.
fn test(began: Timestamp) -> Test {
    let finding = |operation: Operation, access, to_do: &str| Finding {
        operation,
        scope: None,
        access,
        needed: true,
        costs: "everything",
        to_do: to_do.to_owned(),
    };
    let dead = finding(Operation::Spaces, Tried::Closed(Code::InvalidCredentials), "check username and token");
    let other = finding(Operation::Pages, Tried::NotAsked, "mend invalid_credentials first");
    Test { began, course: TestCourse::Ended(vec![dead, other]) }
}

#[test]
fn what_a_test_has_found_counts_until_the_next_refresh_knows_better() {
    let state = |began: Timestamp| view(watched(|it, _, _| it.status.test = Some(test(began)))).connections[0].state;
    assert_eq!((state(ago(5)), state(ago(11))), (State::Down, State::Healthy));
}

#[test]
fn an_exporter_that_is_not_scraped_any_more_says_so() {
    let left_alone = told(watched(|it, _, _| it.status.refresh.began = Some(ago(7_200))));
    let restarted = told(watched(|it, _, _| it.status.refresh = RefreshStatus::default()));
    let busy = told(watched(|it, _, _| {
        it.status.refresh.began = Some(ago(7_200));
        it.status.refresh.ended = None;
    }));

    insta::assert_snapshot!([left_alone, restarted, busy].join("\n\n"), @r"
    Healthy: Confluence answers all that is asked.
    Nobody scrapes: the last refresh began 2.0 h ago, and Confluence is asked nothing until the next scrape.

    Healthy: Confluence answers all that is asked.
    Nobody has scraped since the start: what stands here was known before, and Confluence is asked nothing until somebody does.

    Healthy: Confluence answers all that is asked.
    ");
}

#[test]
fn what_is_left_of_a_token_is_told_in_days() {
    let days_left = |at: Timestamp| {
        let view = view(watched(|it, _, _| it.status.token_expires = Some(at)));
        view.connections[0].token.days_left
    };
    let hours = |hours| now().later_by(Duration::from_hours(hours));
    assert_eq!([hours(47), hours(24), hours(23), ago(1)].map(days_left), [Some(1), Some(1), Some(0), Some(-1)]);
    assert!(html(watched(|it, _, _| it.status.token_expires = Some(ago(1))), true).contains("it has ended"));
    let serves =
        |slot| html(watched(|it, _, _| it.status.token_in_use = Some(slot)), true).contains("<code>next</code>");
    assert!(serves(TokenSlot::Next) && !serves(TokenSlot::Current));
}

#[test]
fn nothing_that_a_site_says_becomes_markup() {
    let hostile: Arc<str> = "<script>alert('&\"')</script>".into();
    let page = html(
        watched(|it, _, _| {
            let site = it.status.site.as_mut().unwrap();
            site.cloud_id = Some(Arc::clone(&hostile));
            it.status.address = hostile;
        }),
        true,
    );
    assert!(!page.contains("<script") && !page.contains("alert('"), "{page}");
    assert_eq!(page.matches("&#60;script&#62;alert(&#39;&#38;&#34;&#39;)").count(), 2);
}

#[test]
fn the_page_fetches_nothing_but_its_stylesheet_and_runs_nothing() {
    let page = html(watched(|_, _, access| access.note(Operation::Spaces, DEAD, now())), true);
    for outward in ["src=", "@import", "url(", "style=", "<script", "<style", "<img", "<iframe", " on"] {
        let found = page.find(outward).map(|at| &page[at..]);
        assert!(
            found.is_none_or(|found| outward == " on" && !found.split(' ').nth(1).unwrap().contains('=')),
            "{outward}"
        );
    }
    assert_eq!(page.matches("<link").count(), 1);
    assert!(page.contains("<link rel=\"stylesheet\" href=\"/style\">"));
}

#[test]
fn the_button_is_there_for_those_who_may_press_it_and_they_wait_in_a_pause() {
    let paused = |it: &mut Watched, _: &mut Health, _: &mut Access| {
        it.status.paused_until = Some(now().later_by(Duration::from_mins(9)));
    };
    let button =
        |page: &str| page.lines().find(|line| line.starts_with("<button")).map(|line| line.contains(" disabled"));
    assert_eq!(button(&html(watched(|_, _, _| {}), true)), Some(false));
    assert_eq!(button(&html(watched(|_, _, _| {}), false)), None);
    assert_eq!(button(&html(watched(paused), true)), Some(true));
}

#[test]
fn a_store_that_takes_no_writes_is_told() {
    let view = |store_up| View { store_up, ..view(watched(|_, _, _| {})) };
    let around = Surroundings { telemetry_path: "/", probe: "/", api: "/", style: "/", test: "/", may_test: false };
    assert!(page(&view(Some(false)), around).contains("The store takes no writes"));
    assert!(page(&view(Some(true)), around).contains("a restart loses nothing"));
    assert!(page(&view(None), around).contains("There is no store"));
}
