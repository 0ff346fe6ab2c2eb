//! Ledger and moment in, every number out: a pure sum, rebuilt whole each time.
//!
//! A number is `None` until every fact behind it has been learnt once; what has once been shown stays on show.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Space};
use super::{Collector, Numbers, SpaceId, SpaceInfo, Timestamp, Window};

mod contributions;
mod fold;
mod tally;

#[cfg(test)]
mod observed_test;

pub use fold::decide_folding;

use contributions::Contributions;
use tally::{OnShow, Tally, WindowStarts};

/// Docs not updated for this long are stale.
const AGES: [Window; 4] = [Window::of_days(30), Window::of_days(90), Window::of_days(180), Window::of_days(365)];

/// The value of `space` that personal spaces share: a series of their own would name a person.
const PERSONAL: &str = "(personal)";
/// The value of `space` that the smallest spaces share when there would be too many series.
const OTHER: &str = "(other)";

/// What the user wants to see.
#[derive(Clone, Debug)]
pub struct CensusSettings {
    pub windows: Vec<Window>,
    /// Whether personal spaces share one value of `space`.
    pub fold_personal: bool,
    /// How many of the most used labels are shown.
    pub top_labels: usize,
    /// Labels that are always shown.
    pub named_labels: Vec<Arc<str>>,
    /// Above this many series the smallest spaces share one value of `space`.
    pub max_series: usize,
    /// Whose numbers nobody keeps true, and which are therefore not shown.
    pub switched_off: Vec<Collector>,
}

/// What is on show, because every fact behind it has been learnt once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Values of `space` whose docs are counted.
    docs: BTreeSet<Arc<str>>,
    owners: BTreeSet<Arc<str>>,
    labels: BTreeSet<Arc<str>>,
    states: BTreeSet<Arc<str>>,
    updates: BTreeSet<Window>,
    contributors: BTreeSet<Window>,
    users: bool,
}

/// The numbers of one moment, and what is to stay on show from now on.
#[derive(Debug)]
pub struct Census {
    pub numbers: Numbers,
    pub shown: Shown,
}

impl Shown {
    /// Whose spaces are all out of sight, or have just come back and are still to be met, begins anew: its number would
    /// fill up on show.
    fn forget_all_but(&mut self, spaces: &HashSet<&str>) {
        for names in [&mut self.docs, &mut self.owners, &mut self.labels, &mut self.states] {
            names.retain(|name| spaces.contains(&**name));
        }
    }

    /// What this collector's facts are behind. When it is switched on again, there may be some that it has never learnt.
    fn forget(&mut self, collector: Collector) {
        match collector {
            Collector::Versions => {
                self.updates.clear();
                self.contributors.clear();
            }
            Collector::Users => {
                self.owners.clear();
                self.contributors.clear();
                self.users = false;
            }
            Collector::Labels => self.labels.clear(),
            Collector::States => self.states.clear(),
            // Views are a sample at any time.
            Collector::Spaces | Collector::Docs | Collector::Views => {}
        }
    }
}

/// Sums up the ledger for `moment`.
pub fn take_census(ledger: &Ledger, settings: &CensusSettings, moment: Timestamp) -> Census {
    let groups = Groups::of(ledger, settings, &ledger.folded);
    let starts = WindowStarts::new(&settings.windows, moment, ledger.horizon(moment));
    let mut tally = Tally::new(ledger, groups.names.len(), settings.windows.len());
    let mut contributions = Contributions::new(ledger, moment);
    for doc in &ledger.docs {
        let Some(status) = ledger.status_of(doc) else { continue };
        let Some(group) = groups.of_space(doc.space) else { continue };
        if doc.created_at > moment {
            continue;
        }
        tally.add(ledger, doc, status, group, &starts);
        contributions.add(doc, group, starts.horizon);
    }

    let shown = now_shown(ledger, settings, &groups, &tally, &contributions, &starts);
    let on_show = OnShow {
        ledger,
        shown: &shown,
        updates: settings.windows.iter().map(|window| shown.updates.contains(window)).collect(),
        contributors: settings.windows.iter().map(|window| shown.contributors.contains(window)).collect(),
        labels: tally.labels_on_show(ledger, settings),
        views: !settings.switched_off.contains(&Collector::Views),
    };
    let account_types = contributions.account_types();
    let by_group = contributions.by_group(&starts.starts, groups.names.len(), &account_types);
    let of_site = contributions.of_site(&starts.starts, &account_types);
    let numbers = Numbers {
        windows: settings.windows.clone(),
        ages: AGES.to_vec(),
        spaces: count_spaces(ledger, moment),
        space_infos: groups.infos,
        groups: groups
            .names
            .iter()
            .zip(by_group)
            .enumerate()
            .filter(|(_, (name, _))| shown.docs.contains(*name))
            .filter_map(|(place, (name, contributors))| tally.group_numbers(place, name, contributors, &on_show))
            .collect(),
        site_contributors: tally::shown_windows(of_site, &on_show.contributors),
        users: shown.users.then(|| contributions.count_users()),
        folded_spaces: groups.folded_spaces,
    };
    Census { numbers, shown }
}

/// What may be shown from now on: what was on show, and what has become known.
fn now_shown(
    ledger: &Ledger,
    settings: &CensusSettings,
    groups: &Groups,
    tally: &Tally,
    contributions: &Contributions<'_>,
    starts: &WindowStarts,
) -> Shown {
    let mut shown = ledger.shown.clone();
    shown.forget_all_but(&groups.begun());
    let everything_met = groups.spaces_met.iter().all(|met| *met);
    let users_known = contributions.accounts().all(|(user, _)| user.knowledge.asked_at().is_some());
    for (place, name) in groups.names.iter().enumerate() {
        if !groups.spaces_met[place] {
            continue;
        }
        shown.docs.insert(name.clone());
        let unknown = tally.unknown(place);
        let show = |set: &mut BTreeSet<Arc<str>>, missing: bool| {
            if !missing {
                set.insert(name.clone());
            }
        };
        show(&mut shown.owners, unknown.owners);
        show(&mut shown.labels, unknown.labels);
        show(&mut shown.states, unknown.states);
    }
    if everything_met {
        for (window, start) in settings.windows.iter().zip(&starts.starts) {
            if tally.knows_versions_after(*start) {
                shown.updates.insert(*window);
                if users_known {
                    shown.contributors.insert(*window);
                }
            }
        }
        shown.users |= users_known;
    }
    for collector in &settings.switched_off {
        shown.forget(*collector);
    }
    shown
}

/// Which value of `space` each space is counted under.
struct Groups {
    names: Vec<Arc<str>>,
    /// Every space of the group has been walked.
    spaces_met: Vec<bool>,
    /// At least one of them has.
    some_met: Vec<bool>,
    /// By the ledger's number of the space; `None` where the space is out of sight.
    by_space: Vec<Option<usize>>,
    infos: Vec<SpaceInfo>,
    folded_spaces: u64,
}

impl Groups {
    fn of(ledger: &Ledger, settings: &CensusSettings, folded: &HashSet<SpaceId>) -> Self {
        let mut groups = Self {
            names: Vec::new(),
            spaces_met: Vec::new(),
            some_met: Vec::new(),
            by_space: Vec::with_capacity(ledger.spaces.len()),
            infos: Vec::new(),
            folded_spaces: 0,
        };
        let mut places: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for space in &ledger.spaces {
            if !space.is_listed() {
                groups.by_space.push(None);
                continue;
            }
            let name = group_name(space, settings.fold_personal, folded);
            groups.folded_spaces += u64::from(name != space.key);
            if name == space.key {
                groups.infos.push(SpaceInfo {
                    id: space.id,
                    space: name.clone(),
                    name: space.name.clone(),
                    space_type: space.space_type.clone(),
                    status: space.status.as_str().into(),
                });
            }
            let place = *places.entry(name.clone()).or_insert_with(|| {
                groups.names.push(name);
                groups.spaces_met.push(true);
                groups.some_met.push(false);
                groups.names.len() - 1
            });
            groups.spaces_met[place] &= space.walked;
            groups.some_met[place] |= space.walked;
            groups.by_space.push(Some(place));
        }
        groups
    }

    /// Names of groups of which at least one space has been met whole.
    fn begun(&self) -> HashSet<&str> {
        let names = self.names.iter().zip(&self.some_met);
        names.filter(|(_, met)| **met).map(|(name, _)| &**name).collect()
    }

    fn of_space(&self, number: u32) -> Option<usize> {
        self.by_space[number as usize]
    }
}

/// The value of `space` under which a space is counted.
pub(super) fn group_name(space: &Space, fold_personal: bool, folded: &HashSet<SpaceId>) -> Arc<str> {
    if fold_personal && space.is_personal() {
        PERSONAL.into()
    } else if folded.contains(&space.id) {
        OTHER.into()
    } else {
        space.key.clone()
    }
}

fn count_spaces(ledger: &Ledger, moment: Timestamp) -> BTreeMap<(Arc<str>, Arc<str>), u64> {
    let mut counts = BTreeMap::new();
    for space in &ledger.spaces {
        let status: Arc<str> = if space.is_listed() {
            space.status.as_str().into()
        } else if Ledger::is_counted_as_unseen(space, moment) {
            "unseen".into()
        } else {
            continue;
        };
        *counts.entry((space.space_type.clone(), status)).or_default() += 1;
    }
    counts
}
