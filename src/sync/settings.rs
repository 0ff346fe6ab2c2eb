//! What the configuration says of refreshing and counting one connection.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::model::{CensusSettings, Collector, MaxAges, Window, duration};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How old the newest docs may be before a scrape has them read again. Default: 60s.
    pub refresh_interval: Duration,
    /// How often the whole site is compared, doc by doc. Default: 6h.
    pub reconcile_interval: Duration,
    /// Requests a minute for all beyond the base and the first walk. Default: 120.
    pub request_budget: NonZeroU32,
    /// For how long numbers that cannot be refreshed stay on show. Default: 24h.
    pub max_stale: Duration,
    /// Above this many series the smallest spaces share one value of `space`. Default: 50000.
    pub max_series: usize,
    /// The spans that new docs, updates and contributors are counted over. Default: 1d 7d 30d 90d 365d.
    pub windows: Vec<Window>,
    pub spaces: SpacesSettings,
    pub labels: LabelsSettings,
    pub collectors: CollectorsSettings,
}

/// Which spaces are counted, and how personal ones are shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpacesSettings {
    /// Space keys, `*` standing for any run of characters. Default: `["*"]`.
    pub include: Vec<KeyPattern>,
    /// Space keys that are left out all the same. Default: none.
    pub exclude: Vec<KeyPattern>,
    /// Default: fold.
    pub personal: PersonalSpaces,
}

/// A space key in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct KeyPattern(String);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersonalSpaces {
    /// All of them share `space="(personal)"`, so that no series names a person.
    #[default]
    Fold,
    /// Each under its own key.
    Each,
    /// They are left out.
    None,
}

/// Which labels get a series.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelsSettings {
    /// How many of the connection's most used labels. Default: 20.
    pub top: usize,
    /// Labels that are shown however rarely they are used. Default: none.
    pub named: Vec<String>,
}

/// What is read beside spaces and docs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorsSettings {
    pub versions: Switch,
    pub users: CollectorSettings,
    pub labels: CollectorSettings,
    pub states: CollectorSettings,
    pub views: CollectorSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switch {
    /// Default: true. What is switched off asks nothing, and none of its numbers are shown.
    pub enabled: bool,
}

/// A collector whose knowledge grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorSettings {
    /// Default: true.
    pub enabled: bool,
    /// How old its knowledge may be before it is asked again. Default: 24h; views 7d.
    #[serde(deserialize_with = "some_duration")]
    pub max_age: Option<Duration>,
}

const MAX_AGE: Duration = Duration::from_hours(24);
/// Views grow slowly and cost a request a doc.
const MAX_AGE_OF_VIEWS: Duration = Duration::from_hours(7 * 24);

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_mins(1),
            reconcile_interval: Duration::from_hours(6),
            request_budget: NonZeroU32::new(120).expect("120 is not zero"),
            max_stale: Duration::from_hours(24),
            max_series: 50_000,
            windows: [1, 7, 30, 90, 365].map(Window::of_days).to_vec(),
            spaces: SpacesSettings::default(),
            labels: LabelsSettings::default(),
            collectors: CollectorsSettings::default(),
        }
    }
}

impl Default for SpacesSettings {
    fn default() -> Self {
        Self { include: vec![KeyPattern("*".to_owned())], exclude: Vec::new(), personal: PersonalSpaces::default() }
    }
}

impl Default for LabelsSettings {
    fn default() -> Self {
        Self { top: 20, named: Vec::new() }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for CollectorSettings {
    fn default() -> Self {
        Self { enabled: true, max_age: None }
    }
}

impl SpacesSettings {
    /// Whether a space of this key and type is counted.
    pub(super) fn counts(&self, key: &str, space_type: &str) -> bool {
        let fits = |patterns: &[KeyPattern]| patterns.iter().any(|pattern| pattern.fits(key));
        let is_left_out = self.personal == PersonalSpaces::None && space_type == "personal";
        fits(&self.include) && !fits(&self.exclude) && !is_left_out
    }

    pub(super) fn fold_personal(&self) -> bool {
        self.personal == PersonalSpaces::Fold
    }
}

impl KeyPattern {
    fn fits(&self, key: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == key };
        let Some(mut key) = key.strip_prefix(start) else { return false };
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let Some(end) = pieces.pop() else { return true };
        for piece in pieces {
            let Some(place) = key.find(piece) else { return false };
            key = &key[place + piece.len()..];
        }
        key.ends_with(end)
    }
}

impl CollectorsSettings {
    pub fn is_enabled(&self, collector: Collector) -> bool {
        match collector {
            Collector::Spaces | Collector::Docs => true,
            Collector::Versions => self.versions.enabled,
            Collector::Users => self.users.enabled,
            Collector::Labels => self.labels.enabled,
            Collector::States => self.states.enabled,
            Collector::Views => self.views.enabled,
        }
    }

    pub(super) fn max_ages(&self) -> MaxAges {
        MaxAges {
            users: self.users.max_age.unwrap_or(MAX_AGE),
            labels: self.labels.max_age.unwrap_or(MAX_AGE),
            states: self.states.max_age.unwrap_or(MAX_AGE),
            views: self.views.max_age.unwrap_or(MAX_AGE_OF_VIEWS),
        }
    }
}

impl Settings {
    pub(super) fn census(&self) -> CensusSettings {
        CensusSettings {
            windows: self.windows.clone(),
            fold_personal: self.spaces.fold_personal(),
            top_labels: self.labels.top,
            named_labels: self.labels.named.iter().map(|name| Arc::from(name.as_str())).collect(),
            max_series: self.max_series,
            switched_off: Collector::ALL.iter().copied().filter(|of| !self.collectors.is_enabled(*of)).collect(),
        }
    }

    pub(super) fn longest_window(&self) -> Duration {
        self.windows.iter().map(|window| window.span()).max().unwrap_or_default()
    }
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let fits = |pattern: &str, key: &str| KeyPattern(pattern.to_owned()).fits(key);
        assert!(fits("*", "") && fits("*", "ENG") && fits("ENG", "ENG") && fits("E*G", "EG") && fits("E*N*G", "ELNLG"));
        assert!(!fits("ENG", "ENGINE") && !fits("E*G", "ENGINE") && !fits("E*G", "E") && !fits("AB*BA", "ABA"));
    }
}
