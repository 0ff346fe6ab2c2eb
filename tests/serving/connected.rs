//! Simulated sites, and connections of the exporter to them.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use confluence_exporter::clock::Clock;
use confluence_exporter::connection::{self, Connection, Patience};
use confluence_exporter::metrics::Asking;
use confluence_exporter::model::Snapshot;
use confluence_exporter::store::{self, Batch, Store};
use confluence_exporter::sync::{self, Sync};
use confluence_simulator::{Operation, Options, Simulator, Token, TokenKind};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::snapshots::name;

/// Noon of some day.
pub(crate) const START_MS: i64 = 1_781_784_000_000;

/// A small site, and one connection to it.
pub(crate) struct Connected {
    pub(crate) site: Simulator,
    pub(crate) sync: Sync,
    pub(crate) clock: Clock,
    pub(crate) token: Token,
    _token_file: NamedTempFile,
}

impl Connected {
    pub(crate) async fn to_a_site(connection: &str, refresh_interval: Duration) -> Self {
        Self::with(connection, refresh_interval, async |door, settings, clock, asking| {
            Sync::new(door, settings, clock, asking, &CancellationToken::new())
        })
        .await
    }

    /// As it is after a restart: this store has kept this snapshot.
    pub(crate) async fn going_on_from(store: &Store, last: Snapshot, refresh_interval: Duration) -> Self {
        let connection = last.connection.clone();
        Self::with(connection.as_str(), refresh_interval, async |door, settings, clock, asking| {
            let whereabouts = || store::Identity::from(door.whereabouts());
            let (kept, _) = store.connection(&connection, whereabouts()).await.unwrap();
            let step = Batch { snapshot: Some(Arc::new(last)), ..Batch::default() };
            kept.slot().await.unwrap().put(step).done().await.unwrap();
            let kept = store.connection(&connection, whereabouts()).await.unwrap();
            Sync::kept(door, settings, clock, asking, &CancellationToken::new(), kept)
        })
        .await
    }

    async fn with(
        connection: &str,
        refresh_interval: Duration,
        begin: impl AsyncFnOnce(Connection, sync::Settings, Clock, Asking) -> Sync,
    ) -> Self {
        let options = Options { spaces: 3, docs: 40, start_at: Some(START_MS), ..Options::default() };
        let site = Simulator::start(options).await.unwrap();
        let token = site.token(TokenKind::service_account());
        let mut token_file = NamedTempFile::new().unwrap();
        write!(token_file, "{}", token.secret).unwrap();
        let (url, username) = (site.site_url().parse().unwrap(), token.username.parse().unwrap());
        let mut settings = connection::Settings::new(url, username, token_file.path().to_owned());
        settings.gateway_url = site.gateway_url().parse().unwrap();
        // What fails has failed: nothing here is about retries.
        settings.patience = Patience { retries: 0, ..Patience::default() };
        settings.api_token_expires = Some("2027-06-30".parse().unwrap());
        let (asking, clock) = (Asking::new(&name(connection)), Clock::manual(site.clock()));
        let door = Connection::open(name(connection), &settings, clock.clone(), asking.clone()).unwrap();
        let sync_settings = sync::Settings { refresh_interval, ..sync::Settings::default() };
        let sync = begin(door, sync_settings, clock.clone(), asking).await;
        Self { site, sync, clock, token, _token_file: token_file }
    }

    /// How many bases the site has seen: each lists the spaces, in one answer.
    pub(crate) fn bases(&self) -> u64 {
        self.site.totals().get(&Operation::Spaces).copied().unwrap_or(0)
    }

    /// Waits until the site has been asked nothing for a while.
    pub(crate) async fn silence(&self) {
        let mut asked = (0, Instant::now());
        while asked.1.elapsed() < Duration::from_millis(300) {
            let total: u64 = self.site.totals().values().sum();
            if total != asked.0 {
                asked = (total, Instant::now());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
