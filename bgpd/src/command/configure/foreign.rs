//! Lines of FRR that Weft has no use for: those that mean nothing here are accepted, those that
//! would mean something are refused with a reason. What is in neither table is simply unknown.

use crate::command::Command;

/// Why unicast families cannot be configured.
const NO_UNICAST: &str = "outside of an IP-VRF Weft exchanges no IPv4 or IPv6 unicast routes, only l2vpn evpn; see `router bgp N vrf NAME`";
const NO_VIEW: &str = "Weft has IP-VRFs, but no views";
const NO_LEAKING: &str = "Weft does not leak routes between IP-VRFs";
const NO_VPN: &str = "Weft has no VPN families; an IP-VRF speaks EVPN";
const LEGACY_L3VNI: &str = "an L3VNI belongs into a `vrf NAME` block; Weft serves none in the default VRF";
const NO_VRF_ROUTE: &str = "Weft sets no static routes; put it into the kernel with iproute2: \
     ip route add P via A table T (or vrf NAME), and `redistribute static`";
const NO_ROUTE: &str = "Weft sets no static routes; use ip route of iproute2";
const ONE_PROTOCOL: &str = "Weft speaks BGP only";
const NO_UNNUMBERED: &str = "Weft finds no neighbor by its interface; name its link-local address: \
     `neighbor fe80::1 remote-as …`, `neighbor fe80::1 interface IFNAME`";
const NO_LEGACY_LOG: &str = "log more with `log level debugging` or RUST_LOG";
const NO_TYPE5: &str =
    "Weft advertises the routes of IP-VRFs only; move the line into `router bgp N vrf NAME`";
const IN_A_FAMILY: &str = "it belongs into an `address-family` block";
const IN_RT_FILTER: &str = "it belongs into `address-family rtfilter unicast` of `router bgp N`";
const IN_EVPN: &str = "it belongs into `address-family l2vpn evpn`";
const NO_MULTIHOMING: &str = "Weft has no EVPN multihoming";

/// Outside of every block.
pub static GLOBAL: &[Command] = &[
    Command::nothing("frr version LINE$line"),
    Command::nothing("frr defaults WORD$word"),
    Command::nothing("[no] service integrated-vtysh-config"),
    Command::nothing("[no] service password-encryption"),
    Command::nothing("[no] service advanced-vty"),
    Command::nothing("line vty"),
    Command::nothing("exec-timeout LINE$line"),
    Command::nothing("password LINE$line"),
    Command::nothing("enable password LINE$line"),
    Command::nothing("domainname WORD$word"),
    Command::nothing("[no] banner LINE$line"),
    Command::nothing("[no] log timestamp precision / (0-6)$number"),
    Command::nothing("[no] log record-priority"),
    Command::nothing("[no] log facility / WORD$facility"),
    Command::nothing("[no] log commands"),
    Command::nothing("[no] ip forwarding"),
    Command::nothing("[no] ipv6 forwarding"),
    Command::nothing("[no] ip nht resolve-via-default"),
    Command::nothing("[no] ipv6 nht resolve-via-default"),
    Command::refuse("[no] debug LINE$line", NO_LEGACY_LOG),
    Command::refuse_block(
        "interface LINE$line",
        "Weft leaves interfaces to iproute2; only `bridge-domain` names them",
    ),
    Command::refuse("vni VNI$vni [prefix-routes-only]", LEGACY_L3VNI),
    Command::refuse_block("router bgp ASN$asn <view|instance> LINE$line", NO_VIEW),
    Command::refuse_block(
        "router <babel|eigrp|isis|ospf|ospf6|pim|pim6|rip|ripng|openfabric>$protocol [LINE$line]",
        ONE_PROTOCOL,
    ),
    Command::refuse(
        "<ip|ipv6>$afi <community-list|extcommunity-list|large-community-list|as-path>$list LINE$line",
        "say `bgp` instead of `ip`, as newer versions of FRR do",
    ),
    Command::refuse("ip route LINE$line", NO_ROUTE),
    Command::refuse("ipv6 route LINE$line", NO_ROUTE),
    Command::refuse_block("bfd", "Weft has no BFD; use short timers"),
    Command::refuse_block("rpki", "Weft has no RPKI"),
    Command::refuse("evpn mh LINE$line", NO_MULTIHOMING),
];

/// In `router bgp N`.
pub static ROUTER: &[Command] = &[
    Command::nothing("[no] bgp network import-check"),
    Command::refuse("neighbor WORD$peer interface [LINE$line]", NO_UNNUMBERED),
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer bfd [LINE$line]",
        "Weft has no BFD; use short timers",
    ),
    Command::refuse("neighbor <A.B.C.D|X:X::X:X|WORD>$peer local-as LINE$line", "Weft has one local AS"),
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer <route-map|prefix-list|filter-list|distribute-list>$list LINE$line",
        IN_A_FAMILY,
    ),
    Command::refuse("network LINE$line", IN_A_FAMILY),
    Command::refuse("redistribute LINE$line", IN_A_FAMILY),
    Command::refuse("neighbor <A.B.C.D|X:X::X:X|WORD>$peer activate", IN_A_FAMILY),
    Command::refuse("[no] auto-import as ASN$asn", IN_RT_FILTER),
    Command::refuse("bgp confederation LINE$line", "Weft has no confederations"),
    Command::refuse_block(
        "address-family <ipv4|ipv6>$afi <multicast|vpn|labeled-unicast|flowspec>$safi",
        NO_UNICAST,
    ),
];

/// In `address-family l2vpn evpn`.
pub static EVPN: &[Command] = &[
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer next-hop-self [force]",
        "the next hop of an EVPN route is its VTEP, and stays as it is",
    ),
    Command::refuse("advertise <ipv4|ipv6>$afi unicast [LINE$line]", NO_TYPE5),
    Command::refuse("default-originate <ipv4|ipv6>$afi", NO_TYPE5),
    Command::refuse("<use-es-l3nhg|disable-ead-evi-rx|disable-ead-evi-tx>$knob", NO_MULTIHOMING),
    Command::refuse(
        "auto-route-target <import|export>$direction rfc8365-compatible",
        "Weft derives import and export alike; say `both`, or name the targets of one direction",
    ),
    Command::refuse("[no] auto-import as ASN$asn", IN_RT_FILTER),
    Command::refuse("mac-vrf LINE$line", "Weft has no site of origin"),
    Command::refuse(
        "<rd|route-target>$what LINE$line",
        "only inside a `vni` block, or in `router bgp N vrf NAME`",
    ),
];

/// In `address-family rtfilter unicast`.
pub static RT_FILTER: &[Command] = &[
    Command::refuse(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer <route-map|prefix-list>$list LINE$line",
        "memberships are not filtered; filter the EVPN routes themselves in `address-family l2vpn evpn`",
    ),
    Command::refuse("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer domain LINE$line", IN_EVPN),
    Command::refuse("[no] advertise-all-vni", IN_EVPN),
    Command::refuse_block("vni VNI$vni", IN_EVPN),
];

/// In `address-family ipv4|ipv6 unicast` outside of an IP-VRF, where nothing can be said.
pub static UNICAST: &[Command] = &[
    Command::set("exit-address-family", |edit, _| {
        edit.leave();
        Ok(())
    }),
    Command::nothing("no neighbor <A.B.C.D|X:X::X:X|WORD>$peer activate"),
    Command::refuse("neighbor <A.B.C.D|X:X::X:X|WORD>$peer activate", NO_UNICAST),
    Command::refuse("network LINE$line", NO_UNICAST),
    Command::refuse("redistribute LINE$line", NO_UNICAST),
    Command::refuse("aggregate-address LINE$line", NO_UNICAST),
    Command::refuse("maximum-paths LINE$line", NO_UNICAST),
    Command::refuse("import LINE$line", NO_LEAKING),
];

/// In `vrf NAME`.
pub static VRF: &[Command] = &[
    Command::refuse("<ip|ipv6>$afi route LINE$line", NO_VRF_ROUTE),
    Command::refuse(
        "netns LINE$line",
        "Weft makes an IP-VRF of a VRF device or of a table with rules, not of a netns",
    ),
    Command::nothing("[no] ip nht resolve-via-default"),
    Command::nothing("[no] ipv6 nht resolve-via-default"),
];

/// In `address-family ipv4|ipv6 unicast` of an IP-VRF.
pub static VRF_UNICAST: &[Command] = &[
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer default-originate route-map WORD$route_map",
        "Weft originates the default route without condition and with no other attributes; leave the route-map out",
    ),
    Command::refuse(
        "no neighbor <A.B.C.D|X:X::X:X|WORD>$peer send-community [<all|both|extended|large|standard>]",
        "Weft always sends communities; take them away with a route-map",
    ),
    Command::refuse(
        "redistribute <ospf|ospf6|isis|rip|ripng|eigrp|babel|table>$protocol [LINE$line]",
        ONE_PROTOCOL,
    ),
    Command::refuse("import vrf LINE$line", NO_LEAKING),
    Command::refuse("<import|export>$direction vpn", NO_VPN),
    Command::refuse("<rd|rt|label|nexthop|route-map>$what vpn LINE$line", NO_VPN),
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer <filter-list|distribute-list>$list LINE$line",
        "Weft filters by route-map and prefix-list",
    ),
];

/// In `address-family l2vpn evpn` of an IP-VRF.
pub static VRF_EVPN: &[Command] = &[
    Command::nothing("[no] advertise-pip [LINE$line]"),
    Command::refuse("neighbor LINE$line", "EVPN neighbors belong to `router bgp N` outside of an IP-VRF"),
];
