//! A doc's versions as the seed gave them, worked out anew whenever they are asked for.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::names::mix;
use super::nouns::{Account, DocId, Version};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// A space's docs are written by so many neighbours in the list of users.
const TEAM: u32 = 12;

/// What a history grows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub(super) seed: u64,
    pub(super) doc: DocId,
    pub(super) created_ms: i64,
    pub(super) creator: Account,
    /// The place of the space that the doc was grown in.
    pub(super) space: u32,
    pub(super) users: u32,
    /// No version is later.
    pub(super) start_ms: i64,
}

/// Oldest first; the first is the creation.
pub(super) fn grow(root: &Root) -> Vec<Version> {
    let mut rng = ChaCha8Rng::seed_from_u64(mix(root.seed, root.doc.0));
    let wanted = wanted_versions(&mut rng);
    let mut versions = Vec::with_capacity(wanted);
    versions.push(Version { created_ms: root.created_ms, author: root.creator });
    let mut at_ms = root.created_ms;
    let mut author = root.creator;
    let mut burst_left = 0_u32;
    while versions.len() < wanted {
        if burst_left > 0 {
            burst_left -= 1;
            at_ms += rng.random_range(20_000..4 * MINUTE_MS);
        } else {
            if rng.random_range(0..100) < 15 {
                burst_left = rng.random_range(2..12);
            }
            author = if rng.random_range(0..100) < 45 { root.creator } else { teammate(&mut rng, root) };
            let left_ms = root.start_ms - at_ms;
            at_ms += if rng.random_range(0..2) == 0 {
                rng.random_range(MINUTE_MS..3 * DAY_MS)
            } else {
                left_ms / 1000 * rng.random_range(1..500)
            };
        }
        // Every third date has no fraction: the site shows both forms.
        let dated_ms = if rng.random_range(0..3) == 0 { at_ms - at_ms.rem_euclid(1000) } else { at_ms };
        if dated_ms >= root.start_ms {
            break;
        }
        let newest_ms = versions[versions.len() - 1].created_ms;
        at_ms = dated_ms.max(newest_ms + 1);
        versions.push(Version { created_ms: at_ms, author });
    }
    versions
}

/// Somebody who writes in the space.
pub(super) fn teammate(rng: &mut impl Rng, root: &Root) -> Account {
    let users = root.users.max(1);
    Account((root.space.wrapping_mul(7) % users + rng.random_range(0..TEAM.min(users))) % users)
}

fn wanted_versions(rng: &mut impl Rng) -> usize {
    match rng.random_range(0..1000) {
        0..350 => 1,
        350..600 => 2,
        600..850 => rng.random_range(3..7),
        850..970 => rng.random_range(7..21),
        _ => rng.random_range(20..121),
    }
}
