//! The daemon and the shell as an operator meets them: files that are wrong, signals, sockets
//! that are taken, the shell's command line. Each test has a namespace of its own, so port 179
//! is free in it. Needs root and iproute2.

mod addresses;
mod conflicts;
mod memory;
mod refusals;
mod shell;
mod signals;
mod vrfs;

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use weft_tests::netns::Namespace;
use weft_tests::speaker::{Kind, Speaker, weft_binary};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result, owner};

const LIMIT: Duration = Duration::from_secs(60);

/// A speaker with one iBGP neighbour (10.0.0.2) that it waits for, at 10.0.0.1.
const CONFIG: &str = "hostname box
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp default ipv4-unicast
 neighbor 10.0.0.2 remote-as 65000
 neighbor 10.0.0.2 passive
 address-family l2vpn evpn
  neighbor 10.0.0.2 activate
 exit-address-family
";

/// A namespace with both addresses on its loopback.
fn namespace() -> Result<Arc<Namespace>> {
    let ns = Arc::new(Namespace::create(format!("{}-box", owner::lab_prefix()?))?);
    ns.ip_batch("addr add 10.0.0.1/32 dev lo\naddr add 10.0.0.2/32 dev lo\n")?;
    Ok(ns)
}

/// Starts `weftd` and waits until it answers.
fn running(ns: &Arc<Namespace>, config: &str) -> Result<Speaker> {
    let speaker = Speaker::start(Kind::Weft, ns, config)?;
    wait_until("weftd to answer", LIMIT, || speaker.command("show running-config").map(|_| true))?;
    Ok(speaker)
}

/// Runs `weftd` with these arguments until it ends by itself; it must not take `LIMIT`.
fn weftd(ns: &Namespace, arguments: &[&str]) -> Result<Output> {
    let mut command = ns.command("timeout");
    command.arg(LIMIT.as_secs().to_string()).arg(weft_binary("weftd")?).args(arguments).stdin(Stdio::null());
    command.output().map_err(LabError::io("run weftd"))
}

/// Both outputs of a program as text.
fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}
