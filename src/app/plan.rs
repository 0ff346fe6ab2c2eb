//! `plan`: how large each site is, what it takes to know it in full, and what to change to be faster.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Format, Plan};
use crate::config::{Config, ConnectionConfig};
use crate::model::{Collector, Grouped, NO_VISIBLE_SPACE, Roughly};
use crate::sync::{
    Advice, CannotEstimate, CollectorDemand, Demand, Estimate, Guess, Means, Reach, advice, estimate, to_do,
};

use super::open::{CannotOpen, chosen, files, open_for_a_person};
use super::output;

/// What lies before one connection.
struct Outlook {
    estimate: Estimate,
    demand: Demand,
    advice: Vec<Advice>,
    /// The first walk at the most requests at once, where that is much faster.
    faster_walk: Option<Duration>,
}

/// Why nothing can be said of a connection, and what to do about it, where the cause does not say it.
struct Trouble {
    cause: String,
    to_do: String,
}

/// What a guess is worth.
const GUESSED: &str = "\n  The site tells no totals. Its oldest and its newest docs were read; how many lie between, and of these how many\n  \
                       have versions, labels, states and views to ask for, is taken from them. After the first walk the log tells.\n";
/// The highest `concurrency_level`.
const MOST_AT_ONCE: usize = 25;
/// A first walk that takes longer could be had sooner.
const LONG_WALK: Duration = Duration::from_mins(10);

pub(super) async fn run(plan: &Plan) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&files(&plan.config))?;
    let mut outlooks = Vec::new();
    for connection in chosen(&config, plan.name.as_deref())? {
        outlooks.push((connection, look_ahead(connection).await));
    }
    match plan.format {
        Format::Table => {
            let texts: Vec<String> = outlooks.iter().map(|(config, outlook)| text(config, outlook)).collect();
            output::print(&texts.join("\n"));
        }
        Format::Json => {
            let values: Vec<Value> = outlooks.iter().map(|(config, outlook)| value(config, outlook)).collect();
            output::print(&format!("{}\n", serde_json::to_string_pretty(&values)?));
        }
    }
    let all_asked = outlooks.iter().all(|(_, outlook)| outlook.is_ok());
    Ok(if all_asked { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look_ahead(config: &ConnectionConfig) -> Result<Outlook, Trouble> {
    let site = open_for_a_person(config)?;
    let estimate = estimate(&site, &config.sync).await?;
    let means = Means { concurrency: site.connection().concurrency_level(), answer: estimate.answer };
    let demand = Demand::of(&estimate.size, &config.sync, means);
    let advice = advice(&estimate.size, &config.sync, means);
    let all_at_once = Demand::of(&estimate.size, &config.sync, Means { concurrency: MOST_AT_ONCE, ..means });
    // A borrower has no level of its own that could be raised.
    let has_own_level = config.connection.borrow_concurrency_from.is_none();
    let faster_walk = has_own_level
        .then_some(all_at_once.first_walk_takes)
        .filter(|faster| demand.first_walk_takes > LONG_WALK && *faster < demand.first_walk_takes / 2);
    Ok(Outlook { estimate, demand, advice, faster_walk })
}

impl From<CannotOpen> for Trouble {
    fn from(error: CannotOpen) -> Self {
        Self { cause: error.reason(), to_do: String::new() }
    }
}

impl From<CannotEstimate> for Trouble {
    fn from(error: CannotEstimate) -> Self {
        let cause = error.to_string();
        let to_do = match error {
            CannotEstimate::NoVisibleSpace => NO_VISIBLE_SPACE.to_owned(),
            CannotEstimate::Asking { operation, failure } => {
                failure.code().map(|code| to_do(code, operation, &failure)).unwrap_or_default()
            }
        };
        Self { cause, to_do }
    }
}

fn text(config: &ConnectionConfig, outlook: &Result<Outlook, Trouble>) -> String {
    let name = &config.name;
    match outlook {
        Ok(outlook) => outlook.text(config),
        Err(Trouble { cause, to_do }) if to_do.is_empty() => format!("{name} cannot be asked: {cause}\n"),
        Err(Trouble { cause, to_do }) => format!("{name} cannot be asked: {cause}\n  {to_do}\n"),
    }
}

impl Outlook {
    fn text(&self, config: &ConnectionConfig) -> String {
        let Self { estimate, demand, .. } = self;
        let mut text = format!("{}, after {} requests\n", config.name, estimate.requests);
        let is_exact = estimate.docs.is_exact();
        let mut line = |name: &str, what: String| {
            writeln!(text, "  {name:10}  {what}").expect("a string takes everything");
        };
        line("spaces", grouped(estimate.size.spaces));
        line("docs", docs(estimate.docs));
        line(
            "first walk",
            format!(
                "{} requests, {} at concurrency_level {}; not paid from the budget",
                if is_exact { grouped(demand.first_walk) } else { grouped(two_digits(demand.first_walk)) },
                Roughly(demand.first_walk_takes),
                config.connection.concurrency_level.get(),
            ),
        );
        line(
            "refreshes",
            format!("{} requests a day for their bases; not paid from the budget", whole(demand.base_a_day)),
        );
        line(
            "budget",
            format!("{} requests a day, at request_budget {}", whole(demand.budget_a_day), config.sync.request_budget),
        );
        text.push('\n');
        let requests = |count: f64| if is_exact { whole(count) } else { about(count) };
        let mut rows: Vec<_> = demand.collectors.iter().map(|demand| row(demand, requests)).collect();
        let sum = |of: fn(&CollectorDemand) -> f64| requests(demand.collectors.iter().map(of).sum());
        rows.push(["all".to_owned(), sum(|it| it.at_first), sum(|it| it.a_day), demand.full().to_string()]);
        let table =
            output::table(["COLLECTOR", "REQUESTS AT FIRST", "A DAY FROM THEN ON", "KNOWN IN FULL"], &rows, &[1, 2]);
        table.lines().for_each(|line| writeln!(text, "  {line}").expect("a string takes everything"));
        text.push_str(&self.faster());
        if !is_exact {
            text.push_str(GUESSED);
        }
        text
    }

    fn faster(&self) -> String {
        let mut rows: Vec<[String; 2]> =
            self.advice.iter().map(|advice| [advice.setting.clone(), advice.full.to_string()]).collect();
        if let Some(walk) = self.faster_walk {
            rows.push([format!("concurrency_level: {MOST_AT_ONCE}"), format!("first walk in {}", Roughly(walk))]);
        }
        if rows.is_empty() {
            return String::new();
        }
        let table = output::table(["TO BE FASTER, ONE OF", "KNOWN IN FULL"], &rows, &[]);
        table.lines().fold("\n".to_owned(), |text, line| text + "  " + line + "\n")
    }
}

fn row(demand: &CollectorDemand, requests: impl Fn(f64) -> String) -> [String; 4] {
    let full =
        if demand.collector == Collector::Docs { "with the first walk".to_owned() } else { demand.full.to_string() };
    [demand.collector.to_string(), requests(demand.at_first), requests(demand.a_day), full]
}

fn value(config: &ConnectionConfig, outlook: &Result<Outlook, Trouble>) -> Value {
    let connection = config.name.as_str();
    let Outlook { estimate, demand, advice, faster_walk } = match outlook {
        Ok(outlook) => outlook,
        Err(Trouble { cause, to_do }) => return json!({"connection": connection, "error": cause, "to_do": to_do}),
    };
    let Guess { least, likely, most } = estimate.docs;
    let with_reach = |mut value: Value, reach: Reach| {
        let (seconds, coverage) = match reach {
            Reach::After(time) => (Some(time.as_secs()), 1.0),
            Reach::Never { coverage } => (None, coverage),
        };
        (value["full_after_seconds"], value["coverage"]) = (json!(seconds), json!(coverage));
        value
    };
    let collector = |demand: &CollectorDemand| {
        let value = json!({
            "collector": demand.collector.as_str(),
            "requests_at_first": demand.at_first.round(),
            "requests_a_day": demand.a_day.round(),
        });
        with_reach(value, demand.full)
    };
    let faster = |advice: &Advice| with_reach(json!({"setting": advice.setting}), advice.full);
    let plan = json!({
        "connection": connection,
        "requests_asked": estimate.requests,
        "spaces": estimate.size.spaces,
        "docs": {"least": least, "likely": likely, "most": most},
        "first_walk": {
            "requests": demand.first_walk,
            "seconds": demand.first_walk_takes.as_secs_f64(),
            "seconds_at_most_concurrency": faster_walk.map(|walk| walk.as_secs_f64()),
        },
        "base_requests_a_day": demand.base_a_day.round(),
        "budget_requests_a_day": demand.budget_a_day.round(),
        "collectors": demand.collectors.iter().map(collector).collect::<Vec<_>>(),
        "faster": advice.iter().map(faster).collect::<Vec<_>>(),
    });
    with_reach(plan, demand.full())
}

fn docs(guess: Guess) -> String {
    let Guess { least, likely, most } = guess;
    if guess.is_exact() {
        return grouped(likely);
    }
    let [least, likely, most] = [least, likely, most].map(|count| grouped(two_digits(count)));
    format!("about {likely}: {least} to {most}, if they came no faster and no slower than the first and the last ones")
}

fn two_digits(count: u64) -> u64 {
    let unit = 10_u64.pow(count.checked_ilog10().unwrap_or(0).saturating_sub(1));
    (count + unit / 2) / unit * unit
}

fn whole(count: f64) -> String {
    grouped(integer(count))
}

fn about(count: f64) -> String {
    grouped(two_digits(integer(count)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
fn integer(count: f64) -> u64 {
    count.round() as u64
}

fn grouped(count: u64) -> String {
    Grouped(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_told_with_two_digits() {
        assert_eq!([0, 7, 99, 104, 1_250, 98_765].map(two_digits), [0, 7, 99, 100, 1_300, 99_000]);
    }
}
