//! Two sites and a core: prefixes cross, hosts stay.

use std::time::Duration;
use weft_tests::Result;
use weft_tests::fabric::Leaving;
use weft_tests::routed::sites::{Aggregate, Sites, SitesPlan};
use weft_tests::routed::{BLUE, Form, LeafPlan, RED};
use weft_tests::scenario::sites;
use weft_tests::verdict::most_within;

fn two_sites() -> Result<Sites> {
    Sites::up(&SitesPlan::two_sites())
}

#[test]
fn a_leaf_holds_its_own_site_and_one_prefix_for_each_other() -> Result<()> {
    let plan = SitesPlan { tenants: vec![RED, BLUE], ..SitesPlan::two_sites() };
    let lab = Sites::up(&plan)?;
    let counts = sites::leaves_hold_their_site_and_prefixes(&lab)?;
    // Of each family: the other leaf's subnet and host, the other site's prefix; the stretched subnet at
    // the leaves that do not have it; the machine in it, which is red and at home on the first leaf.
    assert_eq!(counts, [6, 6, 10, 8, 8, 6, 10, 8]);
    sites::core_holds_prefixes(&lab)?;
    sites::gateways_discard_behind_their_aggregates(&lab)
}

/// Each journey gives four losses, those of two observers there and back.
fn away_and_home(leaving: Leaving, losses: usize, limit: usize) -> Result<()> {
    let mut lab = two_sites()?;
    most_within(limit, losses, || {
        let journey = sites::away_and_home(&mut lab, leaving)?;
        Ok(journey.there.into_iter().chain(journey.back).collect())
    })
}

#[test]
fn a_machine_that_goes_to_the_other_site_and_home_is_followed() -> Result<()> {
    away_and_home(Leaving::PortDown, 9, 3)
}

#[test]
fn a_machine_that_leaves_its_site_unseen_is_followed() -> Result<()> {
    // No port goes down: nothing is known before the word has come through two gateways.
    away_and_home(Leaving::Silent, 9, 30)
}

#[test]
fn a_machine_that_moves_so_often_that_it_is_a_duplicate_is_followed_each_time() -> Result<()> {
    away_and_home(Leaving::Silent, 23, 30)
}

#[test]
fn without_aggregates_subnets_and_hosts_cross() -> Result<()> {
    sites::contributors_cross(Aggregate::None)
}

#[test]
fn a_route_map_keeps_a_subnet_in_its_site() -> Result<()> {
    sites::a_route_map_keeps_a_subnet()
}

#[test]
fn an_aggregate_that_is_no_summary_only_goes_beside_its_contributors() -> Result<()> {
    sites::contributors_cross(Aggregate::Beside)
}

#[test]
fn hosts_of_one_subnet_in_two_sites_reach_each_other_by_routing() -> Result<()> {
    sites::one_subnet_in_two_sites()
}

#[test]
fn a_killed_gateway_that_restarts_at_once_loses_nothing() -> Result<()> {
    let loss = sites::kill_gateway(&mut two_sites()?, Duration::ZERO)?;
    assert_eq!(loss.lost, 0, "{loss}");
    Ok(())
}

#[test]
fn a_killed_gateway_that_restarts_after_a_second_loses_nothing() -> Result<()> {
    let loss = sites::kill_gateway(&mut two_sites()?, Duration::from_secs(1))?;
    assert_eq!(loss.lost, 0, "{loss}");
    Ok(())
}

#[test]
fn a_gateway_that_leaves_takes_its_prefixes_and_nothing_else() -> Result<()> {
    let took = sites::gateway_leaves(&mut two_sites()?)?;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    Ok(())
}

#[test]
fn a_gateway_without_its_site_withdraws_its_aggregate() -> Result<()> {
    sites::gateway_loses_its_site(&mut two_sites()?)
}

#[test]
fn an_aggregate_stays_while_its_last_contributor_flaps() -> Result<()> {
    let seen = sites::aggregate_flaps()?;
    assert!(seen.is_empty(), "{seen:#?}");
    Ok(())
}

#[test]
fn a_ring_of_three_gateways_has_no_loop() -> Result<()> {
    sites::ring_of_gateways()
}

#[test]
fn an_frr_leaf_lives_in_a_site() -> Result<()> {
    let mut plan = SitesPlan::new(&[&[&[10]], &[&[20]]]);
    for leaf in plan.sites.iter_mut().skip(1).flatten() {
        *leaf = LeafPlan::new(Form::FrrNetns, &[20]);
    }
    let lab = Sites::up(&plan)?;
    sites::core_holds_prefixes(&lab)
}
