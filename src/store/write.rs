//! One step's facts into their tables. The transaction around it is `thread`'s.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, Result, params};

use super::spelling::{self, asked, id};
use super::{Batch, Identity};
use crate::model::{DocFacts, EditFacts, Facts, ProgressChange, Snapshot, SpaceFacts};

/// Writes a step. `last` is the connection's last snapshot: numbers that are the same are not written again.
pub(super) fn batch(database: &Connection, connection: i64, batch: &Batch, last: Option<&Arc<Snapshot>>) -> Result<()> {
    if let Some(Identity { site, cloud_id }) = &batch.identity {
        database
            .prepare_cached("UPDATE connections SET site = ?2, cloud_id = ?3 WHERE id = ?1")?
            .execute(params![connection, site, cloud_id])?;
    }
    facts(database, connection, &batch.facts)?;
    for change in &batch.progress {
        progress(database, connection, change)?;
    }
    if let Some(new) = &batch.snapshot {
        snapshot(database, connection, new, last)?;
    }
    Ok(())
}

fn facts(database: &Connection, connection: i64, facts: &Facts) -> Result<()> {
    for space in &facts.spaces {
        self::space(database, connection, space)?;
    }
    for account in &facts.accounts {
        let (learnt_at, refused_at) = asked(account.asked);
        database.prepare_cached("REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(params![
            connection,
            account.number,
            account.id,
            account.status,
            account.account_type,
            learnt_at,
            refused_at
        ])?;
    }
    for (number, name) in &facts.labels {
        database.prepare_cached("REPLACE INTO labels VALUES (?, ?, ?)")?.execute(params![connection, number, name])?;
    }
    for (number, name) in &facts.states {
        database.prepare_cached("REPLACE INTO states VALUES (?, ?, ?)")?.execute(params![connection, number, name])?;
    }
    for (space, doc_type, views) in &facts.observed_views {
        database.prepare_cached("REPLACE INTO observed_views VALUES (?, ?, ?, ?)")?.execute(params![
            connection,
            space,
            doc_type.as_str(),
            id(*views)
        ])?;
    }
    for doc in &facts.docs {
        self::doc(database, connection, doc)?;
    }
    Ok(())
}

fn space(database: &Connection, connection: i64, space: &SpaceFacts) -> Result<()> {
    let row = &space.row;
    let unseen_since = space.unseen_since.map(crate::model::Timestamp::as_millis);
    database.prepare_cached("REPLACE INTO spaces VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        connection,
        id(row.id.0),
        row.key,
        row.name,
        row.space_type,
        row.status.as_str(),
        unseen_since,
        space.walked
    ])?;
    Ok(())
}

/// What no row has told since stays as it is: title, path and last owner.
const DOC: &str = "
INSERT INTO docs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
                         ?23, ?24, ?25, ?26, ?27)
ON CONFLICT DO UPDATE SET
    id = ?3, type = ?4, space = ?5, status = ?6, missed = ?7, author = ?8, owner = ?9, created_at = ?10,
    version_at = ?11, version_number = ?12, version_author = ?13, versions_known_since = ?14,
    versions_learnt_at = ?15, versions_refused_at = ?16, labels_learnt_at = ?17, labels_refused_at = ?18,
    state_learnt_at = ?19, state_refused_at = ?20, state = ?21, views_learnt_at = ?22, views_refused_at = ?23, views = ?24,
    title = CASE WHEN ?28 THEN ?25 ELSE title END,
    path = CASE WHEN ?28 THEN ?26 ELSE path END,
    last_owner = CASE WHEN ?28 THEN ?27 ELSE last_owner END";

fn doc(database: &Connection, connection: i64, doc: &DocFacts) -> Result<()> {
    let (versions, labels) = (asked(doc.versions), asked(doc.labels));
    let (state, views) = (asked(doc.state), asked(doc.views));
    let papers = doc.papers.as_ref();
    database.prepare_cached(DOC)?.execute(params![
        connection,
        doc.number,
        id(doc.id.0),
        doc.doc_type.as_str(),
        id(doc.space.0),
        doc.status.map(crate::model::DocStatus::as_str),
        doc.missed,
        doc.author,
        doc.owner,
        doc.created_at.as_millis(),
        doc.version.at.as_millis(),
        doc.version_number,
        doc.version.author,
        doc.versions_known_since.as_millis(),
        versions.0,
        versions.1,
        labels.0,
        labels.1,
        state.0,
        state.1,
        doc.state_number,
        views.0,
        views.1,
        doc.view_count,
        papers.and_then(|papers| papers.title.as_deref()),
        papers.and_then(|papers| papers.path.as_deref()),
        papers.and_then(|papers| papers.last_owner.as_ref().map(|account| &*account.0)),
        papers.is_some(),
    ])?;
    if let Some(edits) = &doc.earlier_edits {
        self::edits(database, connection, doc, edits)?;
    }
    if let Some(labels) = &doc.label_numbers {
        database
            .prepare_cached("DELETE FROM doc_labels WHERE connection = ? AND doc = ?")?
            .execute(params![connection, doc.number])?;
        for label in labels {
            database
                .prepare_cached("INSERT INTO doc_labels VALUES (?, ?, ?)")?
                .execute(params![connection, doc.number, label])?;
        }
    }
    Ok(())
}

/// Edits follow each other without a gap, so that their numbers go down from the newest version's.
fn edits(database: &Connection, connection: i64, doc: &DocFacts, edits: &[EditFacts]) -> Result<()> {
    database
        .prepare_cached("DELETE FROM edits WHERE connection = ? AND doc = ?")?
        .execute(params![connection, doc.number])?;
    let mut statement = database.prepare_cached("INSERT INTO edits VALUES (?, ?, ?, ?, ?)")?;
    let numbers = (1..).map(|place| i64::from(doc.version_number) - place);
    for (edit, number) in edits.iter().zip(numbers) {
        statement.execute(params![connection, doc.number, number, edit.at.as_millis(), edit.author])?;
    }
    Ok(())
}

fn progress(database: &Connection, connection: i64, change: &ProgressChange) -> Result<()> {
    let (name, json) = spelling::progress(change);
    match (json, change) {
        (Some(json), _) => {
            database
                .prepare_cached("REPLACE INTO progress VALUES (?, ?, ?)")?
                .execute(params![connection, name, json])?;
        }
        (None, ProgressChange::Listing(..)) => {
            let listings = "DELETE FROM progress WHERE connection = ? AND name >= ? AND name LIKE ? || '%'";
            database.prepare_cached(listings)?.execute(params![connection, name, spelling::LISTING])?;
        }
        (None, _) => {
            database
                .prepare_cached("DELETE FROM progress WHERE connection = ? AND name = ?")?
                .execute(params![connection, name])?;
        }
    }
    Ok(())
}

fn snapshot(database: &Connection, connection: i64, snapshot: &Snapshot, last: Option<&Arc<Snapshot>>) -> Result<()> {
    let health = serde_json::to_string(&snapshot.health).expect("health has nothing that JSON lacks");
    if last.is_some_and(|last| last.numbers == snapshot.numbers) {
        database
            .prepare_cached("UPDATE snapshots SET health = ?2 WHERE connection = ?1")?
            .execute(params![connection, health])?;
        return Ok(());
    }
    let numbers = snapshot.numbers.as_ref().map(|numbers| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let written = serde_json::to_writer(&mut packed, numbers).map_err(std::io::Error::from);
        let packed = written.and_then(|()| packed.flush()).and_then(|()| packed.finish());
        packed.expect("numbers have nothing that JSON lacks, and memory takes every write")
    });
    database
        .prepare_cached("REPLACE INTO snapshots VALUES (?, ?, ?)")?
        .execute(params![connection, health, numbers])?;
    Ok(())
}

/// Everything of this connection but its name.
pub(super) fn forget(database: &Connection, connection: i64) -> Result<()> {
    for table in [
        "spaces",
        "accounts",
        "docs",
        "edits",
        "labels",
        "doc_labels",
        "states",
        "observed_views",
        "progress",
        "snapshots",
    ] {
        database.execute(&format!("DELETE FROM {table} WHERE connection = ?"), [connection])?;
    }
    Ok(())
}
