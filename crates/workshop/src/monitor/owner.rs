//! Whose files are written under `sudo`: the user's who called it.

use std::io;
use std::path::PathBuf;

/// The user behind `sudo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    uid: u32,
    gid: u32,
    home: PathBuf,
}

impl Owner {
    /// Who called `sudo`; none when nobody did.
    pub(crate) fn behind_sudo() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        let (uid, gid) = (number("SUDO_UID")?, number("SUDO_GID")?);
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let home = home(&accounts, uid)?;
        (uid != 0).then_some(Self { uid, gid, home })
    }

    /// Where their state is kept.
    pub(crate) fn state_folder(&self) -> PathBuf {
        // sudo does not hand on XDG_STATE_HOME.
        self.home.join(".local/state")
    }
}

/// The home folder of a user in `/etc/passwd`.
fn home(accounts: &str, uid: u32) -> Option<PathBuf> {
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let found = fields.get(2)?.parse::<u32>().ok()? == uid;
        let home = PathBuf::from(fields.get(5)?);
        (found && home.is_absolute()).then_some(home)
    })
}

/// Runs `work` with the rights of `owner` and no others: in folders of theirs, root would follow links to
/// wherever they lead.
pub(crate) fn acting_as<T: Send + 'static>(
    owner: Option<&Owner>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let Some(owner) = owner else { return work() };
    let (uid, gid) = (owner.uid, owner.gid);
    // Linux has rights by thread, so a thread that ends gives nothing up.
    let thread = std::thread::spawn(move || {
        become_user(uid, gid)?;
        work()
    });
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that acts for the user died")))
}

fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_found_by_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nodd\nada:x:1000:1000::/home/ada:/bin/sh\nx:x:1001:1::rel:\n";
        assert_eq!(home(accounts, 1000), Some("/home/ada".into()));
        assert_eq!(home(accounts, 1001), None);
        assert_eq!(home(accounts, 7), None);
    }
}
