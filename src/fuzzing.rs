//! All that reads what others wrote: `fuzz/` throws things at it for minutes, the tests here for a moment. What must hold of
//! each stands in its room.

pub use crate::config::fuzzed::config;
pub use crate::confluence::fuzzed::{cursor, list_answers};
pub use crate::connection::fuzzed::{address, error_answers};
pub use crate::server::fuzzed::{accept, login, web_config};

/// Panics where something does not hold.
pub type Target = fn(&[u8]);

/// Each with the name of its folder of seeds.
pub const TARGETS: [(&str, Target); 8] = [
    ("accept", accept),
    ("address", address),
    ("config", config),
    ("cursor", cursor),
    ("error_answers", error_answers),
    ("list_answers", list_answers),
    ("login", login),
    ("web_config", web_config),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::Range;
    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

    use rand::Rng as _;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    /// Of each target, made of its seeds.
    const INPUTS: usize = 2_000;

    /// At the most, in one input.
    const CHANGES: Range<usize> = 1..8;

    /// `SEED=n` tries others.
    const SEED: u64 = 1;

    #[test]
    fn every_target_bears_its_seeds() {
        for (name, target) in TARGETS {
            for (path, seed) in seeds(name) {
                assert!(catch_unwind(|| target(&seed)).is_ok(), "{name} does not bear {}", path.display());
            }
        }
    }

    #[test]
    fn every_target_bears_what_seeds_are_changed_into() {
        let seed = std::env::var("SEED").map_or(SEED, |seed| seed.parse().unwrap());
        for (name, target) in TARGETS {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            let seeds: Vec<Vec<u8>> = seeds(name).into_iter().map(|(_, seed)| seed).collect();
            for number in 0..INPUTS {
                let input = changed(&seeds, &mut chance);
                let escaped = input.escape_ascii();
                assert!(catch_unwind(|| target(&input)).is_ok(), "{name}, SEED={seed}, input {number}: {escaped}");
            }
        }
    }

    #[test]
    fn every_target_has_a_program_of_its_own_and_seeds() {
        let names = TARGETS.map(|(name, _)| name.to_owned());
        assert_eq!(names_in("fuzz_targets"), names);
        assert_eq!(names_in("seeds"), names);
        let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
        for name in names {
            assert!(manifest.contains(&format!("\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name}");
        }
    }

    /// One of the seeds after a few changes of the kind that a fuzzer makes.
    fn changed(seeds: &[Vec<u8>], chance: &mut ChaCha8Rng) -> Vec<u8> {
        let mut input = seeds[chance.random_range(0..seeds.len())].clone();
        for _ in 0..chance.random_range(CHANGES) {
            let part = some_part(&input, chance);
            match chance.random_range(0..6) {
                0 => drop(input.splice(part.start..part.start, [chance.random()])),
                1 => drop(input.drain(part)),
                2 => drop(input.splice(part.clone(), input[part].repeat(2))),
                3 => input.truncate(part.start),
                4 => {
                    let other = &seeds[chance.random_range(0..seeds.len())];
                    let other = &other[some_part(other, chance)];
                    drop(input.splice(part, other.iter().copied()));
                }
                _ if input.is_empty() => {}
                _ => {
                    let place = chance.random_range(0..input.len());
                    input[place] ^= 1 << chance.random_range(0..8);
                }
            }
        }
        input
    }

    fn some_part(of: &[u8], chance: &mut ChaCha8Rng) -> Range<usize> {
        let start = chance.random_range(0..=of.len());
        start..chance.random_range(start..=of.len())
    }

    fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = fs::read_dir(folder("seeds").join(name)).unwrap().map(|entry| entry.unwrap().path());
        let mut seeds: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        seeds
    }

    fn names_in(part: &str) -> Vec<String> {
        let paths = fs::read_dir(folder(part)).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    fn folder(part: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(part)
    }
}
