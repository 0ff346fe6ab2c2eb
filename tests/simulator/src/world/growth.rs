//! How a world of any size grows from a seed: users, spaces, docs and what clings to them.

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::history::{self, Root};
use super::names::{self, mix};
use super::nouns::{
    Account, Doc, DocId, DocStatus, DocType, Label, Sight, Space, SpaceId, SpaceStatus, State, User, Version,
};

const MINUTE_MS: i64 = 60_000;
const THREE_YEARS_MS: i64 = 3 * 365 * 24 * 60 * MINUTE_MS;
const FIRST_SPACE_ID: u64 = 131_073;
const SPACE_ID_STEP: u64 = 5;
const FIRST_DOC_ID: u64 = 65_601;
const DOC_ID_STEP: u64 = 7;
/// Ids of young docs have eleven digits, as on sites that have been moved.
const FIRST_LONG_DOC_ID: u64 = 10_000_000_321;
const FIRST_LABEL_ID: u64 = 524_289;

/// What a world is grown from; two worlds of one plan are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) spaces: usize,
    pub(crate) docs: usize,
    /// When growing ends and living begins.
    pub(crate) start_ms: i64,
}

impl Plan {
    pub(super) fn users(&self) -> u32 {
        let wanted = if self.spaces == 0 { 3 } else { (self.docs / 40).clamp(12, 4000) };
        u32::try_from(wanted).expect("clamped to thousands")
    }

    pub(super) fn root(&self, doc: &Doc) -> Root {
        Root {
            seed: self.seed,
            doc: doc.id,
            created_ms: doc.created_ms,
            creator: doc.creator,
            space: doc.space,
            users: self.users(),
            start_ms: self.start_ms,
        }
    }

    /// The id of the doc at a place, grown or made later: they rise with the places.
    pub(super) fn doc_id(&self, place: usize) -> DocId {
        let (first, place) = match place.checked_sub(self.short_ids()) {
            Some(place) => (FIRST_LONG_DOC_ID, place),
            None => (FIRST_DOC_ID, place),
        };
        DocId(first + u64::try_from(place).expect("a place fits") * DOC_ID_STEP)
    }

    /// The place that an id belongs to, whether or not a doc is there.
    pub(super) fn doc_place(&self, doc: DocId) -> Option<usize> {
        match doc.0.checked_sub(FIRST_LONG_DOC_ID) {
            Some(above) => place(above, DOC_ID_STEP)?.checked_add(self.short_ids()),
            None => place(doc.0.checked_sub(FIRST_DOC_ID)?, DOC_ID_STEP).filter(|place| *place < self.short_ids()),
        }
    }

    fn short_ids(&self) -> usize {
        if self.docs < 2 { usize::MAX } else { self.docs / 2 }
    }
}

pub(super) fn space_id(place: usize) -> SpaceId {
    SpaceId(FIRST_SPACE_ID + u64::try_from(place).expect("a place fits") * SPACE_ID_STEP)
}

/// The place that an id belongs to, whether or not a space is there.
pub(super) fn space_place(space: SpaceId) -> Option<usize> {
    place(space.0.checked_sub(FIRST_SPACE_ID)?, SPACE_ID_STEP)
}

fn place(above_first: u64, step: u64) -> Option<usize> {
    above_first.is_multiple_of(step).then(|| usize::try_from(above_first / step).ok())?
}

pub(crate) fn label_id(place: usize) -> u64 {
    FIRST_LABEL_ID + u64::try_from(place).expect("a place fits") * 3
}

pub(super) fn users(plan: &Plan) -> Vec<User> {
    (0..plan.users()).map(|place| user(plan, place)).collect()
}

/// The user that the seed puts at a place, also at one beyond those grown.
pub(super) fn user(plan: &Plan, place: u32) -> User {
    let luck = if place < 3 { 99 } else { mix(plan.seed, u64::from(place) + 0xace) % 100 };
    let (status, account_type) = match luck {
        0..4 => ("closed", "atlassian"),
        4..11 => ("inactive", "atlassian"),
        11..15 => ("active", "app"),
        15 => ("active", "customer"),
        16 => ("unknown", "unknown"),
        _ => ("active", "atlassian"),
    };
    let name = if account_type == "app" { format!("Automation {place}") } else { names::person(place) };
    User {
        account_id: names::account_id(plan.seed, place).into(),
        display_name: name.into(),
        status: status.into(),
        account_type: account_type.into(),
        left_out: luck == 17,
    }
}

pub(super) fn spaces(plan: &Plan, users: &[User]) -> Vec<Space> {
    let mut departments = 0;
    (0..plan.spaces)
        .map(|place| {
            let author = Account(u32::try_from(place % users.len()).expect("there are thousands of users at most"));
            let personal = place % 7 == 5;
            let (key, name) = if personal {
                let user = &users[place % users.len()];
                let bare: String = user.account_id.chars().filter(char::is_ascii_alphanumeric).collect();
                // Several personal spaces of one user happen only in tiny worlds; keys stay unique all the same.
                let round = place / users.len();
                let key = if round == 0 { format!("~{bare}") } else { format!("~{bare}{round}") };
                (key, user.display_name.to_string())
            } else {
                departments += 1;
                names::department(departments - 1)
            };
            let space_type = match place {
                _ if personal => "personal",
                // A type that no document of the API admits.
                11 => "team_home",
                _ if place % 6 == 2 => "collaboration",
                _ if place % 9 == 4 => "knowledge_base",
                _ => "global",
            };
            Space {
                id: space_id(place),
                key: key.into(),
                name: name.into(),
                space_type: space_type.into(),
                status: if place % 13 == 7 { SpaceStatus::Archived } else { SpaceStatus::Current },
                created_ms: plan.start_ms - THREE_YEARS_MS - MINUTE_MS * i64::try_from(place).unwrap_or(0),
                author,
                sight: Sight::Listed,
            }
        })
        .collect()
}

pub(super) fn labels() -> Vec<Label> {
    let global = names::LABELS.iter().map(|name| Label::new("global", name));
    global.chain([Label::new("my", "favourite"), Label::new("team", "reviewed"), Label::new("team", "owned")]).collect()
}

pub(super) fn states() -> Vec<State> {
    names::STATES.iter().enumerate().map(|(place, (name, color))| state(place, name, color)).collect()
}

pub(super) fn state(place: usize, name: &str, color: &str) -> State {
    State { id: u64::try_from(place).expect("a place fits"), name: Arc::from(name), color: Arc::from(color) }
}

pub(super) fn docs(plan: &Plan, labels: usize, states: usize) -> Vec<Doc> {
    if plan.spaces == 0 {
        return Vec::new();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(mix(plan.seed, 0xd0c5));
    let shares = Shares::of(plan.spaces);
    (0..plan.docs).map(|place| doc(plan, place, &mut rng, &shares, labels, states)).collect()
}

fn doc(plan: &Plan, place: usize, rng: &mut ChaCha8Rng, shares: &Shares, labels: usize, states: usize) -> Doc {
    let doc_type = if rng.random_range(0..100) < 8 { DocType::Blogpost } else { DocType::Page };
    let mut created_ms = plan.start_ms - age_ms(plan, place, rng);
    if rng.random_range(0..3) == 0 {
        created_ms -= created_ms.rem_euclid(1000);
    }
    let mut doc = Doc {
        id: plan.doc_id(place),
        created_ms,
        newest_ms: created_ms,
        history: None,
        labels: pick_labels(rng, labels),
        space: shares.pick(rng),
        creator: Account(0),
        newest_author: Account(0),
        owner: None,
        last_owner: None,
        versions: 1,
        views: rng.random_range(0..40) * rng.random_range(0..12),
        state: pick_state(rng, states),
        kind: doc_type,
        status: pick_status(rng, doc_type),
    };
    let mut root = plan.root(&doc);
    doc.creator = history::teammate(rng, &root);
    root.creator = doc.creator;
    if doc_type == DocType::Page {
        (doc.owner, doc.last_owner) = match rng.random_range(0..100) {
            0..85 => (Some(doc.creator), None),
            85..93 => (Some(history::teammate(rng, &root)), Some(doc.creator)),
            _ => (None, None),
        };
    }
    let versions = history::grow(&root);
    summarize(&mut doc, &versions);
    doc
}

/// What the lists show of a history.
pub(super) fn summarize(doc: &mut Doc, versions: &[Version]) {
    let newest = versions.last().expect("a doc has at least the version that made it");
    doc.newest_ms = newest.created_ms;
    doc.newest_author = newest.author;
    doc.versions = u32::try_from(versions.len()).expect("no doc has billions of versions");
}

/// Old docs first, and more of them lately: sites grow.
fn age_ms(plan: &Plan, place: usize, rng: &mut impl Rng) -> i64 {
    let docs = i64::try_from(plan.docs).expect("a number of docs fits");
    let left_millionths = (docs - i64::try_from(place).expect("a place fits")) * 1_000_000 / docs;
    let age_ms = THREE_YEARS_MS / 1_000_000 * left_millionths / 1_000 * (600 + left_millionths * 4 / 10_000);
    (age_ms - rng.random_range(0..=THREE_YEARS_MS / docs / 2)).max(MINUTE_MS) + rng.random_range(0..1000)
}

fn pick_status(rng: &mut impl Rng, doc_type: DocType) -> DocStatus {
    match (rng.random_range(0..1000), doc_type) {
        (0..25, DocType::Page) => DocStatus::Archived,
        (25..50, _) => DocStatus::Trashed,
        (50..54, _) => DocStatus::Deleted,
        _ => DocStatus::Current,
    }
}

fn pick_state(rng: &mut impl Rng, states: usize) -> u16 {
    if rng.random_range(0..100) < 70 {
        return 0;
    }
    u16::try_from(rng.random_range(0..states) + 1).expect("a world grows with few states")
}

/// Nearly half the docs have none; the first labels are the usual ones.
fn pick_labels(rng: &mut impl Rng, labels: usize) -> Box<[u32]> {
    if rng.random_range(0..100) < 45 {
        return Box::default();
    }
    let mut picked: Vec<u32> = (0..rng.random_range(1..5))
        .map(|_| {
            let rarest = rng.random_range(0..labels);
            rng.random_range(0..=rarest)
        })
        .map(|place| u32::try_from(place).expect("a world grows with few labels"))
        .collect();
    picked.sort_unstable();
    picked.dedup();
    picked.into_boxed_slice()
}

/// How many of the docs a space gets: a few large spaces, many small ones, personal ones hardly any.
struct Shares {
    up_to: Vec<u64>,
}

impl Shares {
    fn of(spaces: usize) -> Self {
        let mut sum = 0;
        let up_to = (0..spaces).map(|place| {
            sum += if place % 7 == 5 { 3 } else { 1000 / (u64::try_from(place).unwrap_or(0) + 2) + 20 };
            sum
        });
        Self { up_to: up_to.collect() }
    }

    fn pick(&self, rng: &mut impl Rng) -> u32 {
        let all = *self.up_to.last().expect("only asked when there is a space");
        let ticket = rng.random_range(0..all);
        u32::try_from(self.up_to.partition_point(|&up_to| up_to <= ticket)).expect("no site has billions of spaces")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_follows_from_its_id_and_from_no_other() {
        for docs in [0, 1, 2, 9] {
            let plan = Plan { seed: 1, spaces: 1, docs, start_ms: 0 };
            for place in 0..20 {
                let DocId(id) = plan.doc_id(place);
                assert_eq!(plan.doc_place(DocId(id)), Some(place), "of {docs}");
                assert_eq!(plan.doc_place(DocId(id + 1)), None);
                assert_eq!(space_place(space_id(place)), Some(place));
                assert_eq!(space_place(SpaceId(space_id(place).0 + 1)), None);
            }
            assert_eq!(plan.doc_place(DocId(0)), None);
        }
        let plan = Plan { seed: 1, spaces: 1, docs: 9, start_ms: 0 };
        assert_eq!(plan.doc_place(DocId(plan.doc_id(3).0 + DOC_ID_STEP)), None, "the first half has ended");
    }
}
