//! A `provision` that finds nothing to do, on hundreds of hosts behind a long link.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::run::{as_root, headline, root, shown, target};

/// From Europe to the west coast of North America and back takes three times as long.
const ROUND_TRIP: &str = "50";

/// How many at once.
const HOSTS: [&str; 4] = ["1", "100", "300", "1000"];

/// Measures with a program of its own, in a network namespace in which all of loopback is the bench's.
pub(super) fn measure(workshop: &Path) -> Result {
    headline("Stand-ins for hosts");
    // Optimized, since they share the processors with what is measured; without LTO, since nobody waits for them.
    let mut build = Command::new("cargo");
    build.current_dir(root()).args([
        "build",
        "--package",
        "provisioner",
        "--example",
        "many",
        "--profile",
        "pdf",
    ]);
    shown(&mut build)?;
    headline(&format!(
        "Nothing to do on many hosts, with a round trip of {ROUND_TRIP} ms"
    ));
    println!(
        "promised: 100 hosts under 5 s and 200 MB; 1,000 under 40 s; a flat cost a host, open files bounded"
    );
    let mut bench = as_root("unshare");
    bench
        .args([
            "--net",
            "sh",
            "-c",
            r#"ip link set lo up && exec "$0" "$@""#,
        ])
        .arg(target().join("pdf/examples/many"))
        .arg(workshop)
        .arg(target().join("xtask/bench/many"))
        .arg(ROUND_TRIP)
        .args(HOSTS);
    shown(&mut bench)
}
