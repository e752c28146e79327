//! A real machine that somebody has: looked at, adopted, set up, misused, and given back. Needs root and Linux.

#[cfg(not(target_os = "linux"))]
#[test]
fn local_hosts_need_linux() {
    panic!("the machine is a local host, and those need Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    #![expect(clippy::print_stderr, reason = "a test says what it waits for")]

    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::time::Duration;

    use provisioner::cloud::existing::adopt::{
        Adopted, Machine, Undone, adopt, look, problems, read_adopt, read_look, read_undo, undo,
    };
    use provisioner::cloud::local::Local;
    use provisioner::cloud::{HostLimits, HostSpec, WorkshopId};
    use provisioner::host::keys::KeyPair;
    use provisioner::host::{Limits, Output, Script, Ssh, SshError, Target};
    use provisioner::job::Reporter;
    use provisioner::nix::Closure;
    use provisioner::run;
    use provisioner::steps::{self, ChainParams, HostContext, PROFILE};

    const LIMITS: Limits = Limits {
        deadline: Duration::from_secs(600),
        output: 4 << 20,
    };

    /// A machine of somebody's, who gets in by a key of their own. It is gone when the test is over.
    struct Stock {
        local: Local,
        _keys: tempfile::TempDir,
        host: KeyPair,
        /// The instructor's own key, which the machine knows before.
        own: KeyPair,
        /// The workshop's.
        workshop: KeyPair,
        address: IpAddr,
        label: WorkshopId,
    }

    impl Stock {
        async fn new() -> Self {
            let local = match Local::new(WorkshopId::random().unwrap()) {
                Ok(local) => local,
                Err(error) => panic!("this test makes a real host: {error}"),
            };
            let keys = tempfile::tempdir().unwrap();
            let key = |name: &str| KeyPair::load_or_create(&keys.path().join(name), name).unwrap();
            let (host, own, workshop) = (key("host"), key("own"), key("workshop"));
            let said = |line: String| eprintln!("{line}");
            local.ensure_image(&said).await.unwrap();
            local.ensure_network().await.unwrap();
            let spec = HostSpec {
                name: "stock".into(),
                index: 0,
                host_key: host.private_text().unwrap().to_string(),
                root_key: format!("{} own", own.public_line()),
                limits: HostLimits::default(),
                binds: vec![],
            };
            let address = local.create(&spec).await.unwrap();
            Self {
                local,
                _keys: keys,
                host,
                own,
                workshop,
                address,
                label: WorkshopId::random().unwrap(),
            }
        }

        async fn connect(&self, key: &KeyPair) -> Result<Ssh, SshError> {
            let target = Target::root("stock", self.address.into(), self.host.public());
            Ssh::connect_when_up(&target, key.private(), Duration::from_secs(240)).await
        }

        async fn run(&self, key: &KeyPair, script: &Script) -> Output {
            let ssh = self.connect(key).await.unwrap();
            let output = ssh.run(script, LIMITS).await.unwrap();
            ssh.close().await;
            output
        }

        /// What a script of the test says, which has to succeed.
        async fn says(&self, body: &str) -> String {
            let output = self.run(&self.own, &Script::new(body)).await;
            assert!(output.success(), "{}", output.text);
            output.text
        }

        async fn look(&self) -> Machine {
            read_look(&self.run(&self.own, &look()).await.text).unwrap()
        }

        async fn adopt(&self) -> Adopted {
            let script = adopt(&self.label, "able", &self.workshop.public_line());
            read_adopt(&self.run(&self.own, &script).await)
        }

        async fn undo(&self) -> Undone {
            let output = self.run(&self.workshop, &undo(&self.label)).await;
            eprintln!("undo: {}", output.text);
            read_undo(&output)
        }

        /// What anybody could tell a machine by.
        async fn is(&self) -> BTreeSet<String> {
            let text = self.says(FINGERPRINT).await;
            text.lines().map(str::to_owned).collect()
        }
    }

    impl Drop for Stock {
        fn drop(&mut self) {
            let local = self.local.clone();
            let cleaning = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.unwrap().block_on(local.destroy_all())
            });
            if let Ok(Err(error)) = cleaning.join() {
                eprintln!("not cleaned up: {error}");
            }
        }
    }

    /// Backups that useradd and userdel make (passwd-) and their lock tell nothing.
    const FINGERPRINT: &str = r#"
set -eu
hostname
sed 's/^/passwd /' /etc/passwd
sed 's/^/shadow /' /etc/shadow
sed 's/^/group /' /etc/group /etc/gshadow
find /etc /root /home /usr/local /usr/share/bash-completion /var/lib /var/cache /var/mail /var/spool /lib/modules/ /boot /srv /opt \
  ! -path '/etc/*-' ! -name .pwd.lock ! -path '/var/lib/systemd/*' ! -path '/var/lib/private*' ! -path /var/lib/dbus \
  ! -path '/etc/systemd/system/*.wants' \
  -printf '%p %M %u:%g %l\n' | sed 's/^/path /'
find /etc /root /usr/local -type f ! -path '/etc/*-' ! -name .pwd.lock -exec sha256sum {} + | sed 's/^/sum /'
find /run -maxdepth 1 -printf '%p\n' | sed 's/^/run /'
find /nix/store -mindepth 1 -maxdepth 1 ! -name .links -printf '%p\n' 2>/dev/null | sed 's/^/store /'
systemctl list-unit-files --state=enabled --no-legend --plain | sed 's/^/unit /'
systemctl list-units --type=service,timer --state=running,waiting --no-legend --plain | awk '!/session|user|systemd-|dbus|nix-daemon/ { print "runs", $1 }'
awk '{ print "mount", $5 }' /proc/self/mountinfo | grep -v '/run/user\|/run/credentials'
sshd -T | sed 's/^/sshd /'
"#;

    fn context() -> HostContext {
        let path = |name: &str| {
            format!("/nix/store/a19bx4097rc9abiz2alxdhhaw6fgxa5d-{name}")
                .parse()
                .unwrap()
        };
        HostContext {
            workshop: "Tracing Bitcoin Core".into(),
            word: "able".into(),
            participant: Some("Ada".into()),
            participant_key: Some("ssh-ed25519 AAAA".into()),
            deadline: Some("2099-02-21 20:00".into()),
            power_off: Some("2099-02-21T19:00:00Z".parse().unwrap()),
            chain: ChainParams::TESTNET4,
            prune: 2000,
            addnode: vec![],
            peers: vec![],
            isolated: true,
            memory_bytes: None,
            guard: None,
            core_version: "31.99".into(),
            cache_url: "http://127.0.0.1:8080".into(),
            cache_key: "workshop:AAAA=".into(),
            closure_from: None,
            closure: Closure {
                host: path("host"),
                bitcoin: path("bitcoin"),
                tree: path("tree"),
            },
            profile: PROFILE,
        }
    }

    /// The steps that need no closure; a closure and a node of the test's own stand for the others.
    async fn provision(stock: &Stock) {
        let mut steps = steps::host(&context());
        let needs_closure = [
            "closure",
            "commands",
            "build tree",
            "nix shell",
            "node",
            "guard",
        ];
        steps.retain(|step| !needs_closure.contains(&step.id));
        let ssh = stock.connect(&stock.workshop).await.unwrap();
        let seen = run::gather("able", &ssh, &steps, LIMITS).await.unwrap();
        let report = Reporter::new("able", None);
        run::change("able", &ssh, &steps, &seen, &report)
            .await
            .unwrap();
        ssh.close().await;
        stock
            .says(
                r#"
set -eu
mkdir -p /tmp/closure/bin && echo 'echo hi' > /tmp/closure/bin/workshop
path=$(nix-store --add /tmp/closure)
rm -r /tmp/closure
nix-env --quiet --profile /nix/var/nix/profiles/workshop --set "$path"
for c in bitcoind bitcoin-cli workshop; do ln -sfn /nix/var/nix/profiles/workshop/bin/$c /usr/local/bin/$c; done
ln -sfn /nix/var/nix/profiles/workshop/share/x /usr/share/bash-completion/completions/workshop
mkdir -p /var/lib/workshop
cat > /etc/systemd/system/bitcoind.service <<'END_OF_UNIT'
[Service]
ExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'
User=bitcoin
StateDirectory=bitcoind
RuntimeDirectory=bitcoind
TimeoutStopSec=600
Restart=always
[Install]
WantedBy=multi-user.target
END_OF_UNIT
sed 's/^User=.*//; s/bitcoind/workshop-guard/' /etc/systemd/system/bitcoind.service > /etc/systemd/system/workshop-guard.service
systemctl daemon-reload
systemctl enable -q --now bitcoind workshop-guard
"#,
            )
            .await;
    }

    /// As a participant who is root leaves a machine. It must never run anywhere else.
    const MISUSE: &str = r#"
set -eu
[ "$(hostname)" = able ] && [ -e /var/lib/workshop-before/label ] || exit 1
runuser -u workshop -- sh -c 'cd; mkdir -p bitcoin/build; head -c 30000000 /dev/zero > bitcoin/build/big; setsid sleep 1000 >/dev/null 2>&1 &'
cd /home/workshop
setsid sh -c 'exec sleep 1001' >/dev/null 2>&1 &
cd /
systemd-run -q --unit=mine sh -c 'cd /home/workshop; exec sleep 1002'
python3 -c 'import os
os.chdir("/home/workshop")
for i in range(2000): os.mkdir("d"*50); os.chdir("d"*50)'
# Links and mounts that lead out, one of them onto the folder itself, and one with a blank in its name.
mkdir /home/workshop/etc "/home/workshop/a b"
mount --bind /etc /home/workshop/etc
mount -t tmpfs tmpfs "/home/workshop/a b"
touch "/home/workshop/a b/file"
ln -s /etc /home/workshop/link
mount --bind /usr/share /var/lib/workshop
rm -rf /etc/workshop && ln -s /etc/ssh /etc/workshop
rm /etc/hosts && ln -s /etc/passwd /etc/hosts
rm /etc/motd && mkdir -p /etc/motd/deep
echo evil > /etc/hostname
mkdir /etc/systemd/system/bitcoind.service.d
printf '[Service]\nRestartSec=1\n' > /etc/systemd/system/bitcoind.service.d/override.conf
mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/workshop
echo '# mine too' >> /root/.ssh/authorized_keys
mkdir -p /nix/var/nix/profiles/per-user/workshop
nix-env --quiet --profile /nix/var/nix/profiles/per-user/workshop/profile --set "$(readlink -f /nix/var/nix/profiles/workshop)"
"#;

    #[tokio::test]
    async fn a_machine_is_given_back_as_it_was_taken() {
        let stock = Stock::new().await;
        // Somebody's own way of keeping root's file.
        stock
            .says("chmod 640 /root/.ssh/authorized_keys; echo '# mine' >> /root/.ssh/authorized_keys; echo FOO=bar > /etc/environment")
            .await;
        let before = stock.is().await;
        let machine = stock.look().await;
        assert!(machine.system.starts_with("debian-13-"), "{machine:?}");
        assert_eq!(problems(&machine, &stock.label, "able"), []);
        assert_eq!(stock.is().await, before);

        assert_eq!(stock.adopt().await, Adopted::Yes);
        let once = stock.is().await;
        assert_eq!(stock.adopt().await, Adopted::Yes);
        assert_eq!(stock.is().await, once);
        assert_eq!(stock.says("hostname; hostname -f").await, "able\nable\n");
        let mark = stock.look().await.mark.unwrap();
        assert_eq!(
            (mark.label.as_str(), mark.word.as_str()),
            (stock.label.as_str(), "able")
        );

        provision(&stock).await;
        let other = WorkshopId::random().unwrap();
        let refused = read_undo(&stock.run(&stock.own, &undo(&other)).await);
        assert!(matches!(refused, Undone::Another { .. }), "{refused:?}");
        eprintln!("{}", stock.says(MISUSE).await);

        let Undone::Gone { notes } = stock.undo().await else {
            panic!("not given back");
        };
        let [note] = &notes[..] else {
            panic!("{notes:?}")
        };
        assert!(
            note.starts_with("lines that were added to root's authorized_keys"),
            "{note}"
        );
        let after = stock.is().await;
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        // What a participant wrote into root's file is not ours to remove.
        let (mine, changed): (Vec<_>, Vec<_>) = changed
            .into_iter()
            .partition(|line| line.ends_with(" /root/.ssh/authorized_keys"));
        assert_eq!(mine.len(), 2, "{mine:#?}");
        assert_eq!(changed, Vec::<&String>::new());
        let processes = stock
            .says("ps -eo args | grep 'sleep 100[0-2]' | grep -v grep || :")
            .await;
        assert_eq!(processes, "");
        assert!(matches!(
            stock.connect(&stock.workshop).await,
            Err(SshError::Refused { .. })
        ));
        stock.local.destroy_all().await.unwrap();
    }

    #[tokio::test]
    async fn an_undo_that_is_cut_off_is_completed_by_the_next() {
        let stock = Stock::new().await;
        let before = stock.is().await;
        for milliseconds in [30, 250, 900] {
            let patience = Duration::from_millis(milliseconds);
            let ssh = stock.connect(&stock.own).await.unwrap();
            let script = adopt(&stock.label, "able", &stock.workshop.public_line());
            let _ = tokio::time::timeout(patience, ssh.run(&script, LIMITS)).await;
            drop(ssh);
            assert_eq!(stock.adopt().await, Adopted::Yes);
            provision(&stock).await;
            let ssh = stock.connect(&stock.workshop).await.unwrap();
            let _ = tokio::time::timeout(patience, ssh.run(&undo(&stock.label), LIMITS)).await;
            drop(ssh);
            // By the instructor's own key: the first may have come to its end by itself.
            let undone = read_undo(&stock.run(&stock.own, &undo(&stock.label)).await);
            assert_eq!(undone, Undone::Gone { notes: vec![] }, "{milliseconds}");
            let after = stock.is().await;
            let changed: Vec<_> = before.symmetric_difference(&after).collect();
            assert_eq!(changed, Vec::<&String>::new(), "{milliseconds}");
        }
        stock.local.destroy_all().await.unwrap();
    }
}
