//! What a store has kept of docs, as its file tells it.

use std::path::Path;

use confluence_simulator::world::Sight;
use confluence_simulator::{DocId, DocStatus, World};
use rusqlite::{Connection, OptionalExtension as _};

/// The number and the date of a doc's newest version: all that a look at its row tells.
pub(crate) type Row = (i64, i64);

/// A doc's row, and where and in which status it was seen, if it is in sight.
#[derive(Debug, PartialEq)]
struct Kept {
    row: Row,
    space: u64,
    status: Option<String>,
}

/// The row of a doc as this store has it.
pub(crate) fn kept_row(store: &Path, doc: DocId) -> Option<Row> {
    kept(store, doc).map(|kept| kept.row)
}

/// Why a sum may be wrong: the docs of listed spaces of which something else is kept than there is.
pub(crate) fn wrong_docs(store: &Path, world: &World) -> Vec<String> {
    let wrong = world.docs().into_iter().filter_map(|doc| {
        let facts = world.doc(doc)?;
        let is_listed = world.space(facts.space).is_some_and(|space| space.sight == Sight::Listed);
        let newest = facts.versions.last()?;
        let truth = Kept {
            row: (i64::try_from(facts.versions.len()).unwrap(), newest.created_ms),
            space: facts.space.0,
            status: match facts.status {
                DocStatus::Deleted | DocStatus::Purged => None,
                there => Some(format!("{there:?}").to_lowercase()),
            },
        };
        let kept = kept(store, doc);
        let is_there = is_listed && truth.status.is_some();
        let is_wrong = if is_there { kept.as_ref() != Some(&truth) } else { kept.as_ref()?.status.is_some() };
        is_wrong.then(|| format!("{doc:?} (listed: {is_listed}): kept {kept:?}, is {truth:?}"))
    });
    wrong.collect()
}

fn kept(store: &Path, doc: DocId) -> Option<Kept> {
    let database = Connection::open(store).unwrap();
    let mut rows = database.prepare("SELECT version_number, version_at, space, status FROM docs WHERE id = ?").unwrap();
    let kept = rows.query_row([doc.0.cast_signed()], |row| {
        let space = row.get::<_, i64>(2)?.cast_unsigned();
        Ok(Kept { row: (row.get(0)?, row.get(1)?), space, status: row.get(3)? })
    });
    kept.optional().unwrap()
}
