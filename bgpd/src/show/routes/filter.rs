//! Which routes and paths of a table are meant. Type and RD are looked at once for all routes
//! that share them; the rest, route by route.

use super::entry::Route;
use crate::{command::exec::RouteQuery, rib::PathView};
use ipnet::IpNet;
use std::net::IpAddr;
use weft_evpn::{MacAddr, RouteDistinguisher, nlri::EvpnRoute};

/// All conditions must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub route_type: Option<u8>,
    pub rd: Option<RouteDistinguisher>,
    pub mac: Option<MacAddr>,
    pub ip: Option<IpAddr>,
    pub prefix: Option<IpNet>,
    pub vtep: Option<IpAddr>,
    /// Only paths that may be used.
    pub eligible: bool,
}

impl Filter {
    pub fn new(query: &RouteQuery) -> Self {
        let &RouteQuery { route_type, rd, mac, ip, prefix, vtep, .. } = query;
        Self { route_type, rd, mac, ip, prefix, vtep, eligible: false }
    }

    /// By the front of a key: type, then RD.
    pub fn head(&self, head: &[u8]) -> bool {
        let by_type = |wanted| head.first() == Some(&wanted);
        let by_rd = |wanted: RouteDistinguisher| head.get(1..9) == Some(&wanted.0[..]);
        self.route_type.is_none_or(by_type) && self.rd.is_none_or(by_rd)
    }

    /// By the route. Of prefixes all are meant: these are asked for one at a time.
    pub fn route(&self, route: &Route) -> bool {
        match route {
            Route::Evpn(route) => self.evpn_route(route),
            Route::Prefix(_) => true,
        }
    }

    /// By an EVPN route.
    pub fn evpn_route(&self, route: &EvpnRoute) -> bool {
        let host = |of: fn(&weft_evpn::nlri::MacIp, &Self) -> bool| match route {
            EvpnRoute::MacIp(host) => of(host, self),
            _ => false,
        };
        let prefix = |wanted| matches!(route, EvpnRoute::IpPrefix(route) if route.prefix == wanted);
        (self.mac.is_none() || host(|host, filter| Some(host.mac) == filter.mac))
            && (self.ip.is_none() || host(|host, filter| host.ip == filter.ip))
            && self.prefix.is_none_or(prefix)
    }

    /// By a path of the route.
    pub fn path(&self, path: &PathView) -> bool {
        (!self.eligible || path.eligible)
            && self.vtep.is_none_or(|vtep| path.attributes.next_hop == Some(vtep))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_type_and_rd() {
        let rd: RouteDistinguisher = "10.255.0.1:3".parse().unwrap();
        let mut head = vec![2];
        head.extend_from_slice(&rd.0);
        let filter = Filter { route_type: Some(2), rd: Some(rd), ..Filter::default() };
        assert!(filter.head(&head) && Filter::default().head(&head));
        head[0] = 3;
        assert!(!filter.head(&head));
        head[0] = 2;
        head[8] += 1;
        assert!(!filter.head(&head));
    }
}
