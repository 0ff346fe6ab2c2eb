//! One doc's facts, compactly: a site may hold a million. What they add up to is `census`'s business.

use std::fmt;

use crate::model::{DocId, DocStatus, DocType, Timestamp};

/// A number of the ledger's list of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::model) struct AccountNumber(u32);

/// Any version but the first, as far as it is needed: who and when. Packed, as there are millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub(in crate::model) struct Edit {
    at: i64,
    author: AccountNumber,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Doc {
    pub(in crate::model) id: DocId,
    pub(in crate::model) created_at: Timestamp,
    /// The newest version: what the row says.
    pub(in crate::model) version_at: Timestamp,
    /// Every version from here on is known, this moment included.
    known_since: Timestamp,
    /// Edits before the newest version, newest first, as far back as a window reaches.
    earlier_edits: Box<[Edit]>,
    pub(in crate::model) space: u32,
    pub(in crate::model) author: AccountNumber,
    pub(in crate::model) version_author: AccountNumber,
    pub(in crate::model) owner: AccountNumber,
    version_number: u32,
    /// The `Date` of the answer that taught the row.
    pub(in crate::model) seen_at: LearntAt,
    pub(in crate::model) versions: Knowledge,
    pub(in crate::model) labels: Knowledge,
    /// A number of the ledger's sets of labels; means something once `labels` is learnt.
    pub(in crate::model) label_set: u32,
    pub(in crate::model) state: Knowledge,
    /// A number of the ledger's states, 0 for none; means something once `state` is learnt.
    pub(in crate::model) state_number: u32,
    pub(in crate::model) views: Knowledge,
    pub(in crate::model) view_count: u32,
    pub(in crate::model) doc_type: DocType,
    /// `None` while it is out of sight.
    pub(in crate::model) status: Option<DocStatus>,
    /// No list of the reconciling walk had it.
    pub(in crate::model) missed: bool,
}

/// When a fact was learnt, in whole seconds since 1970; zero is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model) struct LearntAt(u32);

/// What a collector knows of one doc: nothing yet, what it has learnt, or that it was refused. In four bytes, as a doc has
/// four of them: zero is never; else the highest bit tells a refusal, and the others tell when.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::model) struct Knowledge(u32);

/// What the store must be told of when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct RowOfDoc {
    space: u32,
    status: Option<DocStatus>,
    author: AccountNumber,
    owner: AccountNumber,
    created_at: Timestamp,
    version: (u32, Timestamp, AccountNumber),
    missed: bool,
}

impl RowOfDoc {
    pub(in crate::model) fn version(&self) -> (u32, Timestamp, AccountNumber) {
        self.version
    }
}

/// A version as the ledger takes it: already with the account's number.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct Version {
    pub(in crate::model) number: u32,
    pub(in crate::model) at: Timestamp,
    pub(in crate::model) author: AccountNumber,
}

impl AccountNumber {
    /// The account that an answer does not tell.
    pub(in crate::model) const NOBODY: Self = Self(0);

    pub(in crate::model) fn nth(index: u32) -> Self {
        Self(index + 1)
    }

    /// As the store knows it: 0 is nobody.
    pub(in crate::model) fn number(self) -> u32 {
        self.0
    }

    pub(in crate::model) fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(in crate::model) fn index(self) -> Option<usize> {
        self.0.checked_sub(1).map(|index| index as usize)
    }
}

impl Edit {
    pub(in crate::model) fn new(at: Timestamp, author: AccountNumber) -> Self {
        Self { at: at.as_millis(), author }
    }

    pub(in crate::model) fn at(self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    pub(in crate::model) fn author(self) -> AccountNumber {
        self.author
    }
}

impl From<Version> for Edit {
    fn from(version: Version) -> Self {
        Self { at: version.at.as_millis(), author: version.author }
    }
}

impl LearntAt {
    /// Whether an answer that was given then was overtaken by the one that taught this. If by more than minutes, it was not:
    /// the date of the one that taught this was wrong.
    pub(in crate::model) fn has_overtaken(self, answered: Timestamp) -> bool {
        Self::from(answered) < self && !Timestamp::from(self).is_far_after(answered)
    }
}

impl From<Timestamp> for LearntAt {
    fn from(moment: Timestamp) -> Self {
        Self(u32::try_from(moment.as_millis().max(1_000) / 1_000).unwrap_or(u32::MAX))
    }
}

impl From<LearntAt> for Timestamp {
    fn from(learnt: LearntAt) -> Self {
        Self::from_millis(i64::from(learnt.0) * 1_000)
    }
}

impl Knowledge {
    const REFUSED: u32 = 1 << 31;
    /// The second before 2000, when no Confluence was there to be asked. Thirty-one bits reach on from it to 2068.
    const EPOCH_SECONDS: u32 = 946_684_799;

    pub(in crate::model) fn learnt(at: Timestamp) -> Self {
        let seconds = LearntAt::from(at).0.saturating_sub(Self::EPOCH_SECONDS);
        Self(seconds.clamp(1, Self::REFUSED - 1))
    }

    /// Asked and refused, or not readable: rests as if it were learnt, but lowers coverage.
    pub(in crate::model) fn refused(at: Timestamp) -> Self {
        Self(Self::learnt(at).0 | Self::REFUSED)
    }

    pub(in crate::model) fn is_never(self) -> bool {
        self.0 == 0
    }

    pub(in crate::model) fn is_refused(self) -> bool {
        self.0 & Self::REFUSED != 0
    }

    /// When it was asked last, with success or without.
    pub(in crate::model) fn asked_at(self) -> Option<Timestamp> {
        (!self.is_never()).then(|| LearntAt((self.0 & !Self::REFUSED) + Self::EPOCH_SECONDS).into())
    }

    pub(in crate::model) fn learnt_at(self) -> Option<Timestamp> {
        self.asked_at().filter(|_| !self.is_refused())
    }
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked_at() {
            None => formatter.write_str("never"),
            Some(at) if self.is_refused() => write!(formatter, "refused at {at}"),
            Some(at) => write!(formatter, "learnt at {at}"),
        }
    }
}

impl Doc {
    /// A doc met for the first time. What its row tells of versions: the newest, and the creation as the first.
    pub(in crate::model) fn met(id: DocId, doc_type: DocType, created_at: Timestamp, version: Version) -> Self {
        let mut doc = Self {
            id,
            created_at,
            version_at: version.at,
            known_since: version.at,
            earlier_edits: Box::default(),
            space: 0,
            author: AccountNumber::NOBODY,
            version_author: version.author,
            owner: AccountNumber::NOBODY,
            version_number: version.number,
            seen_at: LearntAt::default(),
            versions: Knowledge::default(),
            labels: Knowledge::default(),
            label_set: 0,
            state: Knowledge::default(),
            state_number: 0,
            views: Knowledge::default(),
            view_count: 0,
            doc_type,
            status: None,
            missed: false,
        };
        if version.number <= 2 {
            doc.known_since = Timestamp::MIN;
        }
        doc
    }

    /// Takes the newest version from a row. Edits up to `horizon` are beyond every window and dropped, but for the one
    /// before it.
    pub(in crate::model) fn learn_newest(&mut self, version: Version, horizon: Timestamp) {
        let same = version.at == self.version_at && version.number == self.version_number;
        if same {
            self.version_author = version.author;
            return;
        }
        let is_next = version.number == self.version_number.wrapping_add(1) && version.at > self.version_at;
        if version.at > self.version_at && self.version_number >= 2 {
            let previous = Version { number: self.version_number, at: self.version_at, author: self.version_author };
            // Beyond the horizon it may still be the last update, while the newest version is later than the moment.
            let before = self.earlier_edits.len();
            let known = self.earlier_edits.iter().copied().filter(|edit| edit.at() > horizon);
            self.earlier_edits = std::iter::once(Edit::from(previous)).chain(known).collect();
            self.forget_before(horizon, self.earlier_edits.len() <= before);
        } else if version.at <= self.version_at {
            // The newest versions have been deleted: what is the newest now is no longer an earlier one.
            self.earlier_edits = self.earlier_edits.iter().copied().filter(|edit| edit.at() < version.at).collect();
        }
        let newest_before = (version.number >= self.version_number).then_some(self.version_at);
        self.version_at = version.at;
        self.version_number = version.number;
        self.version_author = version.author;
        if version.number == 1 {
            self.earlier_edits = Box::default();
            self.known_since = Timestamp::MIN;
        } else if !is_next {
            // Unless there are fewer versions than before, none of them is older: one of the two dates is wrong.
            self.known_since = version.at.max(newest_before.unwrap_or(version.at));
        }
        self.versions = Knowledge::default();
    }

    /// Replaces what was known by an answer, newest first, that went back to `horizon` or to the end.
    /// An answer that is older than the row teaches nothing.
    pub(in crate::model) fn learn_versions(
        &mut self,
        versions: &[Version],
        to_the_end: bool,
        horizon: Timestamp,
    ) -> bool {
        let Some((newest, earlier)) = versions.split_first() else { return false };
        if newest.at < self.version_at {
            return false;
        }
        self.version_at = newest.at;
        self.version_number = newest.number;
        self.version_author = newest.author;
        // The first version is the creation, which is no edit.
        let edits = if to_the_end { earlier.split_last().map_or(earlier, |(_first, edits)| edits) } else { earlier };
        self.earlier_edits =
            edits.iter().map(|version| Edit::from(*version)).filter(|edit| edit.at() > horizon).collect();
        self.known_since =
            if to_the_end { Timestamp::MIN } else { versions.last().map_or(newest.at, |oldest| oldest.at) };
        self.forget_before(horizon, self.earlier_edits.len() < edits.len());
        true
    }

    /// What has been dropped is not known any more: after a restart a longer window may ask for it.
    fn forget_before(&mut self, horizon: Timestamp, has_dropped: bool) {
        if has_dropped {
            self.known_since = self.known_since.max(Timestamp::from_millis(horizon.as_millis().saturating_add(1)));
        }
    }

    /// All edits known, newest first. An edit is any version but the first.
    pub(in crate::model) fn edits(&self) -> impl Iterator<Item = Edit> {
        let newest = Edit { at: self.version_at.as_millis(), author: self.version_author };
        (self.version_number >= 2).then_some(newest).into_iter().chain(self.earlier_edits.iter().copied())
    }

    /// Every version later than `moment` is known.
    pub(in crate::model) fn is_known_after(&self, moment: Timestamp) -> bool {
        self.known_since.as_millis() <= moment.as_millis().saturating_add(1)
    }

    /// Newest first.
    pub(in crate::model) fn earlier_edits(&self) -> impl Iterator<Item = Edit> {
        self.earlier_edits.iter().copied()
    }

    pub(in crate::model) fn version_number(&self) -> u32 {
        self.version_number
    }

    /// What a row says of it.
    pub(in crate::model) fn row(&self) -> RowOfDoc {
        RowOfDoc {
            space: self.space,
            status: self.status,
            author: self.author,
            owner: self.owner,
            created_at: self.created_at,
            version: (self.version_number, self.version_at, self.version_author),
            missed: self.missed,
        }
    }

    pub(in crate::model) fn restore_versions(&mut self, known_since: Timestamp, earlier_edits: Box<[Edit]>) {
        self.known_since = known_since;
        self.earlier_edits = earlier_edits;
    }

    pub(in crate::model) fn known_since(&self) -> Timestamp {
        self.known_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32, at: i64) -> Version {
        Version { number, at: Timestamp::from_millis(at), author: AccountNumber(number) }
    }

    fn met(number: u32, at: i64) -> Doc {
        Doc::met(DocId(1), DocType::Page, Timestamp::from_millis(0), version(number, at))
    }

    fn edits(doc: &Doc) -> Vec<i64> {
        doc.edits().map(|edit| edit.at).collect()
    }

    #[test]
    fn a_row_of_number_one_or_two_tells_every_version() {
        assert_eq!(edits(&met(1, 0)), Vec::<i64>::new());
        assert_eq!(edits(&met(2, 5)), [5]);
        assert!(met(2, 5).is_known_after(Timestamp::MIN));
        assert!(!met(3, 5).is_known_after(Timestamp::from_millis(3)));
        assert!(met(3, 5).is_known_after(Timestamp::from_millis(5)));
        assert!(met(3, 5).is_known_after(Timestamp::from_millis(4)), "the row itself is the only version after 4");
    }

    #[test]
    fn a_number_that_rose_by_one_needs_no_question() {
        let mut doc = met(2, 5);
        doc.learn_newest(version(3, 9), Timestamp::MIN);
        assert_eq!(edits(&doc), [9, 5]);
        assert!(doc.is_known_after(Timestamp::MIN));
    }

    #[test]
    fn a_number_that_jumped_fell_or_stayed_under_another_date_needs_one() {
        for (number, at) in [(5, 9), (2, 9), (3, 9)] {
            let mut doc = met(2, 5);
            doc.learn_newest(version(3, 7), Timestamp::MIN);
            doc.learn_newest(version(number, at), Timestamp::MIN);
            assert!(!doc.is_known_after(Timestamp::from_millis(6)), "number {number}");
        }
    }

    #[test]
    fn a_version_that_is_the_newest_again_is_one_edit_only() {
        let mut doc = met(2, 5);
        doc.learn_newest(version(3, 9), Timestamp::MIN);
        doc.learn_newest(version(2, 5), Timestamp::MIN);
        assert_eq!(edits(&doc), [5]);
        assert!(!doc.is_known_after(Timestamp::MIN), "it is asked all the same");
    }

    #[test]
    fn the_edit_before_the_newest_is_kept_however_old_it_is() {
        let mut doc = met(2, 5);
        doc.learn_newest(version(3, 9), Timestamp::from_millis(7));
        assert_eq!(edits(&doc), [9, 5]);
        doc.learn_newest(version(4, 12), Timestamp::from_millis(10));
        assert_eq!(edits(&doc), [12, 9]);
    }

    #[test]
    fn an_answer_replaces_what_was_known_and_its_last_version_is_no_edit() {
        let mut doc = met(5, 50);
        assert!(doc.learn_versions(
            &[version(4, 50), version(3, 40), version(2, 20), version(1, 0)],
            true,
            Timestamp::MIN
        ));
        assert_eq!(edits(&doc), [50, 40, 20]);
        assert!(doc.is_known_after(Timestamp::MIN));
        assert!(doc.learn_versions(&[version(4, 50), version(3, 40)], false, Timestamp::MIN));
        assert_eq!(edits(&doc), [50, 40]);
        assert!(!doc.is_known_after(Timestamp::from_millis(30)));
    }

    #[test]
    fn knowledge_comes_back_as_it_was_learnt() {
        let noon = Timestamp::from_millis(1_779_865_752_000);
        assert_eq!((Knowledge::default().asked_at(), Knowledge::default().learnt_at()), (None, None));
        assert_eq!((Knowledge::learnt(noon).asked_at(), Knowledge::learnt(noon).learnt_at()), (Some(noon), Some(noon)));
        assert_eq!((Knowledge::refused(noon).asked_at(), Knowledge::refused(noon).learnt_at()), (Some(noon), None));
        assert!(Knowledge::default().is_never() && Knowledge::refused(noon).is_refused());
        assert!(!Knowledge::learnt(noon).is_never() && !Knowledge::learnt(noon).is_refused());
    }

    #[test]
    fn knowledge_of_an_impossible_date_is_knowledge_all_the_same() {
        for at in [Timestamp::MIN, Timestamp::from_millis(i64::MAX)] {
            assert!(Knowledge::learnt(at).learnt_at().is_some() && !Knowledge::learnt(at).is_refused());
            assert!(Knowledge::refused(at).asked_at().is_some() && Knowledge::refused(at).is_refused());
        }
    }

    #[test]
    fn a_doc_costs_what_was_promised() {
        assert!(size_of::<Doc>() <= 104, "{}", size_of::<Doc>());
        assert_eq!(size_of::<Edit>(), 12);
    }
}
