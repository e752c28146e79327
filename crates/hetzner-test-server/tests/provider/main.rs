//! The Hetzner provider against a server that speaks its API: every fault with what an instructor reads, the number
//! of requests, and a hundred runs in which things go wrong by chance.

mod budget;
mod chance;
mod fixture;
mod messages;
