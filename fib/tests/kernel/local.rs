//! What the kernel learns is told: VNIs, local MACs, neighbours, ARP on local ports; and a host that comes here
//! is the core's decision, not drift.

use crate::lab::*;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, sendto, socket,
};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use weft_evpn::MacAddr;
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::{LocalEvent, NeighbourSource};

/// Sends an ARP announcement out of a device, as the host behind it would.
fn announce(device: &str, mac: MacAddr, address: Ipv4Addr) {
    let mut frame = vec![0xff; 6];
    frame.extend(mac.0);
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac.0);
    frame.extend(address.octets());
    frame.extend([0; 6]);
    frame.extend(address.octets());
    let socket =
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll).unwrap();
    sendto(socket.as_raw_fd(), &frame, &link_address(device), MsgFlags::empty()).unwrap();
}

/// Where to send a raw frame: nix builds no `sockaddr_ll` of its own, so it is read from its bytes.
fn link_address(device: &str) -> LinkAddr {
    let index = nix::net::if_::if_nametoindex(device).unwrap();
    let address = nix::ifaddrs::getifaddrs()
        .unwrap()
        .filter(|interface| interface.interface_name == device)
        .find_map(|interface| interface.address.and_then(|address| address.as_link_addr().copied()))
        .unwrap();
    assert_eq!(address.ifindex(), index as usize);
    assert_eq!(address.family(), Some(AddressFamily::Packet));
    address
}

fn is_mac(wanted: MacAddr, device: &'static str) -> impl FnMut(&LocalEvent) -> bool {
    move |event| matches!(event, LocalEvent::Mac { mac, port, .. } if *mac == wanted && port.1 == device)
}

#[test]
fn macs_on_local_ports_are_told_and_taken_back() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        // One before the start, one after it.
        run("bridge fdb add 02:00:00:00:00:01 dev h10 master static");
        let mut service = Service::start();
        service.wait_up(10);
        let event = service.wait_local("the static MAC", is_mac(mac(1), "h10"));
        assert!(matches!(event, LocalEvent::Mac { sticky: true, .. }));
        announce("p10", mac(2), Ipv4Addr::new(192, 168, 10, 2));
        let event = service.wait_local("the learned MAC", is_mac(mac(2), "h10"));
        assert!(matches!(event, LocalEvent::Mac { sticky: false, .. }));
        run("ip link set h10 down");
        service
            .wait_local("the MAC to go", |event| *event == LocalEvent::MacGone { vni: vni(10), mac: mac(2) });
        // Addresses of the bridge and its ports are no hosts.
        let own: Vec<_> = service
            .locals
            .iter()
            .filter(|event| matches!(event, LocalEvent::Mac { mac, .. } if mac.0[0] != 2))
            .collect();
        assert!(own.is_empty(), "{own:?}");
        service.stop();
    });
}

#[test]
fn neighbours_of_the_bridge_are_told_and_taken_back() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        run("ip addr add 192.168.10.254/24 dev br10");
        run("ip neigh add 192.168.10.1 lladdr 02:00:00:00:00:01 dev br10 nud stale");
        let mut service = Service::start();
        let up = service.wait_local("VniUp", |event| matches!(event, LocalEvent::VniUp { .. }));
        let LocalEvent::VniUp { devices, .. } = up else { unreachable!() };
        assert_eq!(devices.vtep, ip("10.0.0.1"));
        assert!(devices.svi_addresses.contains(&ip("192.168.10.254")));
        let told = |address: &'static str, at: MacAddr| {
            move |event: &LocalEvent| {
                *event
                    == LocalEvent::Neighbour {
                        vni: vni(10),
                        ip: ip(address),
                        mac: at,
                        source: NeighbourSource::Kernel,
                    }
            }
        };
        service.wait_local("the neighbour", told("192.168.10.1", mac(1)));
        run("ip neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev br10 nud reachable");
        service.wait_local("the IPv6 neighbour", told("2001:db8::1", mac(1)));
        run("ip neigh del 192.168.10.1 dev br10");
        service.wait_local("its end", |event| {
            *event == LocalEvent::NeighbourGone { vni: vni(10), ip: ip("192.168.10.1") }
        });
        run("ip addr add 192.168.11.254/24 dev br10");
        service.wait_local("VniUp with the new address", |event| {
            matches!(event, LocalEvent::VniUp { devices, .. }
                if devices.svi_addresses.contains(&ip("192.168.11.254")))
        });
        service.stop();
    });
}

#[test]
fn arp_on_a_local_port_is_told_and_probes_are_answered() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        let snooped = |at: MacAddr| {
            move |event: &LocalEvent| {
                *event
                    == LocalEvent::Neighbour {
                        vni: vni(10),
                        ip: ip("192.168.10.2"),
                        mac: at,
                        source: NeighbourSource::Snooped,
                    }
            }
        };
        announce("p10", mac(2), Ipv4Addr::new(192, 168, 10, 2));
        service.wait_local("the announcement", snooped(mac(2)));
        // Another MAC for the same address is news, although the first was told just now.
        announce("p10", mac(3), Ipv4Addr::new(192, 168, 10, 2));
        service.wait_local("the change", snooped(mac(3)));
        // The far end of the port takes the address and answers a probe.
        run("ip addr add 192.168.10.2/24 dev p10");
        let IpAddr::V4(_) = ip("192.168.10.2") else { unreachable!() };
        service.forward(vec![ForwardingChange::Probe { vni: vni(10), ip: ip("192.168.10.2"), mac: None }]);
        service.wait_local("the answer", |event| {
            matches!(event, LocalEvent::Neighbour { ip: address, source: NeighbourSource::Snooped, mac, .. }
                if *address == ip("192.168.10.2") && mac.0 != [2, 0, 0, 0, 0, 2] && mac.0 != [2, 0, 0, 0, 0, 3])
        });
        service.stop();
    });
}

#[test]
fn a_host_that_comes_here_is_told_and_not_fought() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2")]);
        service.wait_consistent();
        announce("p10", mac(1), Ipv4Addr::new(192, 168, 10, 1));
        service.wait_local("the MAC here", is_mac(mac(1), "h10"));
        let mut eye = Eye::new();
        let port = eye.index("h10");
        // Not fought: other work passes, and the entry is still where the bridge put it.
        service.forward(vec![want_mac(10, mac(2), "10.0.0.2")]);
        wait_for("other work", || eye.bridge(10, mac(2)));
        assert_eq!(eye.bridge(10, mac(1)).unwrap().ifindex, port);
        // The core decides that it is here: the vxlan entry goes, the bridge's own stays.
        service.forward(vec![ForwardingChange::Mac { vni: vni(10), mac: mac(1), wanted: None }]);
        wait_for("the vxlan entry to go", || eye.vxlan_entry(10, mac(1)).is_none().then_some(()));
        assert_eq!(eye.bridge(10, mac(1)).unwrap().ifindex, port);
        // And that it has left again: our entry moves it, without a word of a MAC that is gone.
        service.locals.clear();
        service.forward(vec![want_mac(10, mac(1), "10.0.0.3")]);
        let vxlan = eye.index("vx10");
        wait_for("the move", || (eye.bridge(10, mac(1))?.ifindex == vxlan).then_some(()));
        service.wait_consistent();
        service.wait_nothing();
        assert!(!service.locals.iter().any(|event| matches!(event, LocalEvent::MacGone { .. })));
        service.stop();
    });
}
