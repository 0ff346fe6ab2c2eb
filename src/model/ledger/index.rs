//! From a key to the number under which its value stands in a list. The key is kept in the list alone: a million docs'
//! ids would cost tens of megabytes more here.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// The numbers of a list's values, findable by key. Five bytes a slot, seven of eight slots in use at the most.
///
/// The keys come from Confluence, whose users choose some of them. The hash is a quick one and not made to withstand who
/// sees its results, but it is seeded at random, and nobody sees them: neither the order of a list nor a time depends on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Index {
    /// `key_of` tells the key of the value with this number.
    pub(super) fn get<'a, K: Eq + Hash + 'a>(&self, key: &K, key_of: impl Fn(u32) -> &'a K) -> Option<u32> {
        self.numbers.find(self.hasher.hash_one(key), |number| key_of(*number) == key).copied()
    }

    /// The key must be new, and its value stand in the list already.
    pub(super) fn insert<'a, K: Eq + Hash + 'a>(&mut self, number: u32, key_of: impl Fn(u32) -> &'a K) {
        let Self { numbers, hasher } = self;
        let hash = |number: &u32| hasher.hash_one(key_of(*number));
        numbers.insert_unique(hash(&number), number, hash);
    }
}
