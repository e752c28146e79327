//! The expressions in `nix/`, evaluated in a store of their own. Nothing is built: that takes twenty
//! minutes and a host.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use provisioner::nix::builder;
use provisioner::nix::cache::Cache;
use serde_json::Value;
use tempfile::TempDir;

/// The repository's own folder of expressions.
fn expressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nix")
}

/// A Nix that knows nothing of this machine's store, channels and configuration.
struct Nix {
    folder: TempDir,
}

impl Nix {
    fn new() -> Self {
        let nix = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        // What a build takes; that they are something else entirely does not matter before it begins.
        std::fs::write(nix.path("source.tar"), "an archive").unwrap();
        std::fs::write(nix.path("workshop"), "a program").unwrap();
        nix
    }

    fn path(&self, name: &str) -> PathBuf {
        // A store below a symbolic link is refused, and some systems have one at /tmp.
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn instantiate(&self, arguments: &[&str]) -> Output {
        Command::new("nix-instantiate")
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("NIX_STORE_DIR", self.path("store"))
            .env("NIX_STATE_DIR", self.path("state"))
            .env("NIX_LOG_DIR", self.path("log"))
            .env("NIX_CONF_DIR", self.path("conf"))
            .output()
            .expect(
                "nix-instantiate runs; without it, install Debian's package nix-bin (2.8 or newer)",
            )
    }

    /// The value of an expression, all of it.
    fn value(&self, expression: &str) -> Value {
        let output = self.instantiate(&["--eval", "--strict", "--json", "--expr", expression]);
        assert!(output.status.success(), "{expression}\n{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The files that a builder gets, where it would have them.
    fn builders_folder(&self) -> PathBuf {
        let cache = Cache::open(&self.path("cache")).unwrap();
        let steps = builder::steps(&cache, None);
        let files = steps.iter().flat_map(|step| &step.files);
        let folder = self.path("builder");
        std::fs::create_dir_all(&folder).unwrap();
        for file in files.filter(|file| file.path.contains("/build/nix/")) {
            let name = Path::new(&file.path).file_name().unwrap();
            std::fs::write(folder.join(name), &file.content).unwrap();
        }
        folder
    }

    /// `show` of the host as the builder evaluates it, with some arguments of its own.
    fn host(&self, arguments: &str, show: &str) -> Value {
        self.value(&format!(
            "let
               arguments = {{
                 toolchain = \"g++ 14; cmake=3.31\"; source = {source}; sourceRoot = \"core-31\";
                 coreVersion = \"31.99\"; wallet = false; workshopBinary = {binary};
                 workshopVersion = \"0.1.0\";
               }};
               host = import {folder}/native-host.nix (arguments // {{ {arguments} }});
             in {show}",
            source = self.path("source.tar").display(),
            binary = self.path("workshop").display(),
            folder = self.builders_folder().display(),
        ))
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_expression_parses() {
    let nix = Nix::new();
    let mut parsed = 0;
    for entry in std::fs::read_dir(expressions()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "nix") {
            let output = nix.instantiate(&["--parse", path.to_str().unwrap()]);
            assert!(output.status.success(), "{}", said(&output));
            parsed += 1;
        }
    }
    assert!(parsed > 0, "no expression in {}", expressions().display());
}

#[test]
fn a_builder_has_every_file_that_a_host_is_made_of() {
    let nix = Nix::new();
    let host = nix.host(
        "",
        "{
           host = { inherit (host) name outputs; };
           bitcoin = { inherit (host.bitcoin) name outputs sourceRoot treeAt cmakeFlagsForTree; };
           workshop = { inherit (host.workshop) name outputs; };
         }",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&host).unwrap(), @r#"
    {
      "bitcoin": {
        "cmakeFlagsForTree": [
          "-DCMAKE_BUILD_TYPE=Release",
          "-DWITH_USDT=ON",
          "-DENABLE_WALLET=OFF",
          "-DBUILD_TESTS=ON",
          "-DENABLE_IPC=OFF",
          "-DWITH_EMBEDDED_ASMAP=OFF",
          "-DBUILD_BENCH=OFF",
          "-DBUILD_TX=OFF",
          "-DBUILD_UTIL=OFF",
          "-DINSTALL_MAN=OFF"
        ],
        "name": "bitcoin-core-31.99",
        "outputs": [
          "out",
          "tree"
        ],
        "sourceRoot": "core-31",
        "treeAt": "/home/workshop/bitcoin"
      },
      "host": {
        "name": "workshop-host-0.1.0",
        "outputs": [
          "out"
        ]
      },
      "workshop": {
        "name": "workshop-0.1.0",
        "outputs": [
          "out"
        ]
      }
    }
    "#);
}

#[test]
fn a_build_is_a_script_that_bash_can_read() {
    let nix = Nix::new();
    let builds = nix.host("", "map (it: it.args) [ host host.bitcoin host.workshop ]");
    for build in builds.as_array().unwrap() {
        let Some([flags, pipefail, c, script]) = build.as_array().map(Vec::as_slice) else {
            panic!("other arguments: {build}");
        };
        assert_eq!([flags, pipefail, c], ["-euo", "pipefail", "-c"]);
        let script = script.as_str().unwrap();
        let bash = Command::new("bash")
            .args(["-n", "-c", script])
            .output()
            .unwrap();
        assert!(bash.status.success(), "{}\n{script}", said(&bash));
        // bash becomes a last command of its own, and Nix kills that when it closes its output (see
        // nix/host.nix); a pipeline is waited for.
        let last = script.lines().last().unwrap();
        assert!(last.starts_with("true") || last.contains(" | "), "{last}");
    }
}

#[test]
fn the_wallet_is_built_where_the_source_has_one() {
    let nix = Nix::new();
    for (wallet, flag) in [
        ("true", "-DENABLE_WALLET=ON"),
        ("false", "-DENABLE_WALLET=OFF"),
    ] {
        let flags = nix.host(
            &format!("wallet = {wallet};"),
            "host.bitcoin.cmakeFlagsForTree",
        );
        let flags: Vec<&str> = flags
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(flags.contains(&flag), "{flags:?}");
        // Off by default, and the whole workshop is about it.
        assert!(flags.contains(&"-DWITH_USDT=ON"), "{flags:?}");
    }
}

#[test]
fn whatever_goes_into_a_host_is_in_its_hash() {
    let nix = Nix::new();
    let hash = |arguments: &str| nix.host(arguments, "host.outPath");
    let one = hash("");
    assert_eq!(hash(""), one);
    for other in [
        "toolchain = \"g++ 15; cmake=3.31\";",
        "wallet = true;",
        "sourceRoot = \".\";",
        "coreVersion = \"32.0\";",
        "workshopVersion = \"0.2.0\";",
    ] {
        assert_ne!(hash(other), one, "{other}");
    }
    for file in ["source.tar", "workshop"] {
        let before = std::fs::read(nix.path(file)).unwrap();
        std::fs::write(nix.path(file), "another content").unwrap();
        assert_ne!(hash(""), one, "{file}");
        std::fs::write(nix.path(file), before).unwrap();
    }
    assert_eq!(hash(""), one);
}

#[test]
fn the_shell_of_a_hosts_tree_is_a_derivation() {
    let nix = Nix::new();
    let folder = expressions().canonicalize().unwrap();
    let folder = folder.display();
    // As templates/host/shell.nix.j2 has it, with the folder of a host.
    let shell = nix.value(&format!(
        "(import {folder}/native.nix {{ toolchain = \"\"; }}).callPackage {folder}/shell.nix {{ }}"
    ));
    assert!(
        shell.as_str().unwrap().ends_with("-bitcoin-core-shell"),
        "{shell}"
    );
}

#[test]
fn without_a_binary_the_program_is_built_from_source() {
    let nix = Nix::new();
    let folder = expressions().canonicalize().unwrap();
    let built = nix.value(&format!(
        "import {folder}/workshop.nix {{
           stdenv = throw \"not needed\";
           rustPlatform.buildRustPackage = package: package // {{
             src = toString package.src; cargoLock.lockFile = toString package.cargoLock.lockFile;
           }};
           source = {folder}/..;
           version = \"0.1.0\";
         }}",
        folder = folder.display(),
    ));
    let lock = built["cargoLock"]["lockFile"].as_str().unwrap();
    assert!(Path::new(lock).exists(), "{lock}");
    assert_eq!(
        built["cargoBuildFlags"],
        serde_json::json!(["--package", "workshop"])
    );
}

/// nixpkgs cannot be had here, so its `lib` is stood in for by the few functions that the module calls: this shows
/// what the module sets, not that NixOS has such options.
#[test]
fn a_nixos_host_is_set_up_as_the_steps_do() {
    let nix = Nix::new();
    let folder = expressions().canonicalize().unwrap();
    let module = |chain: &str, guard: &str, show: &str| {
        nix.value(&format!(
            "let
               lib = {{
                 mkOption = option: option;
                 mkIf = condition: content: if condition then content else null;
                 optional = condition: it: if condition then [ it ] else [ ];
                 concatMapStrings = f: list: builtins.concatStringsSep \"\" (map f list);
                 types = {{
                   package = null; str = null; int = null; path = null;
                   enum = names: names; listOf = type: type; nullOr = type: type;
                 }};
               }};
               names = [
                 \"bpftrace\" \"bcc\" \"gdb\" \"binutils\" \"python3\" \"gcc\" \"gnumake\" \"cmake\" \"ninja\" \"pkg-config\"
                 \"git\" \"vim\" \"nano\" \"htop\" \"ripgrep\" \"tmux\" \"curl\" \"zstd\" \"systemd\"
               ];
               pkgs = builtins.listToAttrs (map (name: {{ inherit name; value = name; }}) names);
               module = import {folder}/nixos.nix {{
                 inherit lib pkgs;
                 config.workshop = {{
                   package = \"/closure\"; word = \"abandon\"; chain = \"{chain}\"; prune = 2000; guard = {guard};
                   participant = {{ name = \"Ada\"; key = \"ssh-ed25519 AAAA\"; }};
                   addnode = [ \"198.51.100.7:48333\" ];
                 }};
               }};
             in {show}",
            folder = folder.display(),
        ))
    };

    // Every setting of the service's template, with the module's own profile.
    let service = module(
        "testnet4",
        "null",
        "module.config.systemd.services.bitcoind.serviceConfig",
    );
    let template =
        include_str!("../../../templates/host/bitcoind.service.j2").replace("\\\n    ", "");
    let (_, section) = template.split_once("[Service]").unwrap();
    let (section, _) = section.split_once("[Install]").unwrap();
    let mut compared = 0;
    for line in section.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let set = match &service[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(set, value.replace("{{ profile }}", "/closure"), "{name}");
        compared += 1;
    }
    assert_eq!(compared, service.as_object().unwrap().len());

    // And every line of the node's configuration that stands outside of a condition.
    let conf = module(
        "testnet3",
        "null",
        "module.config.environment.etc.\"bitcoin/bitcoin.conf\".text",
    );
    let template = include_str!("../../../templates/host/bitcoin.conf.j2");
    let (before, after) = template.split_once("{% if isolated %}").unwrap();
    let (_, after) = after.split_once("{% endif %}").unwrap();
    let values = [
        ("{{ chain.name }}", "test"),
        ("{{ chain.section }}", "test"),
        ("{{ chain.rpc_port }}", "18332"),
        ("{{ chain.p2p_port }}", "18333"),
        ("{{ prune }}", "2000"),
    ];
    let wanted: Vec<String> = format!("{before}{after}")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            values
                .iter()
                .fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
        })
        .collect();
    let conf = conf.as_str().unwrap();
    let set: Vec<&str> = conf.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(set, wanted);

    let others = module(
        "testnet4",
        "\"/etc/workshop/guard.json\"",
        "{
           sshd = module.config.services.openssh.settings;
           keys = module.config.users.users.workshop.openssh.authorizedKeys.keys;
           sudo = module.config.security.sudo.wheelNeedsPassword;
           peers = module.config.environment.etc.\"bitcoin/peers.conf\".text;
           guard = module.config.systemd.services.workshop-guard.serviceConfig.ExecStart;
           options = builtins.attrNames module.options.workshop;
           tools = builtins.length module.config.environment.systemPackages;
         }",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&others).unwrap());
    assert_eq!(
        module(
            "signet",
            "null",
            "module.config.systemd.services.workshop-guard"
        ),
        Value::Null
    );
}
