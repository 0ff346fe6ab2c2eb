//! The configuration file as it is written: every key, and nothing else.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::ConnectionConfig;
use crate::connection::{
    self, ConcurrencyLevel, CredentialChoice, ExpiryDate, GatewayUrl, InstanceUrl, Patience, ProxyUrl, TokenFrom,
    Username,
};
use crate::model::{ConnectionName, Window, duration};
use crate::sync::{self, CollectorsSettings, LabelsSettings, SpacesSettings};
use crate::yaml::{parsed, parsed_if_given};

/// What stands at the top holds for every connection that says nothing else.
#[derive(Debug)]
pub(super) struct FileYaml {
    pub(super) defaults: Pace,
    pub(super) store: Option<PathBuf>,
    pub(super) connections: Vec<CheckedYaml>,
}

/// A connection whose settings fit together.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ConnectionYaml")]
pub(super) struct CheckedYaml {
    yaml: ConnectionYaml,
    token: TokenFrom,
}

/// Why the keys of a connection don't fit together.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("no token: set api_token_file, api_token_files or api_token_env")]
    NoToken,
    #[error("two tokens: set one of api_token_file, api_token_files and api_token_env")]
    TwoTokens,
    #[error("concurrency_level and borrow_concurrency_from: set one of them; who borrows has the lender's level")]
    LevelOfABorrower,
}

/// The settings that may stand at the top and in a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    refresh_interval: Option<Duration>,
    reconcile_interval: Option<Duration>,
    request_budget: Option<NonZeroU32>,
    max_stale: Option<Duration>,
    max_series: Option<usize>,
    windows: Option<Vec<Window>>,
}

/// Serde loses an error's line where one struct is flattened into another, so both spell the pace's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopYaml {
    #[serde(default, deserialize_with = "some_duration")]
    refresh_interval: Option<Duration>,
    #[serde(default, deserialize_with = "some_duration")]
    reconcile_interval: Option<Duration>,
    #[serde(default, deserialize_with = "some_budget")]
    request_budget: Option<NonZeroU32>,
    #[serde(default, deserialize_with = "some_duration")]
    max_stale: Option<Duration>,
    #[serde(default)]
    max_series: Option<usize>,
    #[serde(default, deserialize_with = "some_windows")]
    windows: Option<Vec<Window>>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    store: Option<PathBuf>,
    connections: Vec<CheckedYaml>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionYaml {
    name: ConnectionName,
    #[serde(default)]
    #[expect(dead_code, reason = "there is only one application; the key is for readers")]
    application: Application,
    #[serde(deserialize_with = "parsed")]
    instance_url: InstanceUrl,
    #[serde(default, deserialize_with = "parsed")]
    credential: CredentialChoice,
    #[serde(default, deserialize_with = "parsed")]
    gateway_url: GatewayUrl,
    #[serde(deserialize_with = "parsed")]
    username: Username,
    #[serde(default, deserialize_with = "parsed_if_given")]
    api_token_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "some_token_files")]
    api_token_files: Option<TokenFiles>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    api_token_env: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    api_token_expires: Option<ExpiryDate>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    concurrency_level: Option<ConcurrencyLevel>,
    #[serde(default)]
    borrow_concurrency_from: Option<ConnectionName>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    proxy_url: Option<ProxyUrl>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    ca_file: Option<PathBuf>,
    #[serde(default)]
    spaces: SpacesSettings,
    #[serde(default)]
    labels: LabelsSettings,
    #[serde(default)]
    collectors: CollectorsSettings,
    #[serde(default, deserialize_with = "some_duration")]
    refresh_interval: Option<Duration>,
    #[serde(default, deserialize_with = "some_duration")]
    reconcile_interval: Option<Duration>,
    #[serde(default, deserialize_with = "some_budget")]
    request_budget: Option<NonZeroU32>,
    #[serde(default, deserialize_with = "some_duration")]
    max_stale: Option<Duration>,
    #[serde(default)]
    max_series: Option<usize>,
    #[serde(default, deserialize_with = "some_windows")]
    windows: Option<Vec<Window>>,
}

/// Where the token is, and where the one to come will be.
#[derive(Debug)]
struct TokenFiles {
    current: PathBuf,
    next: Option<PathBuf>,
}

/// What a connection leads to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Application {
    #[default]
    ConfluenceCloud,
}

impl<'de> Deserialize<'de> for FileYaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let top = TopYaml::deserialize(deserializer)?;
        let TopYaml {
            refresh_interval,
            reconcile_interval,
            request_budget,
            max_stale,
            max_series,
            windows,
            store,
            connections,
        } = top;
        Ok(Self {
            defaults: Pace { refresh_interval, reconcile_interval, request_budget, max_stale, max_series, windows },
            store,
            connections,
        })
    }
}

impl TryFrom<ConnectionYaml> for CheckedYaml {
    type Error = Misfit;

    fn try_from(mut yaml: ConnectionYaml) -> Result<Self, Misfit> {
        if yaml.concurrency_level.is_some() && yaml.borrow_concurrency_from.is_some() {
            return Err(Misfit::LevelOfABorrower);
        }
        let files = yaml.api_token_files.take().map(|TokenFiles { current, next }| TokenFrom::Files { current, next });
        let file = yaml.api_token_file.take().map(TokenFrom::File);
        let variable = yaml.api_token_env.take().map(TokenFrom::Environment);
        let mut given = [file, files, variable].into_iter().flatten();
        let token = given.next().ok_or(Misfit::NoToken)?;
        if given.next().is_some() {
            return Err(Misfit::TwoTokens);
        }
        Ok(Self { yaml, token })
    }
}

impl CheckedYaml {
    pub(super) fn settings(self, top: &Pace, folder: &Path) -> ConnectionConfig {
        let Self { mut yaml, token } = self;
        yaml.ca_file = yaml.ca_file.map(|file| folder.join(file));
        let token = match token {
            TokenFrom::File(file) => TokenFrom::File(folder.join(file)),
            TokenFrom::Files { current, next } => {
                TokenFrom::Files { current: folder.join(current), next: next.map(|next| folder.join(next)) }
            }
            TokenFrom::Environment(variable) => TokenFrom::Environment(variable),
        };
        yaml.settings(top, token)
    }
}

impl ConnectionYaml {
    fn settings(self, top: &Pace, token: TokenFrom) -> ConnectionConfig {
        let defaults = sync::Settings::default();
        ConnectionConfig {
            name: self.name,
            connection: connection::Settings {
                instance_url: self.instance_url,
                credential: self.credential,
                gateway_url: self.gateway_url,
                username: self.username,
                token,
                api_token_expires: self.api_token_expires,
                concurrency_level: self.concurrency_level.unwrap_or_default(),
                borrow_concurrency_from: self.borrow_concurrency_from,
                proxy_url: self.proxy_url,
                ca_file: self.ca_file,
                patience: Patience::default(),
            },
            sync: sync::Settings {
                refresh_interval: self.refresh_interval.or(top.refresh_interval).unwrap_or(defaults.refresh_interval),
                reconcile_interval: self
                    .reconcile_interval
                    .or(top.reconcile_interval)
                    .unwrap_or(defaults.reconcile_interval),
                request_budget: self.request_budget.or(top.request_budget).unwrap_or(defaults.request_budget),
                max_stale: self.max_stale.or(top.max_stale).unwrap_or(defaults.max_stale),
                max_series: self.max_series.or(top.max_series).unwrap_or(defaults.max_series),
                windows: self.windows.or_else(|| top.windows.clone()).unwrap_or(defaults.windows),
                spaces: self.spaces,
                labels: self.labels,
                collectors: self.collectors,
            },
        }
    }
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

fn some_token_files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TokenFiles>, D::Error> {
    let mut files = Vec::<PathBuf>::deserialize(deserializer)?.into_iter();
    match (files.next(), files.next(), files.next()) {
        (Some(current), next, None) => Ok(Some(TokenFiles { current, next })),
        _ => Err(serde::de::Error::custom("not one or two files: the token's, and that of the token to come")),
    }
}

fn some_budget<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    let budget = u32::deserialize(deserializer)?;
    let budget = NonZeroU32::new(budget)
        .ok_or_else(|| serde::de::Error::custom("not a budget: write requests a minute, from 1 up"))?;
    Ok(Some(budget))
}

/// At least one, and none twice: each is a label's value.
fn some_windows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Window>>, D::Error> {
    let windows = Vec::<Window>::deserialize(deserializer)?;
    let is_repeated = (1..windows.len()).any(|place| windows[..place].contains(&windows[place]));
    if windows.is_empty() || is_repeated {
        return Err(serde::de::Error::custom("not a list of windows: name at least one, and none twice"));
    }
    Ok(Some(windows))
}
