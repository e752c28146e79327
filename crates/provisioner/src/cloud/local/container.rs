//! Starts a host's systemd-nspawn so that it outlives us, and finds out whether it runs.
//!
//! `launch.sh` is what keeps it running: it joins the cgroups, makes the mounts, starts the host
//! again when it wants to reboot, and holds the lock of the host's folder meanwhile.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::cgroup::{self, Cgroups};
use super::error::LocalError;
use super::folder::{self, HostFolder, TryLock};
use super::{network, tools};
use crate::cloud::{HostSpec, WorkshopId};

const LAUNCH: &str = include_str!("launch.sh");

/// Bytes of console output in one of the two files that are kept: a boot writes about 8 KiB.
const KEEP: u64 = 256 * 1024;

/// How long systemd-nspawn may take until its link is plugged in: 0.2 s, with eight at once on two
/// busy processors 3 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long systemd may take to forget a unit.
const FORGETTING: Duration = Duration::from_secs(10);

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the host's loop runs.
pub(super) fn runs(host: &HostFolder) -> Result<bool, LocalError> {
    let folder = host.path();
    if !folder.is_dir() {
        return Ok(false);
    }
    // A loop that starts this very moment waits for the lock, so that looking does no harm.
    Ok(folder::try_lock(&folder, TryLock::Shared)?.is_none())
}

/// Starts the host if need be, and returns when it is plugged into the bridge.
pub(super) fn ensure(
    workshop: &WorkshopId,
    cgroups: &Cgroups,
    host: &HostFolder,
    spec: &HostSpec,
) -> Result<(), LocalError> {
    let start = Instant::now();
    let link = network::link(workshop, spec.index);
    let bridge = network::bridge(workshop);
    let mut launched: Option<Launched> = None;
    loop {
        let runs = runs(host)?;
        if runs && network::is_plugged(&link, &bridge) {
            break;
        }
        if runs && launched.is_none() && network::exists(&link) {
            // It hangs in the air: the bridge was removed and made again.
            let _ = network::plug(&link, &bridge);
        }
        let ended = match &mut launched {
            Some(launched) => !runs && launched.has_ended(),
            None => false,
        };
        if ended || start.elapsed() > PATIENCE {
            return Err(not_started(host));
        }
        if !runs && launched.is_none() {
            // What a killed systemd-nspawn left behind.
            cgroups.stop(host.name())?;
            network::remove(&link)?;
            match launch(workshop, cgroups, host, spec) {
                // A unit that has ended is known to systemd a moment longer, and so is one that a
                // killed run has just asked for.
                Err(_) if cgroups.unit(host.name()).is_some() && start.elapsed() < FORGETTING => {}
                result => launched = Some(result?),
            }
        }
        thread::sleep(LOOK);
    }
    if let Some(Launched::Child(mut child)) = launched {
        // Somebody must take note of its end, or it stays in the process table until ours.
        thread::spawn(move || child.wait());
    }
    Ok(())
}

/// What runs the loop.
enum Launched {
    Child(Child),
    Unit(String),
}

impl Launched {
    fn has_ended(&mut self) -> bool {
        match self {
            Self::Child(child) => !matches!(child.try_wait(), Ok(None)),
            Self::Unit(unit) => {
                let mut active = tools::command("systemctl");
                active.args(["is-active", "--quiet", unit]);
                tools::run(active).is_err()
            }
        }
    }
}

fn launch(
    workshop: &WorkshopId,
    cgroups: &Cgroups,
    host: &HostFolder,
    spec: &HostSpec,
) -> Result<Launched, LocalError> {
    let starting = "start the host";
    let folder = host.path();
    link_sources(&folder, spec)?;
    let script = folder.join("launch.sh");
    // A file, because systemd would look for variables in an argument.
    folder::replace(&script, LAUNCH).map_err(LocalError::io(starting))?;
    for log in ["console.log", "console.log.1"] {
        let _ = fs_err::remove_file(folder.join(log));
    }
    let group = cgroups.unified(host.name()).unwrap_or_default();
    let environment = [
        ("PATH", tools::path()),
        ("LC_ALL", "C".into()),
        ("GROUP", group.clone().into_os_string()),
        ("KEEP", KEEP.to_string().into()),
        // Else a guest on a machine with version 1 cgroups gets those, and its systemd refuses.
        ("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1".into()),
    ];
    let groups = cgroups.to_join(host.name());
    let groups: Vec<_> = groups
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let mut arguments: Vec<OsString> = vec!["sh".into(), script.into(), groups.join("\n").into()];
    arguments.extend(nspawn(workshop, &folder, spec));

    if let Some(unit) = cgroups.unit(host.name()) {
        let mut run = tools::command("systemd-run");
        run.args(["--quiet", "--collect", "--service-type=exec"])
            .arg(format!("--unit={unit}"))
            .arg(format!("--slice={}", cgroups.slice()))
            .arg(format!("--working-directory={}", folder.display()))
            .arg(format!("--description=Workshop host {}", spec.name));
        let fixed = [
            "Delegate=yes",
            // The guest's own systemd decides what happens when it is short of memory.
            "OOMPolicy=continue",
            // Killed, as by a power cut: the whole of it goes at once, and in no half state.
            "KillSignal=SIGKILL",
            "StandardInput=null",
            "StandardOutput=null",
            "StandardError=null",
            // For the host's sake, not for its own: it starts with what this machine allows.
            "LimitMEMLOCK=infinity",
        ];
        let limits = cgroup::systemd_properties(&spec.limits);
        for property in fixed.into_iter().map(str::to_owned).chain(limits) {
            run.arg(format!("--property={property}"));
        }
        for (name, value) in environment {
            let mut setting = OsString::from(format!("--setenv={name}="));
            setting.push(value);
            run.arg(setting);
        }
        run.arg("--").args(arguments);
        tools::run(run)?;
        return Ok(Launched::Unit(unit));
    }

    // A session of its own: neither Ctrl-C nor the end of our terminal reaches it.
    let mut setsid = tools::command("setsid");
    setsid
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = setsid.spawn().map_err(|source| LocalError::Spawn {
        program: "setsid".into(),
        source,
    })?;
    Ok(Launched::Child(child))
}

/// Links to the folders that the host shall see, numbered: `launch.sh` needs no paths.
fn link_sources(folder: &Path, spec: &HostSpec) -> Result<(), LocalError> {
    let linking = "note the folders that the host sees";
    let sources = folder.join("sources");
    for name in folder::names(&sources)? {
        fs_err::remove_file(sources.join(name)).map_err(LocalError::io(linking))?;
    }
    for (number, (outside, _)) in spec.binds.iter().enumerate() {
        let link = sources.join(number.to_string());
        fs_err::os::unix::fs::symlink(outside, link).map_err(LocalError::io(linking))?;
    }
    Ok(())
}

fn nspawn(workshop: &WorkshopId, folder: &Path, spec: &HostSpec) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        // We are its manager: neither machined nor a unit is asked for.
        "--register=no",
        "--keep-unit",
        "--settings=no",
        // Tracing needs the machine's own users and every capability.
        "--private-users=no",
        "--capability=all",
        "--system-call-filter=bpf perf_event_open",
        "--rlimit=MEMLOCK=infinity",
        // What systemd gives to units; nspawn's own default is 4096 at most.
        "--rlimit=NOFILE=1024:524288",
        // Or the guest inherits that nothing of it may be killed for want of memory.
        "--oom-score-adjust=0",
        // Its own, not the machine's pinned programs and maps.
        "--tmpfs=/sys/fs/bpf",
        // Files of this machine that nspawn would otherwise copy into the host.
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
        // An orderly shutdown for systemd as process 1 (systemd(1)).
        "--kill-signal=SIGRTMIN+3",
    ]
    .map(OsString::from)
    .into();
    arguments.push(format!("--machine={}", network::machine(workshop, spec.index)).into());
    arguments.push(format!("--hostname={}", spec.name).into());
    arguments.push(format!("--network-bridge={}", network::bridge(workshop)).into());
    let mut root = OsString::from("--directory=");
    root.push(folder.join("root"));
    arguments.push(root);
    for (number, (_, inside)) in spec.binds.iter().enumerate() {
        let mut bind = OsString::from("--bind=");
        bind.push(folder.join("binds").join(number.to_string()));
        bind.push(":");
        bind.push(inside);
        arguments.push(bind);
    }
    arguments
}

fn not_started(host: &HostFolder) -> LocalError {
    let console = host.path().join("console.log");
    let text = |path: PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let log = text(host.path().join("console.log.1")) + &text(console.clone());
    LocalError::NotStarted {
        name: host.name().to_owned(),
        log: tools::last_lines(&log),
        console,
    }
}
