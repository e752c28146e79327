//! The scripts through a real shell, in a root of the tests' own.
