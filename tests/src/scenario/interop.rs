//! Other speakers around ours: GoBGP with routes of all five types, and a scripted peer with
//! a route type and attributes that nobody knows. What goes in comes out.

use crate::error::{LabError, Result};
use crate::fabric::{LIMIT, REFLECTOR, Star, vtep};
use crate::gobgp::{GoBgp, Role};
use crate::injector::memberships::end_of_rib;
use crate::injector::routes::{Type2, VXLAN, announce, route_target};
use crate::injector::{
    Identity, Injector, attribute, basic_attributes, evpn_nlri, mp_reach, mp_unreach, update,
};
use crate::scenario::constraint::summary;
use crate::speaker::Kind;
use crate::wait::wait_for;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One route of each type, in GoBGP's words, and what its table shows of each.
const ROUTES: [(&str, &str); 5] = [
    (
        "a-d esi LACP aa:bb:cc:dd:ee:ff 100 etag 20 label 10 rd 10.255.0.1:10 rt 65000:10 encap vxlan",
        "[type:A-D]",
    ),
    (
        "macadv 02:00:00:00:00:99 192.168.10.99 etag 0 label 70010 rd 10.255.0.1:10 rt 65000:10 encap vxlan",
        "[type:macadv][rd:10.255.0.1:10][etag:0][mac:02:00:00:00:00:99][ip:192.168.10.99]",
    ),
    (
        "multicast 10.255.0.1 etag 0 rd 10.255.0.1:10 rt 65000:10 encap vxlan pmsi ingress-repl 10 10.255.0.1",
        "[type:multicast][rd:10.255.0.1:10][etag:0][ip:10.255.0.1]",
    ),
    ("esi 10.255.0.1 esi LACP aa:bb:cc:dd:ee:ff 100 rd 10.255.0.1:10 rt 65000:10", "[type:esi]"),
    (
        "prefix 192.168.99.0/24 gw 0.0.0.0 etag 0 label 5000 rd 10.255.0.1:5 rt 65000:5000 encap vxlan router-mac 02:00:00:00:ff:99",
        "[type:Prefix][rd:10.255.0.1:5][etag:0][prefix:192.168.99.0/24]",
    ),
];

/// GoBGP gives routes of types 1 to 5 to a reflector of this kind; another GoBGP gets each of
/// them with the attributes it was given, and loses each when it is taken back.
pub fn gobgp_routes(kind: Kind) -> Result<()> {
    let star = Star::up(kind, 2)?;
    let from = GoBgp::start(star.arm(1)?, vtep(1), REFLECTOR)?;
    let to = GoBgp::start(star.arm(2)?, vtep(2), REFLECTOR)?;
    from.wait_established(LIMIT)?;
    to.wait_established(LIMIT)?;
    for (route, shown) in ROUTES {
        from.add(route)?;
        wait_for(&format!("'{shown}' at the other GoBGP"), LIMIT, || {
            let table = to.table()?;
            Ok(if table.contains(shown) { Ok(()) } else { Err(table) })
        })?;
    }
    let given = from.routes()?;
    let got = to.routes()?;
    for path in &given {
        let nlri = &path["nlri"];
        let other = got
            .iter()
            .find(|other| other["nlri"] == *nlri)
            .ok_or_else(|| LabError::Unexpected(format!("no route like {nlri} came out")))?;
        for (kind, name) in [(16, "extended communities"), (22, "PMSI tunnel")] {
            let find = |path: &serde_json::Value| {
                path["attrs"].as_array().and_then(|all| all.iter().find(|one| one["type"] == kind).cloned())
            };
            crate::ensure(find(path) == find(other), || {
                format!("{name} of {nlri}: {:?} went in, {:?} came out", find(path), find(other))
            })?;
        }
    }
    for (route, shown) in ROUTES {
        from.delete(route)?;
        wait_for(&format!("'{shown}' to go from the other GoBGP"), LIMIT, || {
            let table = to.table().unwrap_or_default();
            Ok(if table.contains(shown) { Err(table) } else { Ok(()) })
        })?;
    }
    Ok(())
}

/// GoBGP as a client that exchanges memberships (RFC 4684): a Weft reflector sends it the routes whose route targets its
/// VRFs import. Those of a VRF that is added come, those of one that is removed go, and the session stays.
///
/// The routes come from a scripted peer that exchanges memberships, too: for one that does not the reflector would ask
/// GoBGP for everything, and version 3.10 ends with a panic at the default membership.
pub fn gobgp_asks_a_reflector() -> Result<()> {
    let mut lines = " address-family rtfilter unicast\n".to_owned();
    (1..=2).for_each(|number| lines += &format!("  neighbor {} activate\n", vtep(number)));
    let star = Star::up_with(Kind::Weft, 2, &(lines + " exit-address-family\n"))?;
    let (own, speaker) = (Ipv4Addr::new(10, 255, 0, 1), SocketAddr::new(REFLECTOR, 179));
    let identity = Identity::evpn(own).with_memberships();
    let from = Injector::establish(star.arm(1)?, own.into(), speaker, &identity, LIMIT)?;
    from.send(&end_of_rib())?;
    let to = GoBgp::start_as(Role::Memberships, star.arm(2)?, vtep(2), &[REFLECTOR])?;
    to.wait_established(LIMIT)?;
    to.command("vrf add blue rd 10.255.0.2:10 rt both 65000:10")?;
    let mac = |vni: u32| format!("02:00:00:00:00:{vni}");
    for (vni, last) in [(10, 0x10), (20, 0x20)] {
        let host =
            Type2 { rd: 1, mac_length: 48, mac: [2, 0, 0, 0, 0, last], ip: None, label1: vni, label2: None };
        from.send(&announce(own, &host.nlri(own), &[route_target(vni), VXLAN], &[]))?;
    }
    let has = |wanted: &[u32]| {
        let waited = wait_for(&format!("the routes of {wanted:?} alone at GoBGP"), LIMIT, || {
            let table = to.table().unwrap_or_default();
            let seen: Vec<u32> = [10, 20].into_iter().filter(|vni| table.contains(&mac(*vni))).collect();
            let sent = summary(&star.reflector, vtep(2), "pfxSnt")?;
            Ok(if seen == wanted && sent == wanted.len() as u64 {
                Ok(())
            } else {
                Err(format!("{sent} sent\n{table}"))
            })
        });
        waited.map_err(|error| LabError::Unexpected(format!("{error}\n{}", star.reflector.logs())))
    };
    wait_for("both routes at the reflector", LIMIT, || {
        let shown = star.reflector.command("show bgp l2vpn evpn")?;
        Ok(if [10, 20].iter().all(|vni| shown.contains(&mac(*vni))) { Ok(()) } else { Err(shown) })
    })?;
    has(&[10])?;
    to.command("vrf add red rd 10.255.0.2:20 rt both 65000:20")?;
    has(&[10, 20])?;
    let asked = star.reflector.json(&format!("show bgp rtfilter neighbors {} json", vtep(2)))?;
    crate::ensure(asked.get("routeTargets") == Some(&2.into()), || format!("GoBGP asks for {asked}"))?;
    to.command("vrf del red")?;
    has(&[10])?;
    let dropped = summary(&star.reflector, vtep(2), "connectionsDropped")?;
    crate::ensure(dropped == 0, || format!("{dropped} sessions with GoBGP ended"))
}

/// A scripted peer gives a reflector of this kind a route of type 99 and an optional
/// transitive attribute 240; another scripted peer gets both byte for byte, with the Partial
/// flag that RFC 4271 §5 asks for, and then the withdrawal.
pub fn unknown_route_type(kind: Kind) -> Result<()> {
    let star = Star::up(kind, 2)?;
    let to_speaker = SocketAddr::new(REFLECTOR, 179);
    let open = |number: u8| -> Result<Injector> {
        let IpAddr::V4(address) = vtep(number) else {
            return Err(LabError::Unexpected("the labs' VTEPs are IPv4".into()));
        };
        Injector::establish(star.arm(number)?, address.into(), to_speaker, &Identity::evpn(address), LIMIT)
    };
    let (from, to) = (open(1)?, open(2)?);
    // Nothing in it looks like a known type: no RD at its head, an odd length.
    let nlri = evpn_nlri(99, &[0xde, 0xad, 0xbe, 0xef, 0x00, 0xff, 0x10, 0x63, 0x77]);
    let mut attributes = basic_attributes();
    attributes.push(mp_reach(Ipv4Addr::new(10, 255, 0, 1), &nlri));
    attributes.push(attribute(0xc0, 16, &[0, 2, 0xfd, 0xe8, 0, 0, 0, 10]));
    attributes.push(attribute(0xc0, 240, &[1, 2, 3, 4, 5]));
    from.send(&update(&attributes))?;
    let came = to.wait_update_with(&nlri, LIMIT)?;
    let unknown = [attribute(0xe0, 240, &[1, 2, 3, 4, 5])].concat();
    crate::ensure(came.body.windows(unknown.len()).any(|window| window == unknown), || {
        format!("attribute 240 did not pass, or without the Partial flag: {:02x?}", came.body)
    })?;
    from.send(&update(&[mp_unreach(&nlri)]))?;
    let withdrawn = mp_unreach(&nlri);
    let withdrawn = withdrawn.get(2..).unwrap_or_default();
    // Flags and length may be written in either form; family and NLRI may not.
    to.wait_update_with(withdrawn.get(1..).unwrap_or_default(), LIMIT).map(drop)
}
