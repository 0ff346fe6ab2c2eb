//! Kept facts back into a ledger, row by row, so that a million of them are in memory only once.

use std::io::Read as _;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::file::OpenError;
use super::spelling::{self, asked_of};
use super::{Identity, Loaded};
use crate::model::{
    AccountFacts, ConnectionName, DocFacts, DocId, EditFacts, Ledger, Progress, Snapshot, SpaceFacts, SpaceId,
    SpaceRow, Timestamp, Torn,
};

/// Why kept facts cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("{0}")]
    Reading(#[from] rusqlite::Error),
    #[error("{0}")]
    Torn(#[from] Torn),
    #[error("progress cannot be read: {0}")]
    Progress(#[from] serde_json::Error),
    #[error("{0}")]
    NoOther(#[from] OpenError),
}

impl LoadError {
    /// Whether it lies in what has been read. Else the reading itself has failed, and may go well another time.
    pub(super) fn is_in_the_facts(&self) -> bool {
        match self {
            Self::Reading(error) => error.sqlite_error_code().is_none(),
            Self::Torn(_) | Self::Progress(_) => true,
            Self::NoOther(_) => false,
        }
    }
}

/// The connection's number and its site, made where it is new.
pub(super) fn connection(
    database: &Connection,
    name: &ConnectionName,
    identity: &Identity,
) -> rusqlite::Result<(i64, Identity)> {
    let insert = "INSERT OR IGNORE INTO connections (name, site, cloud_id) VALUES (?, ?, ?)";
    database.execute(insert, params![name.as_str(), identity.site, identity.cloud_id])?;
    database.query_row("SELECT id, site, cloud_id FROM connections WHERE name = ?", params![name.as_str()], |row| {
        Ok((row.get(0)?, Identity { site: row.get(1)?, cloud_id: row.get(2)? }))
    })
}

/// A connection under the number that it had in another file.
pub(super) fn put_connection(
    database: &Connection,
    number: i64,
    name: &ConnectionName,
    identity: &Identity,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO connections (id, name, site, cloud_id) VALUES (?, ?, ?, ?)";
    database.execute(insert, params![number, name.as_str(), identity.site, identity.cloud_id]).map(drop)
}

/// The last snapshot; none where there is none that can be read.
pub(super) fn snapshot(
    database: &Connection,
    connection: i64,
    name: &ConnectionName,
) -> Result<Option<Snapshot>, LoadError> {
    let query = "SELECT health, numbers FROM snapshots WHERE connection = ?";
    let kept = database
        .query_row(query, [connection], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))
        .optional()?;
    let Some((health, numbers)) = kept else { return Ok(None) };
    let numbers = numbers.map(|packed| {
        let mut json = Vec::new();
        GzDecoder::new(&*packed).read_to_end(&mut json).map_err(serde_json::Error::io)?;
        serde_json::from_slice(&json)
    });
    Ok(Some(Snapshot {
        connection: name.clone(),
        health: serde_json::from_str(&health)?,
        numbers: numbers.transpose()?,
    }))
}

/// All that is kept of a connection; nothing where no step of it has been committed yet.
pub(super) fn load(database: &Connection, connection: i64, reach: Duration) -> Result<Option<Loaded>, LoadError> {
    let identity = database.query_row("SELECT site, cloud_id FROM connections WHERE id = ?", [connection], |row| {
        Ok(Identity { site: row.get(0)?, cloud_id: row.get(1)? })
    })?;
    let progress = progress(database, connection)?;
    let mut ledger = Ledger::new(reach);
    words(database, connection, &mut ledger)?;
    docs(database, connection, &mut ledger)?;
    ledger.restore_vouched(&progress.vouched, progress.shown.clone(), progress.folded.iter().copied());
    let is_empty = progress == Progress::default() && !ledger.has_spaces();
    Ok((!is_empty).then_some(Loaded { ledger, progress, identity }))
}

fn progress(database: &Connection, connection: i64) -> Result<Progress, LoadError> {
    let value = |name: &str| {
        let query = "SELECT value FROM progress WHERE connection = ? AND name = ?";
        database.query_row(query, params![connection, name], |row| row.get::<_, String>(0)).optional()
    };
    let mut listings =
        database.prepare("SELECT value FROM progress WHERE connection = ? AND name LIKE ? || '%' ORDER BY name")?;
    let listings = listings.query_map(params![connection, spelling::LISTING], |row| row.get::<_, String>(0))?;
    let listings: Vec<String> = listings.collect::<Result<_, _>>()?;
    Ok(Progress {
        vouched: read(value(spelling::VOUCHED)?)?.unwrap_or_default(),
        access: read(value(spelling::ACCESS)?)?.unwrap_or_default(),
        shown: read(value(spelling::SHOWN)?)?.unwrap_or_default(),
        folded: read(value(spelling::FOLDED)?)?.unwrap_or_default(),
        walk: read(value(spelling::WALK)?)?,
        listings: listings.iter().map(|json| serde_json::from_str(json)).collect::<Result<_, _>>()?,
        reconciling: read(value(spelling::RECONCILING)?)?,
    })
}

fn read<T: DeserializeOwned>(json: Option<String>) -> Result<Option<T>, serde_json::Error> {
    json.map(|json| serde_json::from_str(&json)).transpose()
}

/// Whatever docs point at.
fn words(database: &Connection, connection: i64, ledger: &mut Ledger) -> Result<(), LoadError> {
    let mut spaces = database.prepare(
        "SELECT id, key, name, type, status, unseen_since, walked FROM spaces WHERE connection = ? ORDER BY id",
    )?;
    let mut rows = spaces.query([connection])?;
    while let Some(row) = rows.next()? {
        let status: Arc<str> = row.get(4)?;
        ledger.restore_space(SpaceFacts {
            row: SpaceRow {
                id: SpaceId(row.get::<_, i64>(0)?.cast_unsigned()),
                key: row.get(1)?,
                name: row.get(2)?,
                space_type: row.get(3)?,
                status: spelling::space_status(&status),
            },
            unseen_since: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
            walked: row.get(6)?,
        })?;
    }
    let mut accounts = database.prepare(
        "SELECT number, id, status, type, learnt_at, refused_at FROM accounts WHERE connection = ? ORDER BY number",
    )?;
    let mut rows = accounts.query([connection])?;
    while let Some(row) = rows.next()? {
        ledger.restore_account(AccountFacts {
            number: row.get(0)?,
            id: row.get(1)?,
            status: row.get(2)?,
            account_type: row.get(3)?,
            asked: asked_of(row.get(4)?, row.get(5)?),
        })?;
    }
    for (table, restore) in [
        ("labels", Ledger::restore_label as fn(&mut Ledger, u32, &Arc<str>) -> Result<(), Torn>),
        ("states", Ledger::restore_state),
    ] {
        let mut names =
            database.prepare(&format!("SELECT number, name FROM {table} WHERE connection = ? ORDER BY number"))?;
        let mut rows = names.query([connection])?;
        while let Some(row) = rows.next()? {
            restore(ledger, row.get(0)?, &row.get(1)?)?;
        }
    }
    let mut observed = database.prepare("SELECT space, type, views FROM observed_views WHERE connection = ?")?;
    let mut rows = observed.query([connection])?;
    while let Some(row) = rows.next()? {
        let doc_type = spelling::doc_type(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        let doc_type = doc_type.ok_or(Torn("count of views"))?;
        ledger.restore_observed_views(row.get(0)?, doc_type, row.get::<_, i64>(2)?.cast_unsigned());
    }
    Ok(())
}

/// Docs, edits and labels all in the order of the docs' numbers, so that each doc finds its own at the head of both.
fn docs(database: &Connection, connection: i64, ledger: &mut Ledger) -> Result<(), LoadError> {
    let mut edits =
        database.prepare("SELECT doc, at, author FROM edits WHERE connection = ? ORDER BY connection, doc, number")?;
    let edits = edits.query_map([connection], |row| {
        Ok((row.get::<_, i64>(0)?, EditFacts { at: Timestamp::from_millis(row.get(1)?), author: row.get(2)? }))
    })?;
    let mut labels =
        database.prepare("SELECT doc, label FROM doc_labels WHERE connection = ? ORDER BY connection, doc, label")?;
    let labels = labels.query_map([connection], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?)))?;
    let (mut edits, mut labels) = (edits.peekable(), labels.peekable());
    let mut docs = database.prepare(
        "SELECT number, id, type, space, status, missed, author, owner, created_at, version_at, version_number, version_author, \
         versions_known_since, versions_learnt_at, versions_refused_at, labels_learnt_at, labels_refused_at, \
         state_learnt_at, state_refused_at, state, views_learnt_at, views_refused_at, views \
         FROM docs WHERE connection = ? ORDER BY connection, number",
    )?;
    let mut rows = docs.query([connection])?;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        let mut edits = of_doc(&mut edits, number)?;
        edits.reverse();
        ledger.restore_doc(doc(row, edits, of_doc(&mut labels, number)?)?)?;
    }
    Ok(())
}

/// Takes this doc's from the head.
fn of_doc<T>(
    all: &mut Peekable<impl Iterator<Item = rusqlite::Result<(i64, T)>>>,
    doc: i64,
) -> rusqlite::Result<Vec<T>> {
    let mut taken = Vec::new();
    while let Some(next) = all.next_if(|next| next.as_ref().map_or(true, |(of, _)| *of <= doc)) {
        let (of, fact) = next?;
        if of == doc {
            taken.push(fact);
        }
    }
    Ok(taken)
}

fn doc(row: &Row<'_>, edits: Vec<EditFacts>, labels: Vec<u32>) -> Result<DocFacts, LoadError> {
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?));
    let torn = Torn("doc");
    let status = text(4)?.map(|status| spelling::doc_status(status).ok_or(torn)).transpose()?;
    let moment = |column| row.get(column).map(Timestamp::from_millis);
    Ok(DocFacts {
        number: row.get(0)?,
        id: DocId(row.get::<_, i64>(1)?.cast_unsigned()),
        doc_type: text(2)?.and_then(spelling::doc_type).ok_or(torn)?,
        space: SpaceId(row.get::<_, i64>(3)?.cast_unsigned()),
        status,
        missed: row.get(5)?,
        author: row.get(6)?,
        owner: row.get(7)?,
        created_at: moment(8)?,
        version: EditFacts { at: moment(9)?, author: row.get(11)? },
        version_number: row.get(10)?,
        versions_known_since: moment(12)?,
        earlier_edits: Some(edits),
        versions: asked_of(row.get(13)?, row.get(14)?),
        labels: asked_of(row.get(15)?, row.get(16)?),
        label_numbers: Some(labels),
        state: asked_of(row.get(17)?, row.get(18)?),
        state_number: row.get(19)?,
        views: asked_of(row.get(20)?, row.get(21)?),
        view_count: row.get(22)?,
        papers: None,
    })
}
