//! Who is being talked with. There is a place for so many, and none for who has been silent for too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// More than any set of scrapers needs. For one more, those who have been silent for the longest have to leave.
const MOST_CONVERSATIONS: usize = 512;

/// How long a client may go without the end of a request: a scraper that comes once a minute finds its connection
/// still open. The same is the time that a request's head or an answer may take on its way.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// Whoever knocks must not cost a look at everybody, or a crowd that keeps knocking would keep the exporter busy.
const LEAVE_AT_ONCE: usize = MOST_CONVERSATIONS / 16;

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
            if self.end_the_longest_silent().await == 0 {
                sleep(PAUSE_WHEN_FULL).await;
            }
        }
    }

    /// Returns how many had to leave.
    async fn end_the_longest_silent(&mut self) -> usize {
        let silences = self.0.iter().enumerate().filter_map(|(place, it)| Some((it.pulse.silence()?, place)));
        let mut silences: Vec<_> = silences.collect();
        silences.sort_unstable_by(|one, other| other.cmp(one));
        silences.truncate(LEAVE_AT_ONCE);
        debug!(leaving = silences.len(), "every place is taken; who was silent for the longest has to leave");
        for (_, place) in &silences {
            self.0[*place].task.abort();
        }
        for (_, place) in &silences {
            // Only then is what it held given back.
            let _ = (&mut self.0[*place].task).await;
        }
        self.0.retain(|conversation| !conversation.task.is_finished());
        silences.len()
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_been_silent_for_too_long_has_to_leave() {
        let mut conversations = Conversations::default();
        let early = begin(&mut conversations);
        advance(LONGEST_SILENCE / 2).await;
        let late = begin(&mut conversations);

        advance(LONGEST_SILENCE / 2).await;
        conversations.end_the_silent();
        settle().await;
        conversations.end_the_silent();

        assert!(!is_there(&conversations, &early) && is_there(&conversations, &late));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_silent_who_waits_for_an_answer_or_has_just_got_one() {
        let mut conversations = Conversations::default();
        let pulse = begin(&mut conversations);

        let (first, second) = (pulse.answer(), pulse.answer());
        drop(first);
        advance(LONGEST_SILENCE * 9).await;
        conversations.end_the_silent();
        assert_eq!(pulse.silence(), None);
        drop(second);
        assert_eq!(pulse.silence(), Some(Duration::ZERO));
        advance(LONGEST_SILENCE.saturating_sub(Duration::from_millis(2))).await;
        conversations.end_the_silent();
        settle().await;

        conversations.end_the_silent();
        assert!(is_there(&conversations, &pulse));
    }

    #[tokio::test(start_paused = true)]
    async fn for_one_more_than_there_are_places_the_longest_silent_leave() {
        let mut conversations = Conversations::default();
        let waiting = begin(&mut conversations);
        let _under_way = waiting.answer();
        advance(Duration::from_secs(1)).await;
        let silent: Vec<_> = (0..LEAVE_AT_ONCE).map(|_| begin(&mut conversations)).collect();
        advance(Duration::from_secs(1)).await;
        while conversations.0.len() < MOST_CONVERSATIONS {
            begin(&mut conversations);
        }

        conversations.make_room().await;

        assert_eq!(conversations.0.len(), MOST_CONVERSATIONS - LEAVE_AT_ONCE);
        assert!(is_there(&conversations, &waiting));
        assert!(!silent.iter().any(|pulse| is_there(&conversations, pulse)));
    }

    #[tokio::test(start_paused = true)]
    async fn where_everybody_waits_for_an_answer_a_newcomer_waits_too() {
        let mut conversations = Conversations::default();
        let pulses: Vec<_> = (0..MOST_CONVERSATIONS).map(|_| begin(&mut conversations)).collect();
        let mut under_way: Vec<_> = pulses.iter().map(|pulse| pulse.answer()).collect();

        assert!(tokio::time::timeout(LONGEST_SILENCE, conversations.make_room()).await.is_err());
        under_way.pop();

        conversations.make_room().await;
        assert!(!is_there(&conversations, &pulses[MOST_CONVERSATIONS - 1]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_conversation_that_has_ended_leaves_its_place() {
        let mut conversations = Conversations::default();
        for _ in 0..MOST_CONVERSATIONS {
            conversations.add(Arc::new(Pulse::new()), tokio::spawn(async {}));
        }
        settle().await;

        conversations.make_room().await;

        assert!(conversations.0.is_empty());
    }

    /// Lets the tasks do what they still have to.
    async fn settle() {
        sleep(Duration::from_millis(1)).await;
    }

    fn begin(conversations: &mut Conversations) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new());
        conversations.add(Arc::clone(&pulse), tokio::spawn(pending()));
        pulse
    }

    fn is_there(conversations: &Conversations, pulse: &Arc<Pulse>) -> bool {
        conversations.0.iter().any(|conversation| Arc::ptr_eq(&conversation.pulse, pulse))
    }
}
