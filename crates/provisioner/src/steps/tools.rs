//! What comes by Nix, the build tree, and what the tracing tools need of the system.

use super::{HostContext, PROFILE, TREE, render};
use crate::host::Script;
use crate::step::{HostFile, Step};

pub(super) fn nix(context: &HostContext) -> Step {
    Step {
        id: "nix",
        files: vec![
            HostFile::public(
                "/etc/nix/nix.conf",
                render(
                    "nix.conf.j2",
                    include_str!("../../../../templates/host/nix.conf.j2"),
                    context,
                ),
            ),
            // nix-shell would otherwise look for bash in <nixpkgs>, which is not here.
            HostFile::public(
                "/etc/profile.d/workshop.sh",
                "export NIX_BUILD_SHELL=/bin/bash\n",
            ),
        ],
        // A command without a login shell (`ssh WORD nix-shell …`) reads no profile, but PAM reads this.
        fact: Script::new("grep -qx NIX_BUILD_SHELL=/bin/bash /etc/environment"),
        change: Script::new(
            "grep -qx NIX_BUILD_SHELL=/bin/bash /etc/environment 2>/dev/null || echo NIX_BUILD_SHELL=/bin/bash >> /etc/environment\n\
             systemctl try-restart nix-daemon.service",
        ),
    }
}

/// The closure, substituted into the host's own store and activated as a profile generation.
pub(super) fn closure(context: &HostContext) -> Step {
    let with = |body| {
        let mut script = Script::default()
            .with("path", context.closure.host.as_str())
            .with("profile", PROFILE);
        script.push(body);
        script
    };
    let mut change = Script::default()
        .with("path", context.closure.host.as_str())
        .with("profile", PROFILE);
    if let Some(from) = &context.closure_from {
        change = change.with("from", from);
    }
    // Root may name another cache than nix.conf; signatures are looked at all the same.
    change.push(match &context.closure_from {
        Some(_) => {
            r#"nix-store --quiet --realise "$path" --option substituters "$from" >/dev/null"#
        }
        None => r#"nix-store --quiet --realise "$path" >/dev/null"#,
    });
    change.push("nix-env --quiet --profile \"$profile\" --set \"$path\"");
    Step {
        id: "closure",
        files: vec![],
        fact: with(
            r#"now=$(readlink -f "$profile"); echo "the profile is $now"; [ "$now" = "$path" ] && [ -x "$path/bin/workshop" ]"#,
        ),
        change,
    }
}

pub(super) fn commands() -> Step {
    // /usr/local/bin is on every PATH, sudo's and that of commands without a login shell included.
    // Links to the profile, not to a store path: a rollback changes what they run.
    let each = "for c in bitcoind bitcoin-cli workshop; do";
    let completion = "/usr/share/bash-completion/completions/workshop";
    Step {
        id: "commands",
        files: vec![],
        fact: Script::new(&format!(
            "{each} [ /usr/local/bin/$c -ef {PROFILE}/bin/$c ] || {{ echo \"no /usr/local/bin/$c\"; exit 1; }}; done\n[ -e {completion} ]"
        )),
        change: Script::new(&format!(
            "mkdir -p /usr/share/bash-completion/completions\n\
             {each} ln -sfn {PROFILE}/bin/$c /usr/local/bin/$c; done\n\
             ln -sfn {PROFILE}/share/bash-completion/completions/workshop {completion}"
        )),
    }
}

/// The warm build tree. Somebody's work in it is never overwritten: it is moved aside.
pub(super) fn tree(context: &HostContext) -> Step {
    let with = |body| {
        let mut script = Script::default()
            .with(
                "archive",
                &format!("{}/bitcoin.tar.zst", context.closure.tree),
            )
            .with("tree", TREE)
            .with("stamp", "/var/lib/workshop/tree");
        script.push(body);
        script
    };
    // The participant may do with the tree what they like; a stamp says which one was put there.
    let fact = r#"read -r is 2>/dev/null < "$stamp" || is=none; echo "the tree is $is"; [ "$is" = "$archive" ]"#;
    let change = r#"
mkdir -p "${stamp%/*}"
if [ -e "$tree" ]; then
  if [ -e "$stamp" ] && [ -z "$(find "$tree" -newer "$stamp" -print -quit)" ]; then
    rm -rf "$tree"
  else
    mv "$tree" "$tree.before-$(date +%Y%m%d-%H%M%S)"
  fi
fi
rm -rf "$tree.unpacking"
install -d -o workshop -g workshop "$tree.unpacking"
zstd -qdc "$archive" | runuser -u workshop -- tar -x -C "$tree.unpacking"
[ -x "$tree.unpacking/build/bin/bitcoind" ]
mv -T "$tree.unpacking" "$tree"
printf '%s\n' "$archive" > "$stamp.new"
mv "$stamp.new" "$stamp"
"#;
    Step {
        id: "build tree",
        files: vec![],
        fact: with(fact),
        change: with(change),
    }
}

/// `nix-shell` in the tree. The file in the tree is put there once; it is the participant's then.
pub(super) fn shell() -> Step {
    Step {
        id: "nix shell",
        files: vec![
            HostFile::public(
                "/etc/workshop/nix/native.nix",
                include_str!("../../../../nix/native.nix"),
            ),
            HostFile::public(
                "/etc/workshop/nix/shell.nix",
                include_str!("../../../../nix/shell.nix"),
            ),
            // Else PATH would be a variable of the shell only: CMake finds its own modules by PATH.
            HostFile::public("/etc/workshop/nix/setup", "export PATH\n"),
            HostFile::public(
                "/etc/workshop/nix/tree-shell.nix",
                include_str!("../../../../templates/host/shell.nix.j2"),
            ),
        ],
        fact: Script::new(&format!("[ -e {TREE}/shell.nix ]")),
        change: Script::new(&format!(
            "[ -e {TREE}/shell.nix ] || runuser -u workshop -- cp /etc/workshop/nix/tree-shell.nix {TREE}/shell.nix"
        )),
    }
}

/// Kernel headers where BCC looks for them.
///
/// BCC compiles against `/lib/modules/RELEASE/{build,source}`, which the packages of the running kernel's headers make. A
/// host that runs another kernel (a local host runs this machine's; a mirror forgets older ones) gets the newest headers
/// under its own release's name, which is enough for USDT programs. Debian's are two folders, X-ARCH and X-common;
/// Ubuntu's X-generic refers to its other half by itself.
pub(super) fn kernel_headers() -> Step {
    let fact = r#"
read -r release < /proc/sys/kernel/osrelease
[ -e "/lib/modules/$release/build/include" ] || { echo "no headers for $release"; exit 1; }
"#;
    let change = r#"
read -r release < /proc/sys/kernel/osrelease
arch=$(dpkg --print-architecture)
build=$(ls -d /usr/src/linux-headers-*-"$arch" /usr/src/linux-headers-*-generic 2>/dev/null | sort -V | tail -n 1)
[ -n "$build" ] || { echo "no kernel headers in /usr/src"; exit 1; }
mkdir -p "/lib/modules/$release"
ln -sfn "$build" "/lib/modules/$release/build"
common=${build%-"$arch"}
# Debian's cloud kernel shares the other half with the usual one.
common=${common%-cloud}-common
[ ! -d "$common" ] || ln -sfn "$common" "/lib/modules/$release/source"
"#;
    Step {
        id: "kernel headers",
        files: vec![],
        fact: Script::new(fact),
        change: Script::new(change),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Where the two links lead to on a system with these folders in /usr/src; the running kernel has no headers.
    fn linked(folders: &[&str]) -> [Option<String>; 2] {
        let root = tempfile::tempdir().unwrap();
        let path = |path: &str| root.path().join(path);
        for folder in ["bin", "modules"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        for folder in folders {
            std::fs::create_dir_all(path("src").join(folder)).unwrap();
        }
        // On a machine without dpkg too.
        std::fs::write(path("bin/dpkg"), "#!/bin/sh\necho amd64\n").unwrap();
        std::fs::set_permissions(
            path("bin/dpkg"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let text = kernel_headers()
            .change
            .text()
            .replace("/usr/src", &path("src").display().to_string())
            .replace("/lib/modules", &path("modules").display().to_string());
        let search = format!(
            "{}:{}",
            path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let status = std::process::Command::new("sh")
            .args(["-ec", &text])
            .env("PATH", search)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let modules = path("modules").join(release.trim());
        let leads = |name: &str| {
            let link = std::fs::read_link(modules.join(name)).ok()?;
            Some(link.file_name().map(Path::new)?.display().to_string())
        };
        let found = [leads("build"), leads("source")];
        assert_eq!(status.success(), found[0].is_some());
        found
    }

    #[test]
    fn headers_of_another_kernel_are_linked_whoever_packed_them() {
        let is =
            |build: &str, source: Option<&str>| [Some(build.to_owned()), source.map(str::to_owned)];
        assert_eq!(
            linked(&[
                "linux-headers-6.12.9-amd64",
                "linux-headers-6.12.9-common",
                "linux-headers-6.12.48-amd64",
                "linux-headers-6.12.48-common"
            ]),
            is(
                "linux-headers-6.12.48-amd64",
                Some("linux-headers-6.12.48-common")
            )
        );
        assert_eq!(
            linked(&[
                "linux-headers-6.12.48+deb13-cloud-amd64",
                "linux-headers-6.12.48+deb13-common"
            ]),
            is(
                "linux-headers-6.12.48+deb13-cloud-amd64",
                Some("linux-headers-6.12.48+deb13-common")
            )
        );
        assert_eq!(
            linked(&["linux-headers-6.8.0-31", "linux-headers-6.8.0-31-generic"]),
            is("linux-headers-6.8.0-31-generic", None)
        );
        assert_eq!(linked(&[]), [None, None]);
    }
}
