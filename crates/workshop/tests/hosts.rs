//! `workshop` from an inventory to people who work on their own servers, and back to nothing.
//!
//! Real hosts on this machine: needs root and Linux, and fails where it does not have them. The first
//! run ever also builds the base image and Bitcoin Core; `cargo xtask test` shows how that goes on.

#[cfg(not(target_os = "linux"))]
#[test]
fn local_hosts_need_linux() {
    panic!("the local provider can only be tested on Linux");
}

#[cfg(target_os = "linux")]
mod hosts {
    mod asleep;
    mod board;
    mod closure;
    #[path = "../../src/documented/code.rs"]
    mod code;
    mod collect;
    mod damage;
    mod deadline;
    mod desk;
    mod existing;
    mod flow;
    mod footprint;
    mod grade;
    mod guard;
    mod handouts;
    mod hetzner;
    mod instructor;
    mod inventory;
    mod killed;
    mod left;
    mod monitor;
    mod named;
    mod participant;
    mod refused;
    mod register;
    mod rehearse;
    mod task2;
    mod task3;
    mod task4;
    mod task5;
    mod terminal;
    mod trace;
    mod web;
    mod workshop;
}
