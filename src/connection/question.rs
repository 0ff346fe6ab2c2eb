//! What goes through the door and what comes back. How is the other files' business.

use crate::model::{Operation, Timestamp};

/// One request, as `confluence` spells it.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub operation: Operation,
    /// From the site's root on.
    pub path: &'a str,
    pub query: &'a [(&'static str, String)],
    /// Makes the request a POST. Every question only reads, so it may be asked again.
    pub body: Option<serde_json::Value>,
    pub turn: Turn,
}

/// Who goes first where permits are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Never waits behind `Rest`.
    Base,
    Rest,
}

#[derive(Clone, Debug)]
pub struct Answer<T> {
    pub value: T,
    /// The site's own time when it answered; ours where it did not tell.
    pub date: Timestamp,
    /// The target of the `Link` header's `rel="next"`, as it came.
    pub next_link: Option<String>,
    /// Atlassian's word for this exchange, for whoever asks them about it.
    pub trace: Option<String>,
}

impl<T> Answer<T> {
    /// The same answer, read further.
    pub(crate) fn map<U>(self, read: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: read(self.value), date: self.date, next_link: self.next_link, trace: self.trace }
    }
}
