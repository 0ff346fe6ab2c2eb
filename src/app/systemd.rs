//! What systemd is told of the program, where it has started it and wants to know.

use sd_notify::NotifyState;
use tracing::warn;

pub(super) fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// To be followed by `tell_ready`, however the reload ends.
pub(super) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        // Without the time, a service of `Type=notify-reload` would count as failed.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "could not tell systemd of a reload"),
    }
}

pub(super) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "could not tell systemd how things stand");
    }
}
