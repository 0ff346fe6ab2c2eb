//! How long to wait before a question is asked again. Whether to ask again is the failure's to say.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::settings::Patience;

/// The delay before retry number `retry`, counted from 0: doubling, with a share of chance so that many askers who
/// failed together don't come back together.
pub(super) fn delay(patience: &Patience, retry: u32) -> Duration {
    scaled(patience, retry, chance())
}

/// Atlassian's advice: a factor of 0.7 to 1.3.
fn scaled(patience: &Patience, retry: u32, chance: f64) -> Duration {
    let doubled = patience.first_delay.saturating_mul(2_u32.saturating_pow(retry));
    doubled.min(patience.longest_delay).mul_f64(0.7 + 0.6 * chance)
}

/// From 0 to 1. The hasher's keys are random, which is as much chance as is needed here.
fn chance() -> f64 {
    let [byte, ..] = RandomState::new().hash_one(()).to_ne_bytes();
    f64::from(byte) / f64::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute() {
        let patience = Patience::default();
        let seconds: Vec<u64> = (0..6).map(|retry| scaled(&patience, retry, 0.5).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn chance_moves_a_delay_by_three_tenths_at_most() {
        let patience = Patience::default();
        assert_eq!(scaled(&patience, 0, 0.0), Duration::from_millis(1_400));
        assert_eq!(scaled(&patience, 0, 1.0), Duration::from_millis(2_600));
        assert!((0..100).map(|_| chance()).all(|chance| (0.0..=1.0).contains(&chance)));
        assert!((0..100).any(|_| (chance() - chance()).abs() > 0.1), "the same chance every time");
    }
}
