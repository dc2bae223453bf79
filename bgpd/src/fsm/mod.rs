//! The pure state machine of a session (RFC 4271 §8).
