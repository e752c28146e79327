//! Somebody with an SSH client and a key: what they type, and what they see.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::Result;
use crate::room::Room;
use crate::run::shown;

pub(super) struct Participant<'a> {
    pub(super) room: &'a Room,
    pub(super) key: &'a Path,
    pub(super) word: &'a str,
}

impl Participant<'_> {
    /// Runs a command as the participant and shows both.
    pub(super) fn shows(&self, command: &str) -> Result {
        self.prompt(command);
        shown(self.room.ssh(self.key, self.word).arg(command))
    }

    /// As [`Self::shows`], for a check that must say no (exit 1).
    pub(super) fn shows_no(&self, command: &str) -> Result {
        self.prompt(command);
        let status = self
            .room
            .ssh(self.key, self.word)
            .arg(command)
            .status()
            .map_err(|error| format!("ssh: {error}"))?;
        match status.code() {
            Some(1) => Ok(()),
            _ => Err(format!(
                "`{command}` should have ended with 1 (not passed) and ended with {status}"
            )),
        }
    }

    /// What a command prints there, for an answer.
    pub(super) fn reads(&self, command: &str) -> Result<String> {
        self.prompt(command);
        let text = self.room.on_host(self.key, self.word, command)?;
        print!("{text}");
        Ok(text.trim().to_owned())
    }

    /// Answers a question; the text may be anything.
    pub(super) fn answers(&self, task: &str, question: &str, answer: &str) -> Result {
        let quoted = answer.replace('\'', r"'\''");
        self.shows(&format!("workshop answer {task} {question} '{quoted}'"))
    }

    /// Writes a file, as an editor would, and shows it.
    pub(super) fn writes(&self, path: &str, text: &str) -> Result {
        self.prompt(&format!("$EDITOR {path}"));
        println!("{}", text.trim_end());
        let mut child = self
            .room
            .ssh(self.key, self.word)
            .arg(format!("cat > {path}"))
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("ssh: {error}"))?;
        let written = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
        let status = child.wait().map_err(|error| format!("ssh: {error}"))?;
        match written {
            Ok(()) if status.success() => Ok(()),
            Ok(()) => Err(format!("{path} was not written: {status}")),
            Err(error) => Err(format!("{path} was not written: {error}")),
        }
    }

    fn prompt(&self, command: &str) {
        println!("\n{}$ {command}", self.word);
    }
}
