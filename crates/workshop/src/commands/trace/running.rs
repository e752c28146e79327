//! Which processes are seen, and which look as if they were but run another file.

use std::collections::BTreeSet;
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
            let pids = running.pids.iter().map(u32::to_string);
            let pids = pids.collect::<Vec<_>>().join(", ");
            match (running.pids.len(), runs_command) {
                (0, false) => output.remark("no process runs it yet: waiting"),
                (0, true) | (_, false) => {}
                (1, true) => output.remark(format!(
                    "process {pids} runs it already: its events count too"
                )),
                (_, true) => output.remark(format!(
                    "processes {pids} run it already: their events count too"
                )),
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
        for other in &running.others {
            if self.others.insert(other.clone()) {
                output.remark(remark(other.0, &other.1));
            }
        }
    }
}

fn remark(pid: u32, path: &Path) -> String {
    let path = path.display().to_string();
    match path.strip_suffix(" (deleted)") {
        Some(path) => format!(
            "process {pid} runs {path} as it was before it was replaced: its events are not seen; \
             start it anew"
        ),
        None => format!("process {pid} runs {path}, another file: its events are not seen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told() {
        assert_eq!(
            remark(7, Path::new("/nix/store/x/bin/bitcoind")),
            "process 7 runs /nix/store/x/bin/bitcoind, another file: its events are not seen"
        );
        assert_eq!(
            remark(7, Path::new("/home/x/build/bin/bitcoind (deleted)")),
            "process 7 runs /home/x/build/bin/bitcoind as it was before it was replaced: its events are not \
             seen; start it anew"
        );
    }
}
