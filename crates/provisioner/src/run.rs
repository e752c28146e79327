//! Makes a list of steps true on one host: facts in one round trip, changes in a second one.

use std::collections::VecDeque;
use std::time::Duration;

use crate::host::{Limits, Output, Script, Ssh, SshError};
use crate::job::Reporter;
use crate::step::{self, Mark, Seen, Step, TAIL};

/// A first provisioning unpacks a build tree and starts a node; a slow disk may need minutes.
const CHANGE: Limits = Limits {
    deadline: Duration::from_secs(1800),
    output: 1 << 20,
};

/// Put before every script that changes something. The script of a run that was killed goes on, by
/// itself, until its step is done: two that unpack the same tree would spoil it for one another.
const ALONE: &str = r#"
exec 9</etc
flock --timeout 900 9 || { echo "the script of another run still works on this host"; exit 1; }
"#;

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It was so already.
    Unchanged,
    /// It was made so.
    Changed,
    /// It is not so: looked at only, or a step before it failed. What the fact printed.
    Wanting(String),
}

/// A host's steps could not all be made true.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunError {
    /// The host could not be talked to.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// A step's change failed.
    #[error("{host}: step `{step}` failed with status {status}{}", shown(tail))]
    #[diagnostic(help(
        "Mend it there (`workshop ssh {host}`) or here, and run `workshop provision` again; it goes on from this step."
    ))]
    Step {
        /// The host's word.
        host: String,
        /// The step.
        step: String,
        /// The exit status.
        status: i32,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// A step's change ended well and did not help.
    #[error("{host}: step `{step}` was done and is still not so{}", shown(tail))]
    #[diagnostic(help("Look at it there: `workshop ssh {host}`."))]
    Useless {
        /// The host's word.
        host: String,
        /// The step.
        step: String,
        /// What the second look printed last.
        tail: Vec<String>,
    },
    /// The host's answer was not the answer to our script.
    #[error("{host}: gave no proper answer to {what}{}", shown(tail))]
    #[diagnostic(help(
        "Is /bin/sh there, and does root's shell start-up print or exit? Look with `workshop ssh {host}`."
    ))]
    Answer {
        /// The host's word.
        host: String,
        /// Which script.
        what: &'static str,
        /// Its last lines.
        tail: Vec<String>,
    },
}

impl RunError {
    /// The step whose change failed.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Step { step, .. } | Self::Useless { step, .. } => Some(step),
            Self::Ssh(_) | Self::Answer { .. } => None,
        }
    }
}

fn shown(tail: &[String]) -> String {
    tail.iter().map(|line| format!("\n  | {line}")).collect()
}

/// A nonce for one script: what a step prints can then not be taken for our own lines.
fn nonce() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:016x}", RandomState::new().hash_one(0))
}

/// Looks at every step in one round trip and changes nothing.
///
/// # Errors
/// [`RunError`]. A step that is not satisfied is an answer, not an error.
pub async fn gather(
    host: &str,
    ssh: &Ssh,
    steps: &[Step],
    limits: Limits,
) -> Result<Vec<Seen>, RunError> {
    let nonce = nonce();
    let output = ssh.run(&step::gather(steps, &nonce), limits).await?;
    step::read_gathered(steps, &nonce, &output.text).ok_or_else(|| RunError::Answer {
        host: host.to_owned(),
        what: "the gathering of facts",
        tail: output.last_lines(TAIL),
    })
}

/// Changes what was not satisfied, in order, and looks at each again.
///
/// `seen` is what [`gather`] found of the same `steps`.
///
/// # Errors
/// [`RunError`], at the first step that cannot be made so: later ones may stand on it.
pub async fn change(
    host: &str,
    ssh: &Ssh,
    steps: &[Step],
    seen: &[Seen],
    report: &Reporter,
) -> Result<Vec<StepResult>, RunError> {
    let wanting: Vec<&Step> = steps
        .iter()
        .zip(seen)
        .filter(|(_, seen)| **seen != Seen::Satisfied)
        .map(|(step, _)| step)
        .collect();
    if !wanting.is_empty() {
        let nonce = nonce();
        let total = wanting.len() as u64;
        let mut script = Script::new(ALONE);
        script.push(step::change(&wanting, &nonce).text());
        let mut changes = Changes::new(host, &wanting);
        let output = ssh
            .run_lines(&script, CHANGE, |line| {
                let mark = step::read_mark(&nonce, line);
                if let Some(Mark::Begin(id)) = &mark {
                    report.progress(id.as_str(), changes.ended, total);
                }
                changes.line(line, mark);
            })
            .await?;
        changes.finish(&output)?;
    }
    Ok(seen
        .iter()
        .map(|seen| {
            if *seen == Seen::Satisfied {
                StepResult::Unchanged
            } else {
                StepResult::Changed
            }
        })
        .collect())
}

/// Reads what the steps say line by line, since a step may print more than is kept: every wanted step must have
/// ended well, one after the other.
struct Changes<'a> {
    host: &'a str,
    wanting: &'a [&'a Step],
    ended: u64,
    /// The last lines of the step that runs.
    tail: VecDeque<String>,
    failed: Option<RunError>,
}

impl<'a> Changes<'a> {
    fn new(host: &'a str, wanting: &'a [&'a Step]) -> Self {
        Self {
            host,
            wanting,
            ended: 0,
            tail: VecDeque::new(),
            failed: None,
        }
    }

    fn line(&mut self, line: &str, mark: Option<Mark>) {
        match mark {
            None if line.trim().is_empty() => {}
            None => {
                self.tail.push_back(line.to_owned());
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
            }
            Some(Mark::Begin(_)) => self.tail.clear(),
            Some(Mark::End(step, status, look)) => {
                let failed = self.end(step, status, look);
                // What came after the first failure follows from it.
                self.failed = self.failed.take().or(failed);
                self.ended += 1;
            }
        }
    }

    /// Why a step that ended did not end well.
    fn end(&self, step: String, status: i32, look: i32) -> Option<RunError> {
        let tail = self.tail.iter().cloned().collect();
        let host = self.host.to_owned();
        let at = usize::try_from(self.ended).ok();
        let expected = at.and_then(|at| self.wanting.get(at));
        if status != 0 {
            Some(RunError::Step {
                host,
                step,
                status,
                tail,
            })
        } else if look != 0 {
            Some(RunError::Useless { host, step, tail })
        } else if expected.is_none_or(|wanted| wanted.id != step) {
            Some(RunError::Answer {
                host,
                what: "the changes",
                tail,
            })
        } else {
            None
        }
    }

    fn finish(self, output: &Output) -> Result<(), RunError> {
        match self.failed {
            Some(failed) => Err(failed),
            None if self.ended == self.wanting.len() as u64 => Ok(()),
            None => Err(RunError::Answer {
                host: self.host.to_owned(),
                what: "the changes",
                tail: output.last_lines(TAIL),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &'static str) -> Step {
        Step {
            id,
            files: vec![],
            fact: Script::new("true"),
            change: Script::new("true"),
        }
    }

    fn read(text: &str) -> Result<(), String> {
        let (a, b) = (step("one"), step("two"));
        let output = Output {
            status: Some(0),
            text: text.into(),
            cut: false,
        };
        let wanting = [&a, &b];
        let mut changes = Changes::new("abandon", &wanting);
        for line in text.lines() {
            changes.line(line, step::read_mark("n", line));
        }
        changes.finish(&output).map_err(|error| error.to_string())
    }

    #[test]
    fn a_failed_step_shows_its_own_last_lines() {
        let text = "@workshop-n begin one\nfine\n@workshop-n end one 0 0\n\
                    @workshop-n begin two\nE: no such package\n@workshop-n end two 100 0\n";
        assert_eq!(
            read(text),
            Err("abandon: step `two` failed with status 100\n  | E: no such package".into())
        );
    }

    #[test]
    fn a_step_may_print_more_than_is_kept() {
        let noise = "noise\n".repeat(1 << 20);
        let text = format!(
            "@workshop-n begin one\n{noise}@workshop-n end one 0 0\n\
             @workshop-n begin two\n{noise}last\n@workshop-n end two 1 0\n"
        );
        let said = read(&text).unwrap_err();
        assert!(said.ends_with("  | noise\n  | last"), "{said}");
        assert_eq!(said.lines().count(), 1 + TAIL);
    }

    #[test]
    fn a_connection_that_ends_early_is_no_success() {
        assert!(
            read("@workshop-n begin one\n@workshop-n end one 0 0\n")
                .unwrap_err()
                .contains("no proper answer")
        );
        assert!(read("").is_err());
        assert_eq!(
            read("@workshop-n end one 0 0\n@workshop-n end two 0 0\n"),
            Ok(())
        );
    }

    #[test]
    fn a_change_that_did_not_help_is_an_error() {
        let text = "@workshop-n begin one\nthe profile is x\n@workshop-n end one 0 1\n";
        assert!(
            read(text)
                .unwrap_err()
                .starts_with("abandon: step `one` was done and is still not so")
        );
    }
}
