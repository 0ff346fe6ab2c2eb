//! What a test of a connection has shown, operation by operation. How it is asked is `sync`'s business.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Code, Operation, Timestamp};

/// How one operation answered when it was asked only to know that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub operation: Operation,
    pub scope: Option<&'static str>,
    pub access: Tried,
    /// Whether anything is missing without it: its collector is on.
    pub needed: bool,
    pub costs: &'static str,
    pub to_do: String,
}

/// Spelt `ok`, as its code, or `not asked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    Open,
    Closed(Code),
    /// Nothing can be told of it while the connection as a whole does not work.
    NotAsked,
}

/// The last test of a running connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub began: Timestamp,
    pub course: TestCourse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestCourse {
    UnderWay,
    Ended(Vec<Finding>),
    /// It took longer than anybody waits.
    GivenUp,
}

impl Finding {
    pub fn is_fine(&self) -> bool {
        !self.needed || self.access == Tried::Open
    }
}

impl Test {
    /// Nothing before it has ended.
    pub fn findings(&self) -> &[Finding] {
        match &self.course {
            TestCourse::Ended(findings) => findings,
            TestCourse::UnderWay | TestCourse::GivenUp => &[],
        }
    }
}

impl Tried {
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Closed(code) => Some(code),
            Self::Open | Self::NotAsked => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "ok",
            Self::Closed(code) => code.as_str(),
            Self::NotAsked => "not asked",
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Tried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a test comes to, in a sentence.
pub fn summary<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let needed: Vec<&Finding> = findings.into_iter().filter(|finding| finding.needed).collect();
    match needed.iter().filter(|finding| !finding.is_fine()).count() {
        0 => "Everything that is needed is open.".to_owned(),
        1 => format!("1 of the {} operations that are needed is not open.", needed.len()),
        closed => format!("{closed} of the {} operations that are needed are not open.", needed.len()),
    }
}
