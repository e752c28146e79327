//! People who join with OpenSSH's own client, and clients that mean no good, at a server of each test's own.

mod client;
mod hostile;
mod joining;
mod keys;
mod refused;
mod room;
mod runs;
