//! What the tests share: a connection with a token, counters to look at, and patience for a test.

use std::time::Duration;

use confluence_exporter::clock::Clock;
use confluence_exporter::confluence::Site;
use confluence_exporter::connection::{Connection, Patience, Settings};
use confluence_exporter::metrics::{Asking, Dialect, Part, page};
use confluence_exporter::model::ConnectionName;
use confluence_simulator::{Simulator, Token};

pub(crate) const TOKEN: &str = "CANARY0token0that0nobody0may0see";

pub(crate) struct Door {
    pub(crate) site: Site,
    pub(crate) asking: Asking,
    pub(crate) token_file: tempfile::NamedTempFile,
}

impl Door {
    /// The sample lines of this connection's own counting that begin so.
    pub(crate) fn counted(&self, beginning: &str) -> Vec<String> {
        let part = Part { encoded: None, asking: &self.asking, with_numbers: false };
        let text = String::from_utf8(page(Dialect::Classic, &[part], None)).unwrap();
        text.lines().filter(|line| line.starts_with(beginning)).map(str::to_owned).collect()
    }
}

/// Opens a door to a site; what differs from a plain one, `change` says.
pub(crate) fn open(instance_url: &str, username: &str, token: &str, change: impl FnOnce(&mut Settings)) -> Door {
    let token_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token_file.path(), token).unwrap();
    let mut settings =
        Settings::new(instance_url.parse().unwrap(), username.parse().unwrap(), token_file.path().to_owned());
    let origin = instance_url.split("/ex/").next().unwrap();
    settings.gateway_url = origin.parse().unwrap();
    settings.patience = quick();
    change(&mut settings);
    let name = ConnectionName::new("acme").unwrap();
    let asking = Asking::new(&name);
    let connection = Connection::open(name, &settings, Clock::system(), asking.clone()).unwrap();
    Door { site: Site::new(connection), asking, token_file }
}

/// Opens a door to a simulated site.
pub(crate) fn open_simulated(simulator: &Simulator, token: &Token) -> Door {
    open(&simulator.site_url(), &token.username, &token.secret, |_| {})
}

/// Atlassian's numbers, a hundred times as fast.
pub(crate) fn quick() -> Patience {
    Patience {
        attempt: Duration::from_secs(5),
        first_delay: Duration::from_millis(20),
        longest_delay: Duration::from_millis(300),
        longest_gap: Duration::from_millis(100),
        ..Patience::default()
    }
}
