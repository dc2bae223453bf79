//! What the kernel has of an IP-VRF is known whatever the order in which configuration and
//! devices come, and after `router bgp` went and came back.

use crate::{LIMIT, namespace, running};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use weft_tests::netns::{Namespace, link};
use weft_tests::owner;
use weft_tests::speaker::Speaker;
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

const DEVICES: &str = "hostname box
vtep source 10.0.0.1
vrf red
 vni 5000
bridge-domain blue
 vni 10
 vrf red
 gateway 192.168.10.254/24
 interface h0
";

fn bgp(asn: u32) -> String {
    format!(
        "{DEVICES}router bgp {asn}
 bgp router-id 10.0.0.1
 address-family l2vpn evpn
  advertise-all-vni
 exit-address-family
router bgp {asn} vrf red
 neighbor 192.168.10.1 remote-as 65100
 neighbor 192.168.10.1 passive
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
"
    )
}

/// The subnet of the gateway is redistributed, and the tenant's router can call the gateway.
fn serves(speaker: &Speaker, ce: &Namespace) -> Result<()> {
    wait_until("the connected route in BGP", LIMIT, || {
        Ok(speaker.command("show bgp vrf red ipv4 unicast")?.contains("192.168.10.0/24"))
    })?;
    wait_until("the gateway to take a BGP connection", LIMIT, || {
        ce.enter(|| {
            let gateway = SocketAddr::from((Ipv4Addr::new(192, 168, 10, 254), 179));
            let limit = std::time::Duration::from_millis(200);
            let Ok(stream) = TcpStream::connect_timeout(&gateway, limit) else { return Ok(false) };
            // A caller that is no neighbour is told so and closed; ours is sent an OPEN.
            let mut marker = [0; 19];
            stream.set_read_timeout(Some(limit)).map_err(LabError::io("set a timeout"))?;
            let read = std::io::Read::read_exact(&mut (&stream), &mut marker);
            Ok(read.is_ok() && marker.last() == Some(&1))
        })
    })?;
    Ok(())
}

#[test]
fn an_ip_vrf_serves_in_any_order_of_devices_and_router_bgp() -> Result<()> {
    let ns = namespace()?;
    let ce = Namespace::create(format!("{}-ce", owner::lab_prefix()?))?;
    link((&ns, "h0"), (&ce, "eth0"))?;
    ce.ip_batch("addr add 192.168.10.1/24 dev eth0\nlink set eth0 up\n")?;
    ns.ip("link set h0 up")?;
    let speaker = running(&ns, DEVICES)?;
    wait_until("the IP-VRF's devices", LIMIT, || {
        Ok(ns.ip("-br link")?.contains("vx5000") && ns.ip("rule")?.contains("iif vx5000"))
    })?;
    speaker.reload(&bgp(65000))?;
    serves(&speaker, &ce)?;
    // Another AS is another speaker; the devices stay.
    speaker.reload(&bgp(65001))?;
    wait_until("the other AS", LIMIT, || {
        Ok(speaker.command("show bgp vrf red ipv4 unicast summary")?.contains("65001"))
    })?;
    serves(&speaker, &ce)
}
