//! The EVPN engine: the pure state between BGP routes and kernel state.

mod config;
mod io;
mod notice;
mod view;

pub use config::{DuplicateDetection, EvpnConfig, Flooding, Freeze, VniConfig};
pub use io::{Input, Origination, Output, RoutePath};
pub use notice::{Address, Notice};
pub use view::{
    DuplicateAddress, DuplicateFilter, DuplicateView, InstanceView, MacPlace, MacView, NeighbourPlace,
    NeighbourView,
};
