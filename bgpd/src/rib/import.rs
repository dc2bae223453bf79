//! Paths that are neither a neighbour's nor ours: those that an IP-VRF has from EVPN. And what
//! is known of such a path, or of one of ours, beyond its attributes.
//!
//! A neighbour's path finds its sender's identifier, kind and domain by the slot. A path of ours
//! or an import has no neighbour, so the octets of its `Annex` stand in front of those of the
//! rest of its NLRI, which are stored once however many paths share them: a path costs no
//! octet more. An import's `ImportId` stands where others have the path identifier.

use super::{
    Rib, RibError, Shared,
    destination::{Path, PeerSlot},
    loc_rib::Arrival,
    place,
};
use crate::wire::{AttributeSet, Family};
use smallvec::SmallVec;
use std::{net::Ipv4Addr, sync::Arc, time::Instant};
use weft_evpn::DomainId;

/// Who gave an import: a number of the importer's choosing. With a key it names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportId(pub u32);

/// What the decision must know of an import's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImportInfo {
    /// The BGP identifier to compare.
    pub router_id: Ipv4Addr,
    /// It came by eBGP.
    pub external: bool,
    /// The domain it came from.
    pub domain: DomainId,
}

/// What is known of a path of ours or an import beyond its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Annex {
    /// For neighbours of all domains.
    None,
    /// For neighbours of this domain.
    Domain(DomainId),
    /// An import.
    Import(ImportInfo),
}

const NONE: u8 = 0;
const DOMAIN: u8 = 1;
const INTERNAL: u8 = 2;
const EXTERNAL: u8 = 3;

impl Annex {
    /// Its octets and those of the rest of the NLRI.
    fn with(self, rest: &[u8]) -> SmallVec<[u8; 32]> {
        let mut octets = SmallVec::new();
        match self {
            Annex::None => octets.push(NONE),
            Annex::Domain(domain) => {
                octets.push(DOMAIN);
                octets.extend_from_slice(&domain.0);
            }
            Annex::Import(info) => {
                octets.push(if info.external { EXTERNAL } else { INTERNAL });
                octets.extend_from_slice(&info.domain.0);
                octets.extend_from_slice(&info.router_id.octets());
            }
        }
        octets.extend_from_slice(rest);
        octets
    }

    /// Cuts it off what `with` gave.
    fn cut(octets: &[u8]) -> (Annex, &[u8]) {
        match *octets {
            [DOMAIN, a, b, c, d, e, f, ref rest @ ..] => (Annex::Domain(DomainId([a, b, c, d, e, f])), rest),
            [kind @ (INTERNAL | EXTERNAL), a, b, c, d, e, f, w, x, y, z, ref rest @ ..] => {
                let (domain, router_id) = (DomainId([a, b, c, d, e, f]), [w, x, y, z].into());
                (Annex::Import(ImportInfo { router_id, external: kind == EXTERNAL, domain }), rest)
            }
            [_, ref rest @ ..] => (Annex::None, rest),
            [] => (Annex::None, &[]),
        }
    }
}

impl Shared {
    /// The annex and the rest of the NLRI of a path.
    fn cut(&self, source: PeerSlot, rest: u32) -> (Annex, &[u8]) {
        let octets = self.rests.get(rest);
        match source {
            PeerSlot::LOCAL | PeerSlot::IMPORT => Annex::cut(octets),
            _ => (Annex::None, octets),
        }
    }

    /// The rest of the NLRI of a path, or of the path that a tombstone was.
    pub(super) fn rest(&self, path: &Path) -> &[u8] {
        self.cut(path.source, path.rest).1
    }

    /// What is known of an import.
    pub(super) fn import_info(&self, path: &Path) -> Option<ImportInfo> {
        match self.cut(path.source, path.rest).0 {
            Annex::Import(info) => Some(info),
            _ => None,
        }
    }

    /// The domain that a path is from; `None` for those of ours that go into every domain.
    pub(super) fn domain(&self, family: Family, source: PeerSlot, rest: u32) -> Option<DomainId> {
        match self.cut(source, rest).0 {
            Annex::Domain(domain) => Some(domain),
            Annex::Import(info) => Some(info.domain),
            Annex::None => self
                .peers
                .get(source)
                .filter(|_| source != PeerSlot::LOCAL)
                .and_then(|peer| peer.settings.family(family))
                .map(|row| row.domain),
        }
    }
}

/// Who gives a path, if not a neighbour.
#[derive(Debug, Clone, Copy)]
struct Giver {
    source: PeerSlot,
    path_id: u32,
    annex: Annex,
}

impl Rib {
    /// Originates a route, or replaces what we originate with this key: for the neighbours of
    /// one domain, or for all.
    pub fn originate(
        &mut self,
        family: Family,
        nlri: &[u8],
        attributes: AttributeSet,
        domain: Option<DomainId>,
        now: Instant,
    ) -> Result<(), RibError> {
        let annex = domain.map_or(Annex::None, Annex::Domain);
        self.put(family, nlri, Giver { source: PeerSlot::LOCAL, path_id: 0, annex }, attributes, now)
    }

    /// Withdraws what we originate with the key of this NLRI.
    pub fn withdraw_local(&mut self, family: Family, nlri: &[u8]) -> Result<(), RibError> {
        self.take(family, nlri, PeerSlot::LOCAL, 0)
    }

    /// Adds a path that is neither ours nor a neighbour's, or replaces what this source gave
    /// with this key.
    pub fn import(
        &mut self,
        family: Family,
        nlri: &[u8],
        source: ImportId,
        attributes: AttributeSet,
        info: ImportInfo,
        now: Instant,
    ) -> Result<(), RibError> {
        let giver = Giver { source: PeerSlot::IMPORT, path_id: source.0, annex: Annex::Import(info) };
        self.put(family, nlri, giver, attributes, now)
    }

    /// Takes out what this source gave with the key of this NLRI, if it did.
    pub fn withdraw_import(&mut self, family: Family, nlri: &[u8], source: ImportId) -> Result<(), RibError> {
        self.take(family, nlri, PeerSlot::IMPORT, source.0)
    }

    fn put(
        &mut self,
        family: Family,
        nlri: &[u8],
        giver: Giver,
        attributes: AttributeSet,
        now: Instant,
    ) -> Result<(), RibError> {
        let Giver { source, path_id, annex } = giver;
        let (key, rest) = (family.row().split)(nlri)?;
        let now = self.shared.seconds(now);
        let attributes = self.shared.attributes.intern(&Arc::new(attributes));
        if let Some(table) = self.tables.get_mut(place(family)) {
            let rest = annex.with(&rest);
            let arrival = Arrival {
                source,
                path_id,
                key: &key,
                rest: &rest,
                attributes,
                original: None,
                refused: 0,
                now,
            };
            table.announce(&mut self.shared, &arrival);
        }
        self.shared.attributes.release(attributes);
        Ok(())
    }

    fn take(&mut self, family: Family, nlri: &[u8], source: PeerSlot, path_id: u32) -> Result<(), RibError> {
        let (key, _) = (family.row().split)(nlri)?;
        if let Some(table) = self.tables.get_mut(place(family)) {
            table.withdraw(&mut self.shared, source, path_id, &key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annex_is_cut_off_again() {
        let domain = DomainId::new(7, 8);
        let info = ImportInfo { router_id: Ipv4Addr::new(1, 2, 3, 4), external: true, domain };
        for annex in [
            Annex::None,
            Annex::Domain(domain),
            Annex::Import(info),
            Annex::Import(ImportInfo { external: false, ..info }),
        ] {
            for rest in [&[][..], &[1, 2, 3]] {
                assert_eq!(Annex::cut(&annex.with(rest)), (annex, rest));
            }
        }
        assert_eq!(Annex::cut(&[]), (Annex::None, &[][..]));
    }
}
