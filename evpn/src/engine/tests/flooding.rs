//! Type 3 and flood entries.

use super::*;

fn has_imet(leaf: &Leaf) -> bool {
    leaf.routes.keys().any(|key| key.0 == 3)
}

#[test]
fn an_up_vni_advertises_ingress_replication_and_floods_to_those_that_do() {
    let mut leaf = Leaf::new(1);
    let imet = leaf.routes.values().next().unwrap();
    assert_eq!(imet.pmsi, Some(PmsiTunnel::ingress_replication(vni(VNI), vtep(1))));
    assert_eq!(imet.next_hop, vtep(1));
    let expected = [RouteTarget::auto(65000, vni(VNI)).community(), ExtendedCommunity::ENCAPSULATION_VXLAN];
    assert_eq!(imet.ext_communities, expected);
    leaf.update(&peer(3).imet());
    leaf.update(&peer(2).imet());
    assert_eq!(leaf.update(&peer(2).imet()), vec![]);
    assert_eq!(leaf.evpn.remote_vteps(vni(VNI)).collect::<Vec<_>>(), [vtep(2), vtep(3)]);
    leaf.withdraw(&peer(3).imet());
    assert_eq!(leaf.desired.floods, BTreeSet::from([(vni(VNI), vtep(2))]));
}

#[test]
fn ipv6_vteps_work_alike() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    leaf.local(LocalEvent::VniUp {
        vni: vni(VNI),
        devices: VniDevices { vtep: ip("fd00::1"), ..devices(1) },
    });
    let pmsi = leaf.routes.values().next().unwrap().pmsi.clone().unwrap();
    assert_eq!((pmsi.identifier.len(), pmsi.endpoint()), (16, Some(ip("fd00::1"))));
    let mut imet = peer(2).imet();
    imet.next_hop = ip("fd00::2");
    imet.pmsi = Some(PmsiTunnel::ingress_replication(vni(VNI), ip("fd00::2")));
    leaf.update(&imet);
    let mut host = peer(2).mac_ip(mac(1), None);
    host.next_hop = ip("fd00::2");
    leaf.update(&host);
    assert_eq!(leaf.evpn.remote_vteps(vni(VNI)).collect::<Vec<_>>(), [ip("fd00::2")]);
    assert_eq!(leaf.remote(mac(1)), Some(ip("fd00::2")));
}

#[test]
fn a_type_3_route_without_a_usable_tunnel_gives_nothing() {
    let mut leaf = Leaf::new(1);
    let good = peer(2).imet();
    let without = Origination { pmsi: None, ..good.clone() };
    let pmsi = good.pmsi.clone().unwrap();
    let other_type =
        Origination { pmsi: Some(PmsiTunnel { tunnel_type: 3, ..pmsi.clone() }), ..good.clone() };
    let other_label =
        Origination { pmsi: Some(PmsiTunnel { label: [0, 0, 11], ..pmsi.clone() }), ..good.clone() };
    let no_label = Origination { pmsi: Some(PmsiTunnel { label: [0; 3], ..pmsi.clone() }), ..good.clone() };
    let short = Origination { pmsi: Some(PmsiTunnel { identifier: vec![1, 2], ..pmsi }), ..good.clone() };
    for bad in [&without, &other_type, &other_label, &no_label, &short] {
        leaf.update(bad);
        assert!(leaf.desired.floods.is_empty(), "{bad:?}");
        leaf.update(&good);
        leaf.update(bad);
        assert!(leaf.desired.floods.is_empty(), "it replaces the good one: {bad:?}");
    }
    assert_eq!(leaf.evpn.instance(vni(VNI)).unwrap().label_mismatches, 4);
    assert_eq!(leaf.notices.len(), 1, "noted once");
}

#[test]
fn flooding_disabled_withholds_the_route_and_the_entries() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).imet());
    leaf.mac(mac(1));
    leaf.configure(EvpnConfig { flooding: Flooding::Disabled, ..config(1) });
    assert!(!has_imet(&leaf) && leaf.desired.floods.is_empty());
    assert_eq!(leaf.sequence(mac(1), None), Some(0), "hosts are not touched");
    leaf.update(&peer(3).imet());
    assert!(leaf.desired.floods.is_empty());
    let block = VniConfig { flooding: Some(Flooding::HeadEndReplication), ..VniConfig::default() };
    let vnis = BTreeMap::from([(vni(VNI), block)]);
    let out = leaf.configure(EvpnConfig { flooding: Flooding::Disabled, vnis, ..config(1) });
    assert!(has_imet(&leaf), "the VNI's own setting counts");
    assert_eq!(leaf.desired.floods.len(), 2, "no import is needed");
    assert!(!out.iter().any(|output| matches!(output, Output::Import(_))));
}

#[test]
fn a_vtep_that_changes_its_endpoint_is_followed() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).imet());
    let mut moved = peer(2).imet();
    moved.pmsi = Some(PmsiTunnel::ingress_replication(vni(VNI), vtep(22)));
    leaf.update(&moved);
    assert_eq!(leaf.desired.floods, BTreeSet::from([(vni(VNI), vtep(22))]));
    // Two routes that name one endpoint: it stays until both are gone.
    let mut second = peer(3).imet();
    second.pmsi = moved.pmsi.clone();
    leaf.update(&second);
    leaf.withdraw(&moved);
    assert_eq!(leaf.desired.floods.len(), 1);
    leaf.withdraw(&second);
    assert!(leaf.desired.floods.is_empty());
}
