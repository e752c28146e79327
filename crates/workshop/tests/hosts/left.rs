//! What a check or a grade must not leave on a host, however it ends.

use super::desk::Desk;
use super::workshop::eventually;

/// Our own verbs, and what they start. The brackets keep the search from finding itself.
const PROCESSES: &str = "pgrep -af '[e]vidence --seed|[o]bserve (task3|starts|interface|functional)|[c]heck task|\
                         [w]atch task|[i]nterface-test|[b]pftrace -f json|[t]est_bitcoin --run_test|\
                         [b]itcoind -regtest|[i]nterface_usdt|[t]est_runner' || true";

/// The folders of a check, of a grade, and of Bitcoin Core's own tests.
const FOLDERS: &str = "ls -d /tmp/workshop-check-* /var/lib/workshop/grade.* /tmp/functional_test_cache* \
                       /tmp/bitcoin_func_test_* 2>/dev/null || true";

/// Waits until no process and no folder is left. `says` runs a command line on the host.
#[track_caller]
pub(super) fn nothing_is_left(says: impl Fn(&str) -> String) {
    nothing_of("process", PROCESSES, &says);
    nothing_of("folder", FOLDERS, &says);
}

/// Waits until no process is left. The folder of root's side that was killed goes with the next check.
#[track_caller]
pub(super) fn no_process_is_left(desk: &Desk) {
    nothing_of("process", PROCESSES, &|line: &str| desk.says(line));
}

#[track_caller]
fn nothing_of(what: &str, look: &str, says: &dyn Fn(&str) -> String) {
    eventually(&format!("no {what} is left"), || {
        let left = says(look);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}
