//! The kernel side of Weft. `snoop` hears ARP and ND on the bridge ports.

pub mod snoop;
