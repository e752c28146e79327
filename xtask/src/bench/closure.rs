//! What this machine sends until all hosts have the closure: the bridge's own counters, which leave out what the
//! builder sends to the hosts.

use std::path::Path;

use crate::Result;
use crate::room::Room;
use crate::run::{headline, shown};

pub(super) fn measure(room: &Room, hosts: usize) -> Result {
    let run = |verb: &str, arguments: &[&str]| shown(room.command(verb).args(arguments));
    // The user's cache has the closure afterwards: nothing is compiled in what is measured.
    run("provision", &[])?;
    run("destroy", &["--yes", "--no-collect"])?;
    headline(&format!(
        "Closure to {hosts} hosts by way of a builder that shares no folder"
    ));
    let measured = run("provision", &["--remote-builder"]).and_then(|()| figures(room));
    // Also when measuring failed: nothing may be left.
    run("destroy", &["--yes", "--no-collect"])?;
    let (sent, closure) = measured?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let ratio = sent as f64 / closure as f64;
    println!(
        "sent by this machine: {sent} bytes, everything but the closure included; the closure: {closure} bytes; ratio {ratio:.3} (promised: at most 1.1)"
    );
    Ok(())
}

fn figures(room: &Room) -> Result<(u64, u64)> {
    let folder = room.inventory.parent().unwrap_or(Path::new("."));
    let journal = std::fs::read_to_string(folder.join(".workshop/journal.jsonl"))
        .map_err(|error| error.to_string())?;
    // The first line that names an id of eight hexadecimal digits is the workshop's own.
    let id = journal
        .split('"')
        .find(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .ok_or("the journal names no workshop")?;
    let counter = format!("/sys/class/net/ws-{id}/statistics/tx_bytes");
    let number = |text: &str| {
        text.trim()
            .parse::<u64>()
            .map_err(|error| error.to_string())
    };
    let sent = std::fs::read_to_string(&counter).map_err(|error| format!("{counter}: {error}"))?;
    let sizes = room
        .command("ssh")
        .args([
            "builder",
            "cat /var/cache/workshop/store/*.narinfo | awk '/^FileSize/ { s += $2 } END { print s }'",
        ])
        .output()
        .map_err(|error| error.to_string())?;
    Ok((
        number(&sent)?,
        number(&String::from_utf8_lossy(&sizes.stdout))?,
    ))
}
