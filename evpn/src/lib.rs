//! The EVPN domain of Weft, pure: route types, communities, MAC-VRFs, mobility,
//! duplicate detection and import. No socket, no clock (time is an argument),
//! no async. Obeys RFC 7432, 8365, 9135, 9136; the kernel and BGP live elsewhere.
//!
//! `nlri` is the codec of AFI 25/SAFI 70; `local` is what the kernel tells us;
//! `forwarding` is what the kernel must hold; between them stands `Evpn`.

pub mod aggregate;
pub mod community;
pub mod domain;
pub mod engine;
pub mod esi;
pub mod ethernet_tag;
pub mod forwarding;
pub mod local;
pub mod mac_addr;
pub mod nlri;
pub mod pmsi;
pub mod rd;
pub mod route_target;
pub mod table;
mod text;
pub mod vni;
pub mod vrf;

pub use aggregate::{AggregateChange, Aggregates};
pub use community::ExtendedCommunity;
pub use domain::DomainId;
pub use engine::Evpn;
pub use esi::Esi;
pub use ethernet_tag::EthernetTag;
pub use mac_addr::MacAddr;
pub use rd::RouteDistinguisher;
pub use route_target::{RouteTarget, RouteTargetMatch};
pub use vni::Vni;
pub use vrf::VrfName;
