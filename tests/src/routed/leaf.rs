//! Leaves with IP-VRFs, in every form that the labs know: Weft on devices that it makes
//! itself, Weft beside devices that an operator made, FRR with the L3VNI in its default VRF, FRR
//! with a network namespace as the VRF.

use super::{Tenant, Underlay, gateways, operator, prefixes};
use crate::error::{LabError, Result};
use crate::fabric::{session, vtep};
use crate::kernel;
use crate::netns::{Namespace, link};
use crate::speaker::{Kind, Speaker};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

/// Who makes a leaf's devices, and which software it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Weft, from nothing: `vtep source`, `vrf`, `bridge-domain`.
    Made,
    /// Weft makes all but the L3VNI's vxlan device and its bridge.
    OperatorL3vni,
    /// Weft on an operator's VRF devices, bridges and vxlan devices. Needs a kernel with VRF devices.
    OperatorVrf,
    /// The same on one bridge that keeps VLANs apart, a vxlan device for each VNI, a VLAN's device as SVI.
    OperatorVlans,
    /// The same with a single vxlan device, whose VNIs are filtered.
    OperatorVniFilter,
    /// FRR on such devices.
    FrrVrf,
    /// FRR, the L3VNI in its default VRF: one tenant.
    FrrDefault,
    /// FRR with `zebra -n`: a tenant is a network namespace.
    FrrNetns,
}

impl Form {
    /// The software.
    pub fn kind(self) -> Kind {
        match self {
            Self::Made
            | Self::OperatorL3vni
            | Self::OperatorVrf
            | Self::OperatorVlans
            | Self::OperatorVniFilter => Kind::Weft,
            Self::FrrDefault | Self::FrrNetns | Self::FrrVrf => Kind::Frr,
        }
    }

    /// Weft makes the bridges of the subnets, from `bridge-domain`.
    fn has_domains(self) -> bool {
        matches!(self, Self::Made | Self::OperatorL3vni)
    }

    /// An operator made VRF devices.
    fn has_vrf_devices(self) -> bool {
        matches!(self, Self::OperatorVrf | Self::FrrVrf)
    }

    /// All tenants are on one bridge that keeps VLANs apart.
    fn has_vlans(self) -> bool {
        matches!(self, Self::OperatorVlans | Self::OperatorVniFilter)
    }
}

/// What a leaf consists of.
#[derive(Debug, Clone)]
pub struct LeafPlan {
    /// Its form.
    pub form: Form,
    /// The subnets that every tenant has there, each with a host.
    pub subnets: Vec<u8>,
    /// Subnets without a host of their own there.
    pub hostless: Vec<u8>,
    /// What it reaches the other leaves over.
    pub underlay: Underlay,
    /// The route reflector.
    pub reflector: IpAddr,
    /// Lines added to its configuration.
    pub extra: String,
}

impl LeafPlan {
    /// A leaf with these subnets.
    pub fn new(form: Form, subnets: &[u8]) -> Self {
        Self {
            form,
            subnets: subnets.to_vec(),
            hostless: Vec::new(),
            underlay: Underlay::Ipv4,
            reflector: Underlay::Ipv4.reflector(),
            extra: String::new(),
        }
    }

    /// Over another underlay.
    pub fn over(self, underlay: Underlay) -> Self {
        Self { underlay, reflector: underlay.reflector(), ..self }
    }

    /// All subnets that are there.
    pub fn all_subnets(&self) -> impl Iterator<Item = u8> {
        self.subnets.iter().chain(&self.hostless).copied()
    }
}

/// A leaf.
#[derive(Debug)]
pub struct Leaf {
    /// Its BGP speaker.
    pub speaker: Speaker,
    /// The namespace with its underlay.
    pub ns: Arc<Namespace>,
    /// Its VTEP address.
    pub vtep: IpAddr,
    /// Its number, from 1.
    pub number: u8,
    /// Who made its devices.
    pub form: Form,
    /// What it was built by.
    pub plan: LeafPlan,
    /// Its tenants, each with the namespace that has the tenant's devices.
    pub tenants: Vec<(Tenant, Arc<Namespace>)>,
}

impl Leaf {
    /// Makes the leaf on a namespace that is joined to the underlay already. Its hosts are
    /// joined by `attach` afterwards.
    pub fn build(ns: Arc<Namespace>, number: u8, plan: &LeafPlan, tenants: &[Tenant]) -> Result<Self> {
        for path in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            ns.sysctl(path, "1")?;
        }
        let mut rooms = Vec::new();
        for tenant in tenants {
            let room = match plan.form {
                Form::FrrNetns => {
                    let room = Arc::new(Namespace::create(format!("{}{}", ns.name(), tenant.name))?);
                    for path in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
                        room.sysctl(path, "1")?;
                    }
                    room
                }
                _ => Arc::clone(&ns),
            };
            rooms.push((*tenant, room));
        }
        crate::ensure(plan.form != Form::FrrDefault || tenants.len() == 1, || {
            "FRR's default VRF serves one tenant".into()
        })?;
        let config = format!("{}{}", config(number, plan, tenants), plan.extra);
        let mut speaker = Speaker::prepare(plan.form.kind(), &ns, &config)?;
        match plan.form {
            Form::FrrDefault => {
                let lines: String = tenants.iter().map(|tenant| format!("vni {}\n", tenant.l3vni)).collect();
                speaker = speaker.with_zebra_lines(&lines);
            }
            Form::FrrNetns | Form::FrrVrf => {
                for (tenant, room) in &rooms {
                    let lines = format!("vrf {tenant}\n vni {}\nexit-vrf\n", tenant.l3vni);
                    speaker = speaker.with_zebra_lines(&lines);
                    if plan.form == Form::FrrNetns {
                        speaker = speaker.with_vrf_namespace(tenant.name, Arc::clone(room));
                    }
                }
            }
            _ => {}
        }
        let leaf = Self {
            speaker,
            ns,
            vtep: plan.underlay.vtep(number),
            number,
            form: plan.form,
            plan: plan.clone(),
            tenants: rooms,
        };
        if plan.form.has_vlans() {
            operator::make_shared(&leaf.ns, plan.form, leaf.vtep)?;
        }
        for (tenant, room) in &leaf.tenants {
            leaf.make_devices(tenant, room)?;
        }
        Ok(leaf)
    }

    /// The namespace that has a tenant's devices.
    pub fn room(&self, tenant: Tenant) -> Result<&Arc<Namespace>> {
        self.tenants
            .iter()
            .find(|(own, _)| *own == tenant)
            .map(|(_, room)| room)
            .ok_or_else(|| LabError::Unexpected(format!("leaf {} has no tenant {tenant}", self.number)))
    }

    /// The bridge of a tenant's subnet.
    pub fn bridge(&self, tenant: Tenant, subnet: u8) -> String {
        if self.form.has_domains() {
            format!("br-{}", tenant.domain(subnet))
        } else {
            format!("br{}", tenant.l2vni(subnet))
        }
    }

    /// Joins a namespace's device to a port of the tenant's subnet.
    pub fn attach(&self, tenant: Tenant, subnet: u8, port: &str, to: (&Namespace, &str)) -> Result<()> {
        let room = self.room(tenant)?;
        link((room, port), to)?;
        if self.form.has_vlans() {
            return operator::join_vlan(room, tenant, subnet, port);
        }
        if !self.form.has_domains() {
            room.ip(&format!("link set {port} master {}", self.bridge(tenant, subnet)))?;
        }
        Ok(())
    }

    /// The routed device of the tenant's L3VNI: its bridge, or the vxlan device itself.
    pub fn l3_device(&self, tenant: Tenant) -> Result<String> {
        if self.form.has_vlans() {
            return Ok(format!("vlan{}", operator::vlan(tenant, tenant.l3vni)));
        }
        let vxlan = self.l3_vxlan(tenant)?;
        Ok(kernel::master_of_kind(self.room(tenant)?, &vxlan, "bridge")?.unwrap_or(vxlan))
    }

    /// The vxlan device of the tenant's L3VNI.
    pub fn l3_vxlan(&self, tenant: Tenant) -> Result<String> {
        if self.form == Form::OperatorVniFilter {
            return Ok(operator::SINGLE_VXLAN.to_owned());
        }
        kernel::vxlan_of(self.room(tenant)?, tenant.l3vni)?
            .ok_or_else(|| LabError::Unexpected(format!("no vxlan device with VNI {}", tenant.l3vni)))
    }

    /// The MAC that remote leaves address the tenant's routed packets to.
    pub fn router_mac(&self, tenant: Tenant) -> Result<String> {
        kernel::mac_of(self.room(tenant)?, &self.l3_device(tenant)?)
    }

    /// The routes of a tenant, both families, from whichever table they are in.
    pub fn routes(&self, tenant: Tenant) -> Result<Vec<kernel::Route>> {
        let room = self.room(tenant)?;
        let table = match self.form {
            Form::FrrDefault | Form::FrrNetns => Some("main".to_owned()),
            _ => kernel::table_of(room, &self.l3_device(tenant)?)?,
        };
        let table = table
            .ok_or_else(|| LabError::Unexpected(format!("no table of {tenant} at leaf {}", self.number)))?;
        Ok(kernel::routes(room)?.into_iter().filter(|route| route.table == table).collect())
    }

    /// The route of a tenant to exactly this prefix (`A.B.C.D` or `A.B.C.D/L`).
    pub fn route(&self, tenant: Tenant, prefix: &str) -> Result<Option<kernel::Route>> {
        let prefix = kernel::canonical_prefix(prefix);
        Ok(self.routes(tenant)?.into_iter().find(|route| route.prefix == prefix))
    }

    fn make_devices(&self, tenant: &Tenant, room: &Namespace) -> Result<()> {
        if self.form == Form::Made {
            return Ok(());
        }
        if self.form.has_vlans() {
            let subnets: Vec<u8> = self.plan.all_subnets().collect();
            return operator::make_vlans(room, self.form, *tenant, (self.number, self.vtep), &subnets);
        }
        let subnets: Vec<u8> =
            if self.form.has_domains() { Vec::new() } else { self.plan.all_subnets().collect() };
        let vnis: Vec<u32> =
            subnets.iter().map(|subnet| tenant.l2vni(*subnet)).chain([tenant.l3vni]).collect();
        // A vxlan device keeps its underlay in the namespace that made it.
        let mut made = String::new();
        for vni in &vnis {
            let vtep = self.vtep;
            let _ =
                writeln!(made, "link add vx{vni} type vxlan id {vni} local {vtep} dstport 4789 nolearning");
            if self.form == Form::FrrNetns {
                let _ = writeln!(made, "link set vx{vni} netns {}", room.name());
            }
        }
        self.ns.ip_batch(&made)?;
        room.ip_batch(&operator::bridges(*tenant, self.number, &subnets, self.form.has_vrf_devices()))?;
        for vni in &vnis {
            room.bridge(&format!("link set dev vx{vni} learning off neigh_suppress on"))?;
        }
        Ok(())
    }
}

/// The configuration of leaf `number`.
pub fn config(number: u8, plan: &LeafPlan, tenants: &[Tenant]) -> String {
    let (vtep, reflector, router_id) = (plan.underlay.vtep(number), plan.reflector, vtep(number));
    let mut text = format!("hostname l{number}\n");
    if plan.form.kind() == Kind::Weft {
        text += &weft_tenants(plan, tenants, vtep);
    }
    let _ = write!(
        text,
        "router bgp 65000\n bgp router-id {router_id}\n no bgp default ipv4-unicast\n{}",
        session(&reflector.to_string(), &vtep.to_string(), None)
    );
    let mut advertise = "";
    if plan.form == Form::FrrDefault {
        for (family, index) in [("ipv4", 0), ("ipv6", 1)] {
            let _ = writeln!(text, " address-family {family} unicast");
            for prefix in plan.all_subnets().filter_map(|subnet| prefixes(subnet).into_iter().nth(index)) {
                let _ = writeln!(text, "  network {prefix}");
            }
            text += " exit-address-family\n";
        }
        advertise = "  advertise ipv4 unicast\n  advertise ipv6 unicast\n";
    }
    let _ = write!(
        text,
        " address-family l2vpn evpn\n  neighbor {reflector} activate\n  advertise-all-vni\n{advertise} exit-address-family\n"
    );
    // Subnets that an operator made are advertised when that is asked for; gateways of Weft's own always.
    if matches!(plan.form, Form::FrrNetns | Form::FrrVrf | Form::OperatorVrf) || plan.form.has_vlans() {
        for tenant in tenants {
            let _ = write!(
                text,
                "router bgp 65000 vrf {tenant}\n bgp router-id {router_id}\n \
                 address-family ipv4 unicast\n  redistribute connected\n exit-address-family\n \
                 address-family ipv6 unicast\n  redistribute connected\n exit-address-family\n \
                 address-family l2vpn evpn\n  advertise ipv4 unicast\n  advertise ipv6 unicast\n exit-address-family\n"
            );
        }
    }
    text
}

fn weft_tenants(plan: &LeafPlan, tenants: &[Tenant], vtep: IpAddr) -> String {
    let mut text = String::new();
    if plan.form.has_domains() {
        let _ = writeln!(text, "vtep source {vtep}");
    }
    for tenant in tenants {
        let _ = write!(text, "vrf {tenant}\n vni {}\nexit-vrf\n", tenant.l3vni);
        if plan.form.has_domains() {
            plan.all_subnets().for_each(|subnet| text += &bridge_domain(tenant, subnet));
        }
    }
    text
}

/// The bridge domain of a tenant's subnet, with the ports of its host and its machine.
pub fn bridge_domain(tenant: &Tenant, subnet: u8) -> String {
    let mut text =
        format!("bridge-domain {}\n vni {}\n vrf {tenant}\n", tenant.domain(subnet), tenant.l2vni(subnet));
    for (gateway, prefix) in gateways(subnet).into_iter().zip(prefixes(subnet)) {
        let length = prefix.split('/').nth(1).unwrap_or_default();
        let _ = writeln!(text, " gateway {gateway}/{length}");
    }
    for port in [tenant.port(subnet), tenant.machine_port(subnet)] {
        let _ = writeln!(text, " interface {port}");
    }
    text
}
