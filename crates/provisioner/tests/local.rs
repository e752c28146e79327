//! Real hosts on this machine: needs root and Linux, and fails where it does not have them.
//!
//! The first run builds the base image, which takes a minute or two.

#[cfg(not(target_os = "linux"))]
#[test]
fn local_hosts_need_linux() {
    panic!("the local provider can only be tested on Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    #![expect(clippy::print_stderr, reason = "a test says what it waits for")]

    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, SocketAddr, TcpStream};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    use provisioner::cloud::local::{Local, LocalError};
    use provisioner::cloud::{HostLimits, HostSpec, LeftoverKind, WorkshopId};

    const ALL: &str = "/var/lib/workshop/local";

    /// What takes a moment takes minutes on a machine that is busy with others.
    const PATIENCE: Duration = Duration::from_secs(240);

    /// Says to [`helper_process`] which workshop and which folder of keys it works with, and how large
    /// a disk its host has, in MiB; or [`TRIAL`].
    const HELPER: &str = "WORKSHOP_TEST_HELPER";

    /// Says to [`helper_process`] that it is where no loop devices are.
    const TRIAL: &str = "trial";

    /// A workshop of one test, which is gone when the test is over, however it ends.
    struct Room {
        id: WorkshopId,
        local: Local,
        keys: tempfile::TempDir,
    }

    impl Room {
        async fn new() -> Self {
            let id = WorkshopId::random().unwrap();
            let local = match Local::new(id.clone()) {
                Ok(local) => local,
                Err(error) => panic!("this test makes real hosts: {error}"),
            };
            let room = Self {
                id,
                local,
                keys: tempfile::tempdir().unwrap(),
            };
            room.keygen("root");
            let said = |line: String| eprintln!("{line}");
            room.local.ensure_image(&said).await.unwrap();
            room.local.ensure_network().await.unwrap();
            room
        }

        fn keygen(&self, name: &str) {
            let path = self.keys.path().join(name);
            if !path.exists() {
                let mut keygen = Command::new("ssh-keygen");
                keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
                succeed(keygen.arg(path));
            }
        }

        fn spec(&self, name: &str, index: u8) -> HostSpec {
            self.keygen(name);
            spec(self.keys.path(), name, index)
        }

        fn folder(&self, name: &str) -> PathBuf {
            Path::new(ALL).join(self.id.as_str()).join(name)
        }

        /// Runs a command on a host, whose key must be the one that we gave it.
        fn ssh(&self, name: &str, address: IpAddr, command: &str) -> Output {
            let public = self.keys.path().join(format!("{name}.pub"));
            let public = std::fs::read_to_string(public).unwrap();
            let known = self.keys.path().join(format!("{name}.known"));
            std::fs::write(&known, format!("{address} {public}")).unwrap();
            Command::new("ssh")
                .args([
                    "-F",
                    "none",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "IdentitiesOnly=yes",
                ])
                .args(["-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"])
                .args(["-o", "GlobalKnownHostsFile=none", "-o"])
                .arg(format!("UserKnownHostsFile={}", known.display()))
                .arg("-i")
                .arg(self.keys.path().join("root"))
                .arg(format!("root@{address}"))
                .arg(command)
                .stdin(Stdio::null())
                .output()
                .unwrap()
        }

        /// Like [`Room::ssh`], for a command that succeeds.
        fn says(&self, name: &str, address: IpAddr, command: &str) -> String {
            let output = self.ssh(name, address, command);
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {command}: {text}{errors}");
            text
        }

        fn boot_id(&self, name: &str, address: IpAddr) -> String {
            answers(address);
            self.says(name, address, "cat /proc/sys/kernel/random/boot_id")
        }

        /// Waits until nothing of the first host runs: nspawn goes first, what it leaves of the guest a moment later.
        /// Whoever creates it before that finds it running.
        async fn is_off(&self, name: &str) {
            goes_off(&self.id);
            let start = Instant::now();
            while self.runs(name).await {
                assert!(start.elapsed() < PATIENCE, "it still runs");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }

        async fn runs(&self, name: &str) -> bool {
            let hosts = self.local.list().await.unwrap();
            hosts.iter().any(|host| host.name == name && host.running)
        }

        /// Everything on the machine that carries the workshop's id, looked for without the code
        /// under test.
        fn traces(&self) -> Vec<String> {
            let id = self.id.as_str();
            let mut traces = Vec::new();
            let folder = Path::new(ALL).join(id);
            if folder.exists() {
                traces.push(folder.display().to_string());
            }
            for (what, mut command) in [
                ("link", shell("ip -o link")),
                ("cgroup", shell(CGROUPS)),
                ("process", shell("ps -eo pid,args")),
                ("loop device", shell("losetup --list")),
                (
                    "mount",
                    shell("cat /proc/[0-9]*/mountinfo 2>/dev/null || :"),
                ),
                (
                    "file",
                    shell("find /run/systemd /tmp -maxdepth 4 2>/dev/null || :"),
                ),
            ] {
                let text = succeed(&mut command);
                let lines = text.lines().filter(|line| line.contains(id));
                traces.extend(lines.map(|line| format!("{what} {line}")));
            }
            traces
        }

        async fn end(&self) {
            self.local.destroy_all().await.unwrap();
            assert_eq!(self.local.leftovers().unwrap(), []);
            // The kernel takes mount namespaces and cables down on its own time.
            eventually("no trace is left", || {
                let traces = self.traces();
                traces
                    .is_empty()
                    .then_some(())
                    .ok_or(format!("{traces:#?}"))
            });
            // Of what is not there, nothing can be destroyed, and that is no error.
            self.local.destroy("able").await.unwrap();
            self.local.destroy_all().await.unwrap();
        }
    }

    impl Drop for Room {
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

    fn spec(keys: &Path, name: &str, index: u8) -> HostSpec {
        let read = |file: &str| std::fs::read_to_string(keys.join(file)).unwrap();
        HostSpec {
            name: name.into(),
            index: index.into(),
            host_key: read(name),
            root_key: read("root.pub"),
            limits: HostLimits {
                memory_bytes: Some(512 << 20),
                cpus: Some(1.5),
                pids: Some(300),
                disk_bytes: None,
            },
            binds: Vec::new(),
        }
    }

    /// A session's folder may go away while it is looked for.
    const CGROUPS: &str = "find /sys/fs/cgroup -type d 2>/dev/null || :";

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn succeed(command: &mut Command) -> String {
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until `look` finds what it wants; what it says otherwise is the failure's text.
    #[track_caller]
    fn eventually<T>(what: &str, look: impl Fn() -> Result<T, String>) -> T {
        let start = Instant::now();
        loop {
            match look() {
                Ok(found) => return found,
                Err(seen) if start.elapsed() > PATIENCE => {
                    panic!("waited in vain until {what}: {seen}");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Waits until sshd greets.
    #[track_caller]
    fn answers(address: IpAddr) {
        let address = SocketAddr::new(address, 22);
        eventually("SSH answers", || {
            let timeout = Duration::from_secs(1);
            let greet = || {
                let mut stream = TcpStream::connect_timeout(&address, timeout)?;
                stream.set_read_timeout(Some(timeout))?;
                let mut greeting = [0; 4];
                stream.read_exact(&mut greeting)?;
                Ok::<_, std::io::Error>(greeting)
            };
            let greeting = greet().map_err(|error| format!("{address}: {error}"))?;
            assert_eq!(&greeting, b"SSH-");
            Ok(())
        });
    }

    /// The systemd-nspawn of the host with this place.
    fn nspawns(id: &WorkshopId, index: u8) -> Vec<u32> {
        let machine = format!("--machine={id}-{index:02x} ");
        let listed = succeed(&mut shell("ps -eo pid=,comm=,args="));
        let lines = listed.lines().map(str::trim_start);
        lines
            .filter(|line| line.contains(" systemd-nspawn ") && line.contains(&machine))
            .filter(|line| line.split_whitespace().nth(1) == Some("systemd-nspawn"))
            .filter_map(|line| line.split_whitespace().next()?.parse().ok())
            .collect()
    }

    #[track_caller]
    fn goes_off(id: &WorkshopId) {
        eventually("it is off", || {
            let running = nspawns(id, 0);
            running
                .is_empty()
                .then_some(())
                .ok_or(format!("{running:?}"))
        });
    }

    /// What the files of this name in the host's cgroups hold.
    fn cgroup_files(id: &WorkshopId, host: &str, file: &str) -> Vec<String> {
        let folders = succeed(&mut shell(CGROUPS));
        let ends = [
            format!("/workshop-{id}/{host}"),
            format!("/workshop-{id}-{host}.service"),
        ];
        folders
            .lines()
            .filter(|folder| ends.iter().any(|end| folder.ends_with(end)))
            .filter_map(|folder| std::fs::read_to_string(Path::new(folder).join(file)).ok())
            .map(|text| text.trim().to_owned())
            .collect()
    }

    /// What a process does that a test wants to kill, or to see ended: it makes one host, or tries
    /// disks. Without the variable it is no helper, and there is nothing to do.
    #[tokio::test]
    async fn helper_process() {
        let Ok(what) = std::env::var(HELPER) else {
            return;
        };
        if what == TRIAL {
            let error = Local::check_disks(7).unwrap_err();
            assert!(
                matches!(error, LocalError::NoDisks { line: 7, .. }),
                "{error:?}"
            );
            return;
        }
        let mut words = what.split(' ');
        let id = words.next().unwrap();
        let local = Local::new(id.parse().unwrap()).unwrap();
        let mut spec = spec(Path::new(words.next().unwrap()), "able", 0);
        spec.limits.disk_bytes = words.next().map(|mib| mib.parse::<u64>().unwrap() << 20);
        local.create(&spec).await.unwrap();
    }

    fn helper(room: &Room) -> Command {
        helper_with(room, "")
    }

    fn helper_with(room: &Room, disk: &str) -> Command {
        let mut helper = Command::new(std::env::current_exe().unwrap());
        helper
            .args(["--exact", "linux::helper_process", "--nocapture"])
            .env(
                HELPER,
                format!("{} {}{disk}", room.id, room.keys.path().display()),
            )
            .stdout(Stdio::null());
        helper
    }

    #[tokio::test]
    async fn hosts_are_alike_apart_and_closed_in() {
        let room = Room::new().await;
        let (able, baker) = (room.spec("able", 0), room.spec("baker", 1));
        let (a, b) = tokio::join!(room.local.create(&able), room.local.create(&baker));
        let (a, b) = (a.unwrap(), b.unwrap());
        answers(a);
        answers(b);
        assert_eq!(room.says("able", a, "hostname"), "able");
        assert_eq!(room.says("baker", b, "hostname"), "baker");

        let hosts = room.local.list().await.unwrap();
        let names: Vec<_> = hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["able", "baker"]);
        assert!(hosts.iter().all(|host| host.running));
        assert_eq!(hosts[0].address, a.into());

        // The only host key is ours, and it is not the other host's.
        let keys = room.says("able", a, "ls /etc/ssh/ssh_host_*");
        assert_eq!(keys, "/etc/ssh/ssh_host_ed25519_key");
        assert!(!room.ssh("baker", a, "true").status.success());
        let machines = [
            room.says("able", a, "cat /etc/machine-id"),
            room.says("baker", b, "cat /etc/machine-id"),
        ];
        assert_ne!(machines[0], machines[1]);

        // Limits, as the kernel of this machine has them.
        let limit = |files: &[&str]| {
            let mut found = files
                .iter()
                .flat_map(|file| cgroup_files(&room.id, "able", file));
            found.next().unwrap()
        };
        let memory = limit(&["memory.max", "memory.limit_in_bytes"]);
        assert_eq!(memory, (512u64 << 20).to_string());
        assert_eq!(limit(&["pids.max"]), "300");
        let quota = limit(&["cpu.max", "cpu.cfs_quota_us"]);
        assert!(quota.starts_with("150000"), "{quota}");
        // And they hold: the kernel refuses a process too many.
        let forks = "\
import os, signal, time
children = []
try:
    for _ in range(400):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
    print('all')
except BlockingIOError:
    print('refused')
for child in children:
    os.kill(child, signal.SIGKILL)
";
        let forks = format!("python3 -c \"{forks}\"");
        assert_eq!(room.says("able", a, &forks), "refused");

        // Tracing.
        let mounts = room.says("able", a, "cat /proc/mounts");
        for mount in [
            " /sys/kernel/tracing tracefs ",
            " /sys/kernel/debug debugfs ",
            " /sys/fs/bpf bpf ",
        ] {
            assert!(mounts.contains(mount), "{mount} is not in\n{mounts}");
        }
        let script = "bpftrace -e 'BEGIN { printf(\"traced\\n\"); exit(); }'";
        assert!(room.says("able", a, script).contains("traced"));
        assert_eq!(
            room.says("able", a, "systemctl show --property=DefaultLimitMEMLOCK"),
            "DefaultLimitMEMLOCK=infinity"
        );
        // Everything is up, with nothing failed, and names need no DNS.
        assert_eq!(
            room.says("able", a, "systemctl is-system-running --wait"),
            "running"
        );
        let name = "timeout 3 python3 -c 'import socket; print(socket.getfqdn())'";
        assert_eq!(room.says("able", a, name), "able");

        // To one another, and nowhere else.
        room.says("able", a, &format!("ping -c 1 -W 5 {b}"));
        assert_eq!(room.says("able", a, "ip route show default"), "");
        let subnet = format!(
            "{}/24",
            a.to_string().trim_end_matches("10").to_owned() + "0"
        );
        assert!(room.says("able", a, "ip route").starts_with(&subnet));
        let bridge = format!("/proc/sys/net/ipv4/conf/ws-{}/forwarding", room.id);
        assert_eq!(std::fs::read_to_string(bridge).unwrap().trim(), "0");

        // Once more changes nothing, but for the limits.
        let before = room.boot_id("able", a);
        let mut smaller = able.clone();
        smaller.limits.pids = Some(200);
        assert_eq!(room.local.create(&smaller).await.unwrap(), a);
        assert_eq!(room.boot_id("able", a), before);
        assert_eq!(limit(&["pids.max"]), "200");

        // Another key is another host.
        let mut other = able.clone();
        other.host_key = baker.host_key.clone();
        let refused = room.local.create(&other).await.unwrap_err();
        assert!(
            matches!(
                refused,
                LocalError::Different {
                    what: "host key",
                    ..
                }
            ),
            "{refused:?}"
        );
        let clash = room.local.create(&room.spec("charlie", 1)).await;
        assert!(
            matches!(clash, Err(LocalError::SameIndex { .. })),
            "{clash:?}"
        );

        // What exists is found, each by its kind, also without knowing whose it is.
        let found = room.local.leftovers().unwrap();
        for kind in [
            LeftoverKind::Host,
            LeftoverKind::Process,
            LeftoverKind::Link,
            LeftoverKind::Cgroup,
            LeftoverKind::Folder,
        ] {
            assert!(
                found.iter().any(|one| one.kind == kind),
                "{kind:?}: {found:#?}"
            );
        }
        // Its mounts are nobody else's.
        assert!(
            !found.iter().any(|one| one.kind == LeftoverKind::Mount),
            "{found:#?}"
        );
        let of_all = Local::all_leftovers().unwrap();
        assert!(of_all.iter().any(|one| one.workshop == room.id));

        // One goes, the other stays.
        room.local.destroy("able").await.unwrap();
        assert_eq!(room.boot_id("baker", b).len(), 36);
        assert!(!room.folder("able").exists());
        assert!(nspawns(&room.id, 0).is_empty());
        room.end().await;
    }

    #[tokio::test]
    async fn a_host_comes_back_as_it_was_left() {
        let room = Room::new().await;
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(cache.path().join("kept"), "precious").unwrap();
        let mut able = room.spec("able", 0);
        able.binds = vec![(cache.path().into(), "/var/cache/builder".into())];
        let address = room.local.create(&able).await.unwrap();
        let first = room.boot_id("able", address);
        room.says(
            "able",
            address,
            "echo mine >/root/note; echo new >/var/cache/builder/new",
        );
        let note = "cat /root/note /var/cache/builder/kept";

        // A participant reboots it.
        room.ssh("able", address, "systemctl reboot");
        let second = eventually("it has rebooted", || {
            let asked = room.ssh("able", address, "cat /proc/sys/kernel/random/boot_id");
            let id = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
            (id.len() == 36 && id != first)
                .then_some(id.clone())
                .ok_or(id)
        });
        assert!(room.runs("able").await);
        assert_eq!(room.says("able", address, note), "mine\nprecious");

        // A participant turns it off.
        room.ssh("able", address, "systemctl poweroff");
        room.is_off("able").await;
        assert_eq!(room.local.create(&able).await.unwrap(), address);
        let third = room.boot_id("able", address);
        assert_ne!(third, second);
        assert_eq!(room.says("able", address, note), "mine\nprecious");

        // systemd-nspawn is killed: the guest does not live on without it.
        let nspawn = nspawns(&room.id, 0);
        assert_eq!(nspawn.len(), 1);
        succeed(&mut shell(&format!("kill -9 {}", nspawn[0])));
        room.is_off("able").await;
        assert_eq!(room.local.create(&able).await.unwrap(), address);
        assert_ne!(room.boot_id("able", address), third);
        assert_eq!(room.says("able", address, note), "mine\nprecious");

        // Its bridge is removed and made again: the host is plugged in again.
        succeed(Command::new("ip").args(["link", "delete", &format!("ws-{}", room.id)]));
        let before = room.local.create(&able).await.unwrap();
        assert_eq!(before, address);
        room.boot_id("able", address);

        room.end().await;
        // What was only shown to the host is still there, with what it wrote.
        let kept = std::fs::read_to_string(cache.path().join("kept")).unwrap();
        assert_eq!(kept, "precious");
        assert!(cache.path().join("new").exists());
    }

    #[tokio::test]
    async fn a_run_killed_at_any_moment_is_completed_by_the_next() {
        let room = Room::new().await;
        let able = room.spec("able", 0);

        // A whole run in another process: its host outlives it and is found again.
        succeed(&mut helper(&room));
        let address = room.local.create(&able).await.unwrap();
        let first = room.boot_id("able", address);
        assert!(room.runs("able").await);
        // Ctrl-C reaches a whole process group: the host is in another, and another session.
        let nspawn = nspawns(&room.id, 0);
        let session = format!("ps -o sid= -p {}", nspawn[0]);
        assert_ne!(
            succeed(&mut shell(&session)).trim(),
            succeed(&mut shell(&format!("ps -o sid= -p {}", std::process::id()))).trim()
        );
        // Nothing of this process is open in it.
        let open = succeed(&mut shell(&format!("readlink /proc/{}/fd/*", nspawn[0])));
        assert!(!open.contains(&format!("{ALL}/{}\n", room.id)), "{open}");
        room.local.destroy("able").await.unwrap();

        for milliseconds in [2, 10, 20, 30, 45, 60, 90, 120, 180, 250, 400] {
            let mut run = helper(&room).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            run.kill().unwrap();
            run.wait().unwrap();
            let again = room.local.create(&able).await.unwrap();
            assert_eq!(again, address);
            answers(address);
            assert_eq!(room.says("able", address, "hostname"), "able");
            assert_ne!(room.boot_id("able", address), first);
            assert_eq!(nspawns(&room.id, 0).len(), 1);
            room.local.destroy("able").await.unwrap();
        }
        room.end().await;
    }

    #[tokio::test]
    async fn rests_of_hosts_are_found_and_removed() {
        let room = Room::new().await;
        // As a run leaves them that is killed while it makes or removes folders and cgroups.
        for rest in [".able.new/upper", ".able.gone/upper/etc"] {
            std::fs::create_dir_all(room.folder(rest)).unwrap();
        }
        let address = room.local.create(&room.spec("able", 0)).await.unwrap();
        answers(address);
        let rests = room.local.leftovers().unwrap();
        assert!(
            rests.iter().any(|rest| rest.name.ends_with("/.able.gone")),
            "{rests:#?}"
        );

        // Something mounted in a host's folder is never emptied.
        let precious = tempfile::tempdir().unwrap();
        std::fs::write(precious.path().join("file"), "").unwrap();
        let inside = room.folder("able").join("upper/mnt");
        std::fs::create_dir_all(&inside).unwrap();
        succeed(
            Command::new("mount")
                .arg("--bind")
                .arg(precious.path())
                .arg(&inside),
        );
        let refused = room.local.destroy("able").await;
        let still = precious.path().join("file").exists();
        succeed(&mut shell(&format!(
            "umount {ALL}/{id}/able/upper/mnt 2>/dev/null || umount {ALL}/{id}/.able.gone/upper/mnt",
            id = room.id
        )));
        assert!(still);
        assert!(
            matches!(refused, Err(LocalError::Mounted { .. })),
            "{refused:?}"
        );
        room.local.destroy("able").await.unwrap();
        assert_eq!(room.local.list().await.unwrap(), []);
        room.end().await;
    }

    /// MiB that files can take on the host, and how much of it is free.
    fn room_on(room: &Room, address: IpAddr) -> (u64, u64) {
        let said = room.says(
            "able",
            address,
            "df --output=size,avail --block-size=1M / | tail -n 1",
        );
        let mut numbers = said
            .split_whitespace()
            .map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    #[tokio::test]
    async fn a_disk_holds_what_it_is_given_and_nothing_else() {
        let room = Room::new().await;
        Local::check_disks(7).unwrap();
        let mut able = room.spec("able", 0);
        able.limits.disk_bytes = Some(256 << 20);
        let address = room.local.create(&able).await.unwrap();
        answers(address);
        let (size, free) = room_on(&room, address);
        assert!((192..=256).contains(&size), "{size}");
        assert!(free > 150, "{free}");

        // As on one file system: `du -x` and the like go by the device's number.
        let devices = room.says(
            "able",
            address,
            "touch /root/new; stat -c %d / /root/new /usr/bin/env | sort -u | wc -l",
        );
        assert_eq!(devices, "1");

        // Full is full, on the host alone.
        let full = room.ssh("able", address, "head -c 400M /dev/zero >/root/large");
        let errors = String::from_utf8_lossy(&full.stderr);
        assert!(errors.contains("No space left on device"), "{errors}");
        let taken = || {
            let script = format!(
                "sync; du --summarize --block-size=1M {}",
                room.folder("able").display()
            );
            let said = succeed(&mut shell(&script));
            said.split_whitespace()
                .next()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        assert!((150..=257).contains(&taken()), "{}", taken());
        // What is deleted is the machine's again.
        room.says(
            "able",
            address,
            "rm /root/large; echo mine >/root/note; sync",
        );
        eventually("the machine has its room again", || {
            (taken() < 100).then_some(()).ok_or(taken().to_string())
        });

        // Nobody else sees the mount; what is there is found.
        let found = room.local.leftovers().unwrap();
        let kinds = |kind| found.iter().filter(|one| one.kind == kind).count();
        assert_eq!(
            (kinds(LeftoverKind::Device), kinds(LeftoverKind::Mount)),
            (1, 0),
            "{found:#?}"
        );

        // Off, the guard's note is read from the file; the next start finds what was written.
        let note = r#"{"schema":1,"at":"2027-02-20T10:00:00Z","reason":"cpu"}"#;
        room.says(
            "able",
            address,
            &format!("mkdir -p /var/lib/workshop-guard; echo '{note}' >/var/lib/workshop-guard/power-off.json"),
        );
        let first = room.boot_id("able", address);
        room.ssh("able", address, "systemctl reboot");
        eventually("it has rebooted", || {
            let asked = room.ssh(
                "able",
                address,
                "cat /proc/sys/kernel/random/boot_id /root/note",
            );
            let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
            (said.ends_with("\nmine") && !said.starts_with(&first))
                .then_some(())
                .ok_or(said)
        });
        room.ssh("able", address, "systemctl poweroff");
        room.is_off("able").await;
        eventually("its disk is free", || {
            let found = room.local.leftovers().unwrap();
            let held = found.iter().any(|one| one.kind == LeftoverKind::Device);
            (!held).then_some(()).ok_or(format!("{found:#?}"))
        });
        assert_eq!(
            room.local.note("able").await.unwrap().unwrap().reason,
            "cpu"
        );

        // It grows while it is off, and does not shrink; without a size it would be another host.
        for (other, refused) in [(Some(128 << 20), "shrink"), (None, "no longer says so")] {
            let mut other_spec = able.clone();
            other_spec.limits.disk_bytes = other;
            let error = room
                .local
                .create(&other_spec)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(refused), "{error}");
        }
        able.limits.disk_bytes = Some(512 << 20);
        room.local.create(&able).await.unwrap();
        answers(address);
        let (grown, _) = room_on(&room, address);
        assert!(grown > size + 200, "{grown}");
        assert_eq!(room.says("able", address, "cat /root/note"), "mine");

        // While it runs, the kernel asks for a capability that root of some machines lacks.
        able.limits.disk_bytes = Some(768 << 20);
        let capable = succeed(&mut shell("grep CapEff: /proc/self/status"));
        let capable = u64::from_str_radix(capable.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // CAP_SYS_RESOURCE (capabilities(7)).
        if capable & 1 << 24 == 0 {
            let busy = room.local.create(&able).await;
            assert!(matches!(busy, Err(LocalError::DiskBusy { .. })), "{busy:?}");
            assert_eq!(room.says("able", address, "cat /root/note"), "mine");
            room.ssh("able", address, "systemctl poweroff");
            room.is_off("able").await;
        }
        room.local.create(&able).await.unwrap();
        answers(address);
        assert!(room_on(&room, address).0 > grown + 200);
        assert_eq!(room.says("able", address, "cat /root/note"), "mine");

        // Somebody looks into it from this machine: nothing is removed under their hands.
        let inside = tempfile::tempdir().unwrap();
        let image = room.folder("able").join("disk.img");
        succeed(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(inside.path()),
        );
        let refused = room.local.destroy("able").await;
        succeed(Command::new("umount").arg(inside.path()));
        assert!(
            matches!(refused, Err(LocalError::Mounted { .. })),
            "{refused:?}"
        );
        assert!(image.exists());
        room.end().await;
    }

    #[test]
    fn a_machine_without_loop_devices_is_told_so_before_anything_is_made() {
        Local::check_disks(7).unwrap();
        // As in most containers: a /dev with little in it.
        let script = "mount -t tmpfs tmpfs /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9; exec \"$@\"";
        let helper = std::env::current_exe().unwrap();
        succeed(
            Command::new("unshare")
                .args(["--mount", "sh", "-euc", script, "sh"])
                .arg(helper)
                .args(["--exact", "linux::helper_process", "--nocapture"])
                .env(HELPER, TRIAL),
        );
    }

    #[tokio::test]
    async fn a_run_killed_at_any_moment_leaves_no_half_disk() {
        let room = Room::new().await;
        let mut able = room.spec("able", 0);
        able.limits.disk_bytes = Some(128 << 20);
        for milliseconds in [5, 15, 25, 35, 50, 70, 100, 140, 200, 300] {
            let mut run = helper_with(&room, " 128").spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            run.kill().unwrap();
            run.wait().unwrap();
            // Half of the runs are destroyed as they are, half completed.
            if milliseconds % 10 == 0 {
                let address = room.local.create(&able).await.unwrap();
                answers(address);
                assert!(room_on(&room, address).0 < 128);
            }
            room.local.destroy("able").await.unwrap();
            let found = room.local.leftovers().unwrap();
            let held = found.iter().any(|one| one.kind == LeftoverKind::Device);
            assert!(!held, "{found:#?}");
            assert!(!room.folder("able").exists());
        }
        // Killed after the file had grown and before the file system had.
        room.local.create(&able).await.unwrap();
        succeed(&mut shell(&format!("kill -9 {}", nspawns(&room.id, 0)[0])));
        let image = room.folder("able").join("disk.img");
        let image = std::fs::OpenOptions::new().write(true).open(image).unwrap();
        image.set_len(256 << 20).unwrap();
        room.is_off("able").await;
        able.limits.disk_bytes = Some(256 << 20);
        let address = room.local.create(&able).await.unwrap();
        answers(address);
        assert!(room_on(&room, address).0 > 150);
        room.end().await;
    }

    #[tokio::test]
    async fn a_hostile_host_is_removed_and_leads_nowhere() {
        let room = Room::new().await;
        let able = room.spec("able", 0);
        let address = room.local.create(&able).await.unwrap();
        answers(address);
        let victim = tempfile::tempdir().unwrap();
        let victims_file = victim.path().join("file");
        std::fs::write(&victims_file, "precious").unwrap();
        let mut script = Vec::new();
        // Links out of the root, where the next start might write, and a tree without end.
        writeln!(
            script,
            "rm -rf /etc/hosts /etc/systemd/network /etc/hostname"
        )
        .unwrap();
        for link in ["/etc/hosts", "/etc/hostname"] {
            writeln!(script, "ln -s {} {link}", victims_file.display()).unwrap();
        }
        writeln!(script, "ln -s {} /root/out", victim.path().display()).unwrap();
        writeln!(script, "touch /root/fixed; chattr +i /root/fixed").unwrap();
        script.extend_from_slice(
            b"python3 -c 'import os\nos.chdir(\"/root\")\nfor i in range(3000): os.mkdir(\"d\"*50); os.chdir(\"d\"*50)'\n",
        );
        // A console without end, from the first process on.
        script.extend_from_slice(
            b"cd /usr/lib/systemd; mv systemd real; printf '#!/bin/sh\\nyes console | head -c 3000000\\nexec /usr/lib/systemd/real\\n' >systemd; chmod +x systemd\n",
        );
        room.says("able", address, &String::from_utf8(script).unwrap());

        // It starts again, with whatever its owner made of it: no address, for one thing.
        room.ssh("able", address, "systemctl poweroff");
        room.is_off("able").await;
        room.local.create(&able).await.unwrap();
        let kept = eventually("its console has said much", || {
            let size = |log| {
                let metadata = std::fs::metadata(room.folder("able").join(log));
                metadata.map_or(0, |metadata| metadata.len())
            };
            let kept = size("console.log") + size("console.log.1");
            (kept > 256 * 1024).then_some(kept).ok_or(kept.to_string())
        });
        assert!(kept <= 2 * 256 * 1024, "{kept}");
        room.end().await;
        assert_eq!(std::fs::read_to_string(victims_file).unwrap(), "precious");
    }
}
