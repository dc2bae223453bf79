//! A daemon to measure: the configuration that any FRR-like speaker needs for a load run, and `weftd` as a
//! route reflector without a kernel, started on a free port of this machine and killed at the end.

use super::error::{LoadError, Result};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long `weftd` may take until it listens.
const START: Duration = Duration::from_secs(10);

/// The configuration of a route reflector for these sessions. Sinks are clients, senders are not: so
/// what senders send goes to the sinks, and not to the other senders.
pub fn reflector_config(asn: u32, senders: &[IpAddr], sinks: &[IpAddr]) -> String {
    let mut text = format!("router bgp {asn}\n bgp router-id 127.0.0.1\n no bgp default ipv4-unicast\n");
    let mut family = String::from(" address-family l2vpn evpn\n");
    for (group, client, members) in [("SENDERS", false, senders), ("SINKS", true, sinks)] {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            " neighbor {group} peer-group\n neighbor {group} remote-as {asn}\n neighbor {group} passive"
        );
        for member in members {
            let _ = writeln!(text, " neighbor {member} peer-group {group}");
        }
        let _ = writeln!(family, "  neighbor {group} activate");
        if client {
            let _ = writeln!(family, "  neighbor {group} route-reflector-client");
        }
    }
    format!("{text}{family} exit-address-family\nexit\n")
}

/// A running `weftd`. Dropping it kills it and removes its files.
#[derive(Debug)]
pub struct Reflector {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Reflector {
    /// Starts `program` with this configuration on a free port of 127.0.0.1.
    pub fn start(program: &Path, config: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("weft-load-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(LoadError::io(format!("make {}", folder.display())))?;
        let file = folder.join("weftd.conf");
        std::fs::write(&file, config).map_err(LoadError::io(format!("write {}", file.display())))?;
        let log = folder.join("weftd.log");
        let output = || File::options().create(true).append(true).open(&log);
        let address = free_address()?;
        let child = Command::new(program)
            .arg("--no-kernel")
            .arg("--config")
            .arg(&file)
            .arg("--socket")
            .arg(folder.join("weftd.sock"))
            .args(["--port", &address.port().to_string(), "--listen", &address.ip().to_string()])
            .stdin(Stdio::null())
            .stdout(output().map_err(LoadError::io(format!("open {}", log.display())))?)
            .stderr(output().map_err(LoadError::io(format!("open {}", log.display())))?)
            .spawn()
            .map_err(LoadError::io(format!(
                "start {} (build it by 'cargo build --release --bin weftd', or give its path)",
                program.display()
            )))?;
        let mut reflector = Self { child, folder, address };
        reflector.wait()?;
        Ok(reflector)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            let what = match self.child.try_wait() {
                Ok(Some(status)) => format!("weftd has ended at once: {status}"),
                _ if Instant::now() >= deadline => format!("weftd does not listen on {}", self.address),
                _ => {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                }
            };
            return Err(LoadError::Daemon { what, log: self.log() });
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its management socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("weftd.sock")
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("weftd.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody has; somebody could take it before the daemon does, which then says so.
fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(LoadError::io("find a free port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_weftd_reads() {
        let addresses = |last: u8| -> Vec<IpAddr> { vec![Ipv4Addr::new(127, 1, 0, last).into()] };
        let text = reflector_config(65_000, &addresses(1), &addresses(2));
        let (valid, printed) = crate::speaker::check_config(&text).unwrap();
        assert!(valid, "{printed}\n{text}");
        assert_eq!(text.matches("route-reflector-client").count(), 1);
    }
}
