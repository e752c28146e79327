//! Runs that must not begin: a second one at once, one that is not root.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use super::workshop::{Inventory, STATE, Workshop, eventually, program, run};

/// Debian's `nobody`.
const NOBODY: u32 = 65534;

/// In the range that systemd's dynamic users have, and so in nobody's `/etc/passwd`.
const STRANGER: u32 = 65_432;

#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let mut first = workshop.start(&["provision", "--json"]);
    let pid = first.pid();
    let lock = workshop.path().join(STATE).join("lock");
    eventually("the first run holds the lock", || {
        let text = std::fs::read_to_string(&lock).unwrap_or_default();
        text.contains(&pid.to_string()).then_some(()).ok_or(text)
    });
    // It would end before the others have looked.
    signal(pid, "-STOP");
    let refused = [
        workshop.run(&["provision"]),
        workshop.run(&["destroy", "--yes"]),
    ];
    signal(pid, "-CONT");
    for ran in refused {
        assert_eq!(ran.status, Some(2), "{ran:?}");
        let holder = format!("error: `workshop provision` (process {pid}, since ");
        assert!(ran.stderr.contains(&holder), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("hint: Wait for it to end."),
            "{}",
            ran.stderr
        );
    }
    let hosts = first.finish().hosts(0);
    assert!(hosts.iter().all(|host| host.verified), "{hosts:?}");
    workshop.provision_changes_nothing();
}

fn signal(pid: u32, signal: &str) {
    run(Command::new("kill").args([signal, &pid.to_string()])).exits(0);
}

#[test]
fn whoever_is_not_root_is_told_so() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let folder = workshop.path();
    let mut nobody = as_user(NOBODY, folder);
    let ran = run(nobody.arg("provision").env("HOME", folder));
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("error: local hosts need root"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}

/// The C library asks the machine's name services for a home that HOME does not name. The program that is installed
/// has it linked in, and would end with SIGSEGV in `libnss_systemd`, which Debian asks after the files.
#[test]
fn an_account_that_no_file_lists_is_told_to_set_home() {
    let folder = tempfile::tempdir().unwrap();
    let mut stranger = as_user(STRANGER, folder.path());
    let ran = run(stranger.arg("progress").env_remove("HOME"));
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(
        ran.stderr
            .contains("error: this account has no home folder\nhint: set HOME"),
        "{}",
        ran.stderr
    );
}

/// The program run as somebody else, in a folder that is given to them with all that lies in it.
fn as_user(user: u32, folder: &Path) -> Command {
    // Where they may read and write everything, and the program lies in no one's home.
    let copy = folder.join("workshop");
    std::fs::copy(program(), &copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        chown(entry.unwrap().path(), Some(user), Some(user)).unwrap();
    }
    chown(folder, Some(user), Some(user)).unwrap();

    let mut command = Command::new("setpriv");
    let id = user.to_string();
    command
        .args(["--reuid", &id, "--regid", &id, "--clear-groups"])
        .arg(&copy)
        .current_dir(folder);
    command
}
