//! The base of a refresh: all spaces, then what changed since the watermark. Its cost doesn't grow with the site.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::Shared;
use super::places::is_dead_cursor;
use crate::confluence::{DocsListing, Listing, Order};
use crate::connection::{Failure, Turn};
use crate::model::{Code, Cursor, Descent, DocRow, DocType, Operation, Outcome, SpaceRow, Timestamp};

/// Why a base gave nothing to rely on.
#[derive(Debug)]
pub(super) enum Failed {
    Asking(Failure),
    /// The token sees no space: a finding about its permissions, not an empty site.
    NoVisibleSpace,
    /// Spaces were listed, and none of the rows could be read.
    NoReadableSpace,
    /// The listing's place was lost time and again.
    Restless(Operation),
    /// Nobody asked for the numbers any more.
    Unwanted,
}

/// Clocks of the site's machines differ, and its search index lags: so much is read twice.
const OVERLAP: Duration = Duration::from_mins(5);
/// How far the newest change of a listing may lie behind the answer's own date and still be believed.
const LONGEST_LAG: Duration = Duration::from_hours(1);
/// How often one listing starts again within a base when its cursor is dead.
const RESTARTS: usize = 3;

/// Reads the base and tells its moment: the date of its first answer, or of the first answer of the base before it that
/// this one has ended.
pub(super) async fn read(shared: &Shared) -> Result<Timestamp, Failed> {
    let listed = match read_spaces(shared).await {
        Ok(moment) => moment,
        Err(failed) => {
            if failed.leaves_something_to_ask() {
                probe_docs(shared).await;
            }
            return Err(failed);
        }
    };
    let mut moments = Vec::new();
    let mut failed = None;
    let mut unreadable = 0;
    for doc_type in DocType::ALL {
        match read_changes(shared, *doc_type, listed, &mut unreadable).await {
            Ok(began) => moments.push(began),
            Err(failure) => {
                let is_over = !failure.leaves_something_to_ask();
                failed.get_or_insert(failure);
                if is_over {
                    break;
                }
            }
        }
    }
    shared.state().note_unreadable_in_base(unreadable, failed.is_none());
    if let Some(failed) = failed {
        return Err(failed);
    }
    let moment = moments.into_iter().min().unwrap_or(listed);
    shared.state().ledger.note_moment(moment);
    Ok(moment)
}

/// Lists the spaces, and tells the date of the first answer. One list after the other: an older one that came later would bring
/// back spaces that are out of sight.
async fn read_spaces(shared: &Shared) -> Result<Timestamp, Failed> {
    let _only_one = shared.spaces_under_way.lock().await;
    let mut rows: Vec<SpaceRow> = Vec::new();
    let mut every_row_was_read = true;
    let mut first_date = None;
    let mut cursor: Option<Cursor> = None;
    let mut restarts = 0;
    loop {
        let answer = match shared.site.spaces(cursor.as_ref()).await {
            // What an empty list says of access is noted below, and a success that is none would come in between.
            Ok(listing) if rows.is_empty() && listing.rows.is_empty() => Ok(listing),
            answer => shared.note(Operation::Spaces, answer),
        };
        let listing = match answer {
            Ok(listing) => listing,
            Err(failure) if is_dead_cursor(&failure) && restarts < RESTARTS => {
                (cursor, restarts) = (None, restarts + 1);
                rows.clear();
                continue;
            }
            Err(failure) if is_dead_cursor(&failure) => return Err(Failed::Restless(Operation::Spaces)),
            Err(failure) => return Err(Failed::Asking(failure)),
        };
        shared.count_unreadable(&listing.unreadable);
        every_row_was_read &= !listing.unreadable.contains(&"space");
        first_date.get_or_insert(listing.date);
        rows.extend(listing.rows);
        cursor = listing.next;
        if cursor.is_none() {
            break;
        }
    }
    let listed = first_date.expect("the loop ends after an answer");
    // By now the way in has been found, and with it the site's cloud id.
    shared.start_afresh_on_another_site().await;
    let mut state = shared.state();
    if rows.is_empty() {
        let (outcome, failed) = if every_row_was_read {
            (Outcome::SeesNothing, Failed::NoVisibleSpace)
        } else {
            (Outcome::Passing(Code::BadResponse), Failed::NoReadableSpace)
        };
        state.access.note(Operation::Spaces, outcome, shared.clock.now());
        return Err(failed);
    }
    let wanted = &shared.settings.spaces;
    let (counted, excluded): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| wanted.counts(&row.key, &row.space_type));
    state.excluded = excluded.into_iter().map(|row| row.id).collect();
    let state = &mut *state;
    state.leave_out_unwanted(wanted, listed);
    state.ledger.learn_spaces(counted, every_row_was_read, listed);
    state.leave_out_unlisted();
    Ok(listed)
}

/// The incremental walk: newest change first, down to the watermark. Tells for which moment it has read every change.
///
/// One that is cut keeps its place with every answer, and the next base goes on there: what takes longer than anybody waits
/// would begin anew for ever. What changes meanwhile is left to the base after that, from the watermark that it comes to.
async fn read_changes(
    shared: &Shared,
    doc_type: DocType,
    listed: Timestamp,
    unreadable: &mut u64,
) -> Result<Timestamp, Failed> {
    let listing = DocsListing { doc_type, order: Order::NewestFirst, spaces: Vec::new(), turn: Turn::Base };
    let mut descent = shared.state().descents.get(&doc_type).cloned();
    let mut answers = 0;
    let mut restarts = 0;
    loop {
        let asked_at = shared.clock.now();
        let answer = shared.site.docs(&listing, descent.as_ref().map(|descent| &descent.cursor)).await;
        let answer = match shared.note(list_operation(doc_type), answer) {
            Ok(answer) => answer,
            Err(failure) if is_dead_cursor(&failure) => {
                shared.state().descents.remove(&doc_type);
                if restarts == RESTARTS {
                    return Err(Failed::Restless(list_operation(doc_type)));
                }
                (descent, restarts) = (None, restarts + 1);
                continue;
            }
            Err(failure) => {
                // A place that gives no answer may be dead without saying so: no base would end any more.
                if answers == 0 && failure.code() != Some(Code::RateLimited) {
                    shared.state().descents.remove(&doc_type);
                }
                return Err(Failed::Asking(failure));
            }
        };
        answers += 1;
        let date = likelier(answer.date, listed, shared.clock.now());
        let (began, reached) = match &descent {
            Some(descent) => (descent.began, descent.reached),
            // Nothing is listed later than what is asked after it.
            None => (if listed.is_far_after(answer.date) { date } else { listed }, newest_believable(&answer, date)),
        };
        let watermark = shared.state().read_down_to(doc_type, date);
        let is_down = is_down_to(watermark, &answer);
        let rows = at_home(shared, answer.rows).await?;
        shared.count_unreadable(&answer.unreadable);
        {
            let mut state = shared.state();
            state.note_site_time(date, asked_at);
            let learnt = state.ledger.learn_docs(&rows, date);
            shared.count_learnt(&learnt, doc_type, answer.date, answer.trace.as_deref());
            *unreadable += answer.unreadable.len() as u64 + learnt.conflicting;
            // Without a watermark one answer is enough: the walk by id reads the rest.
            let Some(cursor) = answer.next.filter(|_| !is_down && watermark.is_some()) else {
                state.descents.remove(&doc_type);
                state.set_watermark(doc_type, reached);
                return Ok(began);
            };
            let next = Descent { began, reached, cursor };
            state.descents.insert(doc_type, next.clone());
            descent = Some(next);
        }
        // It goes on without the store, which tells of its trouble itself.
        let _ = shared.commit().await;
    }
}

/// Leaves out the rows of excluded spaces, and has the spaces listed once more where a row names one that is new.
pub(super) async fn at_home(shared: &Shared, mut rows: Vec<DocRow>) -> Result<Vec<DocRow>, Failed> {
    let spaces = |rows: &[DocRow]| rows.iter().map(|row| row.space).collect::<HashSet<_>>();
    let has_news = {
        let state = shared.state();
        rows.retain(|row| !state.excluded.contains(&row.space));
        state.has_news_of(spaces(&rows).into_iter())
    };
    if has_news {
        read_spaces(shared).await?;
        let mut state = shared.state();
        rows.retain(|row| !state.excluded.contains(&row.space));
        state.note_strangers(spaces(&rows).into_iter());
    }
    Ok(rows)
}

/// Asks for one answer a type, only to learn whether that is open to us.
async fn probe_docs(shared: &Shared) {
    for doc_type in DocType::ALL {
        let listing =
            DocsListing { doc_type: *doc_type, order: Order::NewestFirst, spaces: Vec::new(), turn: Turn::Base };
        let answer = shared.site.docs(&listing, None).await;
        if let Err(failure) = shared.note(list_operation(*doc_type), answer) {
            tracing::debug!(connection = %shared.name, %failure, "not open");
        }
    }
}

/// The newest date of a listing's first answer, as far as it can be true on this date.
fn newest_believable(answer: &Listing<DocRow>, date: Timestamp) -> Timestamp {
    let newest = answer.rows.iter().map(|row| row.version.created_at).max().unwrap_or(date);
    newest.clamp(date.earlier_by(LONGEST_LAG), date)
}

/// An answer's date, unless it is far from that of another answer of the same base and that one is nearer to our own clock.
fn likelier(date: Timestamp, other: Timestamp, now: Timestamp) -> Timestamp {
    let are_far_apart = date.is_far_after(other) || other.is_far_after(date);
    let off_by = |date: Timestamp| date.as_millis().abs_diff(now.as_millis());
    if are_far_apart && off_by(other) < off_by(date) { other } else { date }
}

/// The last row is older than anything that can still be news. That a row is known proves nothing.
fn is_down_to(watermark: Option<Timestamp>, answer: &Listing<DocRow>) -> bool {
    let last = answer.rows.last().map(|row| row.version.created_at);
    matches!((watermark, last), (Some(watermark), Some(last)) if last < watermark.earlier_by(OVERLAP))
}

pub(super) fn list_operation(doc_type: DocType) -> Operation {
    match doc_type {
        DocType::Page => Operation::Pages,
        DocType::Blogpost => Operation::Blogposts,
    }
}

impl Failed {
    /// What it is to a question that needed the list of spaces.
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Asking(failure) => failure,
            Self::NoVisibleSpace | Self::NoReadableSpace | Self::Restless(_) | Self::Unwanted => {
                Failure::unusable_answer(Operation::Spaces)
            }
        }
    }

    /// One operation is closed to us, others may be open.
    pub(super) fn leaves_something_to_ask(&self) -> bool {
        match self {
            Self::Asking(failure) => failure.code() == Some(Code::InvalidPermissions),
            Self::NoVisibleSpace | Self::NoReadableSpace | Self::Restless(_) | Self::Unwanted => false,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking(failure) => failure.fmt(formatter),
            Self::NoVisibleSpace => {
                formatter.write_str("the account sees no space: give it access to the spaces to count")
            }
            Self::NoReadableSpace => formatter.write_str("no row of the list of spaces could be read"),
            Self::Restless(operation) => write!(formatter, "{operation}: the listing lost its place time and again"),
            Self::Unwanted => formatter.write_str("nobody asked for the numbers any more"),
        }
    }
}
