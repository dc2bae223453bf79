//! Routing policy: by what names a configuration refers to it.
//!
//! A name that is not defined denies every route, as in FRR.

use crate::config::Config;
use crate::rib::{PolicyRef, RoutePolicy, Verdict};
use crate::wire::{AttributeSet, Family};
use std::sync::Arc;

/// The policies of a configuration.
#[derive(Debug, Default, Clone)]
pub struct Policies;

#[derive(Debug)]
struct Undefined;

impl RoutePolicy for Undefined {
    fn judge(&self, _: Family, _: &[u8], _: &AttributeSet) -> Verdict {
        Verdict::Deny
    }
}

impl Policies {
    /// True if these are the policies of this configuration.
    pub fn are_of(&self, _config: &Config) -> bool {
        true
    }

    /// The route map of this name.
    pub fn route_map(&self, _name: &str) -> PolicyRef {
        PolicyRef::new(Arc::new(Undefined), 0)
    }

    /// What judges the routes of a neighbour in one direction.
    pub fn direction(&self, route_map: Option<&str>, prefix_list: Option<&str>) -> Option<PolicyRef> {
        route_map.or(prefix_list).map(|name| self.route_map(name))
    }
}

/// Compiles the policies of a configuration.
pub fn compile(_config: &Config) -> Policies {
    Policies
}
