//! The machine itself: its name, its packages, and what it says about itself.

use super::{HostContext, PROFILE, TREE, render};
use crate::cloud::existing::adopt::BEFORE;
use crate::host::Script;
use crate::step::{HostFile, Step};

/// Calls the machine `$word`, in the root `$r`.
pub(crate) const SET_HOSTNAME: &str = r#"
echo "$word" > "$r/etc/hostname"
hostname "$word"
[ -e "$r/etc/hosts" ] || : > "$r/etc/hosts"
sed -i '/^127\.0\.1\.1[[:space:]]/d' "$r/etc/hosts"
printf '127.0.1.1 %s\n' "$word" >> "$r/etc/hosts"
"#;

pub(super) fn hostname(context: &HostContext) -> Step {
    let fact = r#"
read -r kernel < /proc/sys/kernel/hostname; read -r file < /etc/hostname
echo "called $kernel (kernel) and $file (/etc/hostname)"
# Without a name in /etc/hosts every look-up of the host's own name waits for DNS.
[ "$kernel $file" = "$word $word" ] && grep -qE "^127\.0\.1\.1[[:space:]]+$word( |$)" /etc/hosts
"#;
    let with = |body| {
        let mut script = Script::default().with("r", "").with("word", &context.word);
        script.push(body);
        script
    };
    Step {
        id: "hostname",
        files: vec![],
        fact: with(fact),
        change: with(SET_HOSTNAME),
    }
}

/// The tools that participants work with and the toolchain that rebuilds Bitcoin Core.
pub(crate) fn packages() -> Step {
    // The commands, not the package database: `command -v` starts no process, dpkg-query takes 40 ms.
    let fact = r#"
missing=
for c in g++ make cmake ninja pkg-config nix nix-store bpftrace gdb readelf vim nano htop rg git python3 tmux zstd; do
  command -v $c >/dev/null || missing="$missing $c"
done
for f in /usr/lib/python3/dist-packages/bcc/__init__.py /usr/include/event2/event.h \
         /usr/include/boost/version.hpp /usr/include/sqlite3.h; do
  [ -e "$f" ] || missing="$missing $f"
done
set -- /usr/include/sys/sdt.h /usr/include/*/sys/sdt.h
[ -e "$1" ] || [ -e "$2" ] || missing="$missing sys/sdt.h"
[ -z "$missing" ] || { echo "missing:$missing"; exit 1; }
"#;
    let packages: Vec<&str> = crate::packages::PACKAGES
        .iter()
        .flat_map(|group| group.names)
        .copied()
        .collect();
    let mut change = Script::default()
        .with("packages", &packages.join(" "))
        .with("brought", &format!("{BEFORE}/brought"));
    // The headers of the running kernel, where the mirror still has them; else those of the newest. Questions about
    // files that somebody changed are answered with theirs, and Ubuntu's needrestart must not restart what we talk through.
    change.push(
        r#"
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
apt-get -qq -o DPkg::Lock::Timeout=120 update
headers=
for name in "linux-headers-$(uname -r)" "linux-headers-$(dpkg --print-architecture)" linux-headers-generic; do
  # Of a name that only other packages provide apt-cache says nothing, and ends well.
  [ -n "$headers" ] || [ -z "$(apt-cache show "$name" 2>/dev/null)" ] || headers=$name
done
apt-get -qq -y -o DPkg::Lock::Timeout=120 -o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold \
  -o APT::Keep-Downloaded-Packages=false --no-install-recommends install $packages $headers
# On a machine that is to be given back: what the packages brought and the next steps replace.
if [ -d "${brought%/*}" ] && [ ! -e "$brought" ]; then
  mkdir -p "$brought.new/etc/nix"
  [ ! -e /etc/nix/nix.conf ] || cp -a /etc/nix/nix.conf "$brought.new/etc/nix/"
  mv -T "$brought.new" "$brought"
fi
"#,
    );
    Step {
        id: "packages",
        files: vec![],
        fact: Script::new(fact),
        change,
    }
}

/// What `workshop` on the host and whoever logs in are told.
pub(super) fn about(context: &HostContext) -> Step {
    let about = serde_json::json!({
        "schema": 1,
        "workshop": context.workshop,
        "word": context.word,
        "participant": context.participant,
        "deadline": context.deadline,
        "chain": context.chain.name,
        "bitcoin_version": context.core_version,
        "tree": TREE,
        "node_binary": format!("{PROFILE}/bin/bitcoind"),
        "memory_bytes": context.memory_bytes,
    });
    Step::files(
        "about",
        vec![
            HostFile::public("/etc/workshop/host.json", format!("{about:#}\n")),
            HostFile::public(
                "/etc/motd",
                render(
                    "motd.j2",
                    include_str!("../../../../templates/host/motd.j2"),
                    minijinja::context! {
                        workshop => &context.workshop,
                        word => &context.word,
                        participant => &context.participant,
                        deadline => &context.deadline,
                        switches_off => context.power_off.is_some(),
                    },
                ),
            ),
        ],
    )
}
