//! The scripts through a real shell, in a root of the tests' own, with commands that only write down what they are for.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

mod lists;
mod refused;
mod scripts;

use super::look::look_in;
use super::take::adopt_in;
use super::undo::undo_in;
use super::*;
use crate::cloud::WorkshopId;
use crate::host::Output;

const KEY: &str = "ssh-ed25519 AAAA somebody@laptop";

/// What would change the machine that tests run on. The file `dies` names the one that
/// kills its script instead, once.
const COMMAND: &str = r#"#!/bin/sh
name=${0##*/}
root=${0%/bin/*}/root
if [ "$name" = "$(cat "$root/../dies" 2>/dev/null)" ]; then rm "$root/../dies"; kill -9 $PPID; exit 1; fi
case $name in
  userdel) for a; do :; done; sed -i "/^$a:/d" "$root/etc/passwd" ;;
  groupdel) sed -i "/^$1:/d" "$root/etc/group" ;;
  hostname) if [ $# = 0 ]; then echo stock; else echo "$1" > "$root/../hostname"; fi ;;
  pkill) exit 1 ;;
  systemctl) [ "$1" != is-active ] ;;
  dpkg) [ "$1" = --print-architecture ] && echo amd64 ;;
  sshd) [ "$1" != -T ] || cat "$root/../effective" 2>/dev/null ;;
  nix-store) [ "$1" != --query ] || echo "$root/nix/store/abc-closure" ;;
  nix-collect-garbage) rm -rf "$root/nix/store/abc-closure" ;;
esac
"#;

struct Root {
    folder: tempfile::TempDir,
    label: WorkshopId,
}

impl Root {
    fn new() -> Self {
        let root = Self {
            folder: tempfile::tempdir().unwrap(),
            label: "0badcafe".parse().unwrap(),
        };
        for folder in [
            "etc/profile.d",
            "etc/ssh/sshd_config.d",
            "etc/sudoers.d",
            "etc/systemd/system",
            "home",
            "lib/modules/6.1-1",
            "run/lock",
            "run/motd.d",
            "run/systemd/system",
            "tmp",
            "usr/local/bin",
            "usr/share/bash-completion/completions",
            "var/cache",
            "var/lib/systemd/linger",
            "var/lib/systemd/timers",
            "var/mail",
            "var/spool/cron/crontabs",
            "var/tmp",
        ] {
            std::fs::create_dir_all(root.path(folder)).unwrap();
        }
        root.put(
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
        );
        root.put(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
        );
        root.put("etc/group", "root:x:0:\n");
        root.put("etc/hostname", "stock\n");
        root.put(
            "etc/hosts",
            "127.0.0.1 localhost\n127.0.1.1 stock.example stock\n",
        );
        root.put("etc/motd", "Welcome\n");
        root.put("root/.ssh/authorized_keys", "# mine\nssh-ed25519 BBBB me\n");
        std::fs::set_permissions(
            root.path("root/.ssh/authorized_keys"),
            PermissionsExt::from_mode(0o640),
        )
        .unwrap();
        for command in [
            "userdel",
            "groupdel",
            "hostname",
            "systemctl",
            "loginctl",
            "pkill",
            "dpkg",
            "sshd",
            "apt-get",
            "nix-store",
            "nix-collect-garbage",
        ] {
            let file = root.folder.path().join("bin").join(command);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, COMMAND).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        }
        root
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    fn put(&self, path: &str, content: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Runs what `script` gives for this root, as a connection would.
    fn run(&self, script: impl FnOnce(Place) -> Script) -> Output {
        let root = self.path("").display().to_string();
        let bin = self.folder.path().join("bin").display().to_string();
        let script = script(Place {
            root: root.trim_end_matches('/'),
            path: &format!("{bin}:{}", MACHINE.path),
        });
        let mut child = Command::new("sh")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.text().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Output {
            status: output
                .status
                .code()
                .and_then(|code| u32::try_from(code).ok()),
            text: String::from_utf8(text).unwrap(),
            cut: false,
        }
    }

    fn adopt(&self) -> Adopted {
        read_adopt(&self.run(|place| adopt_in(place, &self.label, "able", KEY)))
    }

    fn undo(&self) -> Undone {
        read_undo(&self.run(|place| undo_in(place, &self.label)))
    }

    fn look(&self) -> Machine {
        read_look(&self.run(look_in).text).unwrap()
    }

    /// The next call of this command kills the script that calls it.
    fn dies_at(&self, command: &str) {
        std::fs::write(self.folder.path().join("dies"), command).unwrap();
    }

    fn died(&self) -> bool {
        !self.folder.path().join("dies").exists()
    }

    /// Every path below the root: its mode, and its content or where it leads.
    fn all(&self) -> BTreeMap<String, String> {
        fn walk(folder: &Path, root: &Path, all: &mut BTreeMap<String, String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = std::fs::symlink_metadata(&path).unwrap();
                let is = if metadata.is_dir() {
                    walk(&path, root, all);
                    "folder".to_owned()
                } else if metadata.is_symlink() {
                    std::fs::read_link(&path).unwrap().display().to_string()
                } else {
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
                };
                let name = path.strip_prefix(root).unwrap().display().to_string();
                all.insert(name, format!("{:o} {is}", metadata.permissions().mode()));
            }
        }
        let mut all = BTreeMap::new();
        walk(&self.path(""), &self.path(""), &mut all);
        // The folder that every sshd has while it runs.
        all.remove("run/sshd");
        // What the package makes stays, with nothing of ours in it.
        all.retain(|path, _| path != "nix" && !path.starts_with("nix/var"));
        if all
            .remove("nix/store")
            .is_some_and(|_| all.keys().any(|path| path.starts_with("nix/")))
        {
            all.insert("nix/store".into(), "not empty".into());
        }
        all
    }

    /// What steps write, and what participants do; `outside` is not ours.
    fn work(&self, outside: &Path) {
        for path in ["etc/passwd", "etc/group"] {
            let more = "workshop:x:4000001:4000001::/home/workshop:/bin/bash\nbitcoin:x:4000002:4000002::/var/lib/bitcoind:/usr/sbin/nologin\n";
            let text = self.read(path);
            self.put(path, &format!("{text}{more}"));
        }
        for path in paths::ours() {
            self.put(path.trim_start_matches('/'), "ours");
        }
        std::fs::remove_file(self.path("home/workshop")).unwrap();
        self.put("home/workshop/bitcoin/build/x", "work");
        for path in [
            "etc/environment",
            "etc/motd",
            "etc/nix/nix.conf",
            "tmp/workshop-check-17-x/log",
            "etc/motd.workshop-new",
            "root/.nix-defexpr/channels",
        ] {
            self.put(path, "ours");
        }
        std::fs::create_dir_all(self.path("nix/store/abc-closure")).unwrap();
        symlink(
            "/nix/store/abc-closure",
            self.path("nix/var/nix/profiles/workshop-1-link"),
        )
        .unwrap();
        std::fs::create_dir_all(self.path("lib/modules/6.18/")).unwrap();
        symlink(
            "/usr/src/linux-headers-6.1",
            self.path("lib/modules/6.18/build"),
        )
        .unwrap();
        // Links out of what is removed, and in the place of what is put back.
        symlink(outside, self.path("home/workshop/out")).unwrap();
        std::fs::remove_file(self.path("etc/workshop")).unwrap();
        symlink(outside, self.path("etc/workshop")).unwrap();
        std::fs::remove_file(self.path("etc/hosts")).unwrap();
        symlink(outside.join("precious"), self.path("etc/hosts")).unwrap();
    }
}

fn outside() -> tempfile::TempDir {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "precious").unwrap();
    outside
}

fn gone() -> Undone {
    Undone::Gone { notes: vec![] }
}
