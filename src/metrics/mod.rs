//! Names, help texts and values of every series. What they are the numbers of is decided elsewhere.

mod asking;

pub use asking::{Asking, InFlight};
