//! Lines of FRR that Weft has no use for: those that mean nothing here are accepted, those that
//! would mean something are refused with a reason. What is in neither table is simply unknown.

use crate::command::Command;

/// Why unicast families cannot be configured.
pub const NO_UNICAST: &str = "Weft exchanges no IPv4 or IPv6 unicast routes yet, only l2vpn evpn";
const NO_POLICY: &str =
    "Weft has no routing policy yet; remove it, and say `no bgp ebgp-requires-policy` for external neighbors";
const NO_VRF: &str = "Weft has no VRFs yet";
const NO_ROUTE: &str = "Weft sets no static routes; use ip route of iproute2";
const ONE_PROTOCOL: &str = "Weft speaks BGP only";
const NO_UNNUMBERED: &str = "Weft has no unnumbered neighbors yet; name the neighbor by its address";
const NO_LEGACY_LOG: &str = "log more with `log level debugging` or RUST_LOG";
const NO_TYPE5: &str = "Weft originates no type-5 routes yet";
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
    Command::refuse_block("vrf LINE$line", NO_VRF),
    Command::refuse_block("router bgp ASN$asn <vrf|view|instance> LINE$line", NO_VRF),
    Command::refuse_block(
        "router <babel|eigrp|isis|ospf|ospf6|pim|pim6|rip|ripng|openfabric>$protocol [LINE$line]",
        ONE_PROTOCOL,
    ),
    Command::refuse_block("route-map LINE$line", NO_POLICY),
    Command::refuse("ip prefix-list LINE$line", NO_POLICY),
    Command::refuse("ipv6 prefix-list LINE$line", NO_POLICY),
    Command::refuse("access-list LINE$line", NO_POLICY),
    Command::refuse("ipv6 access-list LINE$line", NO_POLICY),
    Command::refuse(
        "bgp <as-path|community-list|extcommunity-list|large-community-list>$list LINE$line",
        NO_POLICY,
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
        NO_POLICY,
    ),
    Command::refuse("network LINE$line", NO_UNICAST),
    Command::refuse("redistribute LINE$line", NO_UNICAST),
    Command::refuse("neighbor <A.B.C.D|X:X::X:X|WORD>$peer activate", NO_UNICAST),
    Command::refuse("bgp confederation LINE$line", "Weft has no confederations"),
    Command::refuse_block(
        "address-family <ipv4|ipv6>$afi <multicast|vpn|labeled-unicast|flowspec>$safi",
        NO_UNICAST,
    ),
];

/// In `address-family l2vpn evpn`.
pub static EVPN: &[Command] = &[
    Command::refuse("neighbor <A.B.C.D|X:X::X:X|WORD>$peer route-map LINE$line", NO_POLICY),
    Command::refuse(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer next-hop-self [force]",
        "the next hop of an EVPN route is its VTEP, and stays as it is",
    ),
    Command::refuse("advertise <ipv4|ipv6>$afi unicast [LINE$line]", NO_TYPE5),
    Command::refuse("default-originate <ipv4|ipv6>$afi", NO_TYPE5),
    Command::refuse("<use-es-l3nhg|disable-ead-evi-rx|disable-ead-evi-tx>$knob", NO_MULTIHOMING),
    Command::refuse("mac-vrf LINE$line", "Weft has no site of origin"),
    Command::refuse("<rd|route-target>$what LINE$line", "only inside a `vni` block; Weft has no VRFs yet"),
];
