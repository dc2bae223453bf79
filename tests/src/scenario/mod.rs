//! What is done in the labs. Each scenario is a function of the kind of daemon, or of a
//! running fabric of any mixture; it fails where behaviour is wrong and returns the figure
//! where there is one. Limits on figures are the callers': tests assert them for Weft,
//! `weft-figures` prints them for Weft and FRR.

pub mod basics;
pub mod constraint;
pub mod constraint_attack;
pub mod drift;
pub mod interop;
pub mod invalid;
pub mod movement;
pub mod resilience;
pub mod routing;
pub mod scale;
pub mod shows;
pub mod sites;
pub mod upkeep;
pub mod vni_role;
