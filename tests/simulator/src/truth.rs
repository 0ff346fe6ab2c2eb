//! Every number of the world, counted the plain way: doc by doc, version by version, from the definitions. Slow and
//! obvious on purpose; it shares nothing with the exporter but the names of series.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::world::{Account, Doc, DocStatus, DocType, Label, Sight, SpaceStatus, Version, World};

const SESSION_GAP_MS: i64 = 30 * 60 * 1000;
const UNSEEN_MS: i64 = 30 * DAY_SECONDS * 1000;
const DAY_SECONDS: i64 = 24 * 60 * 60;
const PERSONAL: &str = "(personal)";

/// Every family that the truth can tell; in a world that has nothing of it, it tells none of its series.
pub const FAMILIES: [&str; 17] = [
    "spaces",
    "space_last_update_timestamp_seconds",
    "docs",
    "new_docs",
    "updated_docs",
    "doc_updates",
    "doc_edit_sessions",
    "contributors",
    "site_contributors",
    "stale_docs",
    "docs_by_owner_status",
    "docs_by_label",
    "unlabelled_docs",
    "docs_by_state",
    "doc_views",
    "views_sampled_docs",
    "users",
];

/// What is to be known.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruthQuestion {
    /// Dates later than this are left out; windows and ages end here.
    pub moment_ms: i64,
    /// Names as the label `window` has them, and seconds.
    pub windows: Vec<(String, i64)>,
    /// Names as the label `age` has them, and seconds.
    pub ages: Vec<(String, i64)>,
    pub fold_personal: bool,
    /// The world as it was then: what has happened since is undone. None takes it as it is, so that what was learnt
    /// after the moment (a status, a move, a label) counts, as it does for who looks at a living site.
    pub facts_at_ms: Option<i64>,
    /// Who reads histories back to a limit has not met the authors of older versions, but for the first and the
    /// newest: only those are then among `users` and account types. None has met them all.
    pub authors_within_seconds: Option<i64>,
    /// Only these docs count, and they do whatever has become of them since: what who has met them, and does not know
    /// yet that one is gone, can say of new docs and edits. None counts every doc that can be seen.
    pub docs: Option<BTreeSet<u64>>,
    /// Only spaces with these keys count. None counts all.
    pub spaces: Option<BTreeSet<String>>,
    /// Only so many of the labels are told that most docs have, of equal ones the first by name. None tells all.
    pub top_labels: Option<usize>,
    /// These labels are told however few docs have them.
    pub named_labels: Vec<String>,
}

impl Default for TruthQuestion {
    fn default() -> Self {
        let days = |numbers: &[i64]| numbers.iter().map(|days| (format!("{days}d"), days * DAY_SECONDS)).collect();
        Self {
            moment_ms: 0,
            windows: days(&[1, 7, 30, 90, 365]),
            ages: days(&[30, 90, 180, 365]),
            fold_personal: true,
            facts_at_ms: None,
            authors_within_seconds: None,
            docs: None,
            spaces: None,
            top_labels: None,
            named_labels: Vec::new(),
        }
    }
}

impl TruthQuestion {
    pub fn at(moment_ms: i64) -> Self {
        Self { moment_ms, ..Self::default() }
    }
}

/// From `docs{space="ENG",type="page",status="current"}` to its value; names without prefix, and without the label
/// `connection`. None where the world no longer remembers the moment that facts are asked for.
pub(crate) fn tell(world: &World, question: &TruthQuestion) -> Option<BTreeMap<String, i64>> {
    match question.facts_at_ms {
        None => Some(Count::of(world, question)),
        Some(then_ms) => Some(Count::of(&world.as_it_was(then_ms)?, question)),
    }
}

struct Count<'a> {
    world: &'a World,
    question: &'a TruthQuestion,
    series: BTreeMap<String, i64>,
    /// Who contributed to a group (or, under None, to the site) within a window.
    contributors: BTreeSet<(Option<String>, String, Account)>,
    met: BTreeSet<Account>,
    groups: BTreeSet<String>,
    /// Space and label, once for each current doc that has it.
    label_uses: Vec<(String, String)>,
    /// Spaces and types whose zeros have been written.
    zeroed: BTreeSet<(String, &'static str)>,
}

/// A doc that counts, with everything that is true of it at the moment.
struct Seen<'a> {
    doc: &'a Doc,
    space: String,
    doc_type: &'static str,
    status: &'static str,
    /// Creation included.
    versions: Vec<Version>,
    edits: Vec<Version>,
}

impl<'a> Count<'a> {
    fn of(world: &'a World, question: &'a TruthQuestion) -> BTreeMap<String, i64> {
        let mut count = Self {
            world,
            question,
            series: BTreeMap::new(),
            contributors: BTreeSet::new(),
            met: BTreeSet::new(),
            groups: BTreeSet::new(),
            label_uses: Vec::new(),
            zeroed: BTreeSet::new(),
        };
        count.spaces();
        for (place, doc) in world.docs_by_place().iter().enumerate() {
            let place = u32::try_from(place).expect("no world has billions of docs");
            if let Some(seen) = count.see(place, doc) {
                count.groups.insert(seen.space.clone());
                count.zeros(&seen);
                count.docs(&seen);
                count.activity(&seen);
                count.sessions(&seen);
                count.age(&seen);
                count.owner(&seen);
                count.labels(&seen);
                count.state(&seen);
                count.views(&seen);
                count.people(&seen);
            }
        }
        count.label_uses();
        count.contributors();
        count.users();
        count.series
    }

    /// Out of sight, out of the numbers; so is what was made after the moment.
    fn see(&self, place: u32, doc: &'a Doc) -> Option<Seen<'a>> {
        let space = &self.world.spaces()[doc.space as usize];
        if doc.created_ms > self.question.moment_ms || !self.is_wanted(&space.key) {
            return None;
        }
        let is_seen = match &self.question.docs {
            Some(met) => met.contains(&doc.id.0),
            None => space.sight == Sight::Listed && !matches!(doc.status, DocStatus::Deleted | DocStatus::Purged),
        };
        if !is_seen {
            return None;
        }
        let status = match (doc.status, space.status) {
            (DocStatus::Deleted | DocStatus::Purged | DocStatus::Trashed, _) => "trashed",
            (_, SpaceStatus::Archived) | (DocStatus::Archived, _) => "archived",
            (DocStatus::Current, SpaceStatus::Current) => "current",
        };
        let is_folded = self.question.fold_personal && *space.space_type == *"personal";
        let history = self.world.history(place);
        let is_known = |version: &&Version| version.created_ms <= self.question.moment_ms;
        Some(Seen {
            doc,
            space: if is_folded { PERSONAL.to_owned() } else { space.key.to_string() },
            doc_type: doc.kind.as_str(),
            status,
            versions: history.iter().filter(is_known).copied().collect(),
            edits: history.iter().skip(1).filter(is_known).copied().collect(),
        })
    }

    fn spaces(&mut self) {
        let spaces: Vec<_> = self.world.spaces().iter().filter(|space| self.is_wanted(&space.key)).collect();
        for space in spaces {
            let status = match space.sight {
                Sight::Listed => space.status.as_str(),
                Sight::Hidden { since_ms } | Sight::Deleted { since_ms } => {
                    if since_ms <= self.question.moment_ms - UNSEEN_MS {
                        continue;
                    }
                    "unseen"
                }
            };
            self.add("spaces", &[("space_type", &space.space_type), ("space_status", status)], 1);
        }
    }

    /// Every status, window and age is shown for each space and type that has a doc.
    fn zeros(&mut self, seen: &Seen<'_>) {
        if !self.zeroed.insert((seen.space.clone(), seen.doc_type)) {
            return;
        }
        let (space, doc_type) = (("space", seen.space.as_str()), ("type", seen.doc_type));
        for status in ["current", "archived", "trashed"] {
            self.zero("docs", &[space, doc_type, ("status", status)]);
        }
        for (window, _) in &self.question.windows {
            for name in ["new_docs", "updated_docs", "doc_updates", "doc_edit_sessions"] {
                self.zero(name, &[space, doc_type, ("window", window)]);
            }
        }
        for (age, _) in &self.question.ages {
            self.zero("stale_docs", &[space, doc_type, ("age", age)]);
        }
        self.zero("unlabelled_docs", &[space, doc_type]);
        self.zero("views_sampled_docs", &[space, doc_type]);
    }

    fn docs(&mut self, seen: &Seen<'_>) {
        self.add("docs", &[("space", &seen.space), ("type", seen.doc_type), ("status", seen.status)], 1);
    }

    fn activity(&mut self, seen: &Seen<'_>) {
        for (window, seconds) in &self.question.windows {
            let labels = [("space", seen.space.as_str()), ("type", seen.doc_type), ("window", window.as_str())];
            let edits = seen.edits.iter().filter(|edit| self.is_within(edit.created_ms, *seconds)).count();
            self.add("new_docs", &labels, i64::from(self.is_within(seen.doc.created_ms, *seconds)));
            self.add("updated_docs", &labels, i64::from(edits > 0));
            self.add("doc_updates", &labels, number(edits));
        }
        let newest_ms = seen.versions.iter().map(|version| version.created_ms).max();
        if let Some(newest_ms) = newest_ms {
            let name = line("space_last_update_timestamp_seconds", &[("space", &seen.space)]);
            let known = self.series.entry(name).or_insert(i64::MIN);
            *known = (*known).max(newest_ms.div_euclid(1000));
        }
    }

    /// A session counts at its last edit: one that no edit of the same author follows within half an hour.
    fn sessions(&mut self, seen: &Seen<'_>) {
        let is_followed = |edit: &Version| {
            seen.edits.iter().any(|other| {
                let gap_ms = other.created_ms - edit.created_ms;
                other.author == edit.author && gap_ms > 0 && gap_ms <= SESSION_GAP_MS
            })
        };
        let ends: Vec<i64> = seen.edits.iter().filter(|edit| !is_followed(edit)).map(|edit| edit.created_ms).collect();
        for (window, seconds) in &self.question.windows {
            let labels = [("space", seen.space.as_str()), ("type", seen.doc_type), ("window", window.as_str())];
            let sessions = ends.iter().filter(|end_ms| self.is_within(**end_ms, *seconds)).count();
            self.add("doc_edit_sessions", &labels, number(sessions));
        }
    }

    fn age(&mut self, seen: &Seen<'_>) {
        let newest_ms = seen.versions.iter().map(|version| version.created_ms).max();
        for (age, seconds) in &self.question.ages {
            let labels = [("space", seen.space.as_str()), ("type", seen.doc_type), ("age", age.as_str())];
            let is_old = newest_ms.is_some_and(|newest_ms| newest_ms <= self.question.moment_ms - seconds * 1000);
            self.add("stale_docs", &labels, i64::from(seen.status == "current" && is_old));
        }
    }

    fn owner(&mut self, seen: &Seen<'_>) {
        if seen.status != "current" || seen.doc.kind != DocType::Page {
            return;
        }
        let status = match seen.doc.owner {
            None => "none",
            Some(owner) => match self.account_status(owner).as_str() {
                "active" => "active",
                "inactive" => "inactive",
                "closed" => "closed",
                _ => "unknown",
            },
        };
        self.add("docs_by_owner_status", &[("space", &seen.space), ("owner_status", status)], 1);
    }

    fn labels(&mut self, seen: &Seen<'_>) {
        let is_current = seen.status == "current";
        if is_current {
            for &place in &seen.doc.labels {
                let label = spelt(&self.world.labels()[place as usize]);
                self.label_uses.push((seen.space.clone(), label));
            }
        }
        let is_unlabelled = is_current && seen.doc.labels.is_empty();
        let labels = [("space", seen.space.as_str()), ("type", seen.doc_type)];
        self.add("unlabelled_docs", &labels, i64::from(is_unlabelled));
    }

    /// A label is told where fewer than `top_labels` others come before it, or where it is named.
    fn label_uses(&mut self) {
        let uses = std::mem::take(&mut self.label_uses);
        let labels: BTreeSet<&String> = uses.iter().map(|(_, label)| label).collect();
        let docs = |label: &String| uses.iter().filter(|(_, other)| other == label).count();
        let comes_before =
            |other: &String, label: &String| docs(other) > docs(label) || (docs(other) == docs(label) && other < label);
        let is_told = |label: &String| {
            let before = labels.iter().filter(|other| comes_before(other, label)).count();
            self.question.top_labels.is_none_or(|top| before < top) || self.question.named_labels.contains(label)
        };
        let told: BTreeSet<String> =
            labels.iter().filter(|label| is_told(label)).map(|label| (*label).clone()).collect();
        for (space, label) in uses.iter().filter(|(_, label)| told.contains(label)) {
            self.add("docs_by_label", &[("space", space), ("label", label)], 1);
        }
    }

    fn state(&mut self, seen: &Seen<'_>) {
        if seen.status == "current" {
            let state = self.world.state_of(seen.doc).map_or("(none)", |state| &state.name);
            self.add("docs_by_state", &[("space", &seen.space), ("state", state)], 1);
        }
    }

    fn views(&mut self, seen: &Seen<'_>) {
        if seen.status == "current" {
            let labels = [("space", seen.space.as_str()), ("type", seen.doc_type)];
            self.add("views_sampled_docs", &labels, 1);
            self.zero("doc_views", &labels);
            self.add("doc_views", &labels, i64::from(seen.doc.views));
        }
    }

    /// Who wrote and who owns, to be counted when all docs have been seen.
    fn people(&mut self, seen: &Seen<'_>) {
        let newest = seen.versions.last().copied();
        for version in &seen.versions {
            let is_recent =
                self.question.authors_within_seconds.is_none_or(|seconds| self.is_within(version.created_ms, seconds));
            if is_recent || Some(*version) == newest {
                self.met.insert(version.author);
            }
        }
        self.met.insert(seen.doc.creator);
        self.met.extend(seen.doc.owner);
        let creation = Version { created_ms: seen.doc.created_ms, author: seen.doc.creator };
        for version in seen.versions.iter().chain([&creation]) {
            for (window, seconds) in &self.question.windows {
                if self.is_within(version.created_ms, *seconds) {
                    self.contributors.insert((Some(seen.space.clone()), window.clone(), version.author));
                    self.contributors.insert((None, window.clone(), version.author));
                }
            }
        }
    }

    fn contributors(&mut self) {
        let mut account_types: BTreeSet<String> = self.met.iter().map(|account| self.account_type(*account)).collect();
        account_types.insert("atlassian".to_owned());
        for account_type in &account_types {
            for (window, _) in &self.question.windows {
                for space in &self.groups.clone() {
                    self.zero("contributors", &[("space", space), ("account_type", account_type), ("window", window)]);
                }
                self.zero("site_contributors", &[("account_type", account_type), ("window", window)]);
            }
        }
        for (space, window, account) in std::mem::take(&mut self.contributors) {
            let account_type = self.account_type(account);
            let (account_type, window) = (("account_type", account_type.as_str()), ("window", window.as_str()));
            match space {
                Some(space) => self.add("contributors", &[("space", &space), account_type, window], 1),
                None => self.add("site_contributors", &[account_type, window], 1),
            }
        }
    }

    fn users(&mut self) {
        for account in std::mem::take(&mut self.met) {
            let (status, account_type) = (self.account_status(account), self.account_type(account));
            self.add("users", &[("account_status", &status), ("account_type", &account_type)], 1);
        }
    }

    fn account_status(&self, account: Account) -> String {
        let user = self.world.user(account);
        if user.left_out { "unknown".to_owned() } else { user.status.to_string() }
    }

    fn account_type(&self, account: Account) -> String {
        let user = self.world.user(account);
        if user.left_out { "unknown".to_owned() } else { user.account_type.to_string() }
    }

    fn is_wanted(&self, key: &str) -> bool {
        self.question.spaces.as_ref().is_none_or(|spaces| spaces.contains(key))
    }

    /// In (moment - window, moment].
    fn is_within(&self, at_ms: i64, seconds: i64) -> bool {
        at_ms <= self.question.moment_ms && at_ms > self.question.moment_ms - seconds * 1000
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)], more: i64) {
        if more > 0 {
            *self.series.entry(line(name, labels)).or_default() += more;
        }
    }

    fn zero(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.series.entry(line(name, labels)).or_default();
    }
}

fn line(name: &str, labels: &[(&str, &str)]) -> String {
    assert!(FAMILIES.contains(&name), "{name} is not among the families");
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// As Prometheus' text escapes a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn spelt(label: &Label) -> String {
    if *label.prefix == *"global" { label.name.to_string() } else { format!("{}:{}", label.prefix, label.name) }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("counts fit")
}
