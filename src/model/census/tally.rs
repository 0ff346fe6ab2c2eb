//! The sums over docs, by group and type. Distinct accounts are `contributions`' business.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::{AGES, CensusSettings, Shown};
use crate::model::ledger::{AccountNumber, Doc, Edit, Ledger};
use crate::model::{
    DocStatus, DocType, GroupNumbers, OwnerStatus, PerWindow, Timestamp, TypeNumbers, ViewNumbers, Window,
};

/// Edits of one doc by one author that follow each other within this are one edit session.
const SESSION_GAP: Duration = Duration::from_mins(30);

/// Where each window begins (that moment itself outside), in the order of the settings.
pub(super) struct WindowStarts {
    pub(super) starts: Vec<Timestamp>,
    pub(super) horizon: Timestamp,
    moment: Timestamp,
    /// The longest window's.
    earliest: Timestamp,
}

pub(super) struct Tally {
    groups: Vec<Group>,
    label_totals: Vec<u64>,
    /// From here on the versions of every doc are known.
    versions_known_since: Timestamp,
}

/// What may be shown, decided once for all groups.
pub(super) struct OnShow<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) shown: &'a Shown,
    /// By window.
    pub(super) updates: Vec<bool>,
    /// By window.
    pub(super) contributors: Vec<bool>,
    pub(super) labels: Vec<u32>,
    pub(super) views: bool,
}

/// Something that has never been asked is behind these numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unknown {
    pub(super) owners: bool,
    pub(super) labels: bool,
    pub(super) states: bool,
}

#[derive(Clone)]
struct Group {
    last_update: Option<Timestamp>,
    types: [TypeSums; DocType::ALL.len()],
    owners: [u64; OwnerStatus::ALL.len()],
    labels: HashMap<u32, u64>,
    states: BTreeMap<Arc<str>, u64>,
    unknown: Unknown,
}

#[derive(Clone, Default)]
struct TypeSums {
    docs: [u64; DocStatus::ALL.len()],
    new: Vec<u64>,
    updated: Vec<u64>,
    updates: Vec<u64>,
    edit_sessions: Vec<u64>,
    stale: [u64; AGES.len()],
    unlabelled: u64,
    views: ViewNumbers,
}

impl WindowStarts {
    pub(super) fn new(windows: &[Window], moment: Timestamp, horizon: Timestamp) -> Self {
        let starts: Vec<_> = windows.iter().map(|window| moment.earlier_by(window.span())).collect();
        let earliest = starts.iter().copied().min().unwrap_or(moment);
        Self { starts, horizon, moment, earliest }
    }

    /// Counts one thing dated `date` into each window that holds it. It is not later than the moment.
    fn count(&self, date: Timestamp, sums: &mut [u64]) {
        if date > self.earliest {
            for (start, sum) in self.starts.iter().zip(sums) {
                *sum += u64::from(date > *start);
            }
        }
    }
}

impl Tally {
    pub(super) fn new(ledger: &Ledger, groups: usize, windows: usize) -> Self {
        let sums = TypeSums {
            new: vec![0; windows],
            updated: vec![0; windows],
            updates: vec![0; windows],
            edit_sessions: vec![0; windows],
            ..TypeSums::default()
        };
        let group = Group {
            last_update: None,
            types: [sums.clone(), sums],
            owners: [0; OwnerStatus::ALL.len()],
            labels: HashMap::new(),
            states: BTreeMap::new(),
            unknown: Unknown::default(),
        };
        Self {
            groups: vec![group; groups],
            label_totals: vec![0; ledger.label_count()],
            versions_known_since: Timestamp::MIN,
        }
    }

    /// Takes in a doc that was created by the moment.
    pub(super) fn add(&mut self, ledger: &Ledger, doc: &Doc, status: DocStatus, group: usize, starts: &WindowStarts) {
        if !doc.versions.is_refused() {
            self.versions_known_since = self.versions_known_since.max(doc.known_since());
        }
        let Group { last_update, types, .. } = &mut self.groups[group];
        let sums = &mut types[doc.doc_type as usize];
        sums.docs[status as usize] += 1;
        starts.count(doc.created_at, &mut sums.new);
        let updated = count_edits(doc, starts, sums);
        *last_update = (*last_update).max(Some(updated));
        if status == DocStatus::Current {
            for (age, stale) in AGES.iter().zip(&mut sums.stale) {
                *stale += u64::from(updated <= starts.moment.earlier_by(age.span()));
            }
            self.add_current(ledger, doc, group);
        }
    }

    fn add_current(&mut self, ledger: &Ledger, doc: &Doc, group: usize) {
        let group = &mut self.groups[group];
        let sums = &mut group.types[doc.doc_type as usize];
        group.unknown.labels |= doc.labels.is_never();
        if doc.labels.learnt_at().is_some() {
            let mut unlabelled = true;
            for label in ledger.labels_of(doc) {
                unlabelled = false;
                *group.labels.entry(label).or_default() += 1;
                self.label_totals[label as usize] += 1;
            }
            sums.unlabelled += u64::from(unlabelled);
        }
        group.unknown.states |= doc.state.is_never();
        if doc.state.learnt_at().is_some() {
            let name = ledger.state_of(doc).cloned().unwrap_or_else(|| "(none)".into());
            *group.states.entry(name).or_default() += 1;
        }
        if doc.views.learnt_at().is_some() {
            sums.views.lifetime = Some(sums.views.lifetime.unwrap_or(0) + u64::from(doc.view_count));
            sums.views.sampled_docs += 1;
        }
        if doc.doc_type == DocType::Page {
            let (status, known) = owner_status(ledger, doc.owner);
            group.owners[status as usize] += 1;
            group.unknown.owners |= !known;
        }
    }

    pub(super) fn unknown(&self, group: usize) -> Unknown {
        self.groups[group].unknown
    }

    /// Every version of every doc that is later than `start` is known.
    pub(super) fn knows_versions_after(&self, start: Timestamp) -> bool {
        self.versions_known_since.as_millis() <= start.as_millis().saturating_add(1)
    }

    /// The most used labels of the connection, and those named.
    pub(super) fn labels_on_show(&self, ledger: &Ledger, settings: &CensusSettings) -> Vec<u32> {
        let numbers = 0..u32::try_from(self.label_totals.len()).unwrap_or(u32::MAX);
        let mut used: Vec<u32> = numbers.filter(|label| self.label_totals[*label as usize] > 0).collect();
        used.sort_by_key(|label| (std::cmp::Reverse(self.label_totals[*label as usize]), ledger.label_name(*label)));
        let is_named = |label: &u32| settings.named_labels.contains(ledger.label_name(*label));
        let place_and_label = used.into_iter().enumerate();
        place_and_label
            .filter(|(place, label)| *place < settings.top_labels || is_named(label))
            .map(|(_, label)| label)
            .collect()
    }

    /// One group's numbers, or none where it has no doc.
    pub(super) fn group_numbers(
        &self,
        place: usize,
        name: &Arc<str>,
        contributors: Vec<(Arc<str>, Vec<u64>)>,
        on_show: &OnShow<'_>,
    ) -> Option<GroupNumbers> {
        let OnShow { ledger, shown, .. } = on_show;
        let group = &self.groups[place];
        let labels_shown = shown.labels.contains(name);
        let types: Vec<_> = DocType::ALL
            .iter()
            .zip(&group.types)
            .filter(|(_, sums)| sums.docs.iter().any(|docs| *docs > 0))
            .map(|(doc_type, sums)| TypeNumbers {
                views: on_show
                    .views
                    .then(|| ViewNumbers { observed: ledger.views_observed(name, *doc_type), ..sums.views }),
                ..sums.numbers(*doc_type, on_show, labels_shown)
            })
            .collect();
        if types.is_empty() {
            return None;
        }
        let above_zero = |status: &OwnerStatus| {
            let count = group.owners[*status as usize];
            (count > 0).then_some((*status, count))
        };
        let label = |label: &u32| Some((ledger.label_name(*label).clone(), *group.labels.get(label)?));
        Some(GroupNumbers {
            space: name.clone(),
            last_update: group.last_update,
            types,
            contributors: shown_windows(contributors, &on_show.contributors),
            owners: shown.owners.contains(name).then(|| OwnerStatus::ALL.iter().filter_map(above_zero).collect()),
            labels: labels_shown.then(|| on_show.labels.iter().filter_map(label).collect()),
            states: shown.states.contains(name).then(|| group.states.clone()),
        })
    }
}

impl TypeSums {
    fn numbers(&self, doc_type: DocType, on_show: &OnShow<'_>, labels_shown: bool) -> TypeNumbers {
        let shown =
            |sums: &[u64]| sums.iter().zip(&on_show.updates).map(|(sum, shown)| shown.then_some(*sum)).collect();
        TypeNumbers {
            doc_type,
            docs: self.docs,
            new: self.new.iter().copied().map(Some).collect(),
            updated: shown(&self.updated),
            updates: shown(&self.updates),
            edit_sessions: shown(&self.edit_sessions),
            stale: self.stale.iter().copied().map(Some).collect(),
            unlabelled: labels_shown.then_some(self.unlabelled),
            views: on_show.views.then_some(self.views),
        }
    }
}

/// Counts a doc's edits and edit sessions, and tells when it was updated last, creation included.
fn count_edits(doc: &Doc, starts: &WindowStarts, sums: &mut TypeSums) -> Timestamp {
    let mut newest: Option<Timestamp> = None;
    // Newest first, so that the next edit of the same author is the one met last. Few people edit one doc.
    let mut next_edits: Vec<(AccountNumber, Timestamp)> = Vec::new();
    for edit in doc.edits().filter(|edit| edit.at() <= starts.moment) {
        let at = edit.at();
        if newest.is_none() {
            newest = Some(at);
            starts.count(at, &mut sums.updated);
        }
        if at <= starts.earliest {
            break;
        }
        starts.count(at, &mut sums.updates);
        if ends_session(edit, &mut next_edits) {
            starts.count(at, &mut sums.edit_sessions);
        }
    }
    newest.unwrap_or(doc.created_at)
}

/// No edit of the same author follows within the gap.
fn ends_session(edit: Edit, next_edits: &mut Vec<(AccountNumber, Timestamp)>) -> bool {
    let (author, at) = (edit.author(), edit.at());
    if let Some((_, next)) = next_edits.iter_mut().find(|(other, _)| *other == author) {
        let gap = next.since(at);
        *next = at;
        gap > SESSION_GAP
    } else {
        next_edits.push((author, at));
        true
    }
}

/// An owner's status, and whether it has ever been asked.
fn owner_status(ledger: &Ledger, owner: AccountNumber) -> (OwnerStatus, bool) {
    let Some(user) = ledger.user(owner) else { return (OwnerStatus::None, true) };
    let status = match user.status.as_deref() {
        Some("active") => OwnerStatus::Active,
        Some("inactive") => OwnerStatus::Inactive,
        Some("closed") => OwnerStatus::Closed,
        Some(_) | None => OwnerStatus::Unknown,
    };
    (status, user.knowledge.asked_at().is_some())
}

/// Leaves out the windows that are not on show yet.
pub(super) fn shown_windows(numbers: Vec<(Arc<str>, Vec<u64>)>, shown: &[bool]) -> Vec<(Arc<str>, PerWindow)> {
    numbers
        .into_iter()
        .map(|(name, sums)| (name, sums.into_iter().zip(shown).map(|(sum, shown)| shown.then_some(sum)).collect()))
        .collect()
}
