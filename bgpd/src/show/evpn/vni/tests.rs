//! VNIs against what FRR 8.4 printed.

use super::*;
use crate::show::bench::{Bench, attributes, host, imet, mac_ip, pmsi, reflected, vni};
use crate::wire::AttributeSet;

fn bench() -> Bench {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    bench.local_host(host(1), Some("192.168.10.1"));
    bench.receive(reflector, reflected(2), &[mac_ip(2, host(2), Some("192.168.10.2"))]);
    bench.receive(reflector, AttributeSet { pmsi: pmsi(), ..attributes(2) }, &[imet(2)]);
    bench
}

fn pages(bench: &Bench, form: Form, json: bool) -> String {
    let json = json.then(|| if form == Form::List { JsonStream::object() } else { JsonStream::array() });
    let pages = VniPages { vnis: VecDeque::from([vni(10)]), form, json };
    let mut out = String::new();
    let pages = bench.stream(pages, &mut out).0.unwrap();
    out + &pages.json.map(JsonStream::finish).unwrap_or_default()
}

fn at_length(bench: &Bench, json: bool) -> String {
    one_text(&bench.tables(), &bench.evpn.instance(vni(10)).unwrap(), json)
}

#[test]
fn the_list_has_frrs_columns() {
    assert_eq!(
        format!("{HEADING}{}", pages(&bench(), Form::List, false)),
        "VNI        Type VxLAN IF              # MACs   # ARPs   # Remote VTEPs  Tenant VRF                           \n\
         10         L2   vx10                  2        2        1               default                              \n"
    );
}

#[test]
fn one_vni_at_length() {
    let text = "VNI: 10\n Type: L2\n Tenant VRF: default\n VxLAN interface: vx10\n VxLAN ifIndex: 4\n \
                SVI interface: br10\n SVI ifIndex: 3\n Local VTEP IP: 10.255.0.1\n \
                Remote VTEPs for this VNI:\n  10.255.0.2 flood: HER\n \
                Number of MACs (local and remote) known for this VNI: 2\n \
                Number of ARPs (IPv4 and IPv6, local and remote) known for this VNI: 2\n \
                Advertise-gw-macip: No\n Advertise-svi-macip: No\n";
    assert_eq!(at_length(&bench(), false), text);
    assert_eq!(pages(&bench(), Form::Detail, false), format!("{text}\n"));
    let alone = at_length(&Bench::new(), false);
    assert!(alone.contains(" No remote VTEPs known for this VNI\n"), "{alone}");
}

#[test]
fn the_json_has_frrs_keys() {
    let read = |form| serde_json::from_str::<Value>(&pages(&bench(), form, true)).unwrap();
    assert_eq!(
        read(Form::List),
        json!({"10": {
            "vni": 10, "type": "L2", "vxlanIf": "vx10", "numMacs": 2, "numArpNd": 2, "numRemoteVteps": 1,
            "tenantVrf": "default", "remoteVteps": ["10.255.0.2"]
        }})
    );
    let one = json!({
        "vni": 10, "type": "L2", "vrf": "default", "vxlanInterface": "vx10", "ifindex": 4,
        "sviInterface": "br10", "sviIfindex": 3, "vtepIp": "10.255.0.1", "advertiseGatewayMacip": "No",
        "advertiseSviMacip": "No", "numMacs": 2, "numArpNd": 2, "numRemoteVteps": ["10.255.0.2"],
        "active": true
    });
    assert_eq!(serde_json::from_str::<Value>(&at_length(&bench(), true)).unwrap(), one);
    assert_eq!(read(Form::Detail), json!([one]));
}
