//! Looks at every host, deeper than `provision` does, and changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;

use crate::host::keys::KeyPair;
use crate::host::{Limits, Script, Ssh, Target};
use crate::provision::{Failure, ProvisionError};
use crate::room::{Condition, Seat, room};
use crate::state::{Role, Workplace};
use crate::step::{Seen, Step};
use crate::steps::TREE;

/// One fact of one host.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// What should be so.
    pub says: &'static str,
    /// Whether it is.
    pub holds: bool,
    /// What was seen where it is not.
    pub seen: Option<String>,
}

/// What was found on one host.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// The host as the room shows it.
    #[serde(flatten)]
    pub seat: Seat,
    /// Its facts; empty where it could not be looked at.
    pub facts: Vec<Fact>,
    /// Why it could not be looked at.
    pub failed: Option<String>,
}

impl Examined {
    /// Whether it was looked at and all was well.
    pub fn healthy(&self) -> bool {
        self.failed.is_none() && self.facts.iter().all(|fact| fact.holds)
    }
}

/// What a participant will rely on, as commands that show it for real.
fn facts() -> Vec<Step> {
    let fact = |id, script: &str| Step {
        id,
        files: vec![],
        fact: Script::new(script),
        change: Script::default(),
    };
    vec![
        fact(
            "kernel new enough for our probes, 5.15",
            r#"
read -r release < /proc/sys/kernel/osrelease; echo "$release"
[ "$(printf '5.15\n%s\n' "$release" | sort -V | head -n 1)" = 5.15 ]"#,
        ),
        fact(
            "uprobes with semaphores",
            "cat /sys/bus/event_source/devices/uprobe/format/ref_ctr_offset",
        ),
        fact("kernel types for BPF, BTF", "ls /sys/kernel/btf/vmlinux"),
        fact("tracefs is mounted", "ls /sys/kernel/tracing/uprobe_events"),
        fact(
            "the participant becomes root without a password",
            "runuser -u workshop -- sudo -n id -u",
        ),
        fact(
            "no password lets anybody in",
            "sshd -T | grep -qx 'passwordauthentication no'",
        ),
        fact(
            "bitcoind is the node's",
            r#"
which=$(runuser -l workshop -c 'command -v bitcoind'); echo "$which"
[ "$which" -ef /nix/var/nix/profiles/workshop/bin/bitcoind ]"#,
        ),
        fact(
            "bitcoin cli answers the participant",
            "runuser -l workshop -c 'bitcoin-cli getblockchaininfo'",
        ),
        fact(
            "the node has its tracepoints",
            "readelf -n /nix/var/nix/profiles/workshop/bin/bitcoind | grep -q 'Name: inbound_message'",
        ),
        fact(
            "bpftrace attaches to the node",
            r#"
timeout 30 bpftrace -e 'usdt:/nix/var/nix/profiles/workshop/bin/bitcoind:net:inbound_message { } BEGIN { exit() }'"#,
        ),
        fact(
            "python has bcc, and it compiles",
            r#"
timeout 120 python3 -c 'from bcc import BPF; BPF(text="int f(void *ctx) { return 0; }"); print("ok")'"#,
        ),
        // Bitcoin Core looks at its own version in every build, so a few of its 500 edges are always due. A
        // participant's edit is their own business: it makes this fact false, and that is worth knowing.
        fact(
            "the build tree is warm",
            &format!(
                r#"
due=$(runuser -u workshop -- ninja -C {TREE}/build -n | grep -c '^\['); echo "$due steps are due"; [ "$due" -le 10 ]"#
            ),
        ),
        fact(
            "nix shell gives the build tools",
            // CMake without its modules only prints an error and ends well.
            &format!(
                r#"
said=$(runuser -l workshop -c 'cd {TREE} && nix-shell --run "cmake --version"' 2>&1); echo "$said"
case "$said" in *rror*) exit 1 ;; *"cmake version"*) ;; *) exit 1 ;; esac"#
            ),
        ),
        // Where the inventory wants none there is no unit.
        fact(
            "the guard runs",
            r#"
[ ! -e /etc/systemd/system/workshop-guard.service ] || systemctl is-active workshop-guard"#,
        ),
        fact(
            "a generation to roll back to is known",
            "nix-env --profile /nix/var/nix/profiles/workshop --list-generations | grep -q current",
        ),
    ]
}

/// Examines the hosts named in `only`, or all but the builder, side by side.
///
/// A host that cannot be reached says so in its own entry.
///
/// # Errors
/// A name that no host has; the state cannot be read; another run holds the workshop.
pub async fn doctor(path: &Path, only: &[String]) -> Result<Vec<Examined>, ProvisionError> {
    let seats = room(path).await?;
    if let Some(word) = only
        .iter()
        .find(|word| seats.iter().all(|seat| seat.word != **word))
    {
        return Err(ProvisionError::NoSuchHost { word: word.clone() });
    }
    let place = Workplace::open(path, "doctor")?;
    let instructor = place.instructor_key()?;
    let mut set = JoinSet::new();
    let seats = seats.into_iter().filter(|seat| {
        seat.role != Role::Builder && (only.is_empty() || only.contains(&seat.word))
    });
    for (place_in_room, seat) in seats.enumerate() {
        let target = seat
            .address
            .map(|address| place.keys().root(&seat.word, address));
        let target = target.transpose()?;
        let instructor = instructor.clone();
        set.spawn(async move { (place_in_room, examine(seat, target, instructor).await) });
    }
    let mut found = Vec::new();
    while let Some(joined) = set.join_next().await {
        found.push(joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    found.sort_by_key(|(place_in_room, _)| *place_in_room);
    Ok(found.into_iter().map(|(_, examined)| examined).collect())
}

async fn examine(seat: Seat, target: Option<Target>, instructor: KeyPair) -> Examined {
    let failed = |seat: Seat, why: String| Examined {
        seat,
        facts: vec![],
        failed: Some(why),
    };
    match seat.condition {
        Condition::Absent => return failed(seat, "it does not exist".into()),
        Condition::Stopped => return failed(seat, "it is stopped".into()),
        Condition::Verified | Condition::Unfinished => {}
    }
    let Some(target) = target else {
        return failed(seat, "its address is not known".into());
    };
    let ssh = match Ssh::connect(
        &target,
        Arc::clone(&instructor.private()),
        Duration::from_secs(20),
    )
    .await
    {
        Ok(ssh) => ssh,
        Err(error) => return failed(seat, Failure::new(&error).message),
    };
    let steps = facts();
    // BCC compiles a program and bpftrace another one, on a host that may be busy.
    let limits = Limits {
        deadline: Duration::from_secs(300),
        ..Limits::default()
    };
    let seen = crate::run::gather(&seat.word, &ssh, &steps, limits).await;
    ssh.close().await;
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return failed(seat, Failure::new(&error).message),
    };
    let facts = steps
        .iter()
        .zip(seen)
        .map(|(step, seen)| match seen {
            Seen::Satisfied => Fact {
                says: step.id,
                holds: true,
                seen: None,
            },
            Seen::Unsatisfied(why) => Fact {
                says: step.id,
                holds: false,
                seen: Some(why),
            },
        })
        .collect();
    Examined {
        seat,
        facts,
        failed: None,
    }
}
