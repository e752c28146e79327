//! A grade of all hosts, against the same checks started by plain ssh on each host side by side: what the former takes
//! longer is ours, the rest is the hosts' own work.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use super::median;
use crate::Result;
use crate::room::Room;
use crate::run::headline;

/// As `workshop grade` starts its checker, with the host's own program and one check after the other.
const CHECKS: &str = "\
cd /home/workshop
for task in 0 1 2 3 4 5; do
  setpriv --reuid=workshop --regid=workshop --init-groups env -i HOME=/home/workshop USER=workshop \
    LOGNAME=workshop LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    workshop check task$task --json </dev/null >/dev/null 2>&1
done
exit 0";

/// The starter of task 3 is a script, so that its check has a unit test to run.
const START: &str = "runuser -l workshop -c 'workshop start task3' >/dev/null";

/// Measures `runs` of each, in turn, on the hosts of a provisioned room.
pub(super) fn measure(room: &Room, runs: usize) -> Result {
    let words = words(room)?;
    headline(&format!(
        "Grade of {} hosts, all six tasks, against OpenSSH running the same checks side by side",
        words.len()
    ));
    everywhere(room, &words, START)?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    // The first round only warms up: bpftrace, the compilers and the tests are read from disk.
    for round in 0..=runs {
        let start = Instant::now();
        grade(room, &words)?;
        let own = start.elapsed().as_secs_f64();
        let start = Instant::now();
        everywhere(room, &words, CHECKS)?;
        if round > 0 {
            ours.push(own);
            theirs.push(start.elapsed().as_secs_f64());
        }
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    println!(
        "workshop grade {:.2} s, OpenSSH {:.2} s, ratio {:.2} (the checker is sent each time)",
        median(&ours),
        median(&theirs),
        median(&ratios)
    );
    Ok(())
}

/// Nobody has solved anything, so that the answer is no.
fn grade(room: &Room, words: &[String]) -> Result {
    let parallel = words.len().to_string();
    let mut command = room.command("grade");
    command
        .args(["--json", "--parallel", &parallel, "--only"])
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command
        .status()
        .map_err(|error| format!("workshop grade: {error}"))?;
    match status.code() {
        Some(1) => Ok(()),
        _ => Err(format!("workshop grade ended with {status}, not with 1")),
    }
}

/// One OpenSSH client a host, all at once, as root.
fn everywhere(room: &Room, words: &[String], script: &str) -> Result {
    let mut children = Vec::new();
    for word in words {
        let mut command = room.command("ssh");
        command.args([word, script]).stdin(Stdio::null());
        children.push(command.spawn().map_err(|error| error.to_string())?);
    }
    for mut child in children {
        let status = child.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("the checks by ssh ended with {status}"));
        }
    }
    Ok(())
}

/// The words of a room's hosts.
pub(super) fn words(room: &Room) -> Result<Vec<String>> {
    let folder = room.inventory.parent().unwrap_or(Path::new("."));
    let path = folder.join(".workshop/known_hosts");
    let known =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let words = known.lines().filter_map(|line| line.split(' ').next());
    Ok(words
        .filter(|word| *word != "builder")
        .map(str::to_owned)
        .collect())
}
