//! What our OPEN says, and what follows from the neighbour's (RFC 4271 §4.2, §6.2; RFC 5492,
//! 4760, 6793, 8654, 4724, 8538). Syntax is the codec's matter; here are the checks against
//! the configuration, and the negotiation.

use crate::peer::{Endpoints, Negotiated, NegotiatedRestart, PeerKind, PeerSettings};
use crate::wire::{
    Capability, Family, Notification, Open,
    capability::{ExtendedNextHop, GracefulRestart, GracefulRestartFamily},
    frame::{MAX_EXTENDED_LENGTH, MAX_LENGTH},
    notification::OpenError,
};
use std::time::Duration;

/// The largest restart time that 12 bits hold (RFC 4724 §3).
const LONGEST_RESTART: u64 = 4095;

/// IPv4 unicast with IPv6 next hops (RFC 8950 §4).
const EXTENDED_NEXT_HOP: ExtendedNextHop = ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 };

fn seconds(time: Duration, most: u64) -> u16 {
    u16::try_from(time.as_secs().min(most)).unwrap_or(u16::MAX)
}

/// The hold time we offer; 1 and 2 are not allowed (RFC 4271 §4.2).
fn offered_hold(settings: &PeerSettings) -> u16 {
    match seconds(settings.timers.hold, u64::from(u16::MAX)) {
        1 | 2 => 3,
        hold => hold,
    }
}

/// Our OPEN.
pub(super) fn ours(settings: &PeerSettings) -> Open {
    let switches = settings.capabilities;
    let families = || settings.families.keys().map(|family| family.row());
    let mut capabilities: Vec<_> =
        families().map(|row| Capability::Multiprotocol { afi: row.afi, safi: row.safi }).collect();
    if switches.route_refresh {
        capabilities.push(Capability::RouteRefresh);
    }
    if switches.enhanced_refresh {
        capabilities.push(Capability::EnhancedRouteRefresh);
    }
    if switches.extended_message {
        capabilities.push(Capability::ExtendedMessage);
    }
    if switches.four_octet_as {
        capabilities.push(Capability::FourOctetAs(settings.local_as));
    }
    if switches.extended_next_hop && settings.families.contains_key(&Family::Ipv4Unicast) {
        capabilities.push(Capability::ExtendedNextHop(vec![EXTENDED_NEXT_HOP]));
    }
    let restart = settings.graceful_restart;
    if restart.enabled {
        capabilities.push(Capability::GracefulRestart(GracefulRestart {
            restarting: restart.restarting,
            notification: restart.notification,
            restart_time: seconds(restart.restart_time, LONGEST_RESTART),
            families: families()
                .map(|row| GracefulRestartFamily {
                    afi: row.afi,
                    safi: row.safi,
                    forwarding_preserved: restart.forwarding_preserved,
                })
                .collect(),
        }));
    }
    if let (true, Some(hostname)) = (switches.fqdn, &settings.hostname) {
        capabilities.push(Capability::Fqdn { hostname: hostname.clone(), domain: String::new() });
    }
    Open::new(settings.local_as, offered_hold(settings), settings.router_id, capabilities)
}

/// Checks the neighbour's OPEN and works out what the session is; or the NOTIFICATION that
/// refuses it.
pub(super) fn negotiate(
    settings: &PeerSettings,
    endpoints: Endpoints,
    open: &Open,
) -> Result<Box<Negotiated>, Notification> {
    let switches = settings.capabilities;
    let has = |wanted: &Capability| open.capabilities.contains(wanted);

    // Without the capability on our side the session is one of 2-octet numbers, but the
    // neighbour's AS is what it says it is.
    let remote_as = open.asn();
    if !settings.remote_as.accepts(settings.local_as, remote_as) {
        return Err(Notification::new(OpenError::BadPeerAs));
    }
    let kind = if remote_as == settings.local_as { PeerKind::Internal } else { PeerKind::External };
    // RFC 6286 §2.1: within an AS identifiers are unique, so this is ourselves or a mistake.
    if open.bgp_id.is_unspecified() || (kind == PeerKind::Internal && open.bgp_id == settings.router_id) {
        return Err(Notification::new(OpenError::BadBgpIdentifier));
    }
    if matches!(open.hold_time, 1 | 2) {
        return Err(Notification::new(OpenError::UnacceptableHoldTime));
    }

    // Without any multiprotocol capability a neighbour speaks as RFC 4271 has it.
    let multiprotocol =
        open.capabilities.iter().any(|capability| matches!(capability, Capability::Multiprotocol { .. }));
    let families: Vec<Family> = settings
        .families
        .keys()
        .copied()
        .filter(|family| {
            let row = family.row();
            has(&Capability::Multiprotocol { afi: row.afi, safi: row.safi })
                || (*family == Family::Ipv4Unicast && !multiprotocol)
        })
        .collect();
    if families.is_empty() {
        return Err(Notification::with_data(OpenError::UnsupportedCapability, &missed(settings)));
    }

    let hold_time = Duration::from_secs(u64::from(offered_hold(settings).min(open.hold_time)));
    let extended = has(&Capability::ExtendedMessage);
    let length = |extended| usize::from(if extended { MAX_EXTENDED_LENGTH } else { MAX_LENGTH });
    Ok(Box::new(Negotiated {
        kind,
        local_as: settings.local_as,
        remote_as,
        local_id: settings.router_id,
        remote_id: open.bgp_id,
        endpoints,
        graceful_restart: restart(settings, open, &families),
        families,
        four_octet_as: switches.four_octet_as && open.four_octet_as().is_some(),
        max_message: length(switches.extended_message && extended),
        // RFC 8654 §4: who advertised must accept, whether or not the neighbour did.
        max_receive: length(switches.extended_message),
        add_path: Vec::new(),
        extended_next_hop: switches.extended_next_hop && extends_next_hop(open),
        route_refresh: has(&Capability::RouteRefresh),
        enhanced_refresh: switches.enhanced_refresh && has(&Capability::EnhancedRouteRefresh),
        hold_time,
        keepalive: keepalive(settings, hold_time),
        hostname: open.capabilities.iter().find_map(|capability| match capability {
            Capability::Fqdn { hostname, .. } if !hostname.is_empty() => Some(hostname.clone()),
            _ => None,
        }),
        remote_capabilities: open.capabilities.clone(),
    }))
}

fn extends_next_hop(open: &Open) -> bool {
    open.capabilities.iter().any(|capability| {
        matches!(capability, Capability::ExtendedNextHop(tuples) if tuples.contains(&EXTENDED_NEXT_HOP))
    })
}

/// The capabilities that we miss, as the data of 2/7 (RFC 5492 §3): multiprotocol for each
/// family activated.
fn missed(settings: &PeerSettings) -> Vec<u8> {
    settings
        .families
        .keys()
        .flat_map(|family| {
            let row = family.row();
            let [high, low] = row.afi.to_be_bytes();
            [1, 4, high, low, 0, row.safi]
        })
        .collect()
}

/// RFC 4271 §10: a third of the hold time, or less if configured so.
fn keepalive(settings: &PeerSettings, hold: Duration) -> Duration {
    match settings.timers.keepalive {
        Duration::ZERO => hold / 3,
        configured => configured.min(hold / 3),
    }
}

fn restart(settings: &PeerSettings, open: &Open, negotiated: &[Family]) -> Option<NegotiatedRestart> {
    if !settings.graceful_restart.enabled {
        return None;
    }
    // Should a neighbour send the capability more than once, the last counts (RFC 4724 §3).
    let theirs = open.capabilities.iter().rev().find_map(|capability| match capability {
        Capability::GracefulRestart(theirs) => Some(theirs),
        _ => None,
    })?;
    Some(NegotiatedRestart {
        remote_restarting: theirs.restarting,
        notification: settings.graceful_restart.notification && theirs.notification,
        restart_time: Duration::from_secs(u64::from(theirs.restart_time)),
        families: theirs
            .families
            .iter()
            .filter_map(|entry| {
                let family = Family::from_numbers(entry.afi, entry.safi)?;
                negotiated.contains(&family).then_some((family, entry.forwarding_preserved))
            })
            .collect(),
    })
}
