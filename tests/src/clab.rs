//! A containerlab file, deployed in network namespaces: a namespace for each node, a veth
//! pair for each link, the node's `cmd` with its `binds`, then its `exec` lines, in
//! containerlab's order (a daemon starts before its links come).
//!
//! Not done: images, `eth0` and its management network, and every field that is not listed
//! below; an unknown field is an error, since a topology that is shown here must be the one
//! that containerlab runs.

use crate::error::{LabError, Result};
use crate::netns::{self, Namespace};
use crate::owner;
use crate::process::Daemon;
use crate::speaker::weft_binary;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A topology file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The lab's name.
    pub name: String,
    /// Nodes and links.
    pub topology: Topology,
}

/// Nodes and links.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// The nodes by name.
    pub nodes: BTreeMap<String, NodeSpec>,
    /// The links.
    pub links: Vec<LinkSpec>,
}

/// One node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Always `linux` here.
    pub kind: String,
    /// The image for containerlab.
    pub image: String,
    /// The command that the container runs.
    pub cmd: String,
    /// Files of this folder and where the container sees them.
    #[serde(default)]
    pub binds: Vec<String>,
    /// Commands to run inside when the links are there.
    #[serde(default)]
    pub exec: Vec<String>,
}

/// One link, by its two `node:interface` ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// The ends.
    pub endpoints: [String; 2],
}

/// A deployed topology. Dropping it stops all nodes and removes everything.
#[derive(Debug)]
pub struct Lab {
    /// The nodes by name.
    pub nodes: BTreeMap<String, Node>,
}

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    daemon: Option<Daemon>,
    /// Its namespace.
    pub ns: Namespace,
    state: PathBuf,
    /// What the container sees, and where it is in reality.
    binds: Vec<(String, PathBuf)>,
}

/// Reads a topology file.
pub fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).map_err(LabError::io(format!("read {}", path.display())))?;
    let file: File = serde_yaml_ng::from_str(&text)
        .map_err(|reason| LabError::parse(path.display().to_string(), "", reason))?;
    for (name, node) in &file.topology.nodes {
        crate::ensure(node.kind == "linux", || {
            format!("{}: {name} is of kind {}", path.display(), node.kind)
        })?;
    }
    Ok(file)
}

/// Deploys a topology file. When it returns, all commands run and all `exec` lines are done.
pub fn deploy(path: &Path) -> Result<Lab> {
    let file = read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let prefix = owner::lab_prefix()?;
    let mut nodes = BTreeMap::new();
    for (name, spec) in &file.topology.nodes {
        let ns = Namespace::create(format!("{prefix}-{name}"))?;
        let state = owner::make_state_dir(ns.name())?;
        let binds = spec.binds.iter().map(|bind| read_bind(bind, folder)).collect::<Result<_>>()?;
        let mut node = Node { daemon: None, ns, state, binds };
        node.run_command(&spec.cmd)?;
        nodes.insert(name.clone(), node);
    }
    let lab = Lab { nodes };
    for link in &file.topology.links {
        let [a, b] = &link.endpoints;
        let (a, b) = (lab.endpoint(a)?, lab.endpoint(b)?);
        netns::link((&a.0.ns, a.1), (&b.0.ns, b.1))?;
    }
    for (name, spec) in &file.topology.nodes {
        let node = lab.node(name)?;
        spec.exec.iter().try_for_each(|line| node.exec(line).map(drop))?;
    }
    Ok(lab)
}

fn read_bind(bind: &str, folder: &Path) -> Result<(String, PathBuf)> {
    let mut parts = bind.split(':');
    match (parts.next(), parts.next()) {
        (Some(source), Some(target)) => Ok((target.to_owned(), folder.join(source))),
        _ => Err(LabError::parse("bind", bind, "expected SOURCE:TARGET")),
    }
}

impl Lab {
    /// A node by name.
    pub fn node(&self, name: &str) -> Result<&Node> {
        self.nodes.get(name).ok_or_else(|| LabError::Unexpected(format!("the topology has no node {name}")))
    }

    fn endpoint<'a>(&self, endpoint: &'a str) -> Result<(&Node, &'a str)> {
        let (name, device) = endpoint
            .split_once(':')
            .ok_or_else(|| LabError::parse("endpoint", endpoint, "expected NODE:INTERFACE"))?;
        Ok((self.node(name)?, device))
    }
}

impl Node {
    /// Runs one line inside, as `docker exec` would (no shell): words with the container's paths
    /// become those of the files bound there.
    pub fn exec(&self, line: &str) -> Result<String> {
        let words = self.words(line)?;
        let (program, arguments) =
            words.split_first().ok_or_else(|| LabError::parse("exec", line, "expected a command"))?;
        self.ns.run(program, arguments)
    }

    /// Runs one command of Weft's shell.
    pub fn weft(&self, command: &str) -> Result<String> {
        let program = weft_binary("weft")?.display().to_string();
        self.ns
            .run(&program, ["--socket".as_ref(), self.socket().as_os_str(), "-c".as_ref(), command.as_ref()])
    }

    /// The last lines that its daemon wrote.
    pub fn log_tail(&self, lines: usize) -> String {
        self.daemon.as_ref().map(|daemon| daemon.log_tail(lines)).unwrap_or_default()
    }

    /// Its daemon.
    pub fn daemon(&mut self) -> Option<&mut Daemon> {
        self.daemon.as_mut()
    }

    fn socket(&self) -> PathBuf {
        self.state.join("weft.sock")
    }

    fn run_command(&mut self, command: &str) -> Result<()> {
        let mut words = self.words(command)?;
        if words.first().is_some_and(|word| word.ends_with("/weftd")) {
            // Containers have a /run each; here the nodes share one.
            words.extend(["--socket".into(), self.socket().display().to_string()]);
        }
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let environment = [("RUST_LOG".to_owned(), "info".to_owned())];
        let log = self.state.join("command.log");
        self.daemon = Some(Daemon::start(&self.ns, program, arguments, &environment, &log)?);
        Ok(())
    }

    fn words(&self, line: &str) -> Result<Vec<String>> {
        line.split_whitespace()
            .map(|word| match self.binds.iter().find(|(target, _)| target == word) {
                Some((_, source)) => Ok(source.display().to_string()),
                None if word == "weftd" => Ok(weft_binary("weftd")?.display().to_string()),
                None => Ok(word.to_owned()),
            })
            .collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
        }
        owner::remove_state_dir(&self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topologies_of_the_repository_are_read() {
        for (topology, nodes) in [("clab/l2/l2.clab.yml", 6), ("clab/sites/sites.clab.yml", 16)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(topology);
            let file = read(&path).unwrap();
            assert_eq!(file.topology.nodes.len(), nodes);
            for link in file.topology.links {
                for end in link.endpoints {
                    assert!(file.topology.nodes.contains_key(end.split_once(':').unwrap().0), "{end}");
                }
            }
            for (source, target) in file
                .topology
                .nodes
                .values()
                .flat_map(|node| &node.binds)
                .map(|bind| bind.split_once(':').unwrap())
            {
                assert!(path.parent().unwrap().join(source).exists(), "{source} for {target}");
            }
        }
    }

    #[test]
    fn a_field_that_is_not_understood_is_an_error() {
        let text = "name: x\ntopology:\n  nodes:\n    a: {kind: linux, image: i, cmd: c, startup-config: f}\n  links: []\n";
        assert!(serde_yaml_ng::from_str::<File>(text).is_err());
    }
}
