//! Whether the program is what the source says, and if not, whether the source compiles.
//!
//! The tree stays as it is: the build system is asked what it would do, and a file that it would compile is only
//! looked through by the compiler.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use exercises::evidence::Observed;
use exercises::profile::Profile;
use exercises::tasks::task5::seen::{Build, CompilerError};
use rustix::process::geteuid;

use super::sources::{Source, Sources};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::process::{Ended, Process};

/// The build system looks at 3,000 files.
const DRY_RUN: Duration = Duration::from_secs(30);
/// One file takes five seconds of a processor; a small busy server takes longer.
const COMPILE: Duration = Duration::from_secs(120);
/// So many files are compiled at most. A changed header concerns hundreds, and the first tell enough.
const MOST_COMPILED: usize = 3;
/// Looked through, nothing written.
const LOOK_THROUGH: &str = "-fsyntax-only -MF /dev/null";
/// Its version header is made anew in every run of the build, so it always seems to be old.
const ALWAYS: &str = "clientversion";
/// How CMake's makefiles link the node.
const MAKE_LINKS: &str = "cmake_link_script CMakeFiles/bitcoind.dir/";

pub(super) fn build(
    tree: &Path,
    sources: &Sources,
    program: &Path,
    profile: &Profile,
    cancel: &Cancel,
) -> Observed<Build> {
    let built = match std::fs::metadata(program).and_then(|data| data.modified()) {
        Ok(built) => built,
        Err(error) => {
            return Observed::unknown(
                format!("{}: {error}", program.display()),
                format!("build it: {}", profile.build_node),
            );
        }
    };
    let newer = sources.newer_than(built);
    let Some(newest) = newer.first().map(|source| source.path.clone()) else {
        return Observed::Known(Build::Current);
    };
    let state = match Plan::of(&tree.join(profile.node), cancel) {
        Ok(Some(plan)) if plan.compiles.is_empty() && !plan.links(built) => {
            // A file that the node is not made of.
            Ok(Build::Current)
        }
        Ok(Some(plan)) => first_error(&plan, &newer, cancel).map(|error| match error {
            Some(mut error) => {
                error.at = from_the_top(&error.at, tree);
                Build::Broken {
                    newer: newest,
                    error,
                }
            }
            None => Build::Stale { newer: newest },
        }),
        // No build system that we can ask: the times tell.
        Ok(None) => Ok(Build::Stale { newer: newest }),
        Err(could_not) => Err(could_not),
    };
    state.map_or_else(Into::into, Observed::Known)
}

/// `/home/workshop/bitcoin/src/init.cpp:12:5` is `src/init.cpp:12:5`, whichever way leads to the tree.
fn from_the_top(at: &str, tree: &Path) -> String {
    [std::path::absolute(tree), tree.canonicalize()]
        .into_iter()
        .filter_map(Result::ok)
        .find_map(|tree| Some(Path::new(at).strip_prefix(tree).ok()?.display().to_string()))
        .unwrap_or_else(|| at.to_owned())
}

/// What the build system would do for the node.
struct Plan {
    /// Where its commands are run.
    folder: PathBuf,
    /// Commands that compile.
    compiles: Vec<String>,
    /// What ninja would link. It says so in every run, because of [`ALWAYS`].
    linked: Vec<PathBuf>,
    /// Whether make would link, which it says only when it would.
    make_links: bool,
}

impl Plan {
    /// Asks the build system; none when it is not one that can be asked.
    fn of(node: &Path, cancel: &Cancel) -> Result<Option<Self>, CouldNot> {
        // build/bin/bitcoind
        let Some(folder) = node.parent().and_then(Path::parent) else {
            return Ok(None);
        };
        let mut command = if folder.join("build.ninja").exists() {
            let mut ninja = Command::new("ninja");
            ninja.args(["-n", "-v", "bitcoind"]);
            ninja
        } else if folder.join("CMakeCache.txt").exists() && folder.join("Makefile").exists() {
            let mut make = Command::new("make");
            make.args(["-n", "bitcoind"]);
            make
        } else {
            return Ok(None);
        };
        as_owner(&mut command, folder);
        let Ok(process) = Process::spawn(&mut command) else {
            return Ok(None);
        };
        let ended = process.wait(DRY_RUN, cancel)?;
        // A tree that was moved, or was never configured here.
        if !ended.status.success() || ended.cut {
            return Ok(None);
        }
        Ok(Some(Self::read(folder, &ended.stdout)))
    }

    fn read(folder: &Path, printed: &str) -> Self {
        let commands = printed.lines().map(without_progress);
        let (compiles, others): (Vec<&str>, Vec<&str>) =
            commands.partition(|command| is_compilation(command));
        let linked = others
            .iter()
            .filter(|command| command.contains(" -o bin/bitcoind"))
            .flat_map(|command| command.split_whitespace())
            .filter(|word| (word.ends_with(".a") || word.ends_with(".o")) && !word.contains(ALWAYS))
            .map(|word| folder.join(word));
        Self {
            folder: folder.to_owned(),
            linked: linked.collect(),
            make_links: others.iter().any(|command| command.contains(MAKE_LINKS)),
            compiles: compiles
                .into_iter()
                .filter(|command| !command.contains(ALWAYS))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Whether the node has to be linked: something was compiled, and not linked yet.
    fn links(&self, built: SystemTime) -> bool {
        self.make_links
            || self.linked.iter().any(|file| {
                std::fs::metadata(file)
                    .and_then(|data| data.modified())
                    .is_ok_and(|modified| modified > built)
            })
    }
}

/// `c++ … -o x.o -c x.cpp`, and not a command of some other kind.
fn is_compilation(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let object = words
        .clone()
        .zip(words.clone().skip(1))
        .any(|(option, file)| option == "-o" && file.ends_with(".o"));
    object && words.any(|word| word == "-c")
}

/// `[2/4] c++ …` without ninja's counting.
fn without_progress(line: &str) -> &str {
    let rest = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    rest.map_or(line, |(_, command)| command)
}

/// The first file that does not compile, of those that would be compiled; files that were changed come first.
fn first_error(
    plan: &Plan,
    newer: &[&Source],
    cancel: &Cancel,
) -> Result<Option<CompilerError>, CouldNot> {
    let changed = |command: &str| {
        let mut newer = newer.iter();
        newer.any(|source| command.ends_with(&format!("/{}", source.path)))
    };
    let mut commands: Vec<&String> = plan.compiles.iter().collect();
    commands.sort_by_key(|command| !changed(command));
    for command in commands.into_iter().take(MOST_COMPILED) {
        let ended = look_through(&plan.folder, command, cancel)?;
        if !ended.status.success()
            && let Some(error) = CompilerError::telling(&ended.stderr)
        {
            return Ok(Some(error));
        }
    }
    Ok(None)
}

fn look_through(folder: &Path, command: &str, cancel: &Cancel) -> Result<Ended, CouldNot> {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} {LOOK_THROUGH}")]);
    as_owner(&mut shell, folder);
    Process::spawn(&mut shell)?.wait(COMPILE, cancel)
}

/// In that folder, with messages that we understand, and never as root on a tree that is somebody else's: what the
/// build system runs is up to them.
fn as_owner(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env("LC_ALL", "C");
    if geteuid().is_root()
        && let Ok(data) = std::fs::metadata(folder)
    {
        command.gid(data.gid()).uid(data.uid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ninja_and_make_would_do() {
        let folder = Path::new("/t/build");
        let plan = Plan::read(
            folder,
            "ninja: Entering directory `build'\n\
             [1/4] cd /t/build && cmake -P x.cmake -c y -o z.h\n\
             [2/4] /usr/bin/c++ -I/t -o a/clientversion.cpp.o -c /t/src/clientversion.cpp\n\
             [3/4] /usr/bin/c++ -I/t -O2 -o a/init.cpp.o -c /t/src/init.cpp\n\
             [4/4] : && /usr/bin/c++ a/bitcoind.cpp.o -o bin/bitcoind lib/libnode.a \
             lib/libbitcoin_clientversion.a -lm && :\n",
        );
        assert_eq!(plan.compiles.len(), 1, "{:?}", plan.compiles);
        assert_eq!(
            plan.linked,
            [
                folder.join("a/bitcoind.cpp.o"),
                folder.join("lib/libnode.a")
            ]
        );
        let plan = Plan::read(
            folder,
            "make -f CMakeFiles/Makefile2 bitcoind\n\
             cd /t/build/src && /usr/bin/c++ -I/t -o CMakeFiles/init.cpp.o -c /t/src/init.cpp\n\
             cd /t/build/src && cmake -E cmake_link_script CMakeFiles/bitcoind.dir/link.txt\n",
        );
        assert!(plan.compiles.len() == 1 && plan.make_links);
    }

    #[test]
    fn places_are_told_from_the_top_of_the_tree() {
        let tree = Path::new("/home/x/bitcoin");
        for (at, short) in [
            ("/home/x/bitcoin/src/init.cpp:12:5", "src/init.cpp:12:5"),
            ("init.cpp:12", "init.cpp:12"),
            ("/usr/include/x.h:1", "/usr/include/x.h:1"),
        ] {
            assert_eq!(from_the_top(at, tree), short);
        }
    }
}
