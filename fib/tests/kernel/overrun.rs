//! The monitor socket overruns: what was missed is read again, and all ends right.

use crate::lab::*;
use std::sync::atomic::Ordering;
use weft_evpn::local::LocalEvent;
use weft_fib::{FibConfig, FibNotice, FibOptions, FibRequest, Serve};

fn tiny() -> FibOptions {
    FibOptions { receive_buffer: Some(1), ..FibOptions::default() }
}

fn all() -> FibConfig {
    FibConfig { serve: Serve::All, ..FibConfig::default() }
}

#[test]
fn a_tiny_buffer_still_ends_right() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start_with(tiny(), all());
        service.wait_up(10);
        service.forward((0..2000).map(|number| want_mac(10, mac(number), "10.0.0.2")).collect());
        service.fib.send(FibRequest::Converged);
        let mut eye = Eye::new();
        wait_for("the last entry", || eye.vxlan(10, mac(1999)));
        service.wait_notice(|notice| matches!(notice, FibNotice::Resync { .. }));
        assert!(service.fib.counters().resyncs.load(Ordering::Relaxed) > 0);
        // Foreign changes and local MACs that nobody could hear of one by one.
        let mut batch = String::new();
        for number in 0..1000 {
            batch += &format!("fdb del {} dev vx10 self\n", mac(number));
            batch += &format!("fdb add {} dev h10 master static\n", mac(100_000 + number));
        }
        let file = std::env::temp_dir().join(format!("weft-fib-overrun-{}", std::process::id()));
        std::fs::write(&file, batch).unwrap();
        run(&format!("bridge -force -batch {}", file.display()));
        std::fs::remove_file(&file).unwrap();
        for number in 0..1000 {
            service.wait_local(
                "a local MAC",
                |event| matches!(event, LocalEvent::Mac { sticky: true, .. } if number < 1000),
            );
        }
        wait_for("every entry", || {
            let entries = eye.fdb("br10");
            let ours = entries.iter().filter(|entry| entry.nexthop.is_some()).count();
            (ours == 2000).then_some(())
        });
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn devices_that_nobody_could_hear_of_are_found() {
    in_namespace(|| {
        let mut service = Service::start_with(tiny(), all());
        for number in 1..=20 {
            run(&format!("ip link add br{number} type bridge"));
            run(&format!(
                "ip link add vx{number} type vxlan id {number} local 10.0.0.1 dstport 4789 nolearning"
            ));
            run(&format!("ip link set vx{number} master br{number} up"));
            run(&format!("ip link set br{number} up"));
        }
        for number in 1..=20 {
            let known = service
                .locals
                .iter()
                .any(|event| matches!(event, LocalEvent::VniUp { vni, .. } if vni.get() == number));
            if !known {
                service.keep_until(
                    |event| matches!(event, LocalEvent::VniUp { vni, .. } if vni.get() == number),
                );
            }
        }
        service.stop();
    });
}
