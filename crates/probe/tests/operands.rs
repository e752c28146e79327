//! Every operand a compiler makes of `sys/sdt.h`, compared with what `readelf -n` prints and with what the
//! source passes: call site by call site, argument by argument.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use probe::usdt::{self, CallSite, Machine, Place, Tracepoints, Undecodable};

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "common/programs.rs"]
mod programs;
#[path = "common/sdt.rs"]
mod sdt;

use programs::{FOLDER, compile, run};
use sdt::{Arg, Probe, Value};

static SOURCE: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = FOLDER.join("sdt.c");
    fs::write(&source, sdt::fixture().source).unwrap();
    source
});

/// One note as `readelf` shows it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    id: String,
    address: u64,
    semaphore: u64,
    args: String,
}

fn readelf(program: &Path) -> Vec<Shown> {
    let text = run(Command::new("readelf").arg("-nW").arg(program));
    let mut lines = text.lines().map(str::trim);
    let mut shown = Vec::new();
    while let Some(line) = lines.next() {
        let Some((_, provider)) = line.split_once("Provider: ") else {
            continue;
        };
        let mut field = |name: &str| {
            let line = lines.next().unwrap_or_default();
            let value = line.strip_prefix(name);
            value.unwrap_or_else(|| panic!("{name}: {line}")).trim()
        };
        let id = format!("{provider}:{}", field("Name:"));
        let places = field("Location:");
        let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        let mut places = places.split(", ");
        let address = number(places.next().unwrap());
        let semaphore = number(places.nth(1).unwrap().trim_start_matches("Semaphore: "));
        shown.push(Shown {
            id,
            address,
            semaphore,
            args: field("Arguments:").to_owned(),
        });
    }
    shown.sort();
    shown
}

fn ours(found: &Tracepoints) -> Vec<Shown> {
    let mut shown = Vec::new();
    for tracepoint in &found.tracepoints {
        for site in &tracepoint.sites {
            let args: Vec<_> = site.args.iter().map(|arg| arg.text.as_str()).collect();
            shown.push(Shown {
                id: tracepoint.id.to_string(),
                address: site.address,
                semaphore: site.semaphore.map_or(0, |one| one.address),
                args: args.join(" "),
            });
        }
    }
    shown.sort();
    shown
}

/// Sizes and signs of a call site; those of an operand that cannot be decoded are its text's.
fn types(site: &CallSite) -> Vec<(u8, bool)> {
    let written = |text: &str| {
        let size = text.split('@').next().unwrap().trim_end_matches('f');
        let digits = size.trim_start_matches('-');
        (digits.parse().unwrap(), size.starts_with('-'))
    };
    site.args
        .iter()
        .map(|arg| match arg.spec {
            Ok(spec) => (spec.size, spec.signed),
            Err(_) => written(&arg.text),
        })
        .collect()
}

/// A call site against the calls it may be the one of.
fn check_site(site: &CallSite, probe: &Probe, context: &str) {
    let types = types(site);
    let fits = |call: &&Vec<Arg>| {
        let expected = call.iter().map(|arg| (arg.size, arg.signed));
        types.iter().copied().eq(expected)
    };
    let calls: Vec<_> = probe.calls.iter().filter(fits).collect();
    assert!(
        !calls.is_empty(),
        "{context}: {types:?} is not in the source"
    );
    for (at, arg) in site.args.iter().enumerate() {
        let context = format!("{context}, argument {at}: {}", arg.text);
        let values: Vec<Value> = calls.iter().map(|call| call[at].value).collect();
        let undecodable = match values[0] {
            Value::Int(_) | Value::Text(_) => &[] as &[Undecodable],
            Value::Elsewhere(_) => &[
                Undecodable::InstructionPointer,
                Undecodable::Segment,
                Undecodable::Symbol,
            ],
            Value::Unsupported => &[Undecodable::Float, Undecodable::Size],
        };
        match arg.spec {
            Ok(spec) => {
                assert_ne!(values[0], Value::Unsupported, "{context}");
                if let Place::Const(value) = spec.place {
                    assert!(values.contains(&Value::Int(value)), "{context}");
                }
            }
            Err(why) => assert!(undecodable.contains(&why), "{context}: {why}"),
        }
    }
}

/// All that is said of a program, without running it. Returns the operands that were decoded.
fn check(program: &Path, semaphores: bool) -> BTreeMap<String, usdt::ArgSpec> {
    let found = usdt::read_file(program).unwrap();
    let (ours, theirs) = (ours(&found), readelf(program));
    assert_eq!(ours.len(), theirs.len(), "{}", program.display());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{}", program.display());
    }
    let mut specs = BTreeMap::new();
    let probes = sdt::fixture().probes;
    assert_eq!(found.tracepoints.len(), probes.len());
    for probe in &probes {
        let context = format!("{}, {}", program.display(), probe.name);
        let id = format!("{}:{}", sdt::PROVIDER, probe.name);
        let tracepoint = found.get(&id.parse().unwrap()).expect(&context);
        assert!(tracepoint.sites.len() >= probe.sites, "{context}");
        let semaphore_count = if semaphores { 1 } else { 0 };
        assert_eq!(tracepoint.semaphores().len(), semaphore_count, "{context}");
        for site in &tracepoint.sites {
            assert!(site.offset.is_some(), "{context}");
            check_site(site, probe, &context);
            let decoded = site.args.iter().filter_map(|arg| {
                let spec = arg.spec.ok()?;
                Some((arg.text.clone(), spec))
            });
            specs.extend(decoded);
        }
        // Each call is made somewhere.
        let made: BTreeSet<_> = tracepoint.sites.iter().map(types).collect();
        let called = probe.calls.iter().map(|call| {
            let types: Vec<_> = call.iter().map(|arg| (arg.size, arg.signed)).collect();
            types
        });
        assert_eq!(made, called.collect(), "{context}");
    }
    specs
}

fn kind(spec: &usdt::ArgSpec) -> String {
    match spec.place {
        Place::Const(_) => "constant".to_owned(),
        Place::Reg(reg) => format!("{} bytes of a register", reg.width),
        Place::RegDeref { displacement, .. } => match displacement {
            0 => "memory".to_owned(),
            _ => "memory with displacement".to_owned(),
        },
        Place::Sib {
            scale,
            displacement,
            ..
        } => match displacement {
            0 => format!("element of {scale}"),
            _ => format!("element of {scale} with displacement"),
        },
    }
}

#[test]
fn without_optimization() {
    let program = compile("cc", "O0", &SOURCE, &["-O0"]);
    let specs = check(&program, false);
    let kinds: BTreeSet<_> = specs.values().map(kind).collect();
    assert!(kinds.contains("memory with displacement"), "{kinds:?}");
}

#[test]
fn without_optimization_with_semaphores() {
    check(
        &compile("cc", "O0-gated", &SOURCE, &["-O0", "-DSEMAPHORES"]),
        true,
    );
}

#[test]
fn optimized() {
    let program = compile("cc", "O2", &SOURCE, &["-O2"]);
    let specs = check(&program, false);
    if usdt::read_file(&program).unwrap().machine != Machine::X86_64 {
        return;
    }
    // The comparison is worth as much as what the compiler was made to write.
    let kinds: BTreeSet<_> = specs.values().map(kind).collect();
    let mut expected: BTreeSet<String> = ["constant", "memory with displacement"]
        .map(str::to_owned)
        .into();
    for size in [1, 2, 4, 8] {
        expected.insert(format!("{size} bytes of a register"));
        expected.insert(format!("element of {size}"));
        expected.insert(format!("element of {size} with displacement"));
    }
    assert!(kinds.is_superset(&expected), "{kinds:?}");
}

#[test]
fn optimized_with_semaphores() {
    check(
        &compile("cc", "O2-gated", &SOURCE, &["-O2", "-DSEMAPHORES"]),
        true,
    );
}

#[test]
fn what_is_in_no_register_and_on_no_stack_costs_that_argument() {
    let program = compile("cc", "O2-globals", &SOURCE, &["-O2"]);
    let found = usdt::read_file(&program).unwrap();
    let why = |name: &str| -> Vec<_> {
        let id = format!("{}:{name}", sdt::PROVIDER).parse().unwrap();
        let args = &found.get(&id).unwrap().sites[0].args;
        args.iter().map(|arg| arg.spec.err()).collect()
    };
    assert_eq!(
        why("floats"),
        [Some(Undecodable::Float), Some(Undecodable::Float), None]
    );
    assert_eq!(why("wide"), [Some(Undecodable::Size), None]);
    if found.machine == Machine::X86_64 {
        assert_eq!(
            why("globals"),
            [
                Some(Undecodable::InstructionPointer),
                Some(Undecodable::Segment),
                None
            ]
        );
    }
}

#[test]
fn the_program_ends_by_itself() {
    let program = compile("cc", "runs", &SOURCE, &["-O2"]);
    run(&mut Command::new(&program));
    run(Command::new(&program).arg("1000"));
}

/// The other machine's operands, from its own compiler; nothing of it is run.
#[test]
#[ignore = "needs Debian's gcc-aarch64-linux-gnu"]
fn as_the_aarch64_compiler_writes_them() {
    for (level, semaphores) in [("-O0", false), ("-O0", true), ("-O2", false), ("-O2", true)] {
        let name = format!("aarch64{level}-{semaphores}");
        let mut flags = vec![level, "-ffreestanding", "-nostdlib", "-e", "main"];
        flags.extend(["-Wl,--unresolved-symbols=ignore-all", "-static"]);
        // The header is the same for all machines; its package is not.
        flags.extend(["-idirafter", "/usr/include/x86_64-linux-gnu"]);
        if semaphores {
            flags.push("-DSEMAPHORES");
        }
        let program = compile("aarch64-linux-gnu-gcc", &name, &SOURCE, &flags);
        assert_eq!(usdt::read_file(&program).unwrap().machine, Machine::Aarch64);
        check(&program, semaphores);
    }
}
