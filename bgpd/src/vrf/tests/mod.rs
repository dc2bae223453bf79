//! The table as a whole, without a kernel, a session or time passing.

mod aggregates;
mod domains;
mod exchange;
mod lab;
mod property;
mod redistribution;
mod ways;
