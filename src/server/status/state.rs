//! A connection's health in a word, and in a sentence that says what it means for whoever reads it.

use serde::Serialize;

use crate::cache::Watched;
use crate::model::{Code, Grouped, Timestamp};

use super::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nobody has scraped yet.
    NotAsked,
    /// The first refresh is under way.
    Starting,
    Healthy,
    /// Healthy, and not all docs have been read once.
    FirstWalk,
    /// It works, but for a part.
    Limited,
    Throttled,
    Down,
}

/// After so many refresh intervals without a scrape it is not chance any more.
const MISSED_SCRAPES: u32 = 3;

impl State {
    pub(super) fn of(watched: &Watched) -> Self {
        let status = &watched.status;
        let Some(snapshot) = &watched.summary.snapshot else {
            return if status.refresh.began.is_some() { Self::Starting } else { Self::NotAsked };
        };
        let codes = status.codes();
        let is_up = snapshot.health.up && !status.is_down_by_test();
        let is_throttled = status.paused_until.is_some() || codes.contains(&Code::RateLimited);
        let is_refused = codes.iter().any(|code| code.is_refusal());
        if !is_up && (is_refused || !is_throttled) {
            Self::Down
        } else if is_throttled {
            Self::Throttled
        } else if !codes.is_empty() {
            Self::Limited
        } else if status.first_walk.is_some() {
            Self::FirstWalk
        } else {
            Self::Healthy
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "Not asked yet",
            Self::Starting => "Starting",
            Self::Healthy => "Healthy",
            Self::FirstWalk => "First walk under way",
            Self::Limited => "Works in part",
            Self::Throttled => "Throttled",
            Self::Down => "Down",
        }
    }

    /// What it is coloured as.
    pub(super) const fn tone(self) -> &'static str {
        match self {
            Self::NotAsked => "quiet",
            Self::Starting | Self::FirstWalk => "busy",
            Self::Healthy => "good",
            Self::Limited | Self::Throttled => "warning",
            Self::Down => "bad",
        }
    }

    pub(super) fn says(self, watched: &Watched) -> String {
        let status = &watched.status;
        match self {
            Self::NotAsked => {
                "Nobody has scraped yet. Prometheus' first scrape starts it; until then Confluence is asked nothing."
                    .to_owned()
            }
            Self::Starting => "The first refresh is under way; reload this page to see what comes of it.".to_owned(),
            Self::Healthy => "Confluence answers all that is asked.".to_owned(),
            Self::FirstWalk => match status.first_walk {
                Some(walk) if walk.is_stuck => format!(
                    "{} docs have been read for the first time. Confluence gives no answer about the rest, and the log \
                    tells of which spaces it is. All others are on show; the walk over the whole site, which is paid from the \
                    budget, may bring them.",
                    Grouped(walk.docs)
                ),
                Some(walk) => format!(
                    "Every doc is read for the first time: {} so far. Numbers appear when they are known in full.",
                    Grouped(walk.docs)
                ),
                None => String::new(),
            },
            Self::Limited => "Confluence answers, but not all that is asked. The rest goes on.".to_owned(),
            Self::Throttled => match status.paused_until {
                Some(until) => format!(
                    "Confluence has asked for a pause. Nothing is asked before {}; then it goes on by itself.",
                    Moment::new(until, until).in_full()
                ),
                None => "Confluence has asked for fewer requests. It goes on by itself, more slowly.".to_owned(),
            },
            Self::Down if status.is_down_by_test() => "The last test got no usable answer.".to_owned(),
            Self::Down if status.errors.is_empty() => {
                "The last refresh got no usable answer. What is wrong stands here as soon as \
                it is more than a passing fault; a test tells at once."
                    .to_owned()
            }
            Self::Down if watched.summary.shows_numbers => {
                "The last refresh got no usable answer. The numbers of the last good one stay on show for a while."
                    .to_owned()
            }
            Self::Down => "The last refresh got no usable answer.".to_owned(),
        }
    }
}

/// What else a reader should know: that nobody scrapes, so that nothing here changes.
pub(super) fn note(watched: &Watched, now: Timestamp) -> Option<String> {
    watched.summary.snapshot.as_ref()?;
    let refresh = &watched.status.refresh;
    let Some(began) = refresh.began else {
        return Some(
            "Nobody has scraped since the start: what stands here was known before, and Confluence is asked nothing \
             until somebody does."
                .to_owned(),
        );
    };
    let is_left_alone = refresh.ended.is_some() && now.since(began) > refresh.interval * MISSED_SCRAPES;
    is_left_alone.then(|| {
        let began = Moment::new(began, now).seen_from_now();
        format!(
            "Nobody scrapes: the last refresh began {began}, and Confluence is asked nothing until the next scrape."
        )
    })
}
