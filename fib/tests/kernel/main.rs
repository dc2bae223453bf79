//! The kernel side against a real kernel, each test in a network namespace of its own (needs root; without it
//! the tests say so and pass).

mod adoption;
mod devices;
mod drift;
mod lab;
mod local;
mod overrun;
mod programming;
