//! Who is being talked with. There is a place for so many, and none for who has been silent for too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// More than any set of scrapers needs. One more takes the place of who has been silent for the longest.
const MOST_CONVERSATIONS: usize = 512;

/// How long a client may go without the end of a request: a scraper that comes once a minute finds its connection
/// still open. The same is the time that a request's head or an answer may take on its way.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// How long to wait for a place when everybody waits for an answer.
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(100);

/// One place that everybody who is talked with takes. The owner of the ports owns it.
#[derive(Debug, Default)]
pub(super) struct Conversations(Vec<Conversation>);

#[derive(Debug)]
struct Conversation {
    pulse: Arc<Pulse>,
    task: JoinHandle<()>,
}

/// When a client was last given an answer.
#[derive(Debug)]
pub(super) struct Pulse {
    begun: Instant,
    answered_after_ms: AtomicU64,
    answers_under_way: AtomicUsize,
}

/// An answer that is being made: nobody is silent who waits for it.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Pulse);

impl Conversations {
    /// Returns when there is a place for one more.
    pub(super) async fn make_room(&mut self) {
        while self.0.len() >= MOST_CONVERSATIONS {
            self.0.retain(|conversation| !conversation.task.is_finished());
            if self.0.len() < MOST_CONVERSATIONS {
                return;
            }
            match self.longest_silent() {
                Some(place) => {
                    debug!("every place is taken; the client that was silent for the longest has to leave");
                    let left = self.0.swap_remove(place).task;
                    left.abort();
                    // Only then is what it held given back.
                    let _ = left.await;
                }
                None => sleep(PAUSE_WHEN_FULL).await,
            }
        }
    }

    pub(super) fn add(&mut self, pulse: Arc<Pulse>, task: JoinHandle<()>) {
        self.0.push(Conversation { pulse, task });
    }

    /// Ends the conversations with all who have been silent for too long.
    pub(super) fn end_the_silent(&mut self) {
        self.0.retain(|conversation| !conversation.task.is_finished());
        for conversation in &self.0 {
            if conversation.pulse.silence().is_some_and(|silence| silence >= LONGEST_SILENCE) {
                debug!("a client was silent for too long");
                conversation.task.abort();
            }
        }
    }

    fn longest_silent(&self) -> Option<usize> {
        let silences = self.0.iter().enumerate().filter_map(|(place, it)| Some((it.pulse.silence()?, place)));
        silences.max().map(|(_, place)| place)
    }
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), answered_after_ms: AtomicU64::new(0), answers_under_way: AtomicUsize::new(0) }
    }

    /// To be held while an answer is made.
    pub(super) fn answer(&self) -> UnderWay<'_> {
        self.answers_under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// For how long nothing was heard; none while an answer is being made.
    fn silence(&self) -> Option<Duration> {
        let is_silent = self.answers_under_way.load(Ordering::Acquire) == 0;
        let answered_after = Duration::from_millis(self.answered_after_ms.load(Ordering::Relaxed));
        is_silent.then(|| self.begun.elapsed().saturating_sub(answered_after))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let after = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.answered_after_ms.store(after, Ordering::Relaxed);
        // After the time has been written: who finds nothing under way reads the new one.
        self.0.answers_under_way.fetch_sub(1, Ordering::Release);
    }
}
