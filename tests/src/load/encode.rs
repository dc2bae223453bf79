//! The UPDATEs of a plan, made before any clock starts: whole messages for each sender, packed as the
//! shape says. The codec is `bgpd`'s own, which its tests compare with a second one.

use super::count::fingerprint;
use super::error::Result;
use super::plan::{Moved, Placement, Plan, Route};
use bytes::{Bytes, BytesMut};
use weft_bgpd::wire::{EncodeContext, EncodedAttributes, Family, UpdateEncoder};

/// UPDATEs for each sender, and what the sinks must get of them.
#[derive(Debug, Clone, Default)]
pub struct Wave {
    /// For each sender, whole messages.
    pub of_sender: Vec<Bytes>,
    /// UPDATEs in all.
    pub updates: u64,
    /// Routes announced.
    pub reach: u64,
    /// Routes withdrawn.
    pub unreach: u64,
    /// Sum of the fingerprints of the NLRI announced.
    pub sum: u64,
}

impl Wave {
    /// Octets of all senders.
    pub fn octets(&self) -> u64 {
        self.of_sender.iter().map(|bytes| bytes.len() as u64).sum()
    }
}

/// The End-of-RIB marker (RFC 4724 §2), which a peer sends when its table is out.
pub fn end_of_rib() -> Bytes {
    let mut out = BytesMut::new();
    UpdateEncoder::new(EncodeContext::default()).end_of_rib(Family::L2vpnEvpn, &mut out);
    out.freeze()
}

/// What is done with routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// MP_REACH_NLRI.
    Announce,
    /// MP_UNREACH_NLRI.
    Withdraw,
}

/// Which routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of one VTEP, hosts that have moved there included.
    Vtep(u32),
    /// Those of one VNI.
    Vni(u32),
    /// Those that one sender sends.
    Sender(usize),
}

/// Makes UPDATEs.
#[derive(Debug)]
pub struct Encoder<'a> {
    plan: &'a Plan,
    update: UpdateEncoder,
    attributes: EncodedAttributes,
    senders: usize,
    nlri: Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// For so many senders; VTEPs are theirs in turn.
    pub fn new(plan: &'a Plan, senders: usize) -> Self {
        Self {
            plan,
            update: UpdateEncoder::new(EncodeContext::default()),
            attributes: EncodedAttributes::default(),
            senders: senders.max(1),
            nlri: Vec::with_capacity(64),
        }
    }

    /// The sender whose routes those of a VTEP are.
    pub fn sender_of(&self, vtep: u32) -> usize {
        vtep as usize % self.senders
    }

    /// The UPDATEs that announce or withdraw what is chosen, each host where `placement` has it.
    pub fn wave(&mut self, action: Action, which: Which, placement: &Placement) -> Result<Wave> {
        let plan = self.plan;
        let mut senders: Vec<BytesMut> = (0..self.senders).map(|_| BytesMut::new()).collect();
        let mut wave = Wave::default();
        let mut moved = Vec::new();
        let mut run: Vec<Route> = Vec::new();
        for group in plan.groups() {
            if let Which::Vni(vni) = which
                && group.vni != vni
            {
                continue;
            }
            for route in plan.routes(group, placement) {
                let chosen = match which {
                    Which::All | Which::Vni(_) => true,
                    Which::Vtep(vtep) => route.vtep == vtep,
                    Which::Sender(sender) => self.sender_of(route.vtep) == sender,
                };
                match (chosen, route.sequence) {
                    (false, _) => {}
                    (true, 0) => run.push(route),
                    (true, _) => moved.push(route),
                }
            }
            // A run has one VTEP, so one sender; where attributes change, `write` begins a new UPDATE.
            if let Some(out) = senders.get_mut(self.sender_of(group.vtep)) {
                self.write(action, &run, out, &mut wave)?;
            }
            run.clear();
        }
        // Hosts that have moved to one VTEP share attributes again, as far as they moved equally often.
        moved.sort_unstable_by_key(|route| (route.vtep, route.vni, route.kind, route.sequence));
        for of_vtep in moved.chunk_by(|a, b| a.vtep == b.vtep) {
            let sender = of_vtep.first().map_or(0, |route| self.sender_of(route.vtep));
            if let Some(out) = senders.get_mut(sender) {
                self.write(action, of_vtep, out, &mut wave)?;
            }
        }
        wave.of_sender = senders.into_iter().map(BytesMut::freeze).collect();
        Ok(wave)
    }

    /// The UPDATEs of one move: what the new VTEP announces, then what the old one withdraws.
    pub fn moved(&mut self, moved: &Moved) -> Result<Move> {
        let mut wave = Wave::default();
        let mut write = |action, routes: &[Route]| -> Result<(usize, Bytes)> {
            let mut out = BytesMut::new();
            self.write(action, routes, &mut out, &mut wave)?;
            let sender = routes.first().map_or(0, |route| self.sender_of(route.vtep));
            Ok((sender, out.freeze()))
        };
        let announce = write(Action::Announce, &moved.came)?;
        let withdraw = write(Action::Withdraw, &moved.left)?;
        let host = moved.came.first().map_or(0, |route| route.number);
        let routes = moved.came.len() as u64;
        Ok(Move { host, routes, updates: wave.updates, announce, withdraw })
    }

    /// Appends UPDATEs with these routes; routes with equal attributes that follow each other share one.
    fn write(&mut self, action: Action, routes: &[Route], out: &mut BytesMut, wave: &mut Wave) -> Result<()> {
        let plan = self.plan;
        let most = match plan.shape().per_update {
            0 => usize::MAX,
            count => count as usize,
        };
        let key = |route: &Route| (action == Action::Announce).then(|| plan.attribute_key(route));
        for run in routes.chunk_by(|a, b| key(a) == key(b)) {
            if let Some(key) = run.first().and_then(key) {
                self.attributes.set(&plan.attributes(&key), self.update.context());
            }
            for piece in run.chunks(most) {
                self.write_piece(action, piece, out, wave)?;
            }
        }
        Ok(())
    }

    fn write_piece(
        &mut self,
        action: Action,
        routes: &[Route],
        out: &mut BytesMut,
        wave: &mut Wave,
    ) -> Result<()> {
        let mut packer = match action {
            Action::Announce => self.update.announce(Family::L2vpnEvpn, &self.attributes, out)?,
            Action::Withdraw => self.update.withdraw(Family::L2vpnEvpn, out),
        };
        for route in routes {
            self.nlri.clear();
            self.plan.nlri(route).emit(&mut self.nlri);
            packer.push_wire(0, &self.nlri)?;
            if action == Action::Announce {
                wave.sum = wave.sum.wrapping_add(fingerprint(&self.nlri));
            }
        }
        let packed = packer.finish();
        wave.updates += packed.messages as u64;
        match action {
            Action::Announce => wave.reach += packed.routes as u64,
            Action::Withdraw => wave.unreach += packed.routes as u64,
        }
        Ok(())
    }
}

/// One move as UPDATEs.
#[derive(Debug, Clone)]
pub struct Move {
    /// The host's number, which is in its MAC.
    pub host: u32,
    /// How many routes the host has, so how many are announced and withdrawn.
    pub routes: u64,
    /// UPDATEs of both.
    pub updates: u64,
    /// The sender of the new VTEP's routes, and what it sends.
    pub announce: (usize, Bytes),
    /// The sender of the old VTEP's routes, and what it sends.
    pub withdraw: (usize, Bytes),
}
