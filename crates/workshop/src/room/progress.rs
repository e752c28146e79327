//! A participant's progress as their host has it. They are root there: it is what the host says, and no more.

use std::time::Duration;

use exercises::TASKS;
use exercises::progress::{BadProgress, LARGEST, Progress, Stage};
use provisioner::Failure;
use provisioner::host::{Limits, Script, Ssh};
use serde::Serialize;

/// What a host says of its participant's progress.
#[derive(Debug)]
pub(crate) enum HostSays {
    /// This. A file that is not there is no progress yet.
    Progress(Progress),
    /// Something that is no progress.
    Unreadable(BadProgress),
}

/// Where a task is, by the host's word.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) task: &'static str,
    pub(crate) stage: Stage,
}

/// The file may be a link to something endless, or a pipe that nobody writes to: hence a bound and two deadlines.
const READ: &str = r#"
[ -f "$path" ] || exit 0
exec timeout 10 head -c "$most" -- "$path"
"#;

/// Where a participant's program keeps it; see participant/progress.rs.
const PATH: &str = "/home/workshop/.local/state/workshop/progress.json";

/// Asks a host.
pub(crate) async fn ask(ssh: &Ssh) -> Result<HostSays, Failure> {
    let mut script = Script::default()
        .with("path", PATH)
        .with("most", &(LARGEST + 1).to_string());
    script.push(READ);
    let limits = Limits {
        deadline: Duration::from_secs(20),
        output: LARGEST + 1,
    };
    let told = ssh
        .fetch(&script, tokio::io::empty(), limits, |_| {})
        .await
        .map_err(|error| Failure::new(&error))?;
    if told.status != Some(0) && !told.cut {
        return Err(Failure {
            message: format!(
                "the progress cannot be read: {}",
                super::line(&told.errors, 200)
            ),
            hint: None,
        });
    }
    Ok(HostSays::of(&told.bytes))
}

impl HostSays {
    fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Progress(Progress::default());
        }
        match Progress::from_json(bytes) {
            Ok(progress) => Self::Progress(progress),
            Err(why) => Self::Unreadable(why),
        }
    }

    /// Each task of the workshop; none when the file is no progress.
    pub(crate) fn tasks(&self) -> Vec<Told> {
        let Self::Progress(progress) = self else {
            return vec![];
        };
        TASKS
            .iter()
            .map(|task| Told {
                task: task.id,
                stage: progress.of(task.id).stage(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_file_is_what_the_host_says_and_nothing_worse() {
        // Tasks that do not exist, and text where a terminal would act on it, are not taken over.
        let text = r#"{"schema": 1, "tasks": {
            "task0": {"attempts": 4294967295, "first_passed": "2026-11-25T10:00:00Z"},
            "task99\u001b[2J": {"first_passed": "2026-11-25T10:00:00Z"}}}"#;
        let told = HostSays::of(text.as_bytes()).tasks();
        let passed: Vec<_> = told
            .iter()
            .filter(|one| one.stage == Stage::Passed)
            .collect();
        assert_eq!((told.len(), passed.len()), (TASKS.len(), 1));
        assert!(HostSays::of(b"\x7fELF").tasks().is_empty());
        assert_eq!(HostSays::of(b"").tasks().len(), TASKS.len());
    }
}
