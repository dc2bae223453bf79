//! The configuration: its model, its text and its consistency. The grammar of the text is
//! `command`'s; what a configuration does is decided by those who are given it.

pub mod community;
pub mod fuzz;
pub mod model;
pub mod parse;
pub mod pattern;
pub mod render;
pub mod resolve;
pub mod text_form;
pub mod validate;

pub use model::*;
pub use parse::{ConfigError, parse, parse_onto};
pub use render::render;
pub use resolve::{ResolvedNeighbor, ResolvedRange, resolve, resolve_ranges};
pub use validate::{Completeness, Problem, Subject, validate};

#[cfg(test)]
pub(crate) mod tests;
