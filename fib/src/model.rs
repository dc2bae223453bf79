//! The kernel as it reports itself: links, their settings, addresses; and which L2VNIs have their devices.
//! Pure: events in, levels out, in any order.

pub mod link;
pub mod serve;
#[cfg(test)]
mod tests;

pub use link::{BridgePort, Link, LinkKind, Vxlan};
pub use serve::{ServedVni, served};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// All links and addresses of this network namespace.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Links {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<u32, BTreeSet<IpAddr>>,
}

impl Links {
    /// A link appeared or changed. True when something of it differs from what was known.
    pub fn set(&mut self, link: Link) -> bool {
        if self.links.get(&link.index) == Some(&link) {
            return false;
        }
        self.links.insert(link.index, link);
        true
    }

    /// A link is gone, its addresses with it.
    pub fn remove(&mut self, index: u32) -> bool {
        self.addresses.remove(&index);
        self.links.remove(&index).is_some()
    }

    /// An address appeared.
    pub fn add_address(&mut self, index: u32, address: IpAddr) -> bool {
        self.addresses.entry(index).or_default().insert(address)
    }

    /// An address is gone.
    pub fn remove_address(&mut self, index: u32, address: IpAddr) -> bool {
        self.addresses.get_mut(&index).is_some_and(|addresses| addresses.remove(&address))
    }

    /// The link with this index.
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The link with this name.
    pub fn named(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// All links by index.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The ports of a bridge.
    pub fn ports(&self, bridge: u32) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.master == Some(bridge))
    }

    /// Addresses of a link.
    pub fn addresses(&self, index: u32) -> impl Iterator<Item = IpAddr> {
        self.addresses.get(&index).into_iter().flatten().copied()
    }

    /// The name of a link, or its number where the link is not known.
    pub fn name(&self, index: u32) -> String {
        self.links.get(&index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
    }
}
