//! What the operator reads of tenants, beside FRR's: the same commands at a Weft leaf and at an FRR leaf of
//! one fabric. Compared are the keys of JSON and the headings of text, not values.

// A JSON value's index gives null for what is not there; it cannot fail.
#![allow(clippy::indexing_slicing)]

use crate::error::{LabError, Result};
use crate::fabric::LIMIT;
use crate::routed::{Fabric, RED};
use crate::scenario::routing::{prefixes_and_hosts_are_routed, wait_router_mac};
use crate::speaker::Speaker;
use serde_json::Value;
use std::collections::BTreeSet;

/// What FRR says and Weft does not, by command.
pub type Missing = Vec<(String, BTreeSet<String>)>;

/// The commands, with placeholders for what differs between the two leaves: `PREFIX` is the other leaf's
/// subnet, `RMAC` its router MAC, `VTEP` its VTEP.
const COMMANDS: [&str; 16] = [
    "show bgp vrf red ipv4 unicast",
    "show bgp vrf red ipv6 unicast",
    "show bgp vrf red ipv4 unicast PREFIX",
    "show bgp vrf red ipv4 unicast summary",
    "show ip route vrf red",
    "show ipv6 route vrf red",
    "show ip route vrf red PREFIX",
    "show vrf vni",
    "show evpn vni RED",
    "show evpn rmac vni RED",
    "show evpn rmac vni all",
    "show evpn rmac vni RED mac RMAC",
    "show evpn next-hops vni RED",
    "show evpn next-hops vni all",
    "show evpn next-hops vni RED ip VTEP",
    "show bgp l2vpn evpn route type prefix",
];

/// What FRR shows and Weft leaves out: how the path of the key ends, or the heading, and why.
const LEFT_OUT: [(&str, &str); 15] = [
    ("/vrfId", "the index of a VRF device, which rule form has none of"),
    ("/version", "counts changes in FRR's table"),
    ("nexthops[]/metric", "FRR's tracking of next hops"),
    ("nexthops[]/scope", "FRR shows an IPv4 VTEP of IPv6 prefixes as an IPv6 address"),
    ("nexthops[]/flags", "FRR's memory"),
    ("/*/*/prefixLen", "the size of FRR's key of an EVPN route"),
    ("/internalFlags", "FRR's memory"),
    ("/internalStatus", "FRR's memory"),
    ("/internalNextHopNum", "FRR's memory"),
    ("/internalNextHopActiveNum", "FRR's memory"),
    ("/nexthopGroupId", "zebra's numbers"),
    ("/installedNexthopGroupId", "zebra's numbers"),
    ("/*[]/installed", "of routes from BGP the kernel side alone knows it: `show evpn consistency`"),
    ("nexthops[]/fib", "the same"),
    ("RPKI validation codes: V valid, I invalid, N Not found", "there is no RPKI"),
];

/// What of FRR's is not in Weft's and not left out on purpose. Weft may go on where FRR's heading ends.
fn missing(frr: BTreeSet<String>, weft: &BTreeSet<String>) -> BTreeSet<String> {
    let left_out = |one: &str| LEFT_OUT.iter().any(|(end, _)| one.ends_with(end));
    let there = |one: &str| {
        weft.iter().any(|other| other == one || (!one.starts_with('/') && other.starts_with(one)))
    };
    frr.into_iter().filter(|one| !there(one) && !left_out(one)).collect()
}

/// A fabric whose first leaf is Weft's and whose second is FRR's, each with a subnet of its own. Gives what
/// FRR says and Weft does not: keys of JSON as paths, headings of text, but what is left out on purpose.
pub fn compare(fabric: &Fabric) -> Result<[Missing; 2]> {
    prefixes_and_hosts_are_routed(fabric)?;
    let (weft, frr) = (fabric.leaf(0)?, fabric.leaf(1)?);
    wait_router_mac(weft, RED, frr, LIMIT)?;
    wait_router_mac(frr, RED, weft, LIMIT)?;
    let mut keys = Vec::new();
    let mut headings = Vec::new();
    for command in COMMANDS {
        let ask = |speaker: &Speaker, other: &crate::routed::Leaf, json: bool| -> Result<String> {
            let [v4, _] = crate::routed::prefixes(*other.plan.subnets.first().unwrap_or(&0));
            let line = command
                .replace("PREFIX", &v4)
                .replace("RMAC", &other.router_mac(RED)?)
                .replace("VTEP", &other.vtep.to_string())
                .replace("RED", &RED.l3vni.to_string());
            speaker.command(&if json { format!("{line} json") } else { line })
        };
        let of = |text: String| -> Result<BTreeSet<String>> {
            let value: Value = serde_json::from_str(&text)
                .map_err(|reason| LabError::parse(format!("answer to '{command}'"), &text, reason))?;
            let mut paths = BTreeSet::new();
            key_paths(&value, "", &mut paths);
            Ok(paths)
        };
        let (theirs, ours) = (of(ask(&frr.speaker, weft, true)?)?, of(ask(&weft.speaker, frr, true)?)?);
        keys.push((command.to_owned(), missing(theirs, &ours)));
        let (theirs, ours) =
            (words(&ask(&frr.speaker, weft, false)?), words(&ask(&weft.speaker, frr, false)?));
        headings.push((command.to_owned(), missing(theirs, &ours)));
    }
    keys.retain(|(_, missing): &(String, BTreeSet<String>)| !missing.is_empty());
    headings.retain(|(_, missing): &(String, BTreeSet<String>)| !missing.is_empty());
    Ok([keys, headings])
}

/// The keys of a document, each with those above it; addresses, numbers and names of VRFs as `*`.
fn key_paths(value: &Value, above: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let is_name = key.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
                    && !key.contains(['.', ':', '/', '['])
                    && key != RED.name;
                let path = format!("{above}/{}", if is_name { key } else { "*" });
                paths.insert(path.clone());
                key_paths(value, &path, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| key_paths(item, &format!("{above}[]"), paths)),
        _ => {}
    }
}

/// The words of a text that are no values: before a colon, or in lines of words only.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !line.contains(|letter: char| letter.is_ascii_digit()) {
            words.insert(line.split_whitespace().collect::<Vec<_>>().join(" "));
        } else if let Some((label, _)) = line.split_once(": ")
            && label.chars().all(|letter| letter.is_ascii_alphabetic() || letter == ' ' || letter == '-')
        {
            words.insert(format!("{label}:"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_and_values_that_are_keys_are_stars() {
        let value = serde_json::json!({"vrfs": {"red": {"10.0.0.0/24": [{"valid": true}]}}, "5000": 1});
        let mut paths = BTreeSet::new();
        key_paths(&value, "", &mut paths);
        let wanted = ["/*", "/vrfs", "/vrfs/*", "/vrfs/*/*", "/vrfs/*/*[]/valid"];
        assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn what_is_missing_is_told_unless_it_is_left_out_on_purpose() {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let frr =
            set(&["/*/routerMac", "/*/vtepIp", "/vrfs/*/vrfId", "Status codes: s suppressed", "/*/path"]);
        let weft = set(&["/*/routerMac", "/*/paths", "Status codes: s suppressed, S Stale"]);
        assert_eq!(missing(frr, &weft), set(&["/*/path", "/*/vtepIp"]));
    }

    #[test]
    fn headings_and_labels_are_words() {
        let seen = words("Number of things: 3\nMAC               Remote VTEP\n02:00:00:00:00:01 10.0.0.1\n");
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["MAC Remote VTEP", "Number of things:"]);
    }
}
