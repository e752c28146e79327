//! Why a session cannot be had.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::usdt::{self, Machine, ProbeId, Undecodable};

/// Why tracepoints cannot be traced.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// The program's file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] usdt::Error),

    /// It was built without USDT.
    #[error("`{}` has no tracepoints: it was built without USDT", path.display())]
    #[diagnostic(help(
        "Bitcoin Core 29 and newer: install systemtap-sdt-dev, then cmake -B build -DWITH_USDT=ON; \
         28 and older: ./configure --enable-usdt"
    ))]
    NoTracepoints {
        /// The program.
        path: PathBuf,
    },

    /// It is for another processor.
    #[error("`{}` is a program for {machine}; this machine is {}", path.display(), Machine::HERE)]
    #[diagnostic(help("trace it on the machine where it runs"))]
    OtherMachine {
        /// The program.
        path: PathBuf,
        /// Its processor.
        machine: Machine,
    },

    /// There is no such process, or none that we may look at.
    #[error("cannot look at process {pid}")]
    #[diagnostic(help(
        "`pgrep -a bitcoind` lists the nodes that run; kernel threads have no program"
    ))]
    NoProcess {
        /// Its number.
        pid: u32,
        /// The operating system's reason.
        source: io::Error,
    },

    /// What was asked for does not fit the program: every problem at once.
    #[error("{}", Problems { path, problems })]
    #[diagnostic(help("`workshop tracepoints {}` lists them with their arguments", path.display()))]
    Request {
        /// The program.
        path: PathBuf,
        /// Never empty.
        problems: Vec<Problem>,
    },

    /// Nothing was asked for.
    #[error("there is no tracepoint to trace")]
    #[diagnostic(help("name at least one, such as utxocache:add"))]
    NoProbes,

    /// We lack the rights.
    #[error("tracing needs {}", missing.join(" and "))]
    #[diagnostic(help("run it as root: sudo workshop …"))]
    NotPermitted {
        /// Capabilities that this process does not have.
        missing: Vec<&'static str>,
    },

    /// The kernel is older than what we need.
    #[error("Linux {found} is too old for tracing: {needed} is needed, for {why}")]
    #[diagnostic(help("use a newer kernel; Debian 12 and Ubuntu 22.04 have one"))]
    KernelTooOld {
        /// What runs.
        found: String,
        /// What is needed at least.
        needed: &'static str,
        /// For what.
        why: &'static str,
    },

    /// The kernel has no uprobes.
    #[error("this kernel has no uprobes: {path} is not there")]
    #[diagnostic(help("it was built without CONFIG_UPROBE_EVENTS, or /sys is not mounted"))]
    NoUprobes {
        /// What was looked for.
        path: &'static str,
    },

    /// The kernel refused a program.
    #[error("the kernel does not take our program{}", last_lines(log))]
    #[diagnostic(help("in a container, allow it the bpf system call"))]
    Load {
        /// The operating system's reason.
        source: io::Error,
        /// What the verifier said.
        log: String,
    },

    /// The object with the kernel side, which is part of this program, is not what it should be.
    #[error("the kernel side built into this program is broken: {0}")]
    #[diagnostic(help(
        "that is a defect of ours: please report it; `cargo xtask ebpf` rebuilds it"
    ))]
    Object(String),

    /// The kernel refused to hook a call site.
    #[error("cannot hook {what} of `{}`", path.display())]
    #[diagnostic(help(
        "in a container, allow it perf_event_open; some file systems (FUSE, old overlayfs) cannot be hooked"
    ))]
    Attach {
        /// Which call site, or how many.
        what: String,
        /// The program.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A map could not be read or written.
    #[error("cannot {what}")]
    Map {
        /// What was tried.
        what: &'static str,
        /// aya's reason.
        source: aya::maps::MapError,
    },

    /// Waiting for events failed.
    #[error("cannot wait for events")]
    Wait(#[source] io::Error),
}

/// Something in a request that the program does not have or we cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The program has no such tracepoint.
    #[error("there is no tracepoint {id}{}", did_you_mean(near))]
    NoSuchProbe {
        /// What was asked for.
        id: ProbeId,
        /// What may have been meant.
        near: Vec<ProbeId>,
    },
    /// The tracepoint has fewer arguments.
    #[error("{id} has no arg{arg}: {}", count(*has))]
    NoSuchArgument {
        /// The tracepoint.
        id: ProbeId,
        /// What was asked for.
        arg: u8,
        /// How many it has.
        has: usize,
    },
    /// An argument cannot be read at one of the call sites.
    #[error("arg{arg} of {id} cannot be read: `{operand}` is {reason}")]
    Undecodable {
        /// The tracepoint.
        id: ProbeId,
        /// The argument.
        arg: u8,
        /// Its operand as the note has it.
        operand: String,
        /// Why not.
        reason: Undecodable,
    },
    /// A condition on an argument with a value that its type does not have.
    #[error("{id}: arg{arg} is {sign}, and never {value}")]
    Condition {
        /// The tracepoint.
        id: ProbeId,
        /// The argument.
        arg: u8,
        /// Whether it is signed.
        sign: &'static str,
        /// What it should be compared with.
        value: i128,
    },
    /// A program was rebuilt so that what was added up of an argument cannot be gone on with.
    #[error("arg{arg} of {id} was {was} and is {now} now")]
    SignChanged {
        /// The tracepoint.
        id: ProbeId,
        /// The argument.
        arg: u8,
        /// Whether it was signed.
        was: &'static str,
        /// Whether it is.
        now: &'static str,
    },
    /// No segment of the file covers the call site: a damaged file, or one of debug information only.
    #[error("the call site of {id} at {address:#x} lies outside the program's code")]
    Nowhere {
        /// The tracepoint.
        id: ProbeId,
        /// Where it should be.
        address: u64,
    },
    /// More than the kernel side has room for.
    #[error("{id}: {what}, at most {most} are possible")]
    TooMany {
        /// The tracepoint.
        id: ProbeId,
        /// Of what, and how many were asked for.
        what: String,
        /// How many are possible.
        most: usize,
    },
    /// A histogram that cannot be drawn.
    #[error("{id}: {what}")]
    Histogram {
        /// The tracepoint.
        id: ProbeId,
        /// What is wrong with it.
        what: String,
    },
    /// A string, byte array or key of a length that is not possible.
    #[error("{id}: arg{arg} of {length} bytes, 1 to {most} are possible")]
    Length {
        /// The tracepoint.
        id: ProbeId,
        /// The argument.
        arg: u8,
        /// What was asked for.
        length: usize,
        /// How long it may be.
        most: usize,
    },
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().rev().take(4).collect();
    lines.iter().rev().map(|line| format!("\n{line}")).collect()
}

fn did_you_mean(near: &[ProbeId]) -> String {
    let near: Vec<_> = near.iter().map(ProbeId::to_string).collect();
    match near.as_slice() {
        [] => String::new(),
        all => format!("; did you mean {}?", all.join(" or ")),
    }
}

fn count(has: usize) -> String {
    match has {
        0 => "it has no arguments".to_owned(),
        1 => "it has arg0 only".to_owned(),
        more => format!("it has arg0 to arg{}", more - 1),
    }
}

struct Problems<'a> {
    path: &'a PathBuf,
    problems: &'a [Problem],
}

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.path.display())?;
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
