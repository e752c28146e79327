//! What the participant's verbs share: finding the task and the question that were meant, and where to look.

use std::path::{Path, PathBuf};

use exercises::prose::Context;
use exercises::{Question, TASKS, Task, closest};

use crate::gather::{self, Places};
use crate::output::Output;
use crate::participant::{self, Host, progress, shown};

/// Where a check looks, when not at what the host says of itself.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Look {
    /// The source tree, instead of the host's.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,

    /// The program to look at, instead of the tree's own.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// The program without your change, instead of the server's own node.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,

    /// The bpftrace script of task3, instead of ~/workshop/task3.bt.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// The file of answers, instead of ~/workshop/answers.yaml.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,

    /// Where the RPC interface of the node of task2 is, instead of what its own options say.
    #[arg(long, value_name = "HOST:PORT", value_parser = rpc_place)]
    rpc: Option<String>,

    /// The cookie file to log in there.
    #[arg(long, value_name = "FILE", requires = "rpc")]
    cookie: Option<PathBuf>,
}

impl Look {
    pub(crate) fn places(&self) -> Places {
        Places {
            tree: self.tree.clone(),
            binary: self.binary.clone(),
            base: self.base.clone(),
            script: self.script.clone(),
            answers: self.answers.clone(),
            rpc: self.rpc.clone(),
            cookie: self.cookie.clone(),
            seed: None,
        }
    }
}

/// The named task, or the one that the participant is at, which is told then.
pub(crate) fn task_or_current(
    name: Option<&str>,
    output: &Output,
) -> miette::Result<&'static Task> {
    if let Some(name) = name {
        participant::remark_on_sudo(output);
        return the_task(name);
    }
    let progress = progress::read(output)?;
    let Some(current) = progress.at(TASKS.iter().map(|task| task.id)) else {
        return Err(miette::miette!(
            help = "name one, such as task1; `workshop tasks` lists them",
            "every task has passed already"
        ));
    };
    participant::remark_on_sudo(output);
    let task = the_task(current)?;
    output.remark(format_args!("{}: {}", task.id, task.title));
    Ok(task)
}

/// The task of that name.
pub(crate) fn the_task(name: &str) -> miette::Result<&'static Task> {
    exercises::task(name).map_err(|error| {
        let all: Vec<_> = TASKS.iter().map(|task| task.id).collect();
        let help = match error.meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}", all.join(", ")),
        };
        miette::miette!(help = help, "{error}")
    })
}

/// The question of that name.
pub(crate) fn the_question(task: &'static Task, name: &str) -> miette::Result<&'static Question> {
    let name = name.trim().to_lowercase();
    task.question(&name).ok_or_else(|| {
        let all: Vec<_> = task.questions.iter().map(|question| question.id).collect();
        let help = match closest(&name, all.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("its questions are {}", all.join(", ")),
        };
        miette::miette!(
            help = help,
            "{} has no question `{}`",
            task.id,
            exercises::answers::shorten(&name, 40)
        )
    })
}

/// What a task's texts are about on this host.
pub(crate) fn context(host: &Host, tree: Option<&Path>) -> Context {
    let tree = host.tree(tree);
    Context {
        word: host.word.clone(),
        tree: tree
            .as_deref()
            .map_or_else(|| "~/bitcoin".to_owned(), shown),
        profile: host.profile(tree.as_deref()),
        functional_tests: tree.as_deref().is_some_and(gather::has_functional_tests),
    }
}

/// A moment, as it is told.
pub(crate) fn clock(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `HOST:PORT`, also as the URL that other tools take.
pub(crate) fn rpc_place(text: &str) -> std::result::Result<String, String> {
    let place = text
        .strip_prefix("http://")
        .unwrap_or(text)
        .trim_end_matches('/');
    let port = place
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(_) if !place.contains(['/', '@']) => Ok(place.to_owned()),
        _ => Err("write host and port, such as 127.0.0.1:8332".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        assert_eq!(
            rpc_place("http://127.0.0.1:8332/").as_deref(),
            Ok("127.0.0.1:8332")
        );
        assert_eq!(rpc_place("[::1]:8332").as_deref(), Ok("[::1]:8332"));
        assert!(rpc_place("localhost").is_err() && rpc_place("http://u:p@h:1").is_err());
    }
}
