//! What differs between the lines of Bitcoin Core: where programs lie, how they are built, how a tracepoint
//! is written. Code asks the profile and never a version number.

use serde::{Deserialize, Serialize};

/// One line of Bitcoin Core, as far as tracing is concerned.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// As people say it.
    pub name: &'static str,
    /// The first major version of the line.
    pub since: u32,
    /// The node, from the top of the tree.
    pub node: &'static str,
    /// The unit tests, from the top of the tree.
    pub unit_tests: &'static str,
    /// The simulation of the UTXO cache, as `--run_test` takes it.
    pub coins_test: &'static str,
    /// How a tracepoint is written in the source.
    pub call: &'static str,
    /// Whether a tracepoint fires only while its semaphore is raised.
    pub semaphores: bool,
    /// The commands that build the node with tracepoints, at the top of the tree.
    pub build: &'static [&'static str],
    /// The command that builds the node again after a change, at the top of the tree.
    pub build_node: &'static str,
    /// How a tracepoint without arguments is written in the source.
    pub plain_call: &'static str,
    /// The client, from the top of the tree.
    pub client: &'static str,
    /// Where the functional tests are run, from the top of the tree.
    pub functional_tests: &'static str,
    /// The file at the top of the tree that only this line has.
    pub build_system: &'static str,
}

/// v22 (the first with documented tracepoints) to v28.
pub const AUTOTOOLS: Profile = Profile {
    name: "v22 to v28",
    since: 22,
    node: "src/bitcoind",
    unit_tests: "src/test/test_bitcoin",
    coins_test: "coins_tests/coins_cache_simulation_test",
    call: "TRACE1(context, event, …)",
    semaphores: false,
    build: &["./autogen.sh", "./configure --enable-usdt", "make"],
    build_node: "make -C src bitcoind",
    plain_call: "TRACE(context, event)",
    client: "src/bitcoin-cli",
    functional_tests: "test/functional",
    build_system: "configure.ac",
};

/// v29: CMake, and a semaphore for every tracepoint.
pub const V29: Profile = Profile {
    name: "v29",
    since: 29,
    // The suite of its own came later, with bitcoin/bitcoin#32945.
    coins_test: AUTOTOOLS.coins_test,
    ..CMAKE
};

/// v30 and newer.
pub const CMAKE: Profile = Profile {
    name: "v30 and newer",
    since: 30,
    node: "build/bin/bitcoind",
    unit_tests: "build/bin/test_bitcoin",
    coins_test: "coins_tests_base",
    call: "TRACEPOINT(context, event, …)",
    semaphores: true,
    build: &["cmake -B build -DWITH_USDT=ON", "cmake --build build"],
    build_node: "cmake --build build --target bitcoind",
    plain_call: "TRACEPOINT(context, event)",
    client: "build/bin/bitcoin-cli",
    functional_tests: "build/test/functional",
    build_system: "CMakeLists.txt",
};

/// Newest first, which is the order to try them in.
pub const PROFILES: [&Profile; 3] = [&CMAKE, &V29, &AUTOTOOLS];

/// What a tree says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The major version.
    pub major: u32,
}

impl Version {
    /// From `CMakeLists.txt` or `configure.ac`.
    pub fn in_tree(build_file: &str) -> Option<Self> {
        build_file.lines().find_map(|line| {
            let (_, rest) = line.split_once("CLIENT_VERSION_MAJOR")?;
            // `set(CLIENT_VERSION_MAJOR 31)` and `define(_CLIENT_VERSION_MAJOR, 28)`.
            let number = rest.trim_matches(|letter: char| !letter.is_ascii_digit());
            number.parse().ok().map(|major| Self { major })
        })
    }

    /// From `v31.99`, `31.99.0` or `31`.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.trim().trim_start_matches('v');
        let major = digits.split('.').next()?.parse().ok()?;
        Some(Self { major })
    }
}

/// The line of that version; the newest when it is not known.
pub fn of_version(version: Option<Version>) -> &'static Profile {
    let Some(Version { major }) = version else {
        return &CMAKE;
    };
    PROFILES
        .into_iter()
        .find(|profile| profile.since <= major)
        .unwrap_or(&AUTOTOOLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_build_file() {
        for (text, major) in [
            (
                "cmake_minimum_required(VERSION 3.22)\nset(CLIENT_VERSION_MAJOR 31)\n",
                31,
            ),
            ("AC_PREREQ([2.69])\ndefine(_CLIENT_VERSION_MAJOR, 23)\n", 23),
        ] {
            assert_eq!(Version::in_tree(text), Some(Version { major }));
        }
        assert_eq!(
            Version::in_tree("VERSION ${CLIENT_VERSION_MAJOR}.${X}"),
            None
        );
        assert_eq!(Version::from_text("v31.99"), Some(Version { major: 31 }));
        assert_eq!(Version::from_text("28"), Some(Version { major: 28 }));
        assert_eq!(Version::from_text("master"), None);
    }

    #[test]
    fn every_version_has_its_line() {
        for (major, profile) in [
            (0, &AUTOTOOLS),
            (23, &AUTOTOOLS),
            (28, &AUTOTOOLS),
            (29, &V29),
            (30, &CMAKE),
            (40, &CMAKE),
        ] {
            assert_eq!(of_version(Some(Version { major })), profile, "{major}");
        }
        assert_eq!(of_version(None), &CMAKE);
    }
}
