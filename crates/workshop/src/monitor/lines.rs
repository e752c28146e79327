//! Off a screen: a JSON line for everything.

use std::time::Duration;

use exercises::recording::{PeerId, What as Noted};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::event::{NetEvent, What};
use super::record::Lines;
use super::signals::Signals;
use super::watch::{Seen, Watch};
use crate::output::Output;

/// Long enough to gather what comes at once, short enough to be called live.
const GATHER: Duration = Duration::from_millis(20);

/// Prints until nothing comes any more, the time is over or a signal comes.
pub(crate) fn run(
    watch: &mut Watch,
    lines: &Lines,
    signals: &Signals,
    output: &Output,
) -> miette::Result<()> {
    output.text(&lines.line(Duration::ZERO, watch.start_line()))?;
    loop {
        let mut text = String::new();
        let turn = watch.turn(|seen| match seen {
            Seen::Event(event) => text.extend(message(event, lines)),
            Seen::Note(note) => text.push_str(&lines.line(note.at, note.what.clone())),
        })?;
        output.text(&text)?;
        if turn.ended || turn.time_is_up || signals.came() || reader_is_gone() {
            break;
        }
        watch.wait(true, Duration::MAX)?;
        watch.wait(false, GATHER)?;
    }
    let end = watch.end();
    output.text(&lines.line(end.at, end.what))
}

/// Whether nobody reads what we print: on a quiet network the next line would tell only much later.
fn reader_is_gone() -> bool {
    let stdout = std::io::stdout();
    // Nothing is waited for: that the other end is closed is told in any case.
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let told = poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
    told && fds[0].revents().contains(PollFlags::ERR)
}

/// Everything else is told by the notes.
fn message(event: &NetEvent<'_>, lines: &Lines) -> Option<String> {
    let What::Message {
        direction,
        kind,
        bytes,
        ..
    } = &event.what
    else {
        return None;
    };
    let what = Noted::Message {
        peer: PeerId {
            pid: event.pid,
            peer: event.peer,
        },
        direction: *direction,
        message: kind.as_deref().unwrap_or("?").to_owned(),
        bytes: *bytes,
    };
    Some(lines.line(event.at, what))
}
