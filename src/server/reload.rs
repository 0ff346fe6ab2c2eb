//! Has the configuration read again, and waits for how that ends. Reading it is `app`'s business.

use hyper::StatusCode;
use tokio::sync::{mpsc, oneshot};

use super::routes::{Answer, text};

/// Where clients' requests to read the configuration again are put. Clones share the queue.
#[derive(Clone, Debug)]
pub struct ReloadRequests(mpsc::Sender<ReloadRequest>);

/// One client who waits for the configuration to be read again.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<ReloadEnd>);

/// What is used now, in a sentence; or why what was used before is used on, quoting no value.
pub type ReloadEnd = Result<String, String>;

/// More at once wait for a place.
const QUEUE: usize = 16;

impl ReloadRequests {
    /// With the end at which they are taken.
    pub fn queue() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (put, take) = mpsc::channel(QUEUE);
        (Self(put), take)
    }

    pub(super) async fn answer(&self) -> Answer {
        match self.reload().await {
            Some(Ok(told)) => text(StatusCode::OK, format!("{told}\n")),
            Some(Err(reason)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is about to stop\n"),
        }
    }

    async fn reload(&self) -> Option<ReloadEnd> {
        let (tell, told) = oneshot::channel();
        self.0.send(ReloadRequest(tell)).await.ok()?;
        told.await.ok()
    }
}

impl ReloadRequest {
    pub fn tell(self, end: ReloadEnd) {
        // Whoever has gone away need not be told.
        let _ = self.0.send(end);
    }
}
