//! Machines that somebody already has become a workshop and are given back: host keys accepted, one machine behind
//! sudo, all of them behind a jump host.

use std::path::Path;
use std::time::Duration;

use provisioner::cloud::local::Local;
use provisioner::cloud::{HostLimits, HostSpec, WorkshopId};
use provisioner::host::keys::KeyPair;
use provisioner::host::{Limits, Script, Ssh, Target};
use provisioner::nix::builder::Inputs;
use provisioner::nix::cache::{Cache, user_cache};
use provisioner::nix::source;

use super::workshop::{Inventory, Workshop};

/// Machines of somebody's, who gets in by a key of their own. They are gone when the test is over.
pub(super) struct Machines {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) local: Local,
    pub(super) image: String,
    own: KeyPair,
    all: Vec<(std::net::IpAddr, KeyPair)>,
}

/// What a machine is like, as far as a workshop changes it.
pub(super) const LIKE: &str = "hostname; cat /etc/passwd /etc/group /etc/hosts /etc/motd /etc/environment /root/.ssh/authorized_keys; \
     find /etc/ssh /etc/sudoers.d /etc/systemd/system /usr/local/bin /home /var/lib/bitcoind /var/lib/workshop \
     /var/lib/workshop-before /etc/workshop /etc/bitcoin 2>/dev/null | sort; true";

impl Machines {
    pub(super) fn start(count: u16, folder: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let local = Local::new(WorkshopId::random().unwrap()).unwrap();
        let key = |name: &str| KeyPair::load_or_create(&folder.join(name), name).unwrap();
        let own = key("own");
        let (image, all) = runtime.block_on(async {
            let image = local.ensure_image(&|_| {}).await.unwrap().to_string();
            local.ensure_network().await.unwrap();
            let mut all = Vec::new();
            for index in 0..count {
                let host_key = key(&format!("machine{index}"));
                let spec = HostSpec {
                    name: format!("machine{index}"),
                    index,
                    host_key: host_key.private_text().unwrap(),
                    root_key: format!("{} own", own.public_line()),
                    limits: HostLimits::default(),
                    binds: vec![],
                };
                all.push((local.create(&spec).await.unwrap(), host_key));
            }
            (image, all)
        });
        Self {
            runtime,
            local,
            image,
            own,
            all,
        }
    }

    pub(super) fn address(&self, machine: usize) -> String {
        self.all[machine].0.to_string()
    }

    /// What a script of this account prints; it must succeed.
    #[track_caller]
    pub(super) fn says(&self, machine: usize, user: &str, script: &str) -> String {
        let (address, key) = &self.all[machine];
        let target = Target {
            user: user.to_owned(),
            ..Target::root("machine", (*address).into(), key.public())
        };
        self.runtime.block_on(async {
            let patience = Duration::from_secs(60);
            let ssh = Ssh::connect_when_up(&target, self.own.private(), patience)
                .await
                .unwrap();
            let said = ssh
                .run(&Script::new(script), Limits::default())
                .await
                .unwrap();
            assert!(said.success(), "{}", said.text);
            said.text
        })
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        // Also when the test failed half-way.
        let _ = self.runtime.block_on(self.local.destroy_all());
    }
}

/// A cache that says of a Debian 13 what this machine's says of its own image: Bitcoin Core is built once for both.
fn cache_for(image: &str, folder: &Path) {
    let real = user_cache().unwrap();
    let mine = folder.join("cache/workshop");
    std::fs::create_dir_all(mine.join("nix/builds")).unwrap();
    for name in ["images", "source", "nix/store"] {
        std::os::unix::fs::symlink(real.join(name), mine.join(name)).unwrap();
    }
    std::fs::copy(real.join("nix/secret-key"), mine.join("nix/secret-key")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inputs = |system: &str| {
        let source = runtime
            .block_on(source::from_crate(&real.join("source")))
            .unwrap();
        Inputs::new(source, system.to_owned()).unwrap()
    };
    let arch = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    let closure = Cache::open(&real.join("nix"))
        .unwrap()
        .look_up(&inputs(image).core_key());
    // On a machine where nothing was ever built the builder builds.
    if let Some(closure) = closure {
        let debian = inputs(&format!("debian-13-{arch}"));
        Cache::open(&mine.join("nix"))
            .unwrap()
            .record(&debian.core_key(), &closure)
            .unwrap();
    }
}

#[test]
fn machines_become_a_workshop_and_are_given_back() {
    let mut inventory = Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]);
    let mut workshop = Workshop::new(&inventory);
    let machines = Machines::start(3, workshop.path());
    cache_for(&machines.image, workshop.path());
    let cache = workshop.path().join("cache");
    workshop.set("XDG_CACHE_HOME", cache.display().to_string());
    let agent = Agent::start(workshop.path());
    workshop.set("SSH_AUTH_SOCK", agent.socket.clone());

    // One where root is let in by nobody, and sudo asks for nothing.
    machines.says(
        1,
        "root",
        "useradd --create-home --shell /bin/bash debian\n\
         echo 'debian ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/90-cloud\n\
         cp -r /root/.ssh /home/debian/ && chown -R debian:debian /home/debian/.ssh\n\
         : > /root/.ssh/authorized_keys",
    );
    let like = |machine: usize| match machine {
        1 => machines.says(1, "debian", &format!("sudo -n sh -c '{LIKE}'")),
        other => machines.says(other, "root", LIKE),
    };
    let before: Vec<String> = (0..3).map(like).collect();
    inventory.provider = format!(
        "existing, existing: {{identity: locked, jump: {}, machines: [{}, {{address: {}, user: debian}}, {}]}}",
        machines.address(2),
        machines.address(0),
        machines.address(1),
        machines.address(2),
    );
    workshop.write(&inventory);

    // Nothing is trusted that nobody looked at.
    let refused = workshop.run(&["provision", "--yes"]);
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`workshop trust`"),
        "{}",
        refused.stderr
    );
    let asked = workshop.run(&["trust"]);
    assert_eq!(asked.status, Some(2), "{}", asked.stderr);
    let jump = machines.all[2].1.fingerprint();
    assert!(asked.stderr.contains(&jump), "{}", asked.stderr);
    // Behind the jump host nothing can be looked at without a key for it, and ours has a passphrase.
    let locked = workshop.run(&["trust", "--yes"]);
    assert_eq!(locked.status, Some(1), "{}", locked.stderr);
    assert!(locked.stderr.contains("ssh-add"), "{}", locked.stderr);
    agent.add(&workshop.path().join("own"));
    let trusted = workshop.run(&["trust", "--yes", "--json"]).json();
    let shown = trusted["machines"].as_array().unwrap();
    for (address, key) in &machines.all {
        let address = address.to_string();
        let one = shown
            .iter()
            .find(|one| one["address"] == address && one["jump"] == false);
        assert_eq!(one.unwrap()["fingerprint"], key.fingerprint(), "{trusted}");
        assert_eq!(one.unwrap()["accepted"], true, "{trusted}");
    }

    // What will be done is said first, and needs a yes.
    let plan = workshop.run(&["plan"]).exits(0);
    for part in [
        "taken over",
        "(by debian)",
        "an account `workshop`",
        "This stays:",
    ] {
        assert!(plan.contains(part), "{plan}");
    }
    let refused = workshop.run(&["provision"]);
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("add --yes"), "{}", refused.stderr);
    assert_eq!((0..3).map(like).collect::<Vec<_>>(), before);

    let hosts = workshop.run(&["provision", "--yes", "--json"]).hosts(0);
    assert!(hosts.iter().all(|host| host.verified), "{hosts:?}");
    for (at, host) in hosts.iter().enumerate() {
        // In the inventory's order, and with the keys that they had.
        assert_eq!(host.address.as_deref(), Some(machines.address(at).as_str()));
        assert_eq!(host.host_key, machines.all[at].1.fingerprint());
        let key = inventory.people[at].1;
        assert_eq!(
            direct(
                &workshop,
                key,
                host,
                "hostname && bitcoin-cli getblockcount"
            ),
            format!("{}\n0", host.word)
        );
    }
    // The instructor goes by the jump host.
    let word = hosts[1].word.as_str();
    let config = workshop.ssh("own", &["-G", word]).stdout;
    assert!(config.contains("proxyjump workshop-jump-"), "{config}");

    // Nobody is asked for what is ours already.
    let again = workshop.run(&["provision", "--json"]).hosts(0);
    assert!(
        again
            .iter()
            .all(|host| host.verified && host.changed.is_empty()),
        "{again:?}"
    );
    workshop.run(&["doctor", "--only", word]).exits(0);

    // A fresh host is what was there before, taken over again.
    let other = hosts[0].word.as_str();
    direct(&workshop, "ada", &hosts[0], "touch ~/mine");
    workshop
        .run(&["rebuild", other, "--yes", "--no-collect"])
        .exits(0);
    assert_eq!(
        direct(&workshop, "ada", &hosts[0], "ls mine 2>&1 || hostname"),
        format!("ls: cannot access 'mine': No such file or directory\n{other}")
    );

    // A participant is root there, and shuts us out.
    direct(
        &workshop,
        "bob",
        &hosts[1],
        "sudo sed -i /workshop/d /root/.ssh/authorized_keys",
    );
    let destroyed = workshop.run(&["destroy", "--yes", "--no-collect"]);
    assert_eq!(
        destroyed.status,
        Some(0),
        "{}{}",
        destroyed.stdout,
        destroyed.stderr
    );
    assert!(
        destroyed.stderr.contains("On them stays:"),
        "{}",
        destroyed.stderr
    );
    for (at, before) in before.iter().enumerate() {
        assert_eq!(&like(at), before, "machine {at}");
    }
    let status = workshop.run(&["plan", "--json"]).json();
    assert_eq!(
        status["takes_over"].as_array().unwrap().len(),
        3,
        "{status}"
    );
    drop(machines);
}

/// An agent of OpenSSH's.
struct Agent {
    process: std::process::Child,
    socket: String,
}

impl Agent {
    /// Also makes of the key file `own` one with a passphrase, `locked`.
    fn start(folder: &Path) -> Self {
        let locked = folder.join("locked");
        std::fs::copy(folder.join("own"), &locked).unwrap();
        let mut keygen = std::process::Command::new("ssh-keygen");
        keygen
            .args(["-q", "-p", "-N", "a passphrase", "-f"])
            .arg(&locked);
        super::workshop::run(&mut keygen).exits(0);
        let socket = folder.join("agent").display().to_string();
        let process = std::process::Command::new("ssh-agent")
            .args(["-D", "-a", &socket])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        super::workshop::eventually("the agent listens", || {
            std::os::unix::net::UnixStream::connect(&socket).map_err(|error| error.to_string())
        });
        Self { process, socket }
    }

    fn add(&self, key: &Path) {
        let mut add = std::process::Command::new("ssh-add");
        add.arg(key).env("SSH_AUTH_SOCK", &self.socket);
        super::workshop::run(&mut add).exits(0);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a participant is told, who needs no jump host.
#[track_caller]
fn direct(workshop: &Workshop, key: &str, host: &super::workshop::Host, command: &str) -> String {
    let address = host.address.as_deref().unwrap();
    let known = workshop.path().join("known");
    std::fs::copy(workshop.path().join(".workshop/known_hosts"), &known).unwrap();
    let mut ssh = std::process::Command::new("ssh");
    ssh.args([
        "-F",
        "/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
    ])
    .args(["-o", &format!("HostKeyAlias={}", host.word)])
    .args([
        "-o",
        &format!("UserKnownHostsFile={}", known.display()),
        "-i",
    ])
    .arg(workshop.key(key))
    .args([&format!("workshop@{address}"), command])
    .env_remove("SSH_AUTH_SOCK");
    super::workshop::run(&mut ssh).exits(0).trim().to_owned()
}
