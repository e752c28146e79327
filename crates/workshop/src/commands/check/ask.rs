//! The questions of `workshop check` in a terminal.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use exercises::Task;
use exercises::answers::{Answer, LIMIT};
use miette::IntoDiagnostic as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::output::{Output, wrapped};
use crate::participant::answers::Store;
use crate::participant::lock::Lock;

/// A paste comes in pieces, over a slow line with pauses between them.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether somebody can be asked.
pub(super) fn can(output: &Output) -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !output.json()
}

/// Asks what is not answered yet. An empty line leaves a question so, Ctrl-D all that follow. Each answer is kept
/// at once: whoever leaves with Ctrl-C loses none.
pub(super) fn what_is_missing(
    task: &Task,
    store: &mut Store,
    output: &Output,
) -> miette::Result<()> {
    let answered = store.of(task)?;
    let missing: Vec<_> = task
        .questions
        .iter()
        .filter(|question| question.decides && !answered.contains_key(question.id))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    output.remark("(Enter leaves a question open, Ctrl-D all of them)");
    for question in missing {
        loop {
            output.remark(wrapped(
                &format!("{} ({})", question.asks, question.form),
                "",
                "  ",
                Some(80),
            ));
            let Some(typed) = read(output)? else {
                return Ok(());
            };
            if typed.trim_ascii().is_empty() {
                break;
            }
            match Answer::from_bytes(&typed) {
                Ok(answer) => {
                    store.set(task, question.id, &answer, &Lock::take()?)?;
                    break;
                }
                Err(refused) => output.remark(format_args!("{refused}: {}", refused.way_out())),
            }
        }
    }
    Ok(())
}

/// A line, with all that was pasted together with it; none at the end of input.
fn read(output: &Output) -> miette::Result<Option<Vec<u8>>> {
    let mut typed = Vec::new();
    loop {
        let mut line = Vec::new();
        let count = std::io::stdin()
            .lock()
            .read_until(b'\n', &mut line)
            .into_diagnostic()?;
        // More than can be kept is refused, whatever else comes.
        if typed.len() <= LIMIT {
            typed.append(&mut line);
        }
        if count == 0 {
            // Ctrl-D leaves the cursor where it is.
            output.remark("");
            return Ok((!typed.is_empty()).then_some(typed));
        }
        if !more() {
            return Ok(Some(typed));
        }
    }
}

/// Whether more has been typed already, or is being pasted. A terminal hands over line by line, so that the
/// program's own buffer holds none.
fn more() -> bool {
    let pause = Timespec::try_from(PAUSE).ok();
    let stdin = std::io::stdin();
    poll(&mut [PollFd::new(&stdin, PollFlags::IN)], pause.as_ref()).is_ok_and(|ready| ready > 0)
}
