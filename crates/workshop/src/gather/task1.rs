//! What task 1 looks at: the program's notes, the documentation, the tools that the answer names, and the
//! place in the source that it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use exercises::answers::Answers;
use exercises::documented::Interface;
use exercises::evidence::Observed;
use exercises::listing::{self, Listing, Way};
use exercises::source::{self, Location};
use exercises::tasks::task1::{Documentation, Place, Program, Seen, WaySeen};
use exercises::tracepoint::Tracepoint;

use super::{Places, binary, tools};
use crate::cancel::Cancel;
use crate::participant::Host;
use crate::progress::Doing;

/// gdb and bpftrace take up to a second here; a small busy server takes longer.
const TOOL: Duration = Duration::from_secs(30);

/// The largest source file of Bitcoin Core has 400 kB.
const LARGEST_SOURCE: u64 = 4 << 20;

pub(super) fn look(
    host: &Host,
    places: &Places,
    answers: &Answers,
    cancel: &Cancel,
    doing: &Doing,
) -> Seen {
    let tree = host.tree(places.tree.as_deref());
    let program = program(host, places);
    let interface = interface(host, tree.as_deref());
    let ways = match &program {
        Observed::Known(program) => ways(program, answers, cancel, doing),
        Observed::Unknown { .. } => vec![],
    };
    Seen {
        program,
        documented: Documentation {
            source: interface.source,
            tracepoints: interface
                .tracepoints
                .into_iter()
                .map(|one| one.id)
                .collect(),
        },
        ways,
        place: answers
            .get("source")
            .map(|answer| place(tree.as_deref(), &answer.text())),
    }
}

/// The documented interface: the tree's own document, else our table for its version.
pub(super) fn interface(host: &Host, tree: Option<&Path>) -> Interface {
    let document = tree.and_then(|tree| std::fs::read_to_string(tree.join("doc/tracing.md")).ok());
    document
        .and_then(|text| Interface::from_markdown(&text))
        .unwrap_or_else(|| Interface::of_version(host.version(tree)))
}

fn program(host: &Host, places: &Places) -> Observed<Program> {
    let Some(path) = binary(host, places) else {
        return Observed::unknown(
            "there is no program to look at here",
            "name it: workshop check task1 --tree DIR, or --binary FILE",
        );
    };
    let build = host
        .profile(host.tree(places.tree.as_deref()).as_deref())
        .build
        .join(" && ");
    match probe::usdt::read_file(&path) {
        Ok(found) if found.tracepoints.is_empty() => Observed::unknown(
            format!(
                "{} has no tracepoints: it was built without them",
                path.display()
            ),
            format!("build it with them: {build}"),
        ),
        Ok(found) => {
            let tracepoints: BTreeSet<Tracepoint> = names(&found);
            let base = places.base.as_ref().or(host.node_binary.as_ref());
            // Without the host's own node nobody can tell what was added.
            let own = match base.map(probe::usdt::read_file) {
                Some(Ok(base)) => tracepoints.difference(&names(&base)).cloned().collect(),
                _ => BTreeSet::new(),
            };
            Observed::Known(Program {
                path: path.display().to_string(),
                tracepoints,
                own,
            })
        }
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            Observed::unknown(format!("{error}{cause}"), format!("build it: {build}"))
        }
    }
}

fn names(found: &probe::usdt::Tracepoints) -> BTreeSet<Tracepoint> {
    found.tracepoints.iter().map(|one| named(&one.id)).collect()
}

fn named(id: &probe::usdt::ProbeId) -> Tracepoint {
    Tracepoint::new(id.provider.clone(), id.name.clone())
}

fn ways(program: &Program, answers: &Answers, cancel: &Cancel, doing: &Doing) -> Vec<WaySeen> {
    let Some(answer) = answers.get("arguments") else {
        return vec![];
    };
    let named = listing::ways_named(&answer.text());
    named
        .into_iter()
        .map(|way| {
            doing.say(format!("lists the tracepoints with {}", way.name()));
            WaySeen {
                way,
                listing: try_way(way, program, cancel),
            }
        })
        .collect()
}

fn try_way(way: Way, program: &Program, cancel: &Cancel) -> Observed<Listing> {
    let path = program.path.as_str();
    let probes = format!("usdt:{path}:*");
    let (command, arguments): (&str, Vec<&str>) = match way {
        Way::Gdb => ("gdb", vec!["-nx", "-batch", "-ex", "info probes", path]),
        Way::Readelf => ("readelf", vec!["-n", path]),
        Way::EuReadelf => ("eu-readelf", vec!["-n", path]),
        Way::Tplist => ("tplist-bpfcc", vec!["-vv", "-l", path]),
        Way::Bpftrace => ("bpftrace", vec!["-l", &probes]),
        Way::BpftraceVerbose => ("bpftrace", vec!["-lv", &probes]),
    };
    // bpftrace refuses everybody but root.
    let needs_root = command == "bpftrace" && !rustix::process::geteuid().is_root();
    let mut run = if needs_root {
        let mut sudo = Command::new("sudo");
        // Only root ends what root runs, should it take too long. In the foreground: Ctrl-C is to reach it.
        let limit = (TOOL * 2).as_secs().to_string();
        sudo.args(["-n", "timeout", "--foreground", &limit, command]);
        sudo
    } else {
        Command::new(command)
    };
    // Newer gdb asks a server for debug information unless told that there is none.
    run.env_remove("DEBUGINFOD_URLS").env("LC_ALL", "C");
    match tools::run_until(cancel, run.args(arguments), TOOL) {
        Ok(printed) if printed.success => {
            let tracepoints: Vec<Tracepoint> = program.tracepoints.iter().cloned().collect();
            Observed::Known(Listing::read(&printed.stdout, &tracepoints))
        }
        Ok(printed) => Observed::unknown(
            format!(
                "{} failed: {}",
                way.name(),
                printed.stderr.trim().lines().last().unwrap_or("no message")
            ),
            "run it yourself to see why",
        ),
        Err(why) => Observed::unknown(why, "is it installed?"),
    }
}

/// Looks up `file:line` in the tree, and nowhere else.
fn place(tree: Option<&Path>, answer: &str) -> Place {
    let Some(tree) = tree else {
        return Place::NoTree {
            why: "there is no source tree here".to_owned(),
        };
    };
    let Ok(top) = tree.canonicalize() else {
        return Place::NoTree {
            why: format!("there is no source tree at {}", tree.display()),
        };
    };
    let Some(Location { file, line }) = Location::parse(answer) else {
        return Place::NotAPlace;
    };
    let Some(found) = candidates(&top, &file)
        .into_iter()
        .find_map(|path| path.canonicalize().ok())
    else {
        return Place::Missing { file };
    };
    let Ok(short) = found.strip_prefix(&top) else {
        return Place::Outside { file };
    };
    let short = short.display().to_string();
    let cpp: BTreeSet<&str> = ["cpp", "h", "cc", "hpp", "c"].into();
    let is_source = found
        .extension()
        .and_then(|end| end.to_str())
        .is_some_and(|end| cpp.contains(end));
    match std::fs::metadata(&found) {
        Ok(data) if !data.is_file() || !is_source => return Place::NotSource { file: short },
        Ok(data) if data.len() > LARGEST_SOURCE => {
            return Place::Unreadable {
                file: short,
                why: "it is larger than 4 MiB".to_owned(),
            };
        }
        _ => {}
    }
    match std::fs::read(&found) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Place::Source {
                file: short,
                line,
                lines: u32::try_from(text.lines().count()).unwrap_or(u32::MAX),
                calls: source::calls(&text),
            }
        }
        Err(error) => Place::Unreadable {
            file: short,
            why: error.to_string(),
        },
    }
}

/// As people write a file: from the top of the tree, from its src, or from the root or home.
fn candidates(top: &Path, file: &str) -> Vec<PathBuf> {
    let file = match (file.strip_prefix("~/"), crate::participant::home()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(file),
    };
    // Joining an absolute path gives that path.
    vec![top.join(&file), top.join("src").join(&file)]
}
