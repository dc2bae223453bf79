//! Sessions that wait for an address of ours begin when it is there, not at the next retry.

use crate::{LIMIT, namespace, running};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

/// Without the event a call would be tried again within a second; that four of four come so
/// soon by chance happens once in a hundred runs.
const SOON: Duration = Duration::from_millis(300);
const NEIGHBOURS: u8 = 4;

#[test]
fn a_session_is_tried_when_its_update_source_appears() -> Result<()> {
    let ns = namespace()?;
    let mut config = "router bgp 65000\n bgp router-id 10.0.0.1\n".to_owned();
    for n in 1..=NEIGHBOURS {
        ns.ip(&format!("addr add 10.0.1.{n}/32 dev lo"))?;
        config += &format!(
            " neighbor 10.0.1.{n} remote-as 65000\n neighbor 10.0.1.{n} port 1790\n \
             neighbor 10.0.1.{n} update-source 10.0.2.{n}\n"
        );
    }
    config += " address-family l2vpn evpn\n";
    for n in 1..=NEIGHBOURS {
        config += &format!("  neighbor 10.0.1.{n} activate\n");
    }
    let speaker = running(&ns, &config)?;
    let (called, calls) = mpsc::channel();
    for n in 1..=NEIGHBOURS {
        let called = called.clone();
        ns.thread(move || {
            let listener = TcpListener::bind(format!("10.0.1.{n}:1790")).map_err(LabError::io("listen"))?;
            let caller = listener.accept().map_err(LabError::io("accept"))?;
            let _ = called.send((n, Instant::now()));
            Ok(caller)
        })?;
    }
    wait_until("the neighbours to be tried in vain", LIMIT, || {
        let summary = speaker.command("show bgp summary json")?;
        Ok(summary.contains("10.0.1.4"))
    })?;
    for n in 1..=NEIGHBOURS {
        let added = Instant::now();
        ns.ip(&format!("addr add 10.0.2.{n}/32 dev lo"))?;
        let (who, when) = calls
            .recv_timeout(LIMIT)
            .map_err(|_| LabError::Unexpected(format!("10.0.1.{n} was never called")))?;
        assert_eq!(who, n);
        let after = when.saturating_duration_since(added);
        assert!(after < SOON, "called {after:?} after its address came");
    }
    Ok(())
}
