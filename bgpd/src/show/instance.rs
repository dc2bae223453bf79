//! Which BGP instance a show is about: the one outside of all IP-VRFs, or that of an IP-VRF.
//! An IP-VRF has one whether or not there is a `router bgp N vrf NAME` for it.

use super::vrfs;
use crate::{
    command::{
        ExecError,
        exec::{Afi, VrfSelector},
    },
    config::Bgp,
    core::Core,
    rib::Rib,
    wire::Family,
};
use weft_evpn::VrfName;

/// FRR's name of what is in no IP-VRF.
const DEFAULT: &str = "default";

/// A BGP instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instance(Option<VrfName>);

/// What is configured of an instance that shows print or need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Configured {
    pub groups: usize,
    pub multipath_relax: bool,
    pub ebgp_requires_policy: bool,
}

impl Default for Configured {
    /// An IP-VRF without `router bgp`.
    fn default() -> Self {
        Self { groups: 0, multipath_relax: false, ebgp_requires_policy: true }
    }
}

impl<F> From<&Bgp<F>> for Configured {
    fn from(bgp: &Bgp<F>) -> Self {
        Self {
            groups: bgp.peer_groups.len(),
            multipath_relax: bgp.best_path.as_path_multipath_relax,
            ebgp_requires_policy: bgp.ebgp_requires_policy,
        }
    }
}

impl Instance {
    /// The one outside of all IP-VRFs.
    pub fn default_instance() -> Self {
        Self(None)
    }

    /// That of an IP-VRF.
    pub fn of_vrf(name: VrfName) -> Self {
        Self(Some(name))
    }

    /// Its IP-VRF.
    pub fn vrf(&self) -> Option<&VrfName> {
        self.0.as_ref()
    }

    /// FRR's name of it.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or(DEFAULT, VrfName::as_str)
    }

    /// Its tables.
    ///
    /// # Errors
    /// There is no such instance, any more or yet.
    pub fn rib<'a>(&self, core: &'a Core) -> Result<&'a Rib, ExecError> {
        match &self.0 {
            None => core.config().bgp.as_ref().map(|_| core.rib()).ok_or_else(no_such_instance),
            Some(name) => vrfs::rib(core, name).ok_or_else(no_such_instance),
        }
    }

    /// The index of the IP-VRF's device, which FRR calls the VRF's id; 0 outside of IP-VRFs, `None` in
    /// rule form.
    pub fn id(&self, core: &Core) -> Option<u32> {
        match &self.0 {
            None => Some(0),
            Some(name) => vrfs::facts(core, name)?.devices?.master.map(|(index, _)| index),
        }
    }

    /// What is configured of it.
    pub fn configured(&self, core: &Core) -> Configured {
        let config = core.config();
        let configured = match &self.0 {
            None => config.bgp.as_ref().map(Configured::from),
            Some(name) => config.bgp_vrfs.get(name.as_str()).map(Configured::from),
        };
        configured.unwrap_or_default()
    }
}

/// The selector of the one outside of all IP-VRFs.
pub(super) fn outside() -> VrfSelector {
    VrfSelector::Named(DEFAULT.to_owned())
}

impl From<Afi> for Family {
    fn from(afi: Afi) -> Self {
        match afi {
            Afi::Ipv4 => Self::Ipv4Unicast,
            Afi::Ipv6 => Self::Ipv6Unicast,
        }
    }
}

fn no_such_instance() -> ExecError {
    ExecError("BGP instance not found".to_owned())
}

/// The instances that are meant, the one outside of IP-VRFs first.
///
/// # Errors
/// The one that is named does not exist.
pub(super) fn select(core: &Core, selector: &VrfSelector) -> Result<Vec<Instance>, ExecError> {
    match selector {
        VrfSelector::Named(name) if name == DEFAULT => {
            let instance = Instance::default_instance();
            instance.rib(core)?;
            Ok(vec![instance])
        }
        VrfSelector::Named(name) => {
            let instance = Instance::of_vrf(VrfName::from(name.as_str()));
            instance.rib(core)?;
            Ok(vec![instance])
        }
        VrfSelector::All => {
            let outside = core.config().bgp.is_some().then(Instance::default_instance);
            Ok(outside.into_iter().chain(vrfs::names(core).into_iter().map(Instance::of_vrf)).collect())
        }
    }
}
