//! Which processes are seen, and which look as if they were but run another file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use probe::{Running, Target};

use crate::output::Output;

/// Says each process once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    others: BTreeSet<(u32, PathBuf)>,
}

impl Seen {
    /// What is worth a remark when tracing starts.
    pub(super) fn start(
        &mut self,
        running: &Running,
        target: &Target,
        runs_command: bool,
        output: &Output,
    ) {
        if matches!(target, Target::Path(_)) {
            match running.pids.as_slice() {
                [] if runs_command => {}
                [] => output.remark("no process runs it yet: waiting"),
                pids if runs_command => output.remark(format!(
                    "{} it already: {}",
                    run(pids),
                    whose(pids, "events count too")
                )),
                _ => {}
            }
        }
        self.others(running, target, output);
    }

    /// Processes of another file with the name of ours.
    pub(super) fn others(&mut self, running: &Running, target: &Target, output: &Output) {
        // Who names a process means that one.
        if matches!(target, Target::Pid(_)) {
            return;
        }
        let mut new: BTreeMap<&Path, Vec<u32>> = BTreeMap::new();
        for other in &running.others {
            if self.others.insert(other.clone()) {
                new.entry(&other.1).or_default().push(other.0);
            }
        }
        for (path, pids) in new {
            output.remark(remark(&pids, path));
        }
    }
}

fn remark(pids: &[u32], path: &Path) -> String {
    let run = run(pids);
    let unseen = whose(pids, "events are not seen");
    let path = path.display().to_string();
    match path.strip_suffix(" (deleted)") {
        Some(path) => format!("{run} {path} as it was before it was replaced: {unseen}"),
        None => format!("{run} {path}, another file: {unseen}"),
    }
}

/// `processes 7, 8 run`
fn run(pids: &[u32]) -> String {
    match pids {
        [pid] => format!("process {pid} runs"),
        pids => {
            let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
            format!("processes {} run", pids.join(", "))
        }
    }
}

fn whose(pids: &[u32], what: &str) -> String {
    let whose = if pids.len() == 1 { "its" } else { "their" };
    format!("{whose} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told() {
        assert_eq!(
            remark(&[7], Path::new("/nix/store/x/bin/bitcoind")),
            "process 7 runs /nix/store/x/bin/bitcoind, another file: its events are not seen"
        );
        assert_eq!(
            remark(&[7, 9], Path::new("/nix/store/x/bin/bitcoind")),
            "processes 7, 9 run /nix/store/x/bin/bitcoind, another file: their events are not seen"
        );
        assert_eq!(
            remark(&[7], Path::new("/home/x/build/bin/bitcoind (deleted)")),
            "process 7 runs /home/x/build/bin/bitcoind as it was before it was replaced: its events are not seen"
        );
    }
}
