//! Who borrows whose permits, followed to the connection that has a level of its own.

use std::collections::BTreeMap;

use super::ConnectionConfig;
use crate::connection::ConcurrencyLevel;
use crate::model::ConnectionName;

/// What a connection has to lend: its own level, or the name of whom it borrows from itself.
type Lenders = BTreeMap<ConnectionName, (Option<ConnectionName>, ConcurrencyLevel)>;

/// Why nobody can lend to this connection.
pub(super) struct NoLender {
    pub(super) name: ConnectionName,
    pub(super) problem: String,
}

/// Gives each borrower the level that it borrows, and as its lender the one who has that level. A borrower may lend on: they
/// all share what the last lender has.
pub(super) fn settle(connections: &mut [ConnectionConfig]) -> Result<(), NoLender> {
    let lenders: Lenders = connections
        .iter()
        .map(|ConnectionConfig { name, connection, .. }| {
            (name.clone(), (connection.borrow_concurrency_from.clone(), connection.concurrency_level))
        })
        .collect();
    let problem = |name: &ConnectionName, problem: &str| {
        let problem = format!("connection {name}: borrow_concurrency_from: {problem}");
        Err(NoLender { name: name.clone(), problem })
    };
    for (name, (lender, _)) in &lenders {
        if lender.as_ref().is_some_and(|lender| !lenders.contains_key(lender)) {
            let names: Vec<_> = lenders.keys().map(ConnectionName::as_str).collect();
            return problem(name, &format!("there is no connection of that name; there are {}", names.join(", ")));
        }
    }
    for ConnectionConfig { name, connection, .. } in connections {
        let Some(lender) = &connection.borrow_concurrency_from else { continue };
        let Some((lender, level)) = last_lender(&lenders, lender) else {
            return problem(name, "it leads in a circle, in which nobody has a concurrency_level to lend");
        };
        connection.borrow_concurrency_from = Some(lender);
        connection.concurrency_level = level;
    }
    Ok(())
}

/// Nothing where the way leads in a circle.
fn last_lender(lenders: &Lenders, first: &ConnectionName) -> Option<(ConnectionName, ConcurrencyLevel)> {
    let mut name = first;
    // A way without a circle visits nobody twice.
    for _ in 0..lenders.len() {
        match lenders.get(name)? {
            (None, level) => return Some((name.clone(), *level)),
            (Some(further), _) => name = further,
        }
    }
    None
}
