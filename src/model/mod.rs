//! The nouns, the ledger of facts, and the census that sums them. No input, no output, no clock.

mod access;
mod advice;
mod census;
mod facts;
mod finding;
mod ledger;
mod names;
mod progress;
mod rows;
mod snapshot;
mod status;
mod time;
mod told;

pub use access::{Access, Outcome, Standing};
pub use advice::NO_VISIBLE_SPACE;
pub use census::{Census, CensusSettings, Shown, decide_folding, take_census};
pub use facts::{AccountFacts, Asked, DocFacts, EditFacts, Facts, SpaceFacts, Torn};
pub use finding::{Finding, Test, TestCourse, Tried, summary};
pub use ledger::{ById, Fact, Goal, Learnt, Ledger, MaxAges};
pub use names::{
    BadConnectionName, Code, Collector, ConnectionName, Credential, DocStatus, DocType, Operation, OwnerStatus,
    RefreshResult, TokenSlot,
};
pub use progress::{
    Cursor, Descent, Progress, ProgressChange, Reconciling, ReconcilingStep, Vouched, Walk, WalkListing,
};
pub use rows::{AccountId, DocId, DocRow, LabelRow, Papers, SpaceId, SpaceRow, SpaceStatus, UserRow, VersionRow};
pub use snapshot::{
    ByTwo, CollectorHealth, GroupNumbers, Health, Numbers, PerWindow, SiteInfo, Snapshot, SpaceInfo, TypeNumbers,
    ViewNumbers,
};
pub use status::{
    BudgetStatus, CollectorRules, ConnectionStatus, OperationStatus, RateLimit, RefreshStatus, WalkStatus,
};
pub use time::{BadDuration, BadTimestamp, Timestamp, Window, duration};
pub use told::{Grouped, Roughly};
