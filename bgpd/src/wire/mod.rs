//! The BGP wire codec: bytes in, messages out, and back. Parsing never panics.

pub mod attribute;
pub mod family;
pub mod update;

pub use attribute::AttributeSet;
pub use family::Family;
