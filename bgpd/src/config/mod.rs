//! The configuration: its model, its text and its consistency. See `command` for the grammar.

pub mod model;
pub mod resolve;
pub mod text_form;

pub use model::*;
pub use resolve::{ResolvedNeighbor, ResolvedRange, resolve, resolve_ranges};
