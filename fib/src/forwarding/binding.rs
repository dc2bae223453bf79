//! Which router MAC a VTEP has on an L3VNI, and at which VTEP a router MAC is, as the routes of an IP-VRF tell it
//! (RFC 9135 §8.1). Counted by who says so; where they disagree, the last word is used. Pure.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::hash::Hash;
use std::net::IpAddr;
use weft_evpn::MacAddr;

/// One to one, hopefully: each key has the value that was named last among those that are still named.
#[derive(Debug)]
struct Choice<V> {
    chosen: V,
    named: SmallVec<[(V, u32); 1]>,
}

#[derive(Debug)]
struct Choices<K, V>(HashMap<K, Choice<V>, RandomState>);

impl<K, V> Default for Choices<K, V> {
    fn default() -> Self {
        Choices(HashMap::default())
    }
}

impl<K: Copy + Eq + Hash, V: Copy + Eq> Choices<K, V> {
    /// Names a value once more. True when the choice changed.
    fn name(&mut self, key: K, value: V) -> bool {
        let Some(choice) = self.0.get_mut(&key) else {
            let named = std::iter::once((value, 1)).collect();
            self.0.insert(key, Choice { chosen: value, named });
            return true;
        };
        match choice.named.iter_mut().find(|(other, _)| *other == value) {
            Some((_, count)) => *count += 1,
            None => choice.named.push((value, 1)),
        }
        std::mem::replace(&mut choice.chosen, value) != value
    }

    /// Chooses a value that is named already. True when the choice changed.
    fn prefer(&mut self, key: K, value: V) -> bool {
        let Some(choice) = self.0.get_mut(&key) else { return false };
        std::mem::replace(&mut choice.chosen, value) != value
    }

    /// Names a value once less. True when the choice changed or is gone.
    fn unname(&mut self, key: K, value: V) -> bool {
        let Some(choice) = self.0.get_mut(&key) else { return false };
        if let Some((_, count)) = choice.named.iter_mut().find(|(other, _)| *other == value) {
            *count = count.saturating_sub(1);
        }
        choice.named.retain(|(_, count)| *count > 0);
        let Some((last, _)) = choice.named.last().copied() else {
            self.0.remove(&key);
            return true;
        };
        if choice.named.iter().any(|(other, _)| *other == choice.chosen) {
            return false;
        }
        choice.chosen = last;
        true
    }

    fn chosen(&self, key: K) -> Option<V> {
        self.0.get(&key).map(|choice| choice.chosen)
    }

    fn count(&self, key: K) -> usize {
        self.0.get(&key).map_or(0, |choice| choice.named.len())
    }
}

/// What changed and is to be wished anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The gateway's neighbour entry.
    pub neighbour: bool,
    /// The router MAC's FDB entry.
    pub mac: bool,
}

/// The bindings of one IP-VRF.
#[derive(Debug, Default)]
pub struct Bindings {
    /// By what the routes use as gateway: the VTEP, or its form in the other family.
    macs: Choices<IpAddr, MacAddr>,
    vteps: Choices<MacAddr, IpAddr>,
}

impl Bindings {
    /// A way through a VTEP is wanted.
    pub fn name(&mut self, gateway: IpAddr, vtep: IpAddr, mac: MacAddr) -> Changed {
        Changed { neighbour: self.macs.name(gateway, mac), mac: self.vteps.name(mac, vtep) }
    }

    /// It is wanted again: its word is the last.
    pub fn prefer(&mut self, gateway: IpAddr, vtep: IpAddr, mac: MacAddr) -> Changed {
        Changed { neighbour: self.macs.prefer(gateway, mac), mac: self.vteps.prefer(mac, vtep) }
    }

    /// It is wanted no more.
    pub fn unname(&mut self, gateway: IpAddr, vtep: IpAddr, mac: MacAddr) -> Changed {
        Changed { neighbour: self.macs.unname(gateway, mac), mac: self.vteps.unname(mac, vtep) }
    }

    /// The router MAC of a gateway.
    pub fn mac(&self, gateway: IpAddr) -> Option<MacAddr> {
        self.macs.chosen(gateway)
    }

    /// The VTEP of a router MAC.
    pub fn vtep(&self, mac: MacAddr) -> Option<IpAddr> {
        self.vteps.chosen(mac)
    }

    /// How many router MACs are named for a gateway.
    pub fn disputed(&self, gateway: IpAddr) -> usize {
        self.macs.count(gateway)
    }

    /// All gateways and router MACs.
    pub fn all(&self) -> (Vec<IpAddr>, Vec<MacAddr>) {
        (self.macs.0.keys().copied().collect(), self.vteps.0.keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const TWO: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[test]
    fn the_last_word_counts_until_it_is_taken_back() {
        let (vtep, mut bindings) = (IpAddr::from([10, 0, 0, 2]), Bindings::default());
        assert_eq!(bindings.name(vtep, vtep, ONE), Changed { neighbour: true, mac: true });
        assert_eq!(bindings.name(vtep, vtep, ONE), Changed::default());
        assert_eq!(bindings.name(vtep, vtep, TWO), Changed { neighbour: true, mac: true });
        assert_eq!((bindings.mac(vtep), bindings.disputed(vtep)), (Some(TWO), 2));
        assert!(bindings.prefer(vtep, vtep, ONE).neighbour);
        assert!(bindings.prefer(vtep, vtep, TWO).neighbour);
        assert_eq!(bindings.unname(vtep, vtep, TWO), Changed { neighbour: true, mac: true });
        assert_eq!((bindings.mac(vtep), bindings.vtep(TWO)), (Some(ONE), None));
        assert_eq!(bindings.unname(vtep, vtep, ONE), Changed::default());
        assert_eq!(bindings.unname(vtep, vtep, ONE), Changed { neighbour: true, mac: true });
        assert_eq!(bindings.all(), (vec![], vec![]));
    }
}
