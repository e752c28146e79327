//! `workshop tracepoints [BINARY]`: what can be traced in a program.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::PathBuf;

use exercises::documented::{ArgType, Documented, Interface};
use exercises::tracepoint::Tracepoint as Name;
use probe::usdt::{Arg, Tracepoint, Tracepoints};
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::gather::{self, Places};
use crate::output::Output;
use crate::participant::Host;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program; on a workshop's host the tree's bitcoind when not given.
    binary: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    binary: PathBuf,
    tracepoints: Vec<One>,
}

#[derive(Serialize)]
struct One {
    name: String,
    documented: bool,
    semaphores: Vec<u64>,
    arguments: Vec<Argument>,
    call_sites: Vec<Site>,
}

/// An argument as the interface documents it and the first call site passes it.
#[derive(Serialize)]
struct Argument {
    name: Option<Cow<'static, str>>,
    documented_type: Option<&'static str>,
    c_type: Option<&'static str>,
    place: String,
    problem: Option<String>,
    /// Whether the program passes another width or sign than is documented.
    differs: bool,
}

#[derive(Serialize)]
struct Site {
    address: u64,
    offset: Option<u64>,
    /// Where the semaphore lies in the file: the kernel's `ref_ctr_offset`.
    semaphore_offset: Option<u64>,
    places: Vec<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let host = Host::here()?;
    let places = Places {
        binary: args.binary.clone(),
        ..Places::default()
    };
    let binary = gather::binary(&host, &places).ok_or_else(|| {
        miette::miette!(
            help = "workshop tracepoints BINARY",
            "there is no workshop's tree on this machine: name a program"
        )
    })?;
    let found = probe::usdt::read_file(&binary)?;
    if found.tracepoints.is_empty() {
        let build = host.profile(None).build.join(" && ");
        return Err(miette::miette!(
            help = format!("Bitcoin Core gets them with: {build}"),
            "{} has no tracepoints: it was built without USDT",
            binary.display()
        ));
    }
    let interface = gather::interface_of(&host, &binary);
    let tracepoints: Vec<One> = found
        .tracepoints
        .iter()
        .map(|one| describe(one, &interface))
        .collect();
    if output.json() {
        output.document(
            "tracepoints",
            &Document {
                binary,
                tracepoints,
            },
        )?;
    } else {
        output.text(&render(&found, &tracepoints))?;
    }
    Ok(Outcome::Yes)
}

fn describe(one: &Tracepoint, interface: &Interface) -> One {
    let name = Name::new(one.id.provider.clone(), one.id.name.clone());
    let documented = interface.get(&name);
    let args = one.sites.first().map_or(&[][..], |site| &site.args);
    One {
        name: name.to_string(),
        documented: documented.is_some(),
        semaphores: one
            .semaphores()
            .iter()
            .map(|semaphore| semaphore.address)
            .collect(),
        arguments: args
            .iter()
            .enumerate()
            .map(|(at, arg)| argument(at, arg, documented))
            .collect(),
        call_sites: one
            .sites
            .iter()
            .map(|site| Site {
                address: site.address,
                offset: site.offset,
                semaphore_offset: site.semaphore.and_then(|semaphore| semaphore.offset),
                places: site.args.iter().map(|arg| arg.text.clone()).collect(),
            })
            .collect(),
    }
}

fn argument(at: usize, arg: &Arg, documented: Option<&Documented>) -> Argument {
    let documented = documented.and_then(|one| one.args.get(at));
    let kind = documented.and_then(|one| one.kind);
    let spec = arg.spec.as_ref();
    Argument {
        name: documented.map(|one| one.name.clone()),
        documented_type: kind.map(ArgType::c_type),
        c_type: spec.ok().map(probe::usdt::ArgSpec::c_type),
        place: arg.text.clone(),
        problem: spec.err().map(ToString::to_string),
        differs: matches!((kind, spec), (Some(kind), Ok(spec)) if kind.layout() != (spec.size, spec.signed)),
    }
}

fn render(found: &Tracepoints, tracepoints: &[One]) -> String {
    let mut text = String::new();
    for (one, raw) in tracepoints.iter().zip(&found.tracepoints) {
        let sites = match raw.sites.len() {
            1 => "1 call site".to_owned(),
            n => format!("{n} call sites"),
        };
        let semaphore = match one.semaphores.as_slice() {
            [] => "no semaphore".to_owned(),
            all => {
                let all: Vec<_> = all.iter().map(|address| format!("{address:#x}")).collect();
                format!("semaphore {}", all.join(" "))
            }
        };
        let documented = if one.documented {
            ""
        } else {
            ", not documented"
        };
        let _ = writeln!(text, "{}  ({sites}, {semaphore}{documented})", one.name);
        for (at, argument) in one.arguments.iter().enumerate() {
            let name = argument.name.as_deref().unwrap_or("");
            let kind = argument.documented_type.or(argument.c_type).unwrap_or("?");
            let _ = write!(
                text,
                "    arg{at:<2} {name:<24} {kind:<16} {}",
                argument.place
            );
            if argument.differs {
                let _ = write!(text, "  passed as {}", argument.c_type.unwrap_or("?"));
            }
            if let Some(problem) = &argument.problem {
                let _ = write!(text, "  not decodable: {problem}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    let _ = writeln!(text, "{} tracepoints", tracepoints.len());
    text
}
