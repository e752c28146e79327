//! The builder: the instructor's own host, which builds the closure once, signs it and serves it.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::cache::{Cache, CacheError};
use super::named::Named;
use super::source::{Source, SourceError, sum_of};
use super::upload::put_once;
use super::{Closure, StorePath};
use crate::host::{Limits, Output, Script, Ssh, SshError};
use crate::job::Reporter;
use crate::step::{HostFile, Step, TAIL};
use crate::steps::{packages, render, sshd};

/// Where the builder's web server answers.
pub const CACHE_PORT: u16 = 8080;

/// Where the builder has the cache that this machine keeps.
pub const CACHE_FOLDER: &str = "/var/cache/workshop";

/// Where expressions and sources are put on the builder.
const WORK: &str = "/var/lib/workshop/build";

/// Bitcoin Core takes 13 to 20 minutes on two cores; a small rented server may have one.
const BUILD: Limits = Limits {
    deadline: Duration::from_secs(2 * 3600),
    output: 1 << 20,
};

/// The expressions, as files of the builder.
const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "native-host.nix",
        include_str!("../../../../nix/native-host.nix"),
    ),
    ("native.nix", include_str!("../../../../nix/native.nix")),
    ("bitcoind.nix", include_str!("../../../../nix/bitcoind.nix")),
    (
        "build-tree.sh",
        include_str!("../../../../nix/build-tree.sh"),
    ),
    ("workshop.nix", include_str!("../../../../nix/workshop.nix")),
    ("host.nix", include_str!("../../../../nix/host.nix")),
    ("toolchain.sh", include_str!("../../../../nix/toolchain.sh")),
];

/// Everything that decides what the closure is.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Bitcoin Core's tree.
    pub source: Source,
    /// The `workshop` that the hosts get: this very program.
    pub program: PathBuf,
    /// SHA-256 of the program, in hex.
    pub program_sum: String,
    /// The base image of builder and hosts: it holds the toolchain.
    pub image: String,
}

impl Inputs {
    /// The inputs with this program as the one to install.
    ///
    /// # Errors
    /// The program cannot be read: it was removed or replaced while it runs.
    pub fn new(source: Source, image: String) -> Result<Self, SourceError> {
        let program = std::env::current_exe().map_err(|error| SourceError::Io {
            path: "/proc/self/exe".into(),
            source: error,
        })?;
        let program_sum = sum_of(&program)?;
        Ok(Self {
            source,
            program,
            program_sum,
            image,
        })
    }

    /// One name for all of it.
    pub fn key(&self) -> String {
        let mut hasher = Sha256::new();
        let source = &self.source;
        let mut add = |part: &str| {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        for (name, text) in EXPRESSIONS {
            add(name);
            add(text);
        }
        for part in [
            &source.sum,
            &source.root,
            &source.version,
            &self.program_sum,
            &self.image,
        ] {
            add(part);
        }
        add(if source.wallet { "wallet" } else { "no wallet" });
        hasher
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// One name for what Bitcoin Core is built of, whatever `workshop` comes with it.
    pub fn core_key(&self) -> String {
        let core = Self {
            program_sum: "any".into(),
            ..self.clone()
        };
        format!("core-{}", core.key())
    }
}

/// The closure could not be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BuildError {
    /// The builder could not be talked to.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The cache could not be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// A file for the builder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A command on the builder failed.
    #[error("builder: {what} failed{}", tail.iter().map(|line| format!("\n  | {line}")).collect::<String>())]
    #[diagnostic(help(
        "The builder is kept: look there with `workshop ssh builder`, then run `workshop provision` again."
    ))]
    Command {
        /// What was being done.
        what: &'static str,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// No room on it.
    #[error("builder: its disk is full while {what}{}", tail.iter().map(|line| format!("\n  | {line}")).collect::<String>())]
    #[diagnostic(help(
        "A build of Bitcoin Core and its closure take about 4 GB beside the system: give the builder a larger disk."
    ))]
    Full {
        /// What was being done.
        what: &'static str,
        /// Its last lines.
        tail: Vec<String>,
    },
}

impl BuildError {
    /// What `output` of a command that failed says.
    pub(super) fn of(what: &'static str, output: &Output) -> Self {
        let tail = output.last_lines(TAIL);
        // strerror(ENOSPC): every program that fails of it says so.
        if output.text.contains("No space left on device") {
            Self::Full { what, tail }
        } else {
            Self::Command { what, tail }
        }
    }

    /// Whether it is this builder's trouble, and a fresh one could do better: it went away, or its disk is full.
    /// A source that does not compile, or a host key that is not ours, is none of that.
    pub fn is_the_hosts(&self) -> bool {
        match self {
            Self::Ssh(error) => error.is_gone(),
            Self::Full { .. } => true,
            Self::Cache(_) | Self::Read { .. } | Self::Command { .. } => false,
        }
    }
}

/// The builder's steps: it can build and its cache is served. What a named cache has it need not build.
pub fn steps(cache: &Cache, named: Option<&Named>) -> Vec<Step> {
    let context = minijinja::context! {
        cache_folder => CACHE_FOLDER,
        cache_port => CACHE_PORT,
        cache_key => trusted_keys(cache, named),
        named_url => named.map(Named::url),
    };
    let unit = render(
        "cache.service.j2",
        include_str!("../../../../templates/host/cache.service.j2"),
        &context,
    );
    let conf = render(
        "builder-nix.conf.j2",
        include_str!("../../../../templates/host/builder-nix.conf.j2"),
        &context,
    );
    let mut files: Vec<HostFile> = EXPRESSIONS
        .iter()
        .map(|(name, text)| HostFile::public(format!("{WORK}/nix/{name}"), *text))
        .collect();
    files.push(HostFile::public("/etc/nix/nix.conf", conf));
    vec![
        sshd(),
        // An image of ours has them; a stock system has not.
        packages(),
        Step::files("expressions", files),
        Step {
            id: "cache",
            files: vec![HostFile::public(
                "/etc/systemd/system/workshop-cache.service",
                unit,
            )],
            fact: Script::new("systemctl is-active -q workshop-cache"),
            change: Script::new(&format!(
                "mkdir -p {CACHE_FOLDER}/store\nsystemctl daemon-reload\nsystemctl enable -q workshop-cache\nsystemctl restart workshop-cache"
            )),
        },
    ]
}

/// Builds what `inputs` name and signs it into the builder's cache.
///
/// # Errors
/// [`BuildError`]; the builder and what it has built so far stay.
pub async fn build(ssh: &Ssh, inputs: &Inputs, report: &Reporter) -> Result<Closure, BuildError> {
    let source = &inputs.source;
    let archive_name = source
        .archive
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let archive = format!("{WORK}/{archive_name}");
    let program = format!("{WORK}/workshop");
    report.doing("sending the source");
    for (file, sum, to) in [
        (&source.archive, &source.sum, &archive),
        (&inputs.program, &inputs.program_sum, &program),
    ] {
        put_once(ssh, file, sum, to, "sending a file").await?;
    }
    report.doing("building Bitcoin Core");

    let script = Script::default()
        .with("work", WORK)
        .with("cache", CACHE_FOLDER)
        .with("source", &archive)
        .with("source_root", &source.root)
        .with("core_version", &source.version)
        .with("wallet", if source.wallet { "true" } else { "false" })
        .with("program", &program)
        .with("version", env!("CARGO_PKG_VERSION"));
    let mut script = script;
    script.push(BUILD_SCRIPT);
    let output = ssh
        .run_lines(&script, BUILD, |line| {
            if let Some((done, total, text)) = ninja_progress(line) {
                report.progress(text, done, total);
            }
        })
        .await?;
    let failed = |what| BuildError::of(what, &output);
    if !output.success() {
        return Err(failed("the build"));
    }
    read_closure(&output.text).ok_or_else(|| failed("reading the build's result"))
}

/// For `trusted-public-keys`: this user's own key, behind that of the named cache.
pub(crate) fn trusted_keys(cache: &Cache, named: Option<&Named>) -> String {
    let own = cache.public_key();
    match named.map(Named::key) {
        // Whoever exported it.
        Some(named) if named != own => format!("{named} {own}"),
        _ => own.to_owned(),
    }
}

const BUILD_SCRIPT: &str = r#"
set -eu
exec 2>&1
cd "$work"
chmod 0755 "$program"
toolchain=$(sh nix/toolchain.sh)
# A result link is a root of the garbage collector.
nix-build nix/native-host.nix --out-link result \
  --argstr toolchain "$toolchain" --arg source "$source" --argstr sourceRoot "$source_root" \
  --argstr coreVersion "$core_version" --arg wallet "$wallet" \
  --arg workshopBinary "$program" --argstr workshopVersion "$version"
host=$(readlink -f result)
bitcoin=$(readlink -f result/bin/bitcoind)
tree=$(readlink -f result/share/workshop/bitcoin.tar.zst)
nix copy --to "file://$cache/store?compression=zstd&secret-key=$cache/secret-key" "$host"
# The web server is another user.
chmod -R a+rX "$cache/store"
printf '@closure %s %s %s\n' "$host" "${bitcoin%/bin/bitcoind}" "${tree%/bitcoin.tar.zst}"
"#;

pub(super) fn read_closure(text: &str) -> Option<Closure> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("@closure "))?;
    let mut paths = line.split(' ').map(|path| path.parse::<StorePath>().ok());
    Some(Closure {
        host: paths.next()??,
        bitcoin: paths.next()??,
        tree: paths.next()??,
    })
}

/// `[12/523] Building CXX object …`, as ninja prints it where there is no terminal.
fn ninja_progress(line: &str) -> Option<(u64, u64, String)> {
    let (numbers, text) = line.strip_prefix('[')?.split_once("] ")?;
    let (done, total) = numbers.split_once('/')?;
    let text = text.rsplit('/').next().unwrap_or(text);
    Some((done.parse().ok()?, total.parse().ok()?, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninjas_lines_are_progress() {
        assert_eq!(
            ninja_progress("[62/523] Building CXX object src/CMakeFiles/x.dir/hash.cpp.o"),
            Some((62, 523, "hash.cpp.o".into()))
        );
        assert_eq!(ninja_progress("[sudo] password"), None);
        assert_eq!(ninja_progress("building '/nix/store/…'"), None);
    }

    #[test]
    fn only_three_whole_store_paths_are_a_result() {
        let path = |name: &str| format!("/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-{name}");
        let line = format!(
            "noise\n@closure {} {} {}\n",
            path("host"),
            path("bitcoin"),
            path("tree")
        );
        assert_eq!(read_closure(&line).unwrap().tree.as_str(), path("tree"));
        assert_eq!(read_closure(&format!("@closure {}\n", path("host"))), None);
        assert_eq!(read_closure("@closure /etc/passwd a b"), None);
    }

    /// A builder takes from a named cache what that has, and builds where it fails.
    #[test]
    fn a_builders_nix_conf_knows_the_named_cache() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let conf = |named: Option<&Named>| {
            let steps = steps(&cache, named);
            let mut files = steps.iter().flat_map(|step| &step.files);
            let conf = files.find(|file| file.path == "/etc/nix/nix.conf").unwrap();
            String::from_utf8(conf.content.clone())
                .unwrap()
                .replace(cache.public_key(), "OWN")
        };
        let named = |key: &str| {
            Named::new(crate::inventory::NamedCache {
                url: "https://cache.example.org/tracing".into(),
                key: key.parse().unwrap(),
            })
            .unwrap()
        };
        let theirs = named("theirs:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=");
        insta::assert_snapshot!(conf(Some(&theirs)), @"
        # The builder builds as root with the machine's own compiler; what it built before lies in its own cache.
        substituters = file:///var/cache/workshop/store https://cache.example.org/tracing
        trusted-public-keys = theirs:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= OWN
        sandbox = false
        build-users-group =
        experimental-features = nix-command flakes
        narinfo-cache-negative-ttl = 0
        # What the named cache cannot give is built.
        fallback = true
        connect-timeout = 10
        ");
        insta::assert_snapshot!(conf(None), @"
        # The builder builds as root with the machine's own compiler; what it built before lies in its own cache.
        substituters = file:///var/cache/workshop/store
        trusted-public-keys = OWN
        sandbox = false
        build-users-group =
        experimental-features = nix-command flakes
        narinfo-cache-negative-ttl = 0
        ");
        // Whoever exported it trusts one key.
        let own = named(cache.public_key());
        assert!(conf(Some(&own)).contains("\ntrusted-public-keys = OWN\n"));
    }

    #[test]
    fn every_input_changes_the_key() {
        let source = Source {
            archive: "a.tar".into(),
            sum: "s".into(),
            root: ".".into(),
            version: "31.99".into(),
            wallet: false,
        };
        let inputs = Inputs {
            source,
            program: "w".into(),
            program_sum: "p".into(),
            image: "i".into(),
        };
        let change = |change: fn(&mut Inputs)| {
            let mut other = inputs.clone();
            change(&mut other);
            other.key()
        };
        assert_eq!(inputs.key(), change(|_| {}));
        for other in [
            change(|i| i.source.sum.push('x')),
            change(|i| i.source.root.push('x')),
            change(|i| i.source.version.push('x')),
            change(|i| i.source.wallet = true),
            change(|i| i.program_sum.push('x')),
            change(|i| i.image.push('x')),
        ] {
            assert_ne!(other, inputs.key());
        }
    }
}
