//! `connection list`: what there is, where it stands, and how its token is kept. Nobody is asked, and no token is opened.

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Format, ListConnections};
use crate::config::{Config, ConnectionConfig, Place, PlaceKind};
use crate::connection::TokenFrom;

use super::super::open::files;
use super::super::output;

/// Without the username, which is a person's e-mail address.
#[derive(Serialize)]
struct Row {
    name: String,
    site: String,
    token: &'static str,
    /// Whether it passed the test before it was saved; not known of those in the configuration.
    tested: Option<bool>,
    file: String,
}

pub(in crate::app) fn list(list: &ListConnections) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::gather(&files(&list.config))?;
    let rows: Vec<Row> =
        config.connections.iter().map(|connection| row(connection, &config.places[&connection.name])).collect();
    match list.format {
        Format::Json => output::print(&format!("{}\n", serde_json::to_string_pretty(&rows)?)),
        Format::Table if rows.is_empty() => {
            output::print("There is no connection yet: `confluence-exporter connection add NAME` makes one.\n");
        }
        Format::Table => output::print(&table(&rows)),
    }
    Ok(ExitCode::SUCCESS)
}

fn row(connection: &ConnectionConfig, place: &Place) -> Row {
    let token = match connection.connection.token {
        TokenFrom::File(_) => "file",
        TokenFrom::Files { .. } => "files",
        TokenFrom::Environment(_) => "environment",
        TokenFrom::Sealed(_) => "sealed",
        TokenFrom::Typed(_) => "typed",
    };
    let file = place.file.display();
    let (tested, file) = match place.kind {
        PlaceKind::Config { line } => (None, format!("{file}:{line}")),
        PlaceKind::Saved { is_untested } => (Some(!is_untested), file.to_string()),
    };
    Row { name: connection.name.to_string(), site: connection.connection.instance_url.to_string(), token, tested, file }
}

fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let tested = row.tested.map_or("-", |tested| if tested { "yes" } else { "no" });
        [&row.name, &row.site, row.token, tested, &row.file].map(str::to_owned)
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    output::table(["NAME", "SITE", "TOKEN", "TESTED", "FILE"], &cells, &[])
}
