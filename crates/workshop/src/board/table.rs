//! The board once, as a table: for a pipe, a log, a quick look.

use exercises::TASKS;
use exercises::progress::Stage;

use super::model::{Shown, Task};
use crate::commands::Listing;

/// A row for each host.
pub(crate) fn table(hosts: &[Shown]) -> String {
    let tasks = TASKS.iter().map(|task| task.id);
    let header = ["word", "participant"]
        .into_iter()
        .chain(tasks)
        .chain(["host"]);
    let mut table = Listing::with(header.map(str::to_owned).collect());
    for host in hosts {
        let first = [host.word.clone(), host.who.clone().unwrap_or_default()];
        let tasks = host.tasks.iter().map(cell);
        let trouble = host.trouble.clone().unwrap_or_else(|| "well".to_owned());
        table.push(first.into_iter().chain(tasks).chain([trouble]).collect());
    }
    table.to_string()
}

/// A task in a few characters: `✓`, `✗3 24m`, `… 4m`, `·`.
pub(super) fn cell(task: &Task) -> String {
    let minutes = task
        .minutes
        .map_or_else(String::new, |minutes| format!(" {}", span(minutes)));
    match task.stage {
        Stage::Passed => "✓".to_owned(),
        Stage::Attempted => format!(
            "✗{}{minutes}{}",
            task.attempts,
            if task.stuck { "!" } else { "" }
        ),
        Stage::Started => format!("…{minutes}"),
        Stage::NotStarted => "·".to_owned(),
    }
}

fn span(minutes: i64) -> String {
    match minutes {
        0..100 => format!("{minutes}m"),
        100..6000 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 60 / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{at, some};
    use super::*;

    #[test]
    fn a_room_as_a_table() {
        insta::assert_snapshot!(table(&some().shown(at(30), true)));
    }

    #[test]
    fn spans_stay_short() {
        let all = [0, 99, 100, 5999, 6000, 60 * 24 * 400].map(span);
        assert_eq!(all, ["0m", "99m", "1h", "99h", "4d", "400d"]);
    }
}
