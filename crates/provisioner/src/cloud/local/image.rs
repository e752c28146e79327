//! The base image: a Debian that all hosts of this machine share as their overlay's lower layer.
//! Built once by mmdebstrap from the machine's own package mirror, and found again by a hash over
//! everything that goes into it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcetera::BaseStrategy as _;
use rustix::fs::{StatVfsMountFlags, statvfs, syncfs};
use sha2::{Digest as _, Sha256};

use super::error::LocalError;
use super::folder::{self, TryLock};
use super::rootfs::{self, Entry};
use super::{ImageId, tools};
use crate::packages;

/// To be raised when an image must be built anew although its recipe reads the same.
const RECIPE: u32 = 1;

/// Hosts run on the machine's kernel. Debian's comes along only because its headers depend on it:
/// neither it nor its modules (150 MB) are unpacked, and no initial file system is made.
const KERNEL: &[&str] = &[
    "/boot/*",
    "/lib/modules/*/kernel/*",
    "/usr/lib/modules/*/kernel/*",
];

/// Between two lines of progress: fast enough to be alive, slow enough to be read.
const THROTTLE: Duration = Duration::from_millis(250);

/// Between two lines that say that we wait.
const WAITING: Duration = Duration::from_secs(10);

/// Everything that an image is made from.
pub(super) struct Recipe {
    architecture: &'static str,
    packages: Vec<String>,
    entries: Vec<Entry>,
}

impl Recipe {
    pub(super) fn new() -> Result<Self, LocalError> {
        let architecture = packages::architecture().ok_or(LocalError::Architecture {
            architecture: std::env::consts::ARCH,
        })?;
        Ok(Self {
            architecture,
            packages: packages::names(architecture),
            entries: rootfs::image_entries(),
        })
    }

    pub(super) fn id(&self) -> ImageId {
        let text = format!(
            "{RECIPE}\n{}\n{}\n{:?}\n{:?}\n{:?}",
            packages::SUITE,
            self.architecture,
            self.packages,
            (packages::LEFT_OUT, KERNEL),
            self.entries
        );
        let mut digits = folder::hex(&Sha256::digest(text));
        digits.truncate(16);
        ImageId(format!("{}-{digits}", packages::SUITE))
    }

    fn mmdebstrap(&self, target: &Path) -> Vec<String> {
        let mut arguments = vec![
            "--mode=root".into(),
            // What is essential, and apt: participants may want to know what is installed.
            "--variant=apt".into(),
            format!("--architectures={}", self.architecture),
            format!("--include={}", self.packages.join(",")),
            "--aptopt=APT::Install-Recommends \"false\"".into(),
            // Every file would be flushed to the disk one by one: at the end all are, at once.
            "--dpkgopt=force-unsafe-io".into(),
            "--verbose".into(),
        ];
        let left_out = packages::LEFT_OUT.iter().chain(KERNEL);
        arguments.extend(left_out.map(|path| format!("--dpkgopt=path-exclude={path}")));
        // No mirror: mmdebstrap's default, through whatever proxy the machine's apt goes.
        arguments.push(packages::SUITE.into());
        arguments.push(target.display().to_string());
        arguments
    }
}

/// The folder of all images: root's own cache.
pub(super) fn cache() -> Result<PathBuf, LocalError> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| LocalError::NoCache)?;
    Ok(strategy.cache_dir().join("workshop/images"))
}

/// The root of an image in that folder.
pub(super) fn rootfs(cache: &Path, image: &ImageId) -> PathBuf {
    cache.join(image.to_string()).join("rootfs")
}

/// What the image is called.
pub(super) fn id() -> Result<ImageId, LocalError> {
    Ok(Recipe::new()?.id())
}

/// Builds the image unless it is there, telling `progress` what it does.
///
/// `progress` answers whether to go on.
pub(super) fn ensure(progress: &mut dyn FnMut(String) -> bool) -> Result<ImageId, LocalError> {
    let recipe = Recipe::new()?;
    let id = recipe.id();
    let cache = cache()?;
    if rootfs(&cache, &id).is_dir() {
        return Ok(id);
    }
    let _lock = lock(&cache, progress)?;
    // Another run may have built it while we waited.
    if rootfs(&cache, &id).is_dir() {
        return Ok(id);
    }
    check_mount(&cache)?;
    let building = cache.join(".building");
    folder::remove(&building)?;
    folder::make_private(&building)?;
    let built = build(&recipe, &building, progress);
    if built.is_err() {
        // The error counts, not the rest of it, which the next run removes anyway.
        let _ = folder::remove(&building);
    }
    built?;
    fs_err::rename(&building, cache.join(id.to_string()))
        .map_err(LocalError::io("put the base image in its place"))?;
    Ok(id)
}

fn lock(cache: &Path, progress: &mut dyn FnMut(String) -> bool) -> Result<File, LocalError> {
    fs_err::create_dir_all(cache).map_err(LocalError::io("make the folder of the images"))?;
    let mut told: Option<Instant> = None;
    loop {
        if let Some(lock) = folder::try_lock(cache, TryLock::Exclusive)? {
            return Ok(lock);
        }
        if told.is_none_or(|told| told.elapsed() > WAITING) {
            told = Some(Instant::now());
            if !progress("base image: another run builds it, waiting".into()) {
                return Err(LocalError::Interrupted);
            }
        }
        thread::sleep(THROTTLE);
    }
}

/// A file system on which the new system's own programs cannot run would fail late and oddly.
fn check_mount(cache: &Path) -> Result<(), LocalError> {
    let flags = statvfs(cache)
        .map_err(|errno| LocalError::io("look at the cache's file system")(errno.into()))?
        .f_flag;
    match forbidden(flags) {
        Some(option) => Err(LocalError::MountOption {
            path: cache.to_owned(),
            option,
        }),
        None => Ok(()),
    }
}

fn forbidden(flags: StatVfsMountFlags) -> Option<&'static str> {
    if flags.contains(StatVfsMountFlags::NODEV) {
        Some("nodev")
    } else if flags.contains(StatVfsMountFlags::NOEXEC) {
        Some("noexec")
    } else {
        None
    }
}

fn build(
    recipe: &Recipe,
    building: &Path,
    progress: &mut dyn FnMut(String) -> bool,
) -> Result<(), LocalError> {
    let root = building.join("rootfs");
    progress("base image: starting mmdebstrap".into());
    let mut build = Build::start(recipe, building, &root)?;
    build.follow(progress)?;
    progress("base image: writing it to the disk".into());
    let finish = || {
        rootfs::remove_host_keys(&root)?;
        rootfs::write(&root, &recipe.entries)?;
        syncfs(fs_err::File::open(building)?)?;
        Ok(())
    };
    finish().map_err(LocalError::io("finish the base image"))
}

/// A running mmdebstrap, killed with all it has started when this value or this process ends.
struct Build {
    child: Child,
}

impl Build {
    /// mmdebstrap mounts /dev, /proc and /sys into the new root. It does so in a mount namespace
    /// and as the first process of a process namespace, which goes when `unshare` goes, which goes
    /// when we go: nothing of a killed build still runs, or is still mounted, when the next one
    /// removes its folder.
    fn start(recipe: &Recipe, building: &Path, root: &Path) -> Result<Self, LocalError> {
        let mut command = tools::command("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .args(["unshare", "--mount", "--propagation", "private"])
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            // What packages unpack must be readable by all, whatever the caller's umask is.
            .args(["sh", "-c", "umask 022; exec 2>&1; \"$@\"", "workshop-image"])
            .arg("mmdebstrap")
            .args(recipe.mmdebstrap(root))
            // The usual one may be too small, or not allow programs.
            .env("TMPDIR", building)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // For the kernel package's scripts (/etc/kernel/postinst.d/initramfs-tools).
            .env("INITRD", "No")
            .current_dir("/")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|source| LocalError::Spawn {
            program: "setpriv".into(),
            source,
        })?;
        Ok(Self { child })
    }

    fn follow(&mut self, progress: &mut dyn FnMut(String) -> bool) -> Result<(), LocalError> {
        let reading = "read what mmdebstrap says";
        let mut last = VecDeque::new();
        let mut shown = Instant::now();
        if let Some(output) = self.child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line.map_err(LocalError::io(reading))?;
                let line = tools::printable(&String::from_utf8_lossy(&line));
                if shown.elapsed() >= THROTTLE
                    && let Some(headline) = headline(&line)
                {
                    shown = Instant::now();
                    if !progress(format!("base image: {headline}")) {
                        return Err(LocalError::Interrupted);
                    }
                }
                if last.len() == tools::LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
        }
        let status = self
            .child
            .wait()
            .map_err(LocalError::io("wait for mmdebstrap"))?;
        if status.success() {
            return Ok(());
        }
        // What setpriv or unshare themselves could not do.
        let mut log = Vec::from(last).join("\n");
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut errors, &mut log);
        }
        Err(LocalError::ImageBuild {
            status,
            log: tools::last_lines(&log),
        })
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        // No error that could be told: it has ended, or the kernel is about to end it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What of mmdebstrap's, apt's and dpkg's output tells a person how far it is.
fn headline(line: &str) -> Option<String> {
    let first_word = |rest: &str| {
        let word = rest.split([' ', ':']).next().unwrap_or_default();
        (!word.is_empty()).then(|| word.to_owned())
    };
    if let Some(rest) = line.strip_prefix("Unpacking ") {
        return Some(format!("unpacking {}", first_word(rest)?));
    }
    if let Some(rest) = line.strip_prefix("Setting up ") {
        return Some(format!("setting up {}", first_word(rest)?));
    }
    if line.starts_with("Get:") {
        // Get:12 http://… trixie/main amd64 bash amd64 5.2.37-2 [1,485 kB]
        let package = line.split(' ').nth(4)?;
        return Some(format!("fetching {package}"));
    }
    let step = line.strip_prefix("I: ")?.trim_end_matches('.');
    Some(step.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_all_that_goes_into_it() {
        let recipe = Recipe::new().unwrap();
        let id = recipe.id();
        assert_eq!(Recipe::new().unwrap().id(), id);
        let mut more = Recipe::new().unwrap();
        more.packages.push("cowsay".into());
        assert_ne!(more.id(), id);
        let mut other = Recipe::new().unwrap();
        other
            .entries
            .push(Entry::File("etc/motd", 0o644, String::new()));
        assert_ne!(other.id(), id);
    }

    #[test]
    fn no_mirror_is_named() {
        let arguments = Recipe::new().unwrap().mmdebstrap(Path::new("/t"));
        assert_eq!(arguments[arguments.len() - 2..], [packages::SUITE, "/t"]);
        assert!(!arguments.iter().any(|word| word.contains("://")));
    }

    #[test]
    fn progress_is_told_from_what_the_tools_print() {
        let lines = [
            "I: automatically chosen format: directory",
            "Get:12 http://mirror.example trixie/main amd64 bash amd64 5.2.37-2 [1,485 kB]",
            "Unpacking g++-14 (14.2.0-19) ...",
            "Setting up libc6:amd64 (2.41-12) ...",
            "Processing triggers for libc-bin (2.41-12) ...",
            "Get:1",
            "",
        ];
        let told: Vec<_> = lines.iter().map(|line| headline(line)).collect();
        let told: Vec<_> = told.iter().map(Option::as_deref).collect();
        assert_eq!(
            told,
            [
                Some("automatically chosen format: directory"),
                Some("fetching bash"),
                Some("unpacking g++-14"),
                Some("setting up libc6"),
                None,
                None,
                None,
            ]
        );
    }

    #[test]
    fn a_file_system_that_forbids_devices_or_programs_is_refused() {
        let usual = StatVfsMountFlags::RELATIME | StatVfsMountFlags::NOSUID;
        assert_eq!(forbidden(usual), None);
        assert_eq!(forbidden(usual | StatVfsMountFlags::NODEV), Some("nodev"));
        assert_eq!(forbidden(usual | StatVfsMountFlags::NOEXEC), Some("noexec"));
    }
}
