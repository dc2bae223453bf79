//! Import and export policies: what is kept, when the neighbour is asked, how often a policy
//! is, and what it may change.

use super::lab::{ASN, Lab, id};
use super::policy::Rules;
use super::unicast::{announce, assert_empty, ce, from, net, path};
use crate::peer::PeerKind;
use crate::rib::{ClearIn, PolicyRef, RibPeer};
use crate::wire::{AttributeSet, Family, unicast};
use std::sync::Arc;

const V4: Family = Family::Ipv4Unicast;
const PREFIXES: [&str; 3] = ["10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24"];

fn deny(prefix: &str) -> Rules {
    Rules { deny: Some(net(prefix)), ..Rules::default() }
}

fn importing(mut peer: RibPeer, policy: Option<&PolicyRef>, soft: bool) -> RibPeer {
    peer.families[0].policy_import = policy.cloned();
    peer.families[0].settings.soft_reconfiguration_inbound = soft;
    peer
}

fn exporting(mut peer: RibPeer, policy: &PolicyRef) -> RibPeer {
    peer.families[0].policy_export = Some(policy.clone());
    peer
}

fn told(lab: &Lab, n: u8) -> Vec<bool> {
    PREFIXES.iter().map(|prefix| lab.told(n, prefix).is_some()).collect()
}

#[test]
fn what_the_import_policy_denies_is_not_kept_and_counted() {
    let (_, policy) = deny("10.0.0.0/8").reference();
    let outside = ce(1, PeerKind::External);
    let mut lab =
        Lab::with([(1, importing(outside.clone(), Some(&policy), false)), (2, ce(2, PeerKind::External))]);
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.drain();
    assert_eq!(told(&lab, 2), [false, false, true]);
    let counters = lab.rib.counters(id(1), V4);
    assert_eq!((counters.received, counters.accepted, counters.filtered), (1, 1, 2));
    // Another policy: the neighbour is asked, and sends again.
    let (_, policy) = deny("10.1.0.0/16").reference();
    let changed = importing(outside, Some(&policy), false);
    assert_eq!(lab.rib.set_peer(id(1), changed.clone()), Ok(vec![V4]));
    assert_eq!(lab.rib.set_peer(id(1), changed), Ok(vec![]), "the same again");
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.drain();
    assert_eq!(told(&lab, 2), [false, true, true]);
    // A route that the policy let through and now denies goes.
    let set = AttributeSet { med: Some(3), ..from(1) };
    lab.update(1, &announce(set, &PREFIXES));
    lab.drain();
    assert_eq!(told(&lab, 2), [false, true, true]);
    assert_empty(&mut lab);
}

#[test]
fn a_route_that_comes_again_and_is_denied_is_withdrawn() {
    let (_, policy) = Rules { deny_community: Some(666), ..Rules::default() }.reference();
    let mut lab = Lab::with([
        (1, importing(ce(1, PeerKind::External), Some(&policy), false)),
        (2, ce(2, PeerKind::External)),
    ]);
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.update(1, &announce(AttributeSet { communities: vec![666], ..from(1) }, &PREFIXES[..1]));
    lab.drain();
    assert_eq!(told(&lab, 2), [false, true, true]);
    assert_eq!(lab.rib.counters(id(1), V4).received, 2);
}

#[test]
fn with_soft_reconfiguration_a_changed_policy_judges_what_is_kept() {
    let (_, raise) = Rules { local_pref: Some(300), ..deny("192.0.2.0/24") }.reference();
    let (_, lower) = Rules { local_pref: Some(50), ..Rules::default() }.reference();
    let outside = ce(1, PeerKind::External);
    let mut lab =
        Lab::with([(1, importing(outside.clone(), Some(&raise), true)), (3, ce(3, PeerKind::Internal))]);
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.drain();
    let local_pref = |lab: &Lab| PREFIXES.map(|prefix| lab.told(3, prefix).and_then(|set| set.local_pref));
    assert_eq!(local_pref(&lab), [Some(300), Some(300), None]);
    let counters = lab.rib.counters(id(1), V4);
    assert_eq!((counters.received, counters.accepted, counters.filtered), (3, 2, 1));
    let nlri = unicast::nlri(&net(PREFIXES[2]));
    let view = lab.rib.route(V4, &nlri).expect("a prefix").expect("kept");
    assert_eq!(view.paths[0].refused.as_slice(), ["denied by the import policy"]);
    // The new policy sees what was received, not what the old one made of it.
    assert_eq!(lab.rib.set_peer(id(1), importing(outside.clone(), Some(&lower), true)), Ok(vec![]));
    lab.drain();
    assert_eq!(local_pref(&lab), [Some(50), Some(50), Some(50)]);
    assert_eq!(lab.rib.counters(id(1), V4).accepted, 3);
    // A new version of the same policy, too.
    let (rules, first) = Rules { local_pref: Some(60), ..Rules::default() }.reference();
    let second = PolicyRef::new(Arc::clone(&rules) as Arc<dyn crate::rib::RoutePolicy>, 2);
    assert_ne!(first, second);
    lab.rib.set_peer(id(1), importing(outside.clone(), Some(&first), true)).expect("up");
    assert_eq!(rules.times(), 3);
    lab.rib.set_peer(id(1), importing(outside.clone(), Some(&first), true)).expect("up");
    assert_eq!(rules.times(), 0, "nothing changed");
    lab.rib.set_peer(id(1), importing(outside.clone(), Some(&second), true)).expect("up");
    assert_eq!(rules.times(), 3);
    assert_eq!(lab.rib.clear_in(id(1), V4), Ok(ClearIn::Done));
    assert_eq!(rules.times(), 3);
    // Without a policy it is as received.
    assert_eq!(lab.rib.set_peer(id(1), importing(outside.clone(), None, true)), Ok(vec![]));
    lab.drain();
    assert_eq!(local_pref(&lab), [Some(100); 3]);
    let sets = lab.rib.memory().attribute_sets;
    assert_eq!(sets, 1, "no original is kept beside itself");
    // What is kept no longer is asked for.
    lab.rib.set_peer(id(1), importing(outside.clone(), Some(&raise), true)).expect("up");
    assert_eq!(lab.rib.memory().attribute_sets, 2);
    assert_eq!(lab.rib.set_peer(id(1), importing(outside.clone(), Some(&raise), false)), Ok(vec![V4]));
    assert_eq!(lab.rib.memory().attribute_sets, 1);
    // And the other way round what the policy made is not given to it again.
    assert_eq!(lab.rib.set_peer(id(1), importing(outside.clone(), Some(&lower), true)), Ok(vec![V4]));
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.drain();
    assert_eq!(local_pref(&lab), [Some(50); 3]);
    lab.rib.set_peer(id(1), importing(outside, None, true)).expect("up");
    lab.drain();
    assert_eq!(local_pref(&lab), [Some(100); 3]);
    assert_empty(&mut lab);
}

#[test]
fn a_path_without_a_way_outlives_another_policy() {
    let (_, first) = Rules { med: Some(1), ..Rules::default() }.reference();
    let (_, second) = Rules { med: Some(2), ..Rules::default() }.reference();
    let outside = ce(1, PeerKind::External);
    let mut lab =
        Lab::with([(1, importing(outside.clone(), Some(&first), false)), (2, ce(2, PeerKind::External))]);
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.rib.set_next_hops([([10, 0, 0, 1].into(), false)]);
    lab.drain();
    assert_eq!(told(&lab, 2), [false; 3]);
    lab.rib.set_peer(id(1), importing(outside, Some(&second), false)).expect("up");
    lab.rib.set_next_hops([([10, 0, 0, 1].into(), true)]);
    lab.drain();
    assert_eq!(told(&lab, 2), [true; 3]);
}

#[test]
fn a_refused_route_is_not_the_policys_business() {
    let (rules, policy) = Rules::default().reference();
    let mut lab = Lab::with([(1, importing(ce(1, PeerKind::External), Some(&policy), true))]);
    lab.update(1, &announce(AttributeSet { as_path: path(&[65_101, ASN]), ..from(1) }, &PREFIXES));
    assert_eq!(rules.times(), 0);
    let counters = lab.rib.counters(id(1), V4);
    assert_eq!((counters.received, counters.accepted, counters.filtered), (3, 0, 0));
}

#[test]
fn a_policy_that_ignores_nlri_is_asked_once_for_a_set() {
    let (rules, policy) = Rules { med: Some(1), ignores_nlri: true, ..Rules::default() }.reference();
    let mut lab = Lab::with([
        (1, importing(ce(1, PeerKind::External), Some(&policy), false)),
        (2, exporting(ce(2, PeerKind::External), &policy)),
        (3, exporting(ce(3, PeerKind::External), &policy)),
    ]);
    lab.update(1, &announce(from(1), &PREFIXES));
    assert_eq!(rules.times(), 1);
    lab.drain();
    assert_eq!(rules.times(), 1, "two neighbours in one group");
    assert_eq!((told(&lab, 2), told(&lab, 3)), (vec![true; 3], vec![true; 3]));
}

#[test]
fn an_export_policy_is_asked_once_for_a_group_and_route() {
    let (rules, policy) = Rules { med: Some(7), ..deny("10.1.0.0/16") }.reference();
    let mut lab = Lab::with([
        (1, ce(1, PeerKind::External)),
        (2, exporting(ce(2, PeerKind::External), &policy)),
        (3, exporting(ce(3, PeerKind::External), &policy)),
        (4, ce(4, PeerKind::External)),
    ]);
    assert_eq!(lab.rib.groups(V4).len(), 2);
    lab.update(1, &announce(AttributeSet { med: Some(1), ..from(1) }, &PREFIXES));
    lab.drain();
    assert_eq!(rules.times(), 3);
    for n in [2, 3] {
        assert_eq!(told(&lab, n), [false, true, true]);
        let sent = lab.told(n, PREFIXES[1]).expect("told");
        assert_eq!((sent.med, sent.as_path.clone()), (Some(7), path(&[ASN, 65_101])));
        assert_eq!(lab.rib.counters(id(n), V4).sent, 2);
    }
    assert_eq!(lab.told(4, PREFIXES[0]).expect("told").med, None);
    // What is shown is what was sent.
    let mut listing = lab.rib.listing(V4, crate::rib::Scope::AdvertisedTo(id(2)), |_| true).expect("up");
    let shown: Vec<_> = std::iter::from_fn(|| lab.rib.next_route(&mut listing)).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|route| route.paths[0].attributes.med == Some(7)));
    assert_eq!(lab.rib.memory().attribute_sets, 1, "what a policy makes is not kept");
    // A route that the policy lets through no longer is withdrawn.
    let (_, none) = deny("0.0.0.0/0").reference();
    lab.rib.set_peer(id(2), exporting(ce(2, PeerKind::External), &none)).expect("up");
    lab.drain();
    assert_eq!((told(&lab, 2), told(&lab, 3)), (vec![false; 3], vec![false, true, true]));
    assert_eq!(lab.rib.groups(V4).len(), 3);
    lab.rib.set_peer(id(2), ce(2, PeerKind::External)).expect("up");
    lab.drain();
    assert_eq!(told(&lab, 2), [true; 3]);
    assert_empty(&mut lab);
}

#[test]
fn what_a_policy_sets_does_not_cross_the_border_of_the_as() {
    let (_, policy) = Rules { local_pref: Some(300), ..Rules::default() }.reference();
    let mut lab = Lab::with([
        (1, ce(1, PeerKind::External)),
        (2, exporting(ce(2, PeerKind::External), &policy)),
        (3, exporting(ce(3, PeerKind::Internal), &policy)),
    ]);
    lab.update(1, &announce(from(1), &PREFIXES));
    lab.drain();
    assert_eq!(lab.told(2, PREFIXES[0]).expect("told").local_pref, None);
    assert_eq!(lab.told(3, PREFIXES[0]).expect("told").local_pref, Some(300));
}

#[test]
fn the_export_policy_does_not_judge_default_originate() {
    let (_, policy) = deny("0.0.0.0/0").reference();
    let mut stub = exporting(ce(1, PeerKind::External), &policy);
    stub.families[0].settings.default_originate = true;
    let mut lab = Lab::with([(1, stub), (2, ce(2, PeerKind::External))]);
    lab.update(2, &announce(from(2), &PREFIXES));
    lab.drain();
    assert_eq!(told(&lab, 1), [false; 3]);
    assert_eq!(lab.told(1, "0.0.0.0/0").expect("told").as_path, path(&[ASN]));
    assert_empty(&mut lab);
}
