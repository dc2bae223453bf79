//! The kernel as it reports itself: links, their settings, addresses; and which L2VNIs have their devices.
//! Pure: events in, levels out, in any order.

pub mod address;
pub mod link;
pub mod serve;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use link::{BridgePort, Link, LinkKind, PortVlans, Vxlan};
pub use serve::{ServedVni, served, tunnels};

use std::collections::BTreeMap;
use std::net::IpAddr;

/// All links and addresses of this network namespace.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Links {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<u32, BTreeMap<(IpAddr, u8), Address>>,
    vlans: BTreeMap<u32, PortVlans>,
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
        self.vlans.remove(&index);
        self.links.remove(&index).is_some()
    }

    /// An address appeared or changed.
    pub fn add_address(&mut self, index: u32, address: impl Into<Address>) -> bool {
        let address = address.into();
        let addresses = self.addresses.entry(index).or_default();
        addresses.insert((address.ip, address.length), address) != Some(address)
    }

    /// An address is gone.
    pub fn remove_address(&mut self, index: u32, address: impl Into<Address>) -> bool {
        let address = address.into();
        self.addresses
            .get_mut(&index)
            .is_some_and(|addresses| addresses.remove(&(address.ip, address.length)).is_some())
    }

    /// The VLANs of a bridge port.
    pub fn set_vlans(&mut self, index: u32, vlans: PortVlans) -> bool {
        if vlans == PortVlans::default() {
            return self.vlans.remove(&index).is_some();
        }
        self.vlans.insert(index, vlans.clone()).as_ref() != Some(&vlans)
    }

    /// The VLANs of a bridge port, as far as it has any.
    pub fn vlans(&self, index: u32) -> Option<&PortVlans> {
        self.vlans.get(&index)
    }

    /// The routed device of a VLAN of a bridge.
    pub fn svi(&self, bridge: u32, vlan: u16) -> Option<&Link> {
        let is_it = |link: &&Link| link.parent == Some(bridge) && link.kind == LinkKind::Vlan { id: vlan };
        self.links.values().find(is_it)
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

    /// Addresses of a link that work, without their prefixes.
    pub fn addresses(&self, index: u32) -> impl Iterator<Item = IpAddr> {
        let mut last = None;
        // Sorted by address, so one that is there with two prefixes stands side by side.
        self.assigned(index)
            .filter(|address| address.works)
            .filter_map(move |address| (last.replace(address.ip) != Some(address.ip)).then_some(address.ip))
    }

    /// All addresses of a link, those that do not work yet included.
    pub fn assigned(&self, index: u32) -> impl Iterator<Item = &Address> {
        self.addresses.get(&index).into_iter().flat_map(BTreeMap::values)
    }

    /// The name of a link, or its number where the link is not known.
    pub fn name(&self, index: u32) -> String {
        self.links.get(&index).map_or_else(|| format!("if{index}"), |link| link.name.clone())
    }
}
