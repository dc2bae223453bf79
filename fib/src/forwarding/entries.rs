//! A map whose values stand densely beside their keys, in the order in which they came: half the memory of a plain hash
//! map, whose empty buckets have the size of values, and a load goes through it from front to back.

use std::hash::Hash;
use weft_evpn::table::{Keyed, Table};

#[derive(Debug)]
struct Pair<K, V>(K, V);

impl<K: Copy + Eq + Hash, V> Keyed for Pair<K, V> {
    type Key = K;

    fn key(&self) -> K {
        self.0
    }
}

/// Values by key, in no order that one may rely on.
#[derive(Debug)]
pub struct Entries<K: Copy + Eq + Hash, V>(Table<Pair<K, V>>);

impl<K: Copy + Eq + Hash, V> Default for Entries<K, V> {
    fn default() -> Self {
        Entries(Table::default())
    }
}

impl<K: Copy + Eq + Hash, V: Default> Entries<K, V> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Octets allocated, without what the values own.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    pub fn get(&self, key: K) -> Option<&V> {
        self.0.get(key).map(|pair| &pair.1)
    }

    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.0.get_mut(key).map(|pair| &mut pair.1)
    }

    /// The value of a key, made now if it has none. `None` only past 2³² keys.
    pub fn entry(&mut self, key: K) -> Option<&mut V> {
        self.0.get_or_insert_with(key, || Pair(key, V::default())).map(|pair| &mut pair.1)
    }

    pub fn contains(&self, key: K) -> bool {
        self.0.get(key).is_some()
    }

    pub fn remove(&mut self, key: K) {
        self.0.remove(key);
    }

    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().map(|pair| (pair.0, &pair.1))
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|pair| &pair.1)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|pair| &mut pair.1)
    }

    /// Keeps what `keep` accepts; it may change the values.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut V) -> bool) {
        self.0.retain(|pair| keep(&mut pair.1));
    }
}
