//! Tests of the codec as a whole; those of single functions stand beside them.
