//! The hook by which policies (route maps, prefix lists) judge routes, in and out. What they
//! match and set is none of the RIB's business.
//!
//! A policy is a pure function: it gives the same verdict for the same route as long as its
//! reference is the same. Where it changes, it gets another reference or version, and what is
//! kept is judged anew.

use crate::wire::{AttributeSet, Family};
use std::{
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

/// What a policy says of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does not pass.
    Deny,
    /// It passes as it is.
    Permit,
    /// It passes with these attributes.
    Change(Box<AttributeSet>),
}

/// A policy.
pub trait RoutePolicy: fmt::Debug + Send + Sync {
    /// Judges a route: one NLRI in wire form, without path identifier, and its attributes.
    fn judge(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Verdict;

    /// The overlay index that a route which passes gets when it is originated as type 5 (RFC 9136 §3.1): it is
    /// part of that route's NLRI, so no verdict can carry it.
    fn gateway(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Option<IpAddr> {
        let _ = (family, nlri, attributes);
        None
    }

    /// The verdict depends on the family and the attributes alone: then it is asked for once
    /// for all routes that share them.
    fn ignores_nlri(&self) -> bool {
        false
    }
}

/// A policy by reference. Two are equal if they are the same object in the same version; so
/// neighbours with one policy share an update group.
#[derive(Clone)]
pub struct PolicyRef {
    policy: Arc<dyn RoutePolicy>,
    version: u64,
}

impl PolicyRef {
    /// A reference; `version` changes with what the policy refers to (lists).
    pub fn new(policy: Arc<dyn RoutePolicy>, version: u64) -> Self {
        Self { policy, version }
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.policy).cast::<()>().addr()
    }
}

impl std::ops::Deref for PolicyRef {
    type Target = dyn RoutePolicy;

    fn deref(&self) -> &Self::Target {
        &*self.policy
    }
}

impl PartialEq for PolicyRef {
    fn eq(&self, other: &Self) -> bool {
        (self.address(), self.version) == (other.address(), other.version)
    }
}

impl Eq for PolicyRef {}

impl Hash for PolicyRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.address(), self.version).hash(state);
    }
}

impl fmt::Debug for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} version {}", self.policy, self.version)
    }
}
