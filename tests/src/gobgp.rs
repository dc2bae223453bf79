//! GoBGP in a namespace: a peer that takes EVPN routes of types 1 to 5 from its command line
//! and shows what it was told; a reflector for others. It forwards nothing. Memberships of route targets
//! (RFC 4684) follow from its VRFs: its command line adds none by themselves.

use crate::error::{LabError, Result};
use crate::netns::Namespace;
use crate::owner;
use crate::process::Daemon;
use crate::wait::wait_until;
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The port of GoBGP's API, in its own namespace.
const API: &str = "50051";

/// A running GoBGP. Dropping it kills it.
#[derive(Debug)]
pub struct GoBgp {
    _daemon: Daemon,
    namespace: Arc<Namespace>,
    state: PathBuf,
}

/// What a GoBGP is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A peer of family EVPN.
    Evpn,
    /// One that exchanges memberships of route targets, too, and says when it has said all.
    Memberships,
    /// The same as route reflector of its neighbours.
    Reflector,
}

impl Role {
    /// The lines of a neighbour that are the role's.
    fn lines(self, local: IpAddr) -> String {
        let family = |name: &str, more: &str| {
            format!(
                "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{name}\"\n{more}"
            )
        };
        // With graceful restart each says when it has said all, so nobody waits longer for EVPN routes.
        let restart = "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true\n";
        let deferral = "[neighbors.afi-safis.route-target-membership.config]\ndeferral-time = 1\n";
        let both = family("l2vpn-evpn", restart) + &family("rtc", &format!("{restart}{deferral}"));
        let graceful = "[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 20\n";
        match self {
            Self::Evpn => family("l2vpn-evpn", ""),
            Self::Memberships => format!("{graceful}{both}"),
            Self::Reflector => format!(
                "[neighbors.route-reflector.config]\nroute-reflector-client = true\n\
                 route-reflector-cluster-id = \"{local}\"\n{graceful}{both}"
            ),
        }
    }
}

impl GoBgp {
    /// Starts GoBGP with one iBGP neighbour (AS 65000) of family EVPN.
    pub fn start(namespace: &Arc<Namespace>, local: IpAddr, neighbour: IpAddr) -> Result<Self> {
        Self::start_as(Role::Evpn, namespace, local, &[neighbour])
    }

    /// Starts GoBGP in a role, with these iBGP neighbours (AS 65000).
    pub fn start_as(
        role: Role,
        namespace: &Arc<Namespace>,
        local: IpAddr,
        neighbours: &[IpAddr],
    ) -> Result<Self> {
        let state = owner::make_state_dir(namespace.name())?;
        let config = state.join("gobgpd.toml");
        let mut text = format!("[global.config]\nas = 65000\nrouter-id = \"{local}\"\n");
        for neighbour in neighbours {
            text += &format!(
                "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{neighbour}\"\npeer-as = 65000\n\
                 [neighbors.transport.config]\nlocal-address = \"{local}\"\n\
                 [neighbors.timers.config]\nconnect-retry = 1\nhold-time = 9\n{}",
                role.lines(local)
            );
        }
        std::fs::write(&config, text).map_err(LabError::io(format!("write {}", config.display())))?;
        let arguments = ["-f", &config.display().to_string(), "--api-hosts", &format!("127.0.0.1:{API}")];
        let daemon = Daemon::start(namespace, "gobgpd", arguments, &[], &state.join("gobgpd.log"))?;
        Ok(Self { _daemon: daemon, namespace: Arc::clone(namespace), state })
    }

    /// Runs `gobgp` with the words of `line`; returns what it printed.
    pub fn command(&self, line: &str) -> Result<String> {
        self.namespace.run("gobgp", ["-p", API].into_iter().chain(line.split_whitespace()))
    }

    /// Adds an EVPN route, in the words of `gobgp global rib -a evpn add`.
    pub fn add(&self, route: &str) -> Result<()> {
        self.command(&format!("global rib -a evpn add {route}")).map(drop)
    }

    /// Takes an EVPN route back, in the words that added it.
    pub fn delete(&self, route: &str) -> Result<()> {
        self.command(&format!("global rib -a evpn del {route}")).map(drop)
    }

    /// All EVPN routes that it has, own ones included, as its JSON shows them.
    pub fn routes(&self) -> Result<Vec<Value>> {
        let text = self.command("global rib -a evpn -j")?;
        if text.trim().is_empty() || text.starts_with("Network not in table") {
            return Ok(Vec::new());
        }
        let table: Value =
            serde_json::from_str(&text).map_err(|reason| LabError::parse("gobgp's table", &text, reason))?;
        let rows = match table {
            Value::Object(destinations) => destinations.into_iter().map(|(_, value)| value).collect(),
            Value::Array(rows) => rows,
            _ => Vec::new(),
        };
        Ok(rows
            .into_iter()
            .flat_map(|row| if let Value::Array(paths) = row { paths } else { vec![row] })
            .collect())
    }

    /// The text of its EVPN table.
    pub fn table(&self) -> Result<String> {
        self.command("global rib -a evpn")
    }

    /// Waits until its session is established.
    pub fn wait_established(&self, limit: Duration) -> Result<Duration> {
        wait_until(&format!("GoBGP's session in {}", self.namespace.name()), limit, || {
            Ok(self.command("neighbor")?.to_lowercase().contains("establ"))
        })
    }
}

impl Drop for GoBgp {
    fn drop(&mut self) {
        owner::remove_state_dir(&self.state);
    }
}
