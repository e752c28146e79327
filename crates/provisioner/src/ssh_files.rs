//! `.workshop/ssh_config` and `.workshop/known_hosts`: how OpenSSH gets to the hosts, never in the user's own files.

use std::fmt::Write as _;
use std::io;

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
    for (name, host) in &place.state().hosts {
        let Some(address) = host.address else {
            continue;
        };
        let key = place
            .host_key(name)
            .map_err(io::Error::other)?
            .public_line();
        let _ = write!(
            config,
            "\nHost {name}\n    HostName {address}\n    HostKeyAlias {name}\n"
        );
        let _ = writeln!(known, "{name} {key}");
    }
    // The first value that ssh reads counts, so what is common to all comes last.
    let _ = write!(
        config,
        "\nHost *\n    User workshop\n    UserKnownHostsFile \"{}\"\n    GlobalKnownHostsFile /dev/null\n    \
         StrictHostKeyChecking yes\n    IdentitiesOnly yes\n    PasswordAuthentication no\n    \
         ForwardAgent no\n    ForwardX11 no\n    ConnectTimeout 20\n",
        folder.join(KNOWN_HOSTS).display()
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
