//! Sites joined by gateways.
