//! Words that many docs share are kept once, and docs hold their numbers.

use std::hash::Hash;

use super::index::Index;

/// Gives each distinct value a small number, in the order of arrival.
///
/// No value is ever taken back, as a doc may hold its number. What bounds them is the site's own vocabulary: accounts, labels
/// and states that it has had since the ledger began, and combinations of labels that its docs have had.
#[derive(Clone, Debug)]
pub(in crate::model) struct Interner<T> {
    values: Vec<T>,
    numbers: Index,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: Index::default() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub(in crate::model) fn number(&mut self, value: &T) -> u32 {
        let known = self.numbers.get(value, |number| &self.values[number as usize]);
        known.unwrap_or_else(|| {
            let number = u32::try_from(self.values.len()).expect("four billion distinct words do not fit the memory");
            self.values.push(value.clone());
            self.numbers.insert(number, |number| &self.values[number as usize]);
            number
        })
    }

    pub(in crate::model) fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    pub(in crate::model) fn values(&self) -> &[T] {
        &self.values
    }
}
