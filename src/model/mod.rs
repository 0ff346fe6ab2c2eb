//! The nouns, the ledger of facts, and the census that sums them. No input, no output, no clock.

mod names;
mod rows;
mod snapshot;
mod time;

pub use names::{
    BadConnectionName, Code, Collector, ConnectionName, Credential, DocStatus, DocType, Operation, OwnerStatus,
};
pub use rows::{AccountId, DocId, DocRow, LabelRow, SpaceId, SpaceRow, SpaceStatus, UserRow, VersionRow};
pub use snapshot::{
    CollectorHealth, GroupNumbers, Health, Numbers, PerWindow, SiteInfo, Snapshot, SpaceInfo, TypeNumbers, ViewNumbers,
};
pub use time::{BadDuration, BadTimestamp, Timestamp, Window, duration};
