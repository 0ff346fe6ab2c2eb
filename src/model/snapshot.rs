//! Every number of one connection at one moment: what the census makes and the metrics spell.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Code, Collector, ConnectionName, Credential, DocStatus, DocType, Operation, OwnerStatus, SpaceId, Timestamp,
    TokenSlot, Window,
};

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub connection: ConnectionName,
    pub health: Health,
    /// Nothing before the first base that gave a usable answer.
    pub numbers: Option<Numbers>,
}

/// Whether the connection works; stays on show when the numbers have become too old.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Health {
    /// The last base gave a usable answer.
    pub up: bool,
    pub site: Option<SiteInfo>,
    /// Standing verdicts of the base and of the enabled ones of the seven endpoints; sorted, each once.
    pub errors: Vec<Code>,
    /// Every operation asked so far: `None` is access, a code is why not.
    pub access: Vec<(Operation, Option<Code>)>,
    pub token_expires: Option<Timestamp>,
    /// The token that was taken last; nothing before one was.
    #[serde(default)]
    pub token_in_use: Option<TokenSlot>,
    /// What the numbers are true for: the `Date` of the last completed base's first answer.
    pub moment: Option<Timestamp>,
    /// All seven, in `Collector::ALL`'s order.
    pub collectors: Vec<CollectorHealth>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    pub site: Arc<str>,
    pub cloud_id: Option<Arc<str>>,
    pub credential: Credential,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectorHealth {
    pub collector: Collector,
    /// When the pass that last reached its goal began.
    pub success: Option<Timestamp>,
    /// Its oldest knowledge in use.
    pub oldest_fact: Option<Timestamp>,
    /// 0..1
    pub coverage: f64,
}

/// The documentation's numbers. What is not yet fully known is `None`, and shown by no series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    pub windows: Vec<Window>,
    pub ages: Vec<Window>,
    /// By type and status, `unseen` among the statuses.
    #[serde(with = "by_two")]
    pub spaces: ByTwo,
    pub space_infos: Vec<SpaceInfo>,
    /// By value of the label `space`: a space each, but for the folded ones.
    pub groups: Vec<GroupNumbers>,
    /// By account type; one number a window.
    pub site_contributors: Vec<(Arc<str>, PerWindow)>,
    /// By account status and account type.
    #[serde(with = "some_by_two")]
    pub users: Option<ByTwo>,
    /// How many spaces stand under a value that is not their own key.
    pub folded_spaces: u64,
}

/// Counts by the values of two labels.
pub type ByTwo = BTreeMap<(Arc<str>, Arc<str>), u64>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceInfo {
    pub id: SpaceId,
    /// The value of the label `space` under which its docs are counted.
    pub space: Arc<str>,
    pub name: Arc<str>,
    pub space_type: Arc<str>,
    pub status: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupNumbers {
    pub space: Arc<str>,
    pub last_update: Option<Timestamp>,
    /// Only types that the group has a doc of.
    pub types: Vec<TypeNumbers>,
    /// By account type; one number a window.
    pub contributors: Vec<(Arc<str>, PerWindow)>,
    /// Above zero only.
    pub owners: Option<BTreeMap<OwnerStatus, u64>>,
    /// Above zero only, and only of the labels on show.
    pub labels: Option<BTreeMap<Arc<str>, u64>>,
    /// By the state's name, `(none)` among them; above zero only.
    pub states: Option<BTreeMap<Arc<str>, u64>>,
}

/// A number for each of `Numbers::windows` (or `ages`), in its order; `None` where it is not fully known.
pub type PerWindow = Vec<Option<u64>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeNumbers {
    pub doc_type: DocType,
    /// In `DocStatus::ALL`'s order.
    pub docs: [u64; DocStatus::ALL.len()],
    pub new: PerWindow,
    pub updated: PerWindow,
    pub updates: PerWindow,
    pub edit_sessions: PerWindow,
    pub stale: PerWindow,
    pub unlabelled: Option<u64>,
    /// `None` where nobody reads them.
    pub views: Option<ViewNumbers>,
}

/// A sample, which says how large it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewNumbers {
    /// Lifetime views of the docs sampled; `None` while none is.
    pub lifetime: Option<u64>,
    pub sampled_docs: u64,
    /// Views added between two looks at the same doc, since the ledger began. Only rises.
    pub observed: u64,
}

/// As a list of three: a key in JSON is one text.
mod by_two {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Arc, ByTwo};

    pub(super) fn serialize<S: Serializer>(counts: &ByTwo, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(counts.iter().map(|((one, other), count)| (one, other, count)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByTwo, D::Error> {
        let rows = Vec::<(Arc<str>, Arc<str>, u64)>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|(one, other, count)| ((one, other), count)).collect())
    }
}

mod some_by_two {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{ByTwo, by_two};

    #[derive(Serialize)]
    struct Spelt<'a>(#[serde(with = "by_two")] &'a ByTwo);

    #[derive(Deserialize)]
    struct Read(#[serde(with = "by_two")] ByTwo);

    #[expect(clippy::ref_option, reason = "serde hands the field over like this")]
    pub(super) fn serialize<S: Serializer>(counts: &Option<ByTwo>, serializer: S) -> Result<S::Ok, S::Error> {
        counts.as_ref().map(Spelt).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByTwo>, D::Error> {
        Ok(Option::<Read>::deserialize(deserializer)?.map(|Read(counts)| counts))
    }
}
