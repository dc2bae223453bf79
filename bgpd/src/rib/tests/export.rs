//! The rules of export, one by one.
