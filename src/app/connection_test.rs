//! `connection test`: each operation asked once, and what its refusal costs.

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::cli::{Format, TestConnection};
use crate::config::{Config, ConnectionConfig};
use crate::model::{Finding, summary};
use crate::sync::Trial;

use super::open::{CannotOpen, chosen, files, open_for_a_person};
use super::{output, with_causes};

/// How one operation of a connection answered.
#[derive(Debug, Serialize)]
struct Row {
    connection: String,
    #[serde(flatten)]
    finding: Finding,
}

pub(super) async fn run(test: &TestConnection) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::read(&files(&test.config))?;
    let mut rows = Vec::new();
    let mut all_asked = true;
    for connection in chosen(&config, test.name.as_deref())? {
        match test_connection(connection).await {
            Ok(findings) => rows.extend(findings),
            Err(error) => {
                output::complain(&with_causes(&error));
                all_asked = false;
            }
        }
    }
    let all_open = rows.iter().all(|row| row.finding.is_fine());
    match test.format {
        Format::Table if rows.is_empty() && !all_asked => {}
        Format::Table => output::print(&table(&rows)),
        Format::Json => output::print(&format!("{}\n", serde_json::to_string_pretty(&rows)?)),
    }
    Ok(if all_asked && all_open { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tests one connection, prints what is open, and tells whether everything is that is needed.
pub(super) async fn passes(connection: &ConnectionConfig) -> Result<bool, CannotOpen> {
    let rows = test_connection(connection).await?;
    output::print(&table(&rows));
    Ok(rows.iter().all(|row| row.finding.is_fine()))
}

async fn test_connection(config: &ConnectionConfig) -> Result<Vec<Row>, CannotOpen> {
    let site = open_for_a_person(config)?;
    let mut trial = Trial::of(&site, &config.sync.collectors, |_, _| {});
    trial.ask_everything().await;
    // Few tokens may ask this, and none needs to: the table says it, and a warning would only frighten.
    trial.ask_current_user().with_subscriber(NoSubscriber::default()).await;
    let row = |finding| Row { connection: config.name.to_string(), finding };
    Ok(trial.findings().into_iter().map(row).collect())
}

fn table(rows: &[Row]) -> String {
    let header = ["CONNECTION", "OPERATION", "SCOPE", "ACCESS", "WITHOUT IT MISSING", "WHAT TO DO"];
    let cells = |Row { connection, finding }: &Row| {
        let scope = finding.scope.unwrap_or("-");
        [connection, finding.operation.as_str(), scope, finding.access.as_str(), finding.costs, &finding.to_do]
            .map(str::to_owned)
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let findings = rows.iter().map(|row| &row.finding);
    format!("{}\n{}\n", output::table(header, &cells, &[]), summary(findings))
}
