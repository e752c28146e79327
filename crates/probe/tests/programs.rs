//! Real programs, compiled here, in the forms that linkers and strippers leave them in.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use probe::usdt::{self, Error, Malformed, Place, ProbeId, ReadAt, Tracepoints};

#[path = "common/programs.rs"]
mod programs;

use programs::{FOLDER, fixture, made_by, run};

static PLAIN: LazyLock<PathBuf> = LazyLock::new(|| fixture("plain", &["-O2"]));
static GATED: LazyLock<PathBuf> =
    LazyLock::new(|| fixture("gated", &["-O2", "-g", "-DSEMAPHORES"]));

#[test]
fn a_program_without_semaphores() {
    let found = usdt::read_file(&*PLAIN).unwrap();
    let names: Vec<_> = found
        .tracepoints
        .iter()
        .map(|one| (one.id.to_string(), one.sites.len(), one.semaphores().len()))
        .collect();
    assert_eq!(
        names,
        [
            ("fixture:constant".to_owned(), 1, 0),
            ("fixture:no_args".to_owned(), 1, 0),
            ("fixture:two_sites".to_owned(), 2, 0),
        ]
    );
    let two = found.get(&ProbeId::new("fixture", "two_sites")).unwrap();
    let types = |site: usize| -> Vec<_> {
        two.sites[site]
            .args
            .iter()
            .map(|arg| arg.spec.unwrap().c_type())
            .collect()
    };
    assert_eq!(types(0), ["int64_t", "int32_t"]);
    assert_eq!(types(1), ["int32_t", "int64_t"]);
}

#[test]
fn constants_are_read_from_the_note() {
    // What the compiler prints for a constant is `$-5` on x86_64 and `-5` on aarch64.
    let found = usdt::read_file(&*PLAIN).unwrap();
    let constant = found.get(&ProbeId::new("fixture", "constant")).unwrap();
    let values: Vec<_> = constant.sites[0]
        .args
        .iter()
        .map(|arg| arg.spec.unwrap().place)
        .collect();
    assert_eq!(values, [Place::Const(-5), Place::Const(1)]);
}

#[test]
fn offsets_lead_to_the_instruction_and_the_semaphore() {
    let bytes = fs::read(&*GATED).unwrap();
    let found = usdt::read_file(&*GATED).unwrap();
    for tracepoint in &found.tracepoints {
        assert_eq!(tracepoint.semaphores().len(), 1, "{}", tracepoint.id);
        for site in &tracepoint.sites {
            let at = usize::try_from(site.offset.unwrap()).unwrap();
            if cfg!(target_arch = "x86_64") {
                assert_eq!(bytes[at], 0x90, "a nop is what a uprobe replaces");
            }
            let semaphore = site.semaphore.unwrap();
            let at = usize::try_from(semaphore.offset.unwrap()).unwrap();
            assert_eq!(bytes[at..at + 2], [0, 0], "nobody traces a file");
        }
    }
    // A position-independent program's data is mapped elsewhere than it lies in the file.
    let semaphore = found.tracepoints[0].semaphores()[0];
    assert_ne!(Some(semaphore.address), semaphore.offset);
}

#[test]
fn a_stripped_program_keeps_its_tracepoints() {
    let stripped = FOLDER.join("stripped");
    run(Command::new("strip").arg("-o").args([&stripped, &*GATED]));
    assert_eq!(
        usdt::read_file(&stripped).unwrap(),
        usdt::read_file(&*GATED).unwrap()
    );
}

/// Names and numbers of call sites, arguments and semaphores: what a way of linking does not change.
fn outline(found: &Tracepoints) -> Vec<(String, usize, Vec<usize>, usize)> {
    found
        .tracepoints
        .iter()
        .map(|one| {
            let args = one.sites.iter().map(|site| site.args.len()).collect();
            let id = one.id.to_string();
            (id, one.sites.len(), args, one.semaphores().len())
        })
        .collect()
}

#[test]
fn however_a_program_is_linked_its_call_sites_lead_to_instructions() {
    let expected = outline(&usdt::read_file(&*GATED).unwrap());
    for (name, flags) in [
        ("static", &["-static"] as &[&str]),
        ("static-pie", &["-static-pie"]),
        ("no-pie", &["-no-pie"]),
        ("shared", &["-shared", "-fPIC"]),
        (
            "sections-collected",
            &["-ffunction-sections", "-Wl,--gc-sections"],
        ),
    ] {
        let mut all = vec!["-O2", "-DSEMAPHORES"];
        all.extend(flags);
        let program = fixture(name, &all);
        let bytes = fs::read(&program).unwrap();
        let found = usdt::read_file(&program).unwrap();
        // A static program has glibc's own tracepoints where glibc was built with some.
        let ours = Tracepoints {
            machine: found.machine,
            tracepoints: found
                .tracepoints
                .into_iter()
                .filter(|one| one.id.provider == "fixture")
                .collect(),
        };
        assert_eq!(outline(&ours), expected, "{name}");
        for site in ours.tracepoints.iter().flat_map(|one| &one.sites) {
            let at = usize::try_from(site.offset.unwrap()).unwrap();
            let nop: &[u8] = if cfg!(target_arch = "x86_64") {
                &[0x90]
            } else {
                &[0x1f, 0x20, 0x03, 0xd5]
            };
            assert!(bytes[at..].starts_with(nop), "{name}");
            let at = usize::try_from(site.semaphore.unwrap().offset.unwrap()).unwrap();
            assert_eq!(bytes[at..at + 2], [0, 0], "{name}");
        }
    }
}

#[test]
fn a_separate_debug_file_is_named() {
    let debug = made_by(&["objcopy", "--only-keep-debug"], &GATED, "gated.debug");
    let error = usdt::read_file(&debug).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Malformed {
                source: Malformed::DebugFile,
                ..
            }
        ),
        "{error:?}"
    );
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("name the program it belongs to"), "{help}");
    // The program that was made for it is read.
    let link = format!("--add-gnu-debuglink={}", debug.display());
    let linked = made_by(&["objcopy", "--strip-debug", &link], &GATED, "linked");
    assert_eq!(
        usdt::read_file(&linked).unwrap(),
        usdt::read_file(&*GATED).unwrap()
    );
}

/// A debug build of 300 MB: the program's own bytes, then what a debugger wants, then the section table.
struct Large {
    program: Vec<u8>,
    table: Vec<u8>,
    size: u64,
    read: Cell<usize>,
}

impl Large {
    fn new(program: &Path) -> Self {
        let mut program = fs::read(program).unwrap();
        let size = 300 << 20;
        let at = usize::try_from(u64::from_le_bytes(program[40..48].try_into().unwrap())).unwrap();
        let table = program.split_off(at);
        program[40..48].copy_from_slice(&(size - table.len() as u64).to_le_bytes());
        Self {
            program,
            table,
            size,
            read: Cell::new(0),
        }
    }
}

impl ReadAt for Large {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read.set(self.read.get() + buffer.len());
        match offset.checked_sub(self.size - self.table.len() as u64) {
            Some(inside) => self.table.read_at(inside, buffer),
            None => self.program.read_at(offset, buffer),
        }
    }
}

#[test]
fn headers_and_notes_are_all_that_is_read() {
    let large = Large::new(&GATED);
    assert_eq!(
        usdt::read(&large).unwrap(),
        usdt::read_file(&*GATED).unwrap()
    );
    // The section table is the most of it: some 40 sections, 64 bytes each.
    let read = large.read.get();
    assert!(read < 5000, "{read} bytes were read");
    assert!(large.table.len() < read);
}

#[test]
fn a_sparse_file_of_a_terabyte_is_read_too() {
    let large = FOLDER.join("large");
    fs::copy(&*PLAIN, &large).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&large).unwrap();
    if file.set_len(1 << 40).is_err() {
        // Some file systems have smaller limits; 8 GiB is beyond every buffer too.
        file.set_len(8 << 30).unwrap();
    }
    assert_eq!(usdt::read_file(&large).unwrap().tracepoints.len(), 3);
}

#[test]
fn a_program_built_without_usdt_has_none() {
    let source = FOLDER.join("none.c");
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let program = programs::compile("cc", "none", &source, &[]);
    assert_eq!(usdt::read_file(&program).unwrap().tracepoints, []);
}
