//! What a participant's host is, step by step. Later steps rely on earlier ones.

mod access;
mod deadline;
mod guard;
mod node;
mod system;
mod tools;

use std::net::IpAddr;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

pub(crate) use access::{SSHD_CONF, sshd};
pub(crate) use system::{SET_HOSTNAME, packages};

use crate::inventory::Chain;
use crate::nix::Closure;
use crate::step::Step;

/// The profile whose generations are ours.
pub const PROFILE: &str = "/nix/var/nix/profiles/workshop";

/// Where the participant's build tree is. nix/bitcoind.nix builds it at this very path.
pub const TREE: &str = "/home/workshop/bitcoin";

/// Everything that the steps of one host depend on.
#[derive(Clone, Debug, Serialize)]
pub struct HostContext {
    /// The workshop's name.
    pub workshop: String,
    /// The host's word.
    pub word: String,
    /// Whose host it is; none for a spare.
    pub participant: Option<String>,
    /// The participant's key as an authorized_keys line, without a comment.
    #[serde(skip)]
    pub participant_key: Option<String>,
    /// When the hosts go away, as the inventory says it.
    pub deadline: Option<String>,
    /// When the host powers itself off; none where it stays on.
    #[serde(skip)]
    pub power_off: Option<jiff::Timestamp>,
    /// The node's chain.
    pub chain: ChainParams,
    /// MiB of blocks the node keeps; 0 keeps all.
    pub prune: u64,
    /// Nodes to connect to, from the inventory.
    pub addnode: Vec<String>,
    /// Hosts of the workshop to connect to.
    pub peers: Vec<IpAddr>,
    /// Whether the host has no route to the internet.
    pub isolated: bool,
    /// The plan's memory in bytes.
    pub memory_bytes: Option<u64>,
    /// What the host's guard goes by; none where it has none.
    #[serde(skip)]
    pub guard: Option<crate::guard::Config>,
    /// Bitcoin Core's version.
    pub core_version: String,
    /// Where the cache answers: the one that the inventory names, or the builder's.
    pub cache_url: String,
    /// The keys that may sign what the host takes.
    pub cache_key: String,
    /// The cache that the closure is fetched from, where that is not the one above: the builder's when the named one fails.
    /// It is told to the step alone, so that a host's configuration does not hang on what failed when.
    #[serde(skip)]
    pub closure_from: Option<String>,
    /// What the host runs.
    #[serde(skip)]
    pub closure: Closure,
    /// [`PROFILE`], for the templates.
    pub profile: &'static str,
}

/// What Bitcoin Core calls a chain and where its node listens (src/chainparamsbase.cpp, src/kernel/chainparams.cpp).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChainParams {
    /// `-chain=` and getblockchaininfo's `chain`.
    pub name: &'static str,
    /// The section of bitcoin.conf.
    pub section: &'static str,
    /// JSON-RPC.
    pub rpc_port: u16,
    /// Peers.
    pub p2p_port: u16,
}

impl ChainParams {
    /// Those of a chain of the inventory.
    pub fn of(chain: Chain) -> Self {
        match chain {
            Chain::Testnet4 => Self::TESTNET4,
            Chain::Signet => Self::SIGNET,
            Chain::Testnet3 => Self::TESTNET3,
            Chain::Regtest => Self::REGTEST,
        }
    }

    /// testnet4 (BIP 94).
    pub const TESTNET4: Self = Self {
        name: "testnet4",
        section: "testnet4",
        rpc_port: 48332,
        p2p_port: 48333,
    };
    /// The default signet (BIP 325).
    pub const SIGNET: Self = Self {
        name: "signet",
        section: "signet",
        rpc_port: 38332,
        p2p_port: 38333,
    };
    /// The third testnet, `test` to Bitcoin Core.
    pub const TESTNET3: Self = Self {
        name: "test",
        section: "test",
        rpc_port: 18332,
        p2p_port: 18333,
    };
    /// Regression tests. Not the default ports 18443 and 18444: task 5 starts a regtest node of its own.
    pub const REGTEST: Self = Self {
        name: "regtest",
        section: "regtest",
        rpc_port: 18543,
        p2p_port: 18544,
    };
}

/// All steps of a participant's or a spare host, in order.
pub fn host(context: &HostContext) -> Vec<Step> {
    vec![
        system::hostname(context),
        // Early: a host that was started after an older deadline has minutes.
        deadline::deadline(context),
        packages(),
        access::accounts(),
        access::authorized_key(context),
        access::sudo(),
        access::sshd(),
        tools::nix(context),
        tools::closure(context),
        tools::commands(),
        tools::tree(context),
        tools::shell(),
        tools::kernel_headers(),
        node::peers(context),
        node::node(context),
        system::about(context),
        guard::guard(context),
    ]
}

/// Fills in a template of ours. The templates are compiled in and every one is rendered by the tests, so
/// a mistake in one is a defect of the program, not something a user could mend.
pub(crate) fn render(name: &str, template: &str, context: impl Serialize) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line that holds only a block tag leaves no line behind.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    syntax
        .and_then(|syntax| {
            environment.set_syntax(syntax);
            environment.render_named_str(name, template, Value::from(Serde(context)))
        })
        .unwrap_or_else(|error| unreachable!("templates/host/{name}: {error:#}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn context() -> HostContext {
        HostContext {
            workshop: "Tracing Bitcoin Core".into(),
            word: "abandon".into(),
            participant: Some("Ada O'Lovelace $(reboot)".into()),
            participant_key: Some("ssh-ed25519 AAAA".into()),
            deadline: Some("2027-02-21 20:00".into()),
            power_off: Some("2027-02-21T19:00:00Z".parse().unwrap()),
            chain: ChainParams::TESTNET4,
            prune: 2000,
            addnode: vec!["198.51.100.7:48333".into()],
            peers: vec!["10.231.7.11".parse().unwrap()],
            isolated: true,
            memory_bytes: Some(3 << 30),
            guard: Some(crate::guard::Config::new(
                &crate::inventory::Guard::default(),
                Some(2.0),
                Some(3 << 30),
            )),
            core_version: "31.99".into(),
            cache_url: "http://10.231.7.250:8080".into(),
            cache_key: "workshop:AAAA=".into(),
            closure_from: None,
            closure: Closure {
                host: "/nix/store/a19bx4097rc9abiz2alxdhhaw6fgxa5d-workshop-host-0.1.0"
                    .parse()
                    .unwrap(),
                bitcoin: "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-bitcoin-core-31.99"
                    .parse()
                    .unwrap(),
                tree: "/nix/store/63gkm2fhcawnxnd5h392q1q2pipsgsv3-bitcoin-core-31.99-tree"
                    .parse()
                    .unwrap(),
            },
            profile: PROFILE,
        }
    }

    fn files(context: &HostContext) -> String {
        let mut text = String::new();
        for step in host(context) {
            for file in step.files {
                let content = String::from_utf8(file.content).unwrap();
                // nix/*.nix are files of the repository; showing them again would only double every change.
                let shown = if file.path.ends_with(".nix") && file.path.starts_with("/etc") {
                    "…\n"
                } else {
                    &content
                };
                text.push_str(&format!(
                    "=== {}: {} {:o} {}\n{shown}",
                    step.id, file.path, file.mode, file.owner
                ));
            }
        }
        text
    }

    #[test]
    fn the_files_of_a_participants_host() {
        insta::assert_snapshot!(files(&context()));
    }

    #[test]
    fn a_spare_on_regtest_with_internet_lets_nobody_in() {
        let spare = HostContext {
            participant: None,
            participant_key: None,
            deadline: None,
            power_off: None,
            guard: None,
            chain: ChainParams::REGTEST,
            isolated: false,
            peers: vec![],
            addnode: vec![],
            ..context()
        };
        insta::assert_snapshot!(files(&spare));
    }

    /// A named cache that failed once, or a builder that came and went, changes no file of a host.
    #[test]
    fn where_the_closure_comes_from_is_told_to_its_step_alone() {
        let steps = |from: Option<&str>| {
            host(&HostContext {
                closure_from: from.map(str::to_owned),
                ..context()
            })
        };
        let (usual, other) = (steps(None), steps(Some("http://10.231.7.250:8080")));
        for (usual, other) in usual.iter().zip(&other) {
            assert_eq!(usual.files, other.files, "{}", usual.id);
            assert_eq!(usual.fact, other.fact, "{}", usual.id);
            assert_eq!(
                usual.change == other.change,
                usual.id != "closure",
                "{}",
                usual.id
            );
        }
        let closure = other.iter().find(|step| step.id == "closure").unwrap();
        insta::assert_snapshot!(closure.change.text(), @r#"
        path='/nix/store/a19bx4097rc9abiz2alxdhhaw6fgxa5d-workshop-host-0.1.0'
        profile='/nix/var/nix/profiles/workshop'
        from='http://10.231.7.250:8080'
        nix-store --quiet --realise "$path" --option substituters "$from" >/dev/null
        nix-env --quiet --profile "$profile" --set "$path"
        "#);
    }

    #[test]
    fn step_names_are_unique_and_fit_into_a_shell_function() {
        let steps = host(&context());
        let mut ids: Vec<_> = steps.iter().map(|s| s.id).collect();
        assert!(
            ids.iter()
                .all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')),
            "{ids:?}"
        );
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), steps.len());
    }

    /// Every script parses: dash reads a whole function before it runs anything.
    #[test]
    fn the_scripts_are_shell() {
        let steps = host(&context());
        for script in [
            crate::step::gather(&steps, "n"),
            crate::step::change(&steps.iter().collect::<Vec<_>>(), "n"),
        ] {
            use std::io::Write as _;
            let mut child = std::process::Command::new("sh")
                .arg("-n")
                .stdin(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(script.text().as_bytes())
                .unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
