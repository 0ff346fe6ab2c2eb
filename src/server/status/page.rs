//! The view as HTML, for a browser: no script, nothing from elsewhere, readable without its stylesheet.

use askama::Template;

use crate::model::{Grouped, RefreshResult, TokenSlot, Tried};

use super::parts::{ProblemView, RefreshView, TokenView};
use super::state::State;
use super::tables::{BudgetView, CollectorView, OperationView, SpentView, TestedView};
use super::{ConnectionView, View};

/// What the page needs to know of the server that shows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Surroundings<'a> {
    pub(in crate::server) telemetry_path: &'a str,
    pub(in crate::server) probe: &'a str,
    pub(in crate::server) api: &'a str,
    pub(in crate::server) style: &'a str,
    pub(in crate::server) test: &'a str,
    /// Whether whoever looks may have a connection tested.
    pub(in crate::server) may_test: bool,
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    view: &'a View,
    around: Surroundings<'a>,
}

const DOCS: &str = "https://github.com/confluence-exporter/confluence-exporter/blob/main/";

/// Less is told as a warning, and as an alarm.
const FEW_DAYS: i64 = 30;
const VERY_FEW_DAYS: i64 = 7;

pub(in crate::server) fn page(view: &View, around: Surroundings<'_>) -> String {
    Page { view, around }.render().expect("writing to a string does not fail")
}

impl View {
    /// For the browser's tab.
    fn title(&self) -> String {
        let is_well = |connection: &&ConnectionView| matches!(connection.state, State::Healthy | State::FirstWalk);
        match (&self.connections[..], self.connections.iter().filter(is_well).count()) {
            ([], _) => "no connection".to_owned(),
            ([only], _) => format!("{}: {}", only.name, only.state.word()),
            (all, well) => format!("{well} of {} connections healthy", all.len()),
        }
    }
}

impl ProblemView {
    /// What passes by itself alarms nobody.
    fn tone(&self) -> &'static str {
        if self.code.is_refusal() { "bad" } else { "warning" }
    }
}

impl RefreshView {
    /// How the newest one went, in a sentence without its beginning.
    fn outcome(&self) -> String {
        match (self.result, self.ended, self.base_ended) {
            (Some(RefreshResult::Success), Some(_), _) => "ended well".to_owned(),
            (Some(RefreshResult::Partial), Some(_), _) => "ended, but some collectors got stuck".to_owned(),
            (Some(RefreshResult::Failure), Some(_), _) => "failed".to_owned(),
            (_, _, Some(_)) => "has read what changed, and now spends the request budget".to_owned(),
            (_, _, None) => "is reading what changed".to_owned(),
        }
    }
}

impl TokenView {
    fn is_next(&self) -> bool {
        self.in_use == Some(TokenSlot::Next)
    }

    fn tone(&self) -> &'static str {
        match self.days_left {
            Some(..VERY_FEW_DAYS) => "bad",
            Some(..FEW_DAYS) => "warning",
            Some(_) | None => "plain",
        }
    }

    fn days(&self) -> String {
        match self.days_left {
            None => String::new(),
            Some(..0) => "it has ended".to_owned(),
            Some(0) => "less than a day left".to_owned(),
            Some(1) => "1 day left".to_owned(),
            Some(days) => format!("{days} days left"),
        }
    }
}

impl BudgetView {
    fn left(&self) -> String {
        let requests = Grouped(self.left.unsigned_abs());
        if self.left < 0 { format!("{requests} owed, none") } else { requests.to_string() }
    }

    /// How long a bar is, beside the longest.
    fn percent_of_most(&self, spent: &SpentView) -> u64 {
        let most = self.spent.iter().map(|spent| spent.requests).max().unwrap_or(0);
        spent.requests * 100 / most.max(1)
    }
}

impl SpentView {
    fn what(&self) -> &'static str {
        match self.on {
            "docs" => "docs (comparing the whole site)",
            on => on,
        }
    }
}

impl CollectorView {
    /// Rounded down: what is not all is not shown as all.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    fn percent(&self) -> Option<u8> {
        self.coverage.map(|coverage| (coverage * 100.0).clamp(0.0, 100.0).floor() as u8)
    }

    /// How much has passed of the time after which it is asked for anew.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    fn percent_of_age(&self) -> u8 {
        let age = self.age_seconds.map_or(0.0, |age| age.0.as_secs_f64());
        (age / self.renewed_after_seconds.0.as_secs_f64().max(1.0) * 100.0).clamp(0.0, 100.0).round() as u8
    }
}

impl OperationView {
    fn tone(&self) -> &'static str {
        tone(self.access, self.needed)
    }

    fn tone_of(&self, tested: &TestedView) -> &'static str {
        tone(tested.access, self.needed)
    }
}

fn tone(access: Tried, is_needed: bool) -> &'static str {
    match access {
        Tried::Open => "good",
        Tried::Closed(_) if is_needed => "bad",
        Tried::Closed(_) | Tried::NotAsked => "quiet",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the templates hand it over so")]
fn count(count: &u64) -> Grouped {
    Grouped(*count)
}
