//! Inventories that are right, worth a remark, or wrong, with the exact words each one gets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic as _;
use provisioner::inventory::{
    Finding, Inventory, Loaded, MAX_INVENTORY, Problems, ProviderKind, Source,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    files.sort();
    files
}

fn load(path: &Path) -> Result<Loaded, Problems> {
    Inventory::load_at(path, "2027-01-01T00:00:00Z".parse().unwrap())
}

fn describe(what: &str, finding: &Finding, out: &mut String) {
    let place = match finding.line_column() {
        Some((line, column)) => format!("{line}:{column} {:?} ", finding.offending().unwrap()),
        None => String::new(),
    };
    writeln!(out, "{what}{place}{finding}").unwrap();
    if let Some(help) = finding.help() {
        writeln!(out, "    hint: {help}").unwrap();
    }
}

/// All that a person sees of a load, but for the colours and the lines of the file.
fn rendered(result: &Result<Loaded, Problems>) -> String {
    let mut out = String::new();
    match result {
        Ok(Loaded { inventory, remarks }) => {
            let core = &inventory.bitcoin;
            let version = core
                .version
                .map_or("-".to_owned(), |version| version.to_string());
            let source = match &core.source {
                Source::Path(path) => path.strip_prefix(folder()).unwrap().display().to_string(),
                other => other.to_string(),
            };
            let limits = &inventory.hosts.limits;
            let disk = limits
                .disk
                .map_or("-".to_owned(), |disk| disk.size.to_string());
            writeln!(
                out,
                "right: {:?} {:?} {:?}\n  {source} {version} {} prune={} addnode={:?}\n  {} spare={} parallel={} memory={} cpus={} pids={} disk={disk}",
                inventory.workshop.name,
                inventory.workshop.date,
                inventory.workshop.deadline,
                core.chain,
                core.prune,
                core.addnode.iter().map(|node| node.as_str()).collect::<Vec<_>>(),
                inventory.hosts.provider,
                inventory.hosts.spare,
                inventory.hosts.parallel,
                limits.memory,
                limits.cpus,
                limits.pids,
            )
            .unwrap();
            if let Some(cache) = &core.cache {
                writeln!(out, "  cache {} {}", cache.url, cache.key).unwrap();
            }
            if inventory.hosts.provider == ProviderKind::Hetzner {
                writeln!(out, "  {:?}", inventory.hosts.hetzner).unwrap();
            }
            if inventory.hosts.provider == ProviderKind::Existing {
                let existing = &inventory.hosts.existing;
                for machine in existing.jump.iter().chain(&existing.machines) {
                    let key = machine.host_key.is_some();
                    let (address, builder) = (machine.address, machine.builder);
                    writeln!(
                        out,
                        "  {address} {} key={key} builder={builder}",
                        machine.user
                    )
                    .unwrap();
                }
            }
            let guard = inventory
                .guard
                .map_or("off".to_owned(), |it| it.to_string());
            writeln!(out, "  guard: {guard}").unwrap();
            for person in &inventory.participants {
                let key = person.key.fingerprint();
                writeln!(out, "  {:?} {} {key}", person.name, person.initials).unwrap();
            }
            for remark in remarks {
                describe("  remark: ", remark, &mut out);
            }
        }
        Err(problems) => {
            for problem in problems.findings() {
                describe("  ", problem, &mut out);
            }
        }
    }
    out
}

#[test]
fn every_inventory_gets_its_own_words() {
    let files = files();
    assert!(files.len() >= 30, "{}", files.len());
    let all: String = files
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let result = load(path);
            let is_right = name.starts_with("right-") || name.starts_with("remark-");
            assert_eq!(result.is_ok(), is_right, "{name}: {}", rendered(&result));
            format!("== {name}\n{}", rendered(&result))
        })
        .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn files_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let huge = dir.path().join("huge.yaml");
    std::fs::write(&huge, vec![b'#'; MAX_INVENTORY + 1]).unwrap();
    let pipe = dir.path().join("pipe.yaml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let all: String = [&dir.path().join("missing.yaml"), dir.path(), &huge, &pipe]
        .into_iter()
        .map(|path| rendered(&load(path)))
        .collect();
    insta::assert_snapshot!(all, @"
    there is no inventory
      hint: `workshop init` writes one; `--inventory PATH` names another
    the inventory is a folder, not a file
      hint: name the file itself, such as inventory.yaml
    the inventory is larger than 1024 KiB
      hint: this is probably another file; keys can stay in files of their own
    the inventory is a pipe, not a file
      hint: name the file itself, such as inventory.yaml
    ");
}

#[test]
fn the_example_loads_once_its_keys_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = tempfile::tempdir().unwrap();
    let example = dir.path().join("inventory.yaml");
    std::fs::copy(root.join("inventory.yaml"), &example).unwrap();
    std::fs::create_dir(dir.path().join("demo-keys")).unwrap();
    for name in ["ada", "grace", "hedy"] {
        let key = folder().join(format!("keys/{name}.pub"));
        std::fs::copy(key, dir.path().join(format!("demo-keys/{name}.pub"))).unwrap();
    }
    let loaded = load(&example).unwrap_or_else(|problems| panic!("{}", rendered(&Err(problems))));
    assert!(loaded.remarks.is_empty());
    insta::assert_snapshot!(rendered(&Ok(loaded)), @r#"
    right: "Tracing Bitcoin Core" Some(2027-02-20) Some(2027-02-21T20:00:00+01:00[+01:00])
      crate 31.99 testnet4 prune=2000 addnode=[]
      local spare=1 parallel=8 memory=3GiB cpus=2 pids=2048 disk=-
      guard: cpu=90%/2h memory=95%/30m disk=12GiB egress=10GiB/1h grace=5m
      "Ada Lovelace" AL SHA256:N8sEb2VYd81gfcs0XYCyrWl7VX1n9DN5dxw35t61R3c
      "Grace Hopper" GH SHA256:DR5/cRzI3kCRRV+p6pb4T9EwS7BVF+qkSDsrT4BotKE
      "Hedy Lamarr" HL SHA256:Atdez23GoVEEJJLrXULpQK3W+fJqbMxPPv6uv4/gkU4
    "#);
}

#[test]
fn no_secret_of_an_inventory_or_of_its_folders_is_shown() {
    let secret_files = ["keys/secret", "people-and-a-secret/id_ed25519"];
    let mut pieces = Vec::new();
    let secret_inventories: Vec<PathBuf> = files()
        .into_iter()
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("secret-")
        })
        .collect();
    let sources = secret_files.map(|file| folder().join(file));
    for source in sources.iter().chain(&secret_inventories) {
        let text = std::fs::read_to_string(source).unwrap();
        for word in text.split_whitespace().filter(|word| word.len() >= 32) {
            let letters: Vec<char> = word.chars().collect();
            pieces.extend(
                letters
                    .windows(10)
                    .map(|piece| piece.iter().collect::<String>()),
            );
        }
    }
    // An OpenSSH private key holds the public one, which may be shown.
    let public: String = ["ada", "grace", "hedy"]
        .map(|name| std::fs::read_to_string(folder().join(format!("keys/{name}.pub"))).unwrap())
        .concat();
    pieces.retain(|piece| !public.contains(piece));
    assert!(pieces.len() > 500);
    for path in files() {
        let result = load(&path);
        let mut shown = format!("{}{result:?}", rendered(&result));
        // And the lines of the file that are printed beside a problem.
        for problem in result.iter().flat_map(|loaded| &loaded.remarks).chain(
            result
                .as_ref()
                .err()
                .into_iter()
                .flat_map(Problems::findings),
        ) {
            for label in problem.labels().into_iter().flatten() {
                let source = problem.source_code().unwrap();
                let lines = source.read_span(label.inner(), 10, 10).unwrap();
                shown.push_str(&String::from_utf8_lossy(lines.data()));
            }
        }
        for piece in &pieces {
            assert!(!shown.contains(piece), "{}: {piece}", path.display());
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Each case touches the disk.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_inventory_never_makes_it_panic(
            which in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
            with in "[-{}\\[\\]:,#&*!|>'\"%@`\\n\\t a-zé\u{feff}]{0,4}",
            remove in 0_usize..6,
        ) {
            let files = files();
            let bytes = std::fs::read(which.get(&files)).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            prop_assume!(!text.is_empty());
            let letters: Vec<char> = text.chars().collect();
            let at = cut.index(letters.len());
            let end = (at + remove).min(letters.len());
            let damaged: String = letters[..at].iter().copied()
                .chain(with.chars())
                .chain(letters[end..].iter().copied())
                .collect();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("inventory.yaml");
            std::fs::write(&path, damaged).unwrap();
            let _ = rendered(&load(&path));
        }
    }
}
