//! The rows of `make bench`. Targets are those of the budget; they hold on a machine of two cores that is
//! otherwise quiet. FRR runs in the same run, so ratios hold on any machine.

use super::Unit::{Lines, Megabytes, Micros, PerSecond, Seconds};
use super::{Measure, Row, Unit, fanout, harm, reflect, vtep};
use crate::scenario::basics;

const fn judged(name: &'static str, unit: Unit, target: f64) -> Measure {
    Measure { name, unit, target: Some(target) }
}

const fn told(name: &'static str, unit: Unit) -> Measure {
    Measure { name, unit, target: None }
}

/// All rows, in the order in which they run.
pub const ROWS: &[Row] = &[
    Row {
        name: "reflect",
        workload: "1,000,000 type-2 MAC/IP (IPv4) routes of 64 VTEPs x 100 VNIs, own next hop and RD for each VTEP, own RT for \
                   each VNI, as many in an UPDATE as fit, from one iBGP sender through a route reflector to one client; \
                   then 400 hosts move one by one (a route of the next VTEP with MAC mobility, awaited, which is the time that \
                   is taken; the old one withdrawn, awaited), 20,000 without waiting; then all is withdrawn",
        measures: &[
            judged("reflect", Seconds, 0.6),
            judged("reflect memory", Megabytes, 110.0),
            judged("move median", Micros, 60.0),
            judged("move p99", Micros, 300.0),
            told("sustained moves", PerSecond),
            judged("withdraw", Seconds, 0.5),
            told("memory after withdraw", Megabytes),
        ],
        with_frr: true,
        run: reflect::reflect,
    },
    Row {
        name: "random shapes",
        workload: "four tables of 1,000,000 routes with VTEPs, VNIs, kinds (types 2, 3, 5), tenants, packing and order drawn by \
                   --seed; the slowest and the largest; 1.5 times the budget of the even shape",
        measures: &[judged("random shapes", Seconds, 0.9), judged("random shapes memory", Megabytes, 165.0)],
        with_frr: false,
        run: reflect::random_shapes,
    },
    Row {
        name: "receivers",
        workload: "10,000 type-2 MAC/IP routes of 64 VTEPs x 100 VNIs from one sender to 480 clients",
        measures: &[
            judged("receivers", Seconds, 0.8),
            judged("receivers memory", Megabytes, 60.0),
            told("receivers peak", Megabytes),
        ],
        with_frr: true,
        run: fanout::receivers,
    },
    Row {
        name: "senders",
        workload: "100 senders with 10,000 type-2 MAC/IP routes each, at once, to one client; then one sender's connection is \
                   lost, and comes back with its routes",
        measures: &[
            told("senders", Seconds),
            told("senders memory", Megabytes),
            told("sender lost", Seconds),
            told("sender back", Seconds),
        ],
        with_frr: true,
        run: fanout::senders,
    },
    Row {
        name: "vtep 100k",
        workload: "100,000 type-2 MAC/IP routes of 64 VTEPs into 100 VNIs of this VTEP (a bridge and a vxlan device each): \
                   until the kernel has each as FDB entry of bridge and vxlan device and as neighbour; then withdrawn",
        measures: &[
            told("vtep 100k", Seconds),
            told("vtep 100k memory", Megabytes),
            told("vtep 100k withdrawn", Seconds),
        ],
        with_frr: true,
        run: vtep::hundred_thousand,
    },
    Row {
        name: "vtep 500k",
        workload: "the same with 500,000 routes; memory again 3 s after",
        measures: &[
            judged("vtep 500k", Seconds, 3.0),
            judged("vtep 500k memory", Megabytes, 220.0),
            told("vtep 500k withdrawn", Seconds),
            told("vtep memory after withdraw", Megabytes),
        ],
        with_frr: true,
        run: vtep::half_a_million,
    },
    Row {
        name: "vtep loss",
        workload: "100,000 MAC/IP routes of one VTEP in 100 VNIs are withdrawn: until the kernel has none of them",
        measures: &[told("vtep loss", Seconds)],
        with_frr: true,
        run: vtep::vtep_loss,
    },
    Row {
        name: "VNI",
        workload: "a leaf without VNIs holds 1,000,000 type-2 MAC/IP routes of 1,000 VNIs; the vxlan device of one of them joins its \
                   bridge: from the request to the kernel until it has the 1,000 hosts as FDB entries of bridge and vxlan device and \
                   as neighbours; then it leaves the bridge: until the kernel, which empties the bridge's FDB itself, has none of \
                   them in the vxlan device's FDB, and no neighbour",
        measures: &[judged("VNI added", Seconds, 0.010), told("VNI removed", Seconds)],
        with_frr: true,
        run: vtep::vni_added,
    },
    Row {
        name: "type-5",
        workload: "100,000 type-5 IPv4 prefixes of 64 VTEPs into one tenant's table of the kernel",
        measures: &[told("type-5 100k", Seconds), told("type-5 100k memory", Megabytes)],
        with_frr: true,
        run: vtep::prefixes,
    },
    Row {
        name: "bridge flap",
        workload: "200,000 type-2 MAC/IP routes in 2,500 VNIs; all bridges go down, and when the daemon has come to rest, up in one \
                   command: from its end until the kernel has every entry again",
        measures: &[told("bridge flap", Seconds)],
        with_frr: true,
        run: vtep::bridge_flap,
    },
    Row {
        name: "adoption",
        workload: "170,000 type-2 MAC/IP routes in 100 VNIs are 510,000 entries in the kernel; the daemon is killed (kill -9), an entry \
                   that nobody wants is added with its mark, the daemon starts, gets the routes again: from its start until that \
                   entry is gone and every other one is there",
        measures: &[told("adoption", Seconds)],
        with_frr: true,
        run: vtep::adoption,
    },
    Row {
        name: "cold start",
        workload: "two leaves, a reflector, two hosts; from the start of the three daemons to the first ping that is answered",
        measures: &[judged("cold start", Seconds, 1.0)],
        with_frr: true,
        run: |run| Ok(vec![("cold start", Some(basics::start_to_first_ping(run.kind)?.as_secs_f64()))]),
    },
    Row {
        name: "unique attributes",
        workload: "bad input: 1,000,000 type-2 routes, each with attributes of its own (a large community); then withdrawn; \
                   meanwhile, as in all rows of bad input, hosts of another peer move one by one, a move a millisecond at most, \
                   awaited at a client",
        measures: &[
            told("unique attributes", Seconds),
            told("unique attributes memory", Megabytes),
            told("unique attributes withdrawn", Seconds),
            told("unique attributes move median", Micros),
            told("unique attributes move p99", Micros),
            told("unique attributes log", Lines),
        ],
        with_frr: true,
        run: harm::unique_attributes,
    },
    Row {
        name: "one route an UPDATE",
        workload: "bad input: the 1,000,000 routes of 'reflect', each in an UPDATE of its own",
        measures: &[
            told("one route an UPDATE", Seconds),
            told("one route an UPDATE memory", Megabytes),
            told("one route an UPDATE move median", Micros),
            told("one route an UPDATE move p99", Micros),
            told("one route an UPDATE log", Lines),
        ],
        with_frr: true,
        run: harm::single_routes,
    },
    Row {
        name: "flaps",
        workload: "bad input: a peer announces and withdraws one type-5 route as fast as it is read, until 500 hosts of another \
                   peer have moved",
        measures: &[
            told("flaps taken", PerSecond),
            told("flaps memory", Megabytes),
            told("flaps move median", Micros),
            told("flaps move p99", Micros),
            told("flaps log", Lines),
        ],
        with_frr: true,
        run: harm::flapping,
    },
    Row {
        name: "slow reader",
        workload: "bad input: of two clients one reads one octet a second for 60 s while the 1,000,000 routes of 'reflect' go by, \
                   then everything: how long the other client waits, how long the slow one needs then, memory at most",
        measures: &[
            told("beside a slow reader", Seconds),
            told("slow reader catches up", Seconds),
            told("slow reader peak", Megabytes),
            told("slow reader move median", Micros),
            told("slow reader move p99", Micros),
            told("slow reader log", Lines),
        ],
        with_frr: true,
        run: harm::slow_reader,
    },
    Row {
        name: "maximum prefix",
        workload: "bad input: a peer with 'maximum-prefix 100000' sends 200,000 routes at once, and calls again for 10 s as fast \
                   as it can: how long until its session is closed, calls a second, memory at most, and 3 s after. FRR 8.4 has no \
                   maximum-prefix for EVPN: it takes the line for IPv4 unicast, and all routes",
        measures: &[
            told("maximum prefix", Seconds),
            told("maximum prefix calls", PerSecond),
            told("maximum prefix memory", Megabytes),
            told("maximum prefix memory after", Megabytes),
            told("maximum prefix move median", Micros),
            told("maximum prefix move p99", Micros),
            told("maximum prefix log", Lines),
        ],
        with_frr: false,
        run: harm::maximum_prefix,
    },
    Row {
        name: "session flaps",
        workload: "bad input: a peer opens a session and closes its connection, for 10 s as fast as it can",
        measures: &[
            told("session flaps", PerSecond),
            told("session flaps memory", Megabytes),
            told("session flaps move median", Micros),
            told("session flaps move p99", Micros),
            told("session flaps log", Lines),
        ],
        with_frr: true,
        run: harm::session_flaps,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_every_row_says_what_it_does() {
        let rows: HashSet<&str> = ROWS.iter().map(|row| row.name).collect();
        let measures: Vec<&str> =
            ROWS.iter().flat_map(|row| row.measures).map(|measure| measure.name).collect();
        assert_eq!(rows.len(), ROWS.len());
        assert_eq!(measures.iter().collect::<HashSet<_>>().len(), measures.len());
        assert!(ROWS.iter().all(|row| row.workload.len() > 20 && !row.measures.is_empty()));
        assert!(ROWS.iter().any(|row| row.is_called("withdraw") && row.name == "reflect"));
    }
}
