//! How large a site is, from a handful of requests. It tells no total: small ones are counted, of large ones both ends are
//! read and the middle is guessed, with bounds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::confluence::{DocsListing, Order, Site};
use crate::connection::{Failure, Turn};
use crate::model::{AccountId, Cursor, DocId, DocRow, DocStatus, DocType, Operation, SpaceId, SpaceRow, SpaceStatus};

use super::base::list_operation;
use super::demand::{SiteSize, part, whole};
use super::settings::Settings;

/// What a handful of requests can tell.
#[derive(Clone, Debug)]
pub struct Estimate {
    pub requests: u32,
    pub docs: Guess,
    /// With the likeliest number of docs. Of the accounts only those that were met are counted.
    pub size: SiteSize,
    /// How long an answer of a list took on average.
    pub answer: Duration,
}

/// A number that may not be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    pub least: u64,
    pub likely: u64,
    pub most: u64,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum CannotEstimate {
    #[error("{failure}")]
    Asking { operation: Operation, failure: Failure },
    #[error("the list of spaces is empty")]
    NoVisibleSpace,
}

/// So many answers of the oldest docs are read of each type.
const ANSWERS: u32 = 4;
/// So many where the oldest have been created at a pace that the newest are far from: an import at the beginning, say.
const ANSWERS_OF_A_RUSH: u32 = 20;
/// What is called far.
const RUSH: f64 = 10.0;
/// The most spaces that one listing may name.
const SPACES_A_LISTING: usize = 100;
/// Docs that were created in the same moment: how fast the next follow cannot be told more finely.
const SHORTEST_SPAN: f64 = 1.0;

/// Asks a handful of requests, one after another.
pub async fn estimate(site: &Site, settings: &Settings) -> Result<Estimate, CannotEstimate> {
    let mut asking = Asking { site, requests: 0, listing: Duration::ZERO, lists: 0 };
    let spaces = asking.spaces().await?;
    if spaces.is_empty() {
        return Err(CannotEstimate::NoVisibleSpace);
    }
    let all = spaces.len();
    let counted: HashMap<SpaceId, SpaceStatus> = spaces
        .into_iter()
        .filter(|space| settings.spaces.counts(&space.key, &space.space_type))
        .map(|space| (space.id, space.status))
        .collect();
    // Few enough can be named; where they are more, what is not counted is left out by its share.
    let named: Vec<SpaceId> = if counted.len() < all && counted.len() <= SPACES_A_LISTING {
        counted.keys().copied().collect()
    } else {
        Vec::new()
    };
    let mut docs = Guess::default();
    let mut sample = Sample::default();
    if !counted.is_empty() {
        for doc_type in DocType::ALL {
            let ends = asking.ends(*doc_type, &named).await?;
            let share = ends.share_of(&counted);
            docs = docs.and(ends.guess().times(share));
            sample.take(&ends, &counted, settings);
        }
    }
    let guessed = SiteSize {
        spaces: counted.len() as u64,
        docs: docs.likely,
        current_docs: part(docs.likely, sample.current()),
        docs_of_many_versions: part(docs.likely, sample.of_many_versions()),
        users: sample.users.len() as u64,
    };
    let answer = asking.listing / asking.lists.max(1);
    Ok(Estimate { requests: asking.requests, docs, size: guessed, answer })
}

struct Asking<'a> {
    site: &'a Site,
    requests: u32,
    /// How long the lists of docs took in all.
    listing: Duration,
    lists: u32,
}

impl Asking<'_> {
    async fn spaces(&mut self) -> Result<Vec<SpaceRow>, CannotEstimate> {
        let mut spaces = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            self.requests += 1;
            let answer = self.site.spaces(cursor.as_ref()).await;
            let answer = answer.map_err(|failure| CannotEstimate::Asking { operation: Operation::Spaces, failure })?;
            spaces.extend(answer.rows);
            cursor = answer.next;
            if cursor.is_none() {
                return Ok(spaces);
            }
        }
    }

    /// The oldest docs of a type, and the newest if they have not been met by then.
    async fn ends(&mut self, doc_type: DocType, spaces: &[SpaceId]) -> Result<Ends, CannotEstimate> {
        let listing = |order| DocsListing { doc_type, order, spaces: spaces.to_vec(), turn: Turn::Rest };
        let mut ends = Ends::default();
        let mut cursor = None;
        for answers in 1..=ANSWERS_OF_A_RUSH {
            let answer = self.docs(&listing(Order::OldestCreatedFirst), cursor.as_ref()).await?;
            ends.last_answer = ends.oldest.len();
            ends.oldest.extend(answer.0);
            cursor = answer.1;
            if cursor.is_none() {
                return Ok(ends);
            }
            if answers == ANSWERS {
                ends.newest = self.docs(&listing(Order::NewestCreatedFirst), None).await?.0;
            }
            if answers >= ANSWERS && !ends.begin_in_a_rush() {
                break;
            }
        }
        Ok(ends)
    }

    async fn docs(
        &mut self,
        listing: &DocsListing,
        cursor: Option<&Cursor>,
    ) -> Result<(Vec<DocRow>, Option<Cursor>), CannotEstimate> {
        let begun = Instant::now();
        let answer = self
            .site
            .docs(listing, cursor)
            .await
            .map_err(|failure| CannotEstimate::Asking { operation: list_operation(listing.doc_type), failure })?;
        self.listing += begun.elapsed();
        self.lists += 1;
        self.requests += 1;
        Ok((answer.rows, answer.next))
    }
}

/// The docs of one type at both ends of their creation.
#[derive(Debug, Default)]
struct Ends {
    /// From the first one on.
    oldest: Vec<DocRow>,
    /// Where the last answer of these begins.
    last_answer: usize,
    /// Down from the last one; nothing where the oldest are all.
    newest: Vec<DocRow>,
}

impl Ends {
    fn rows(&self) -> impl Iterator<Item = &DocRow> {
        self.oldest.iter().chain(&self.newest)
    }

    /// How many docs there are, if between the ends they were created no faster and no slower than at both.
    fn guess(&self) -> Guess {
        let met = self.rows().map(|row| row.id).collect::<HashSet<DocId>>().len() as u64;
        let gap = seconds_between(self.oldest.last(), self.newest.last());
        if self.newest.is_empty() || gap <= 0.0 {
            return Guess { least: met, likely: met, most: met };
        }
        let (then, now) = self.paces();
        let between = |a_second: f64| met + whole(gap * a_second);
        Guess { least: between(then.min(now)), likely: between((then * now).sqrt()), most: between(then.max(now)) }
    }

    fn begin_in_a_rush(&self) -> bool {
        let (then, now) = self.paces();
        then > now * RUSH
    }

    /// How many docs a second were created when the oldest that were read end, and at last.
    fn paces(&self) -> (f64, f64) {
        let pace = |rows: &[DocRow]| {
            let count = f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            count / seconds_between(rows.first(), rows.last()).abs().max(SHORTEST_SPAN)
        };
        (pace(&self.oldest[self.last_answer..]), pace(&self.newest))
    }

    /// The part of the rows that is in spaces that are counted.
    fn share_of(&self, counted: &HashMap<SpaceId, SpaceStatus>) -> f64 {
        share(self.rows(), |row| counted.contains_key(&row.space))
    }
}

impl Guess {
    pub fn is_exact(&self) -> bool {
        self.least == self.most
    }

    fn and(self, other: Self) -> Self {
        let Self { least, likely, most } = other;
        Self { least: self.least + least, likely: self.likely + likely, most: self.most + most }
    }

    fn times(self, share: f64) -> Self {
        Self { least: part(self.least, share), likely: part(self.likely, share), most: part(self.most, share) }
    }
}

/// What the rows that were read tell of the others.
#[derive(Debug, Default)]
struct Sample {
    docs: BTreeMap<DocId, (bool, bool)>,
    users: HashSet<AccountId>,
}

impl Sample {
    fn take(&mut self, ends: &Ends, counted: &HashMap<SpaceId, SpaceStatus>, settings: &Settings) {
        let newest = ends.rows().map(|row| row.version.created_at).max().unwrap_or_default();
        let horizon = newest.earlier_by(settings.longest_window());
        for (row, space) in ends.rows().filter_map(|row| Some((row, counted.get(&row.space)?))) {
            // In an archived space it counts as archived.
            let is_current = row.status == Some(DocStatus::Current) && *space != SpaceStatus::Archived;
            // Of two versions the row tells both.
            let has_many_versions = row.version.number > 2 && row.version.created_at > horizon;
            self.docs.insert(row.id, (is_current, has_many_versions));
            self.users.extend([&row.author, &row.owner, &row.version.author].into_iter().flatten().cloned());
        }
    }

    fn current(&self) -> f64 {
        share(self.docs.values(), |(is_current, _)| *is_current)
    }

    fn of_many_versions(&self) -> f64 {
        share(self.docs.values(), |(_, has_many_versions)| *has_many_versions)
    }
}

fn seconds_between(one: Option<&DocRow>, other: Option<&DocRow>) -> f64 {
    one.zip(other).map_or(0.0, |(one, other)| other.created_at.as_seconds() - one.created_at.as_seconds())
}

/// The part of these that is so; nothing of nothing.
fn share<T>(all: impl Iterator<Item = T>, is_so: impl Fn(&T) -> bool) -> f64 {
    let (mut count, mut so) = (0_u32, 0_u32);
    for one in all {
        count += 1;
        so += u32::from(is_so(&one));
    }
    f64::from(so) / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Papers, Timestamp, VersionRow};

    const DAY_MS: i64 = 86_400_000;

    /// Docs created at these times, with ids from the first one up.
    fn created(first_id: u64, times: impl Iterator<Item = i64>) -> Vec<DocRow> {
        let row = |(id, millis)| DocRow {
            id: DocId(id),
            doc_type: DocType::Page,
            space: SpaceId(1),
            status: Some(DocStatus::Current),
            author: None,
            owner: None,
            papers: Papers::default(),
            created_at: Timestamp::from_millis(millis),
            version: VersionRow { number: 1, created_at: Timestamp::from_millis(millis), author: None },
        };
        (first_id..).zip(times).map(row).collect()
    }

    /// A site whose docs were created at these times, as its ends tell it.
    fn ends(times: &[i64]) -> Ends {
        let oldest = created(0, times[..1_000].iter().copied());
        let newest = times.len() - 250;
        let mut newest = created(newest as u64, times[newest..].iter().copied());
        newest.reverse();
        Ends { oldest, last_answer: 750, newest }
    }

    #[test]
    fn a_site_that_has_grown_evenly_is_guessed_well() {
        let times: Vec<i64> = (0..20_000).map(|day| day * DAY_MS / 7).collect();

        let Guess { least, likely, most } = ends(&times).guess();

        for guess in [least, likely, most] {
            assert!((19_900..20_200).contains(&guess), "{guess}");
        }
    }

    #[test]
    fn one_that_has_grown_ever_faster_lies_within_the_bounds() {
        // The pace of the last year is ten times that of the first.
        let time = |number: u32| (1.0 + 9.0 * f64::from(number) / 20_000.0).ln() * 1e11;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a few years")]
        let times: Vec<i64> = (0..20_000).map(|number| time(number) as i64).collect();

        let Guess { least, likely, most } = ends(&times).guess();

        assert!(least < 20_000 && 20_000 < most, "{least} to {most}");
        assert!((10_000..40_000).contains(&likely), "{likely}");
        assert!(!ends(&times).begin_in_a_rush());
    }

    #[test]
    fn an_import_at_the_beginning_is_told_from_growth() {
        let import = (0..5_000).map(|doc| doc * 100);
        let growth = (1..=2_000).map(|day| day * DAY_MS);
        let times: Vec<i64> = import.chain(growth).collect();
        assert!(ends(&times).begin_in_a_rush(), "more answers are read");
    }

    #[test]
    fn ends_that_meet_count_every_doc_once() {
        let times: Vec<i64> = (0..1_100).map(|day| day * DAY_MS).collect();
        let guess = ends(&times).guess();
        assert_eq!((guess.likely, guess.is_exact()), (1_100, true));
    }
}
