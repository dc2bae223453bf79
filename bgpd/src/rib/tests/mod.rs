//! Tests of the tables as a whole; the parts have theirs beside them.
