//! What the tasks do with a workshop: its words, and a participant's own ssh.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::run::{as_root, read};

/// A workshop of ours, by its program and inventory.
pub(crate) struct Room {
    pub(crate) workshop: PathBuf,
    pub(crate) inventory: PathBuf,
}

impl Room {
    /// `workshop VERB --inventory …`.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = as_root(&self.workshop);
        command.args([verb, "--inventory"]).arg(&self.inventory);
        command
    }

    /// The word of the participant with this name.
    pub(crate) fn word_of(&self, participant: &str) -> Result<String> {
        let mut command = self.command("status");
        let output = command
            .arg("--json")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("workshop status: {error}"))?;
        let status: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("workshop status: {error}"))?;
        let hosts = status["hosts"].as_array().into_iter().flatten();
        let mut words = hosts
            .filter(|host| host["identity"] == participant)
            .filter_map(|host| host["word"].as_str());
        words
            .next()
            .map(str::to_owned)
            .ok_or_else(|| format!("no host of {participant}"))
    }

    /// The plain ssh client with the written configuration and a participant's own key.
    pub(crate) fn ssh(&self, key: &Path, word: &str) -> Command {
        let folder = self.inventory.parent().unwrap_or(Path::new("."));
        // The configuration is the instructor's: readable by root alone.
        let mut command = as_root("ssh");
        command
            .arg("-F")
            .arg(folder.join(".workshop/ssh_config"))
            .arg("-i")
            .arg(key);
        command.args(["-o", "BatchMode=yes", word]);
        command
    }

    /// What a command prints on a host, run as a participant.
    pub(crate) fn on_host(&self, key: &Path, word: &str, command: &str) -> Result<String> {
        read(self.ssh(key, word).arg(command))
    }
}
