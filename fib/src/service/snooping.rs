//! ARP and ND on the local ports of served bridges: what was heard becomes local events, what the core asks for
//! becomes probes. What was heard, and who is silent since, is kept by `heard`.

use super::heard::{HeardBindings, Silent};
use crate::event::FibNotice;
use crate::model::address::is_link_local;
use crate::model::{Links, ServedVni};
use crate::snoop::{Seen, Snooper};
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Instant;
use tracing::debug;
use weft_evpn::local::{LocalEvent, NeighbourSource};
use weft_evpn::{MacAddr, Vni};

pub(super) struct Snooping {
    snooper: Snooper,
    /// By port, and VLAN of the frames' tags.
    ports: BTreeMap<(u32, Option<u16>), Vni>,
    heard: HeardBindings,
    seen: Vec<Seen>,
}

impl Snooping {
    pub(super) fn open() -> Result<Self, FibNotice> {
        match Snooper::open() {
            Ok(snooper) => Ok(Snooping {
                snooper,
                ports: BTreeMap::new(),
                heard: HeardBindings::default(),
                seen: Vec::new(),
            }),
            Err(error) => Err(FibNotice::NoSnooping {
                error: format!(
                    "{error}; the packet socket needs CAP_NET_RAW and a kernel with CONFIG_PACKET"
                ),
            }),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.snooper)
    }

    /// Listens on the ports of these bridges, except the vxlan ports.
    pub(super) fn set_vnis(&mut self, links: &Links, served: &BTreeMap<Vni, ServedVni>) {
        let mut by_bridge: BTreeMap<u32, Vec<(Option<u16>, Vni)>> = BTreeMap::new();
        for (vni, served) in served {
            by_bridge.entry(served.bridge()).or_default().push((served.vlan, *vni));
        }
        self.ports.clear();
        for link in links.iter().filter(|link| link.vxlan().is_none()) {
            let Some(vnis) = link.master.and_then(|master| by_bridge.get(&master)) else { continue };
            let untagged = links.vlans(link.index).and_then(|vlans| vlans.untagged);
            for (vlan, vni) in vnis {
                if vlan.is_some() {
                    self.ports.insert((link.index, *vlan), *vni);
                }
                if *vlan == untagged || vlan.is_none() {
                    self.ports.insert((link.index, None), *vni);
                }
            }
        }
        self.snooper.set_ports(self.ports.keys().map(|(port, _)| *port).collect::<HashSet<u32>>());
        self.heard.retain(|vni| served.contains_key(&vni));
    }

    /// Takes what was heard. A full batch leaves the descriptor readable.
    pub(super) fn receive(&mut self, now: Instant, events: &mut Vec<LocalEvent>) -> std::io::Result<()> {
        self.seen.clear();
        self.snooper.receive(&mut self.seen)?;
        for seen in &self.seen {
            // A tagged host is not on the subnet of a bridge that knows no VLANs.
            let Some(vni) = self.ports.get(&(seen.ifindex, seen.vlan)).copied() else { continue };
            if !self.heard.hear(vni, seen.ip, seen.mac, now) {
                continue;
            }
            events.push(LocalEvent::Neighbour {
                vni,
                ip: seen.ip,
                mac: seen.mac,
                source: NeighbourSource::Snooped,
            });
        }
        Ok(())
    }

    /// Ports where hosts of a VNI send without a tag; what we send has none, either.
    fn untagged_ports(&self, vni: Vni) -> impl Iterator<Item = u32> {
        let ports = self.ports.iter().filter(move |((_, vlan), of)| **of == vni && vlan.is_none());
        ports.map(|((port, _), _)| *port)
    }

    /// When `silent` has something to say, at the earliest.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.heard.next_due()
    }

    /// The addresses that are silent for too long.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<Silent> {
        self.heard.silent(now)
    }

    /// This address is no longer on a local port.
    pub(super) fn forget(&mut self, vni: Vni, ip: IpAddr) {
        self.heard.forget(vni, ip);
    }

    /// The core tells the hosts of a VNI that an address is at this MAC now; without one, at the SVI's. Whoever
    /// has it here may say so once and must be passed on, known or not: an address that moves often is not asked for.
    pub(super) fn announce(&mut self, vni: Vni, served: &ServedVni, ip: IpAddr, mac: Option<MacAddr>) {
        self.heard.tell_again(vni, ip);
        let bridge = served.devices.bridge_mac;
        for port in self.untagged_ports(vni) {
            if let Err(error) = self.snooper.announce(port, bridge, ip, mac.unwrap_or(bridge)) {
                // A port that is down: nobody there holds a stale entry for long.
                debug!("announcement of {ip} of VNI {vni}: {error}");
            }
        }
    }

    /// The core asks whether an address is still here: the answer must be passed on, known or not. `port`: where
    /// the MAC that is asked was learned; otherwise all local ports are asked.
    pub(super) fn probe(
        &mut self,
        vni: Vni,
        served: &ServedVni,
        ip: IpAddr,
        mac: Option<MacAddr>,
        port: Option<u32>,
    ) {
        self.heard.tell_again(vni, ip);
        let devices = &served.devices;
        let source = devices.svi_addresses.iter().copied().find(|address| {
            address.is_ipv4() == ip.is_ipv4()
                && is_link_local(*address) == (ip.is_ipv6() && is_link_local(ip))
        });
        let ports: Vec<u32> = match port {
            Some(port) => vec![port],
            None => self.untagged_ports(vni).collect(),
        };
        for port in ports {
            if let Err(error) = self.snooper.probe(port, devices.bridge_mac, source, ip, mac) {
                // A port that is down, or gone by now: whoever was there is not.
                debug!("probe for {ip} of VNI {vni}: {error}");
            }
        }
    }
}
