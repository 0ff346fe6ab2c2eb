//! What is told to the store, and what it told at the start. How it is kept is `store`'s business.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Shared;
use super::site_state::SiteState;
use crate::model::{ProgressChange, Snapshot};
use crate::store::{Batch, Identity, Kept, Loaded, NotCommitted, NotLoaded};

/// Where a connection's facts are kept.
#[derive(Debug)]
pub(super) struct Keeping {
    kept: Kept,
    /// What was kept has been taken over, or there was nothing.
    has_loaded: tokio::sync::OnceCell<()>,
}

impl Keeping {
    pub(super) fn new(kept: Kept) -> Self {
        Self { kept, has_loaded: tokio::sync::OnceCell::new() }
    }
}

/// What is kept and cannot be read now is tried again after each of these seconds: a hiccup of the disk must not have a whole site
/// asked for anew. After the last the exporter goes on without it, as numbers that stand still help nobody.
const PAUSE_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

impl Shared {
    /// Takes over what was kept, the first time; whoever comes meanwhile waits for it.
    pub(super) async fn take_over(&self) {
        let Some(keeping) = &self.keeping else { return };
        keeping
            .has_loaded
            .get_or_init(async || {
                let loaded = self.load(&keeping.kept).await;
                let mut state = self.state();
                if let Some(loaded) = loaded {
                    info!(connection = %self.name, moment = ?loaded.progress.vouched.moment.map(|at| at.to_string()), "goes on from what the store has kept");
                    state.restore(loaded);
                    // No base has ended yet: what is on show is the kept snapshot.
                    if let Some(numbers) = self.snapshots.borrow().as_ref().and_then(|last| last.numbers.as_ref()) {
                        state.ledger.restore_personal_names(&numbers.space_infos);
                    }
                }
                state.ledger.note_changes();
                // Before any list has been read: the first one may fail.
                state.leave_out_unwanted(&self.settings.spaces, self.clock.now());
            })
            .await;
    }

    async fn load(&self, kept: &Kept) -> Option<Loaded> {
        let reach = self.settings.longest_window();
        for pause in PAUSE_SECONDS {
            match kept.load(reach).await {
                Ok(loaded) => return loaded,
                Err(NotLoaded) => tokio::time::sleep(Duration::from_secs(pause)).await,
            }
        }
        kept.load(reach).await.unwrap_or_else(|error| {
            warn!(connection = %self.name, %error, "everything is read from Confluence anew, and nothing is kept until a restart");
            None
        })
    }

    /// Whether the state is more than an empty one that the kept facts have yet to fill.
    pub(super) fn has_taken_over(&self) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.has_loaded.initialized())
    }

    /// Hands what has changed to the store, and waits until it is on the disk.
    pub(super) async fn commit(&self) -> Result<(), NotCommitted> {
        let Some(Keeping { kept, .. }) = &self.keeping else { return Ok(()) };
        kept.patiently(async {
            if !kept.takes_writes() {
                // What is learnt meanwhile gathers in the ledger, doc by doc, and not in a queue that would grow.
                kept.slot().await?.put(Batch::default()).done().await?;
            }
            let slot = kept.slot().await?;
            let step = {
                let mut state = self.state();
                let batch = state.take_batch(&self.identity());
                // Under the lock, so that steps are written in the order in which they were made. Another may have taken along
                // what this one is about: nothing to write is put, too, and waits for it.
                slot.put(batch)
            };
            step.done().await
        })
        .await
    }

    /// A site that was deleted and made anew under its old address has another cloud id: nothing that is known is its.
    pub(super) async fn start_afresh_on_another_site(&self) {
        let now = self.identity();
        let is_another = |state: &SiteState| state.identity.as_ref().is_some_and(|before| !before.is_same_site(&now));
        if !is_another(&self.state()) {
            return;
        }
        let slot = match &self.keeping {
            Some(keeping) => keeping.kept.slot().await.ok(),
            None => None,
        };
        let mut state = self.state();
        if !is_another(&state) {
            return;
        }
        warn!(connection = %self.name, site = %now.site, "another site than before stands at this address; everything is read anew");
        *state = SiteState::new(self.settings.longest_window());
        if self.keeping.is_some() {
            state.ledger.note_changes();
        }
        if let Some(slot) = slot {
            // Under the lock: what is learnt of the new site is written after it.
            slot.forget();
        }
    }

    fn identity(&self) -> Identity {
        self.site.connection().whereabouts().into()
    }
}

impl SiteState {
    /// As it was when the last step was committed.
    fn restore(&mut self, loaded: Loaded) {
        let Loaded { ledger, progress, identity } = loaded;
        self.ledger = ledger;
        self.access = progress.access.clone();
        for (doc_type, watermark) in &progress.vouched.watermarks {
            self.set_watermark(*doc_type, *watermark);
        }
        self.descents.clone_from(&progress.vouched.descents);
        self.walk.clone_from(&progress.walk);
        self.listings.clone_from(&progress.listings);
        self.reconciling.clone_from(&progress.reconciling);
        self.saved = progress;
        self.identity = Some(identity);
    }

    /// What is not as it was when this was called last.
    fn take_batch(&mut self, now: &Identity) -> Batch {
        // After a start the cloud id is unknown until an answer tells it; the facts are about the same site all the while.
        let identity = self.identity.as_ref().map_or_else(|| now.clone(), |before| now.completed_by(before));
        let identity = (self.identity.as_ref() != Some(&identity)).then(|| {
            self.identity = Some(identity.clone());
            identity
        });
        Batch {
            facts: self.ledger.take_changes(),
            progress: self.take_progress(),
            snapshot: self.unsaved_snapshot.take(),
            identity,
        }
    }

    fn take_progress(&mut self) -> Vec<ProgressChange> {
        let mut changes = Vec::new();
        let vouched = self.vouched();
        let saved = &mut self.saved;
        if saved.vouched != vouched {
            saved.vouched = vouched;
            changes.push(ProgressChange::Vouched(saved.vouched.clone()));
        }
        if saved.access != self.access {
            saved.access = self.access.clone();
            changes.push(ProgressChange::Access(Box::new(self.access.clone())));
        }
        if saved.shown != *self.ledger.shown() {
            saved.shown = self.ledger.shown().clone();
            changes.push(ProgressChange::Shown(saved.shown.clone()));
        }
        let folded = self.ledger.folded();
        if saved.folded.len() != folded.len() || !saved.folded.iter().all(|space| folded.contains(space)) {
            saved.folded = folded.iter().copied().collect();
            changes.push(ProgressChange::Folded(saved.folded.clone()));
        }
        if saved.walk != self.walk {
            saved.walk.clone_from(&self.walk);
            changes.push(ProgressChange::Walk(self.walk.clone()));
        }
        if saved.listings.len() > self.listings.len() {
            saved.listings.truncate(self.listings.len());
            changes.push(ProgressChange::Listing(self.listings.len(), None));
        }
        for (place, listing) in self.listings.iter().enumerate() {
            if saved.listings.get(place) == Some(listing) {
                continue;
            }
            match saved.listings.get_mut(place) {
                Some(before) => before.clone_from(listing),
                None => saved.listings.push(listing.clone()),
            }
            changes.push(ProgressChange::Listing(place, Some(listing.clone())));
        }
        if saved.reconciling != self.reconciling {
            saved.reconciling.clone_from(&self.reconciling);
            changes.push(ProgressChange::Reconciling(self.reconciling.clone()));
        }
        changes
    }
}

/// The kept snapshot, if its numbers may still stand for the site as it is.
pub(super) fn if_fresh(snapshot: Option<Snapshot>, shared: &Shared) -> Option<Arc<Snapshot>> {
    let now = shared.clock.now();
    let is_fresh = |snapshot: &Snapshot| {
        snapshot.health.moment.is_some_and(|moment| now.since(moment) <= shared.settings.max_stale)
    };
    snapshot.filter(is_fresh).map(Arc::new)
}
