//! Tests of the tables as a whole: what goes in is built here, what comes out is read with
//! the wire decoder, as a neighbour would. The parts have their tests beside them.

mod adjacency;
mod constrained;
mod constrained_property;
mod domains;
mod groups;
mod inbound;
mod lab;
mod model;
mod policies;
pub(super) mod policy;
mod property;
mod reflection;
mod restart;
mod shows;
mod smoke;
mod unicast;
mod unicast_property;
