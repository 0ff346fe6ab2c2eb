//! Names, help texts and values of every series, and the text they are told in. Who serves it is `server`'s business.

mod asking;
mod catalogue;
mod page;
mod process;
mod snapshot;
mod text;

pub use asking::{Asking, InFlight};
pub use catalogue::{Kind, Series, catalogue};
pub use page::{Part, page};
pub use process::{Build, LastReload, Process, StoreUp};
pub use snapshot::Encoded;
pub use text::Dialect;
