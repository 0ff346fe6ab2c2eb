//! The configuration file as it is written: every key, and nothing else.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::ConnectionConfig;
use crate::connection::{
    self, ConcurrencyLevel, CredentialChoice, ExpiryDate, GatewayUrl, InstanceUrl, KeyFile, Patience, ProxyUrl,
    SealedToken, TokenFrom, Username,
};
use crate::model::{ConnectionName, Window, duration};
use crate::sync::{self, CollectorsSettings, LabelsSettings, SpacesSettings};
use crate::yaml::{Spanned, parsed, parsed_if_given};

/// What stands at the top holds for every connection that says nothing else.
#[derive(Debug, Default)]
pub(super) struct FileYaml {
    pub(super) defaults: Pace,
    pub(super) store: Option<PathBuf>,
    pub(super) connections: Vec<CheckedYaml>,
}

/// A connection whose settings fit together.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ConnectionYaml")]
pub(super) struct CheckedYaml {
    name: Spanned<ConnectionName>,
    yaml: ConnectionYaml,
    token: TokenFrom,
}

/// The same in a saved connection's file, whose name is the connection's.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ConnectionYaml")]
pub(super) struct SavedYaml {
    pub(super) name: Option<Spanned<ConnectionName>>,
    pub(super) is_untested: bool,
    yaml: ConnectionYaml,
    /// `None` for a token that is sealed in this file.
    token: Option<TokenFrom>,
}

/// Why the keys of a connection don't fit together.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("name is missing")]
    NoName,
    #[error("no token: set api_token_file, api_token_files or api_token_env")]
    NoToken,
    #[error("two tokens: set one of api_token_file, api_token_files and api_token_env")]
    TwoTokens,
    #[error("two tokens: beside api_token_sealed there can be no other")]
    SealedAndAnother,
    #[error("api_token_sealed and untested belong into a saved connection's file, as `connection add` writes it")]
    NotSaved,
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
    #[serde(default)]
    connections: Option<Vec<CheckedYaml>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionYaml {
    #[serde(default, deserialize_with = "some_name")]
    name: Option<Spanned<ConnectionName>>,
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
    api_token_sealed: Option<String>,
    #[serde(default)]
    untested: bool,
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
            connections: connections.unwrap_or_default(),
        })
    }
}

impl TryFrom<ConnectionYaml> for CheckedYaml {
    type Error = Misfit;

    fn try_from(mut yaml: ConnectionYaml) -> Result<Self, Misfit> {
        if yaml.api_token_sealed.is_some() || yaml.untested {
            return Err(Misfit::NotSaved);
        }
        yaml.check_concurrency()?;
        let name = yaml.name.take().ok_or(Misfit::NoName)?;
        let token = yaml.take_token()?.ok_or(Misfit::NoToken)?;
        Ok(Self { name, yaml, token })
    }
}

impl TryFrom<ConnectionYaml> for SavedYaml {
    type Error = Misfit;

    fn try_from(mut yaml: ConnectionYaml) -> Result<Self, Misfit> {
        yaml.check_concurrency()?;
        let token = match (yaml.take_token()?, &yaml.api_token_sealed) {
            (None, None) => return Err(Misfit::NoToken),
            (Some(_), Some(_)) => return Err(Misfit::SealedAndAnother),
            (token, _) => token,
        };
        Ok(Self { name: yaml.name.take(), is_untested: yaml.untested, yaml, token })
    }
}

impl CheckedYaml {
    /// Where its name stands.
    pub(super) fn line(&self) -> u64 {
        self.name.referenced.line()
    }

    pub(super) fn settings(self, top: &Pace, folder: &Path) -> ConnectionConfig {
        let Self { name, yaml, token } = self;
        yaml.settings(name.value, top, folder, token)
    }
}

impl SavedYaml {
    pub(super) fn sealed(&self) -> Option<&str> {
        self.yaml.api_token_sealed.as_deref()
    }

    /// Those of the connection of this name, which is saved in `file`.
    pub(super) fn settings(self, name: ConnectionName, top: &Pace, file: &Path, key: &KeyFile) -> ConnectionConfig {
        let sealed = || TokenFrom::Sealed(SealedToken { file: file.to_owned(), key: key.clone() });
        let token = self.token.unwrap_or_else(sealed);
        self.yaml.settings(name, top, file.parent().unwrap_or(Path::new("")), token)
    }
}

/// Relative paths begin at the folder of the file in which they stand.
fn within(folder: &Path, token: TokenFrom) -> TokenFrom {
    match token {
        TokenFrom::File(file) => TokenFrom::File(folder.join(file)),
        TokenFrom::Files { current, next } => {
            TokenFrom::Files { current: folder.join(current), next: next.map(|next| folder.join(next)) }
        }
        token @ (TokenFrom::Environment(_) | TokenFrom::Sealed(_) | TokenFrom::Typed(_)) => token,
    }
}

impl ConnectionYaml {
    fn check_concurrency(&self) -> Result<(), Misfit> {
        let is_both = self.concurrency_level.is_some() && self.borrow_concurrency_from.is_some();
        if is_both { Err(Misfit::LevelOfABorrower) } else { Ok(()) }
    }

    /// The token that is not sealed.
    fn take_token(&mut self) -> Result<Option<TokenFrom>, Misfit> {
        let files = self.api_token_files.take().map(|TokenFiles { current, next }| TokenFrom::Files { current, next });
        let file = self.api_token_file.take().map(TokenFrom::File);
        let variable = self.api_token_env.take().map(TokenFrom::Environment);
        let mut given = [file, files, variable].into_iter().flatten();
        match (given.next(), given.next()) {
            (token, None) => Ok(token),
            (_, Some(_)) => Err(Misfit::TwoTokens),
        }
    }

    fn settings(self, name: ConnectionName, top: &Pace, folder: &Path, token: TokenFrom) -> ConnectionConfig {
        let defaults = sync::Settings::default();
        ConnectionConfig {
            name,
            connection: connection::Settings {
                instance_url: self.instance_url,
                credential: self.credential,
                gateway_url: self.gateway_url,
                username: self.username,
                token: within(folder, token),
                api_token_expires: self.api_token_expires,
                concurrency_level: self.concurrency_level.unwrap_or_default(),
                borrow_concurrency_from: self.borrow_concurrency_from,
                proxy_url: self.proxy_url,
                ca_file: self.ca_file.map(|file| folder.join(file)),
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

/// Read in two steps: a name that is none is told of as a connection's `name`, not as what this type has inside.
fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Spanned<ConnectionName>>, D::Error> {
    let text = Spanned::<String>::deserialize(deserializer)?;
    let value = ConnectionName::new(&text.value).map_err(serde::de::Error::custom)?;
    Ok(Some(Spanned { value, referenced: text.referenced, defined: text.defined }))
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
