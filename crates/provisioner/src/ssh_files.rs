//! `.workshop/ssh_config` and `.workshop/known_hosts`: how OpenSSH gets to the hosts, never in the user's own files.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::cloud::SSH_PORT;
use crate::host::keys::public_line;
use crate::state::{Workplace, files};

/// The client configuration's file name in `.workshop/`.
pub const SSH_CONFIG: &str = "ssh_config";

/// The host keys' file name in `.workshop/`.
pub const KNOWN_HOSTS: &str = "known_hosts";

/// Writes both files for every host that has an address, if anything in them changed.
pub(crate) fn write(place: &Workplace) -> io::Result<()> {
    let folder = place.folder().canonicalize()?;
    let mut config = String::from(
        "# Written by `workshop provision`. A participant: ssh -F THIS-FILE -i THEIR-KEY WORD\n\
         # The instructor: workshop ssh WORD\n",
    );
    let mut known = String::new();
    let (mut jumps, mut jump_hosts) = (Vec::new(), String::new());
    for (name, host) in &place.state().hosts {
        let Some(address) = host.address else {
            continue;
        };
        let key = place.keys().find_host(name).map_err(io::Error::other)?;
        let Some(key) = key.as_ref().map(public_line) else {
            continue;
        };
        let _ = write!(
            config,
            "\nHost {name}\n    HostName {}\n    HostKeyAlias {name}\n",
            address.ip
        );
        if address.port != SSH_PORT {
            let _ = writeln!(config, "    Port {}", address.port);
        }
        if let Some(jump) = place.keys().jump(name).map_err(io::Error::other)? {
            let alias = format!("workshop-jump-{}", jump.address.known_host());
            let alias = alias.replace(['[', ']', ':'], "-");
            let _ = writeln!(config, "    ProxyJump {alias}");
            if !jumps.contains(&alias) {
                let _ = writeln!(known, "{alias} {}", public_line(&jump.host_key.public()));
                jumps.push(alias.clone());
                let _ = write!(
                    jump_hosts,
                    "\nHost {alias}\n    HostName {}\n    Port {}\n    HostKeyAlias {alias}\n    User {}\n    \
                     IdentitiesOnly no\n",
                    jump.address.ip, jump.address.port, jump.user
                );
                if let Some(identity) = &jump.identity {
                    let _ = writeln!(jump_hosts, "    IdentityFile \"{}\"", quoted(identity)?);
                }
            }
        }
        let _ = writeln!(known, "{name} {key}");
    }
    config.push_str(&jump_hosts);
    // The first value that ssh reads counts, so what is common to all comes last.
    let _ = write!(
        config,
        "\nHost *\n    User workshop\n    UserKnownHostsFile \"{}\"\n    GlobalKnownHostsFile /dev/null\n    \
         StrictHostKeyChecking yes\n    IdentitiesOnly yes\n    PasswordAuthentication no\n    \
         ForwardAgent no\n    ForwardX11 no\n    ConnectTimeout 20\n",
        quoted(&folder.join(KNOWN_HOSTS))?
    );
    for (name, text) in [(SSH_CONFIG, config), (KNOWN_HOSTS, known)] {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        files::write_private(&path, text.as_bytes())?;
    }
    Ok(())
}

/// A path between the double quotes of ssh_config(5): a backslash keeps a quote or a backslash, and `%%` is
/// one per cent sign where `%h` would be the host's name.
fn quoted(path: &Path) -> io::Result<String> {
    let unusable = |why: &str| {
        let message = format!("ssh_config cannot name {}: {why}", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let text = path.to_str().ok_or_else(|| unusable("it is not UTF-8"))?;
    if text.contains("${") {
        return Err(unusable("`${` begins an environment variable there"));
    }
    if text.contains(char::is_control) {
        return Err(unusable("it has a control character"));
    }
    Ok(text
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::state::{Effect, Event, Role};

    /// A workshop in a folder of this name, with `abandon` created and `ability` not yet.
    fn place(parent: &Path, folder: &str) -> Workplace {
        let folder = parent.join(folder);
        std::fs::create_dir(&folder).unwrap();
        let mut place = Workplace::open(&folder.join("inventory.yaml"), "test").unwrap();
        for (index, host) in ["abandon", "ability"].into_iter().enumerate() {
            place.host_key(host).unwrap();
            place
                .record(Event::Assigned {
                    host: host.into(),
                    identity: format!("of {host}"),
                    role: Role::Participant,
                    index: index as u16,
                })
                .unwrap();
        }
        place
            .record(Event::Done {
                host: "abandon".into(),
                effect: Effect::Create,
                address: Some("10.231.7.10".parse().unwrap()),
            })
            .unwrap();
        place
    }

    /// What OpenSSH's own client makes of the configuration.
    fn ssh_g(place: &Workplace, host: &str) -> String {
        let output = Command::new("ssh")
            .arg("-G")
            .arg("-F")
            .arg(place.folder().join(SSH_CONFIG))
            .arg(host)
            .output()
            .expect("ssh (Debian's package openssh-client) is installed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn openssh_reads_what_we_meant() {
        let parent = tempfile::tempdir().unwrap();
        let place = place(parent.path(), "plain");
        write(&place).unwrap();
        let read = ssh_g(&place, "abandon");
        for line in [
            "hostname 10.231.7.10",
            "hostkeyalias abandon",
            "user workshop",
            "port 22",
            "stricthostkeychecking true",
            "globalknownhostsfile /dev/null",
            "identitiesonly yes",
            "passwordauthentication no",
            "forwardagent no",
            "forwardx11 no",
            "connecttimeout 20",
        ] {
            assert!(
                read.lines().any(|found| found == line),
                "no `{line}` in\n{read}"
            );
        }
        // What is not there yet gets no entry, and is not trusted by another's key either.
        assert!(!ssh_g(&place, "ability").contains("hostkeyalias"));
    }

    #[test]
    fn a_workshop_may_lie_in_a_folder_of_any_name() {
        let parent = tempfile::tempdir().unwrap();
        for name in [
            "my two workshops",
            "100 %h %d",
            "quote\"d",
            "it's",
            r"back\slash\\",
            "#1 $HOME ~",
            "Grün \u{1F980}",
        ] {
            let place = place(parent.path(), name);
            write(&place).unwrap();
            let read = ssh_g(&place, "abandon");
            let file = place.folder().canonicalize().unwrap().join(KNOWN_HOSTS);
            let line = format!("userknownhostsfile {}", file.display());
            assert!(
                read.lines().any(|found| found == line),
                "no `{line}` in\n{read}"
            );

            // The file is what it should be too, and holds the one key.
            let found = Command::new("ssh-keygen")
                .args(["-F", "abandon", "-f"])
                .arg(&file)
                .output()
                .unwrap();
            let key = place.host_key("abandon").unwrap().public_line();
            assert_eq!(
                String::from_utf8(found.stdout).unwrap(),
                format!("# Host abandon found: line 1 \nabandon {key}\n")
            );
        }
    }

    #[test]
    fn what_ssh_config_cannot_name_is_said() {
        let parent = tempfile::tempdir().unwrap();
        for (name, why) in [
            ("two\nlines", "it has a control character"),
            ("${HOME}", "`${` begins an environment variable there"),
        ] {
            let error = write(&place(parent.path(), name)).unwrap_err();
            assert!(error.to_string().ends_with(why), "{error}");
        }
    }

    #[test]
    fn files_that_are_right_are_not_written_again() {
        let parent = tempfile::tempdir().unwrap();
        let mut place = place(parent.path(), "plain");
        let file = place.folder().join(SSH_CONFIG);
        // A rename makes another inode.
        let inode = || {
            use std::os::unix::fs::MetadataExt as _;
            file.metadata().unwrap().ino()
        };
        write(&place).unwrap();
        let first = inode();
        write(&place).unwrap();
        assert_eq!(inode(), first);
        place
            .record(Event::Done {
                host: "abandon".into(),
                effect: Effect::Destroy,
                address: None,
            })
            .unwrap();
        write(&place).unwrap();
        assert_ne!(inode(), first);
        assert!(!std::fs::read_to_string(&file).unwrap().contains("abandon"));
    }
}
