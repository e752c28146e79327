//! For people: who passed what at a glance, and below it why not.

use std::fmt::Write as _;

use exercises::verdict::State;

use super::{Report, state};
use crate::commands::Listing;
use crate::grade::Graded;
use crate::output::wrapped;

pub(super) fn write(report: &Report) -> String {
    let tasks = report.hosts.first().map(|host| host.tasks.iter());
    let mut header = vec!["word".to_owned(), "participant".to_owned()];
    header.extend(tasks.into_iter().flatten().map(|one| one.task.to_owned()));
    header.push("verified".to_owned());
    let mut table = Listing::with(header);
    for host in &report.hosts {
        let mut row = vec![host.word.clone(), host.participant.clone()];
        row.extend(host.tasks.iter().map(cell));
        row.push(match host.failure {
            Some(_) => "could not be graded".to_owned(),
            None => format!("{} of {}", host.passed(), host.tasks.len()),
        });
        table.push(row);
    }
    let mut text = table.to_string();
    text.push_str("✓ passed  ✗ not passed  ? could not check  ! the host says otherwise\n");
    for host in &report.hosts {
        let mut say = |what: &str| {
            let _ = writeln!(text, "{}", wrapped(what, "", "    ", None));
        };
        if let Some(why) = &host.failure {
            // Most failures name their host already.
            let begins = why.starts_with(&format!("{}:", host.word));
            let named = format!("{}: {why}", host.word);
            say(if begins { why } else { &named });
            continue;
        }
        if let Some(why) = &host.progress {
            say(&format!("{}: {why}", host.word));
        }
        for one in host
            .tasks
            .iter()
            .filter(|one| one.verified != State::Passed || one.differs.is_some())
        {
            let why = match (&one.differs, &one.reason) {
                (Some(differs), _) => differs.clone(),
                (None, Some(reason)) => format!("{}: {reason}", state(one.verified)),
                (None, None) => state(one.verified).to_owned(),
            };
            say(&format!("{} {}: {why}", host.word, one.task));
        }
    }
    text
}

fn cell(graded: &Graded) -> String {
    let sign = match graded.verified {
        State::Passed => "✓",
        State::NotPassed => "✗",
        State::CouldNotCheck => "?",
    };
    let differs = if graded.differs.is_some() { " !" } else { "" };
    format!("{sign}{differs}")
}
