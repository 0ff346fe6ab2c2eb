//! Words that many docs share are kept once, and docs hold their numbers.

use std::collections::HashMap;
use std::hash::Hash;

/// Gives each distinct value a small number, in the order of arrival.
#[derive(Clone, Debug)]
pub(in crate::model) struct Interner<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub(in crate::model) fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("four billion distinct words do not fit the memory");
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    pub(in crate::model) fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    pub(in crate::model) fn values(&self) -> &[T] {
        &self.values
    }
}
