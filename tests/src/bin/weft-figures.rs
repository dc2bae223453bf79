//! x
use std::time::Duration;
use weft_tests::{Result, fabric::*, scenario::*, speaker::Kind};
fn main() -> Result<()> {
    let k = Kind::Frr;
    println!("start {:?}", basics::start_to_first_ping(k)?);
    println!("50 vnis {:?}", scale::many_vnis(k, 42));
    let t = std::time::Instant::now();
    let mut f = Fabric::up(Plan::all(k))?;
    println!("up {:?}", t.elapsed());
    println!("{:?}", basics::flooding_reaches_each_once(&f));
    println!("{:?}", movement::vm_moves(&f, 0, Leaving::PortDown));
    println!("{:?}", movement::vm_moves(&f, 1, Leaving::PortDown));
    println!("{:?}", movement::vm_moves(&f, 0, Leaving::Silent));
    println!("{:?}", movement::home_is_clean(&f));
    let mut f = Fabric::up(Plan::all(k))?;
    println!("kill0 {:?}", resilience::kill_leaf(&mut f, Duration::ZERO));
    println!("kill1 {:?}", resilience::kill_leaf(&mut f, Duration::from_secs(1)));
    println!("killrr {:?}", resilience::kill_reflector(&mut f, Duration::ZERO));
    println!("clear {:?}", resilience::clear_sessions(&mut f));
    println!("port {:?}", resilience::port_down(&mut f));
    println!("vxlan {:?}", resilience::vxlan_recreated(&mut f));
    let mut f = Fabric::up(Plan::all(k))?;
    println!("drift {:#?}", drift::foreign_changes(&mut f, Duration::from_secs(1)));
    println!("silent {:?}", resilience::silent_host_ages(&mut f));
    let mut f = Fabric::up(Plan::all(k))?;
    println!("ghosts {:?}", resilience::ghosts(&mut f, Duration::from_secs(3)));
    let mut f = Fabric::up(Plan::all(k))?;
    println!("overrun {:?}", resilience::netlink_overrun(&mut f, 20000));
    Ok(())
}
