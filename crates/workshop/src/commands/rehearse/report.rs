//! What came of a rehearsal, as the instructor reads it.

use std::fmt;

use exercises::TASKS;
use serde::Serialize;

use super::super::instructor::Listing;
use crate::cli::Outcome;
use crate::output::wrapped;
use crate::rehearsal::plan::{Piece, Tried};

/// What should be tried, and what was.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Everything that came to its end, in order.
    tried: Vec<Tried>,
    /// What the host said nothing about.
    not_tried: Vec<String>,
}

impl Report {
    pub(super) fn new(pieces: &[Piece]) -> Self {
        let name = |piece: &Piece| full_name(piece.task.id, piece.name());
        Self {
            tried: Vec::new(),
            not_tried: pieces.iter().map(name).collect(),
        }
    }

    /// Adds what came of a piece. What was not asked for, or was told before, is no part of a report.
    pub(super) fn add(&mut self, tried: Tried) -> Option<&Tried> {
        let name = full_name(&tried.task, &tried.name);
        let at = self.not_tried.iter().position(|one| *one == name)?;
        self.not_tried.remove(at);
        self.tried.push(tried);
        self.tried.last()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tried.is_empty()
    }

    fn misjudged(&self) -> impl Iterator<Item = &Tried> {
        self.tried.iter().filter(|one| !one.misjudged.is_empty())
    }

    pub(super) fn outcome(&self) -> Outcome {
        if !self.not_tried.is_empty() {
            Outcome::CouldNot
        } else if self.misjudged().next().is_some() {
            Outcome::No
        } else {
            Outcome::Yes
        }
    }
}

fn full_name(task: &str, name: &str) -> String {
    format!("{task} {name}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Listing::new(["task", "starter", "right", "wrong", "took"]);
        for task in TASKS {
            let all: Vec<_> = self
                .tried
                .iter()
                .filter(|one| one.task == task.id)
                .collect();
            if all.is_empty() {
                continue;
            }
            let told = |chosen: &dyn Fn(&Tried) -> bool, does: &str| {
                let chosen: Vec<_> = all.iter().filter(|one| chosen(one)).collect();
                let well = chosen.iter().filter(|one| one.misjudged.is_empty()).count();
                match chosen.len() {
                    0 => String::new(),
                    1 if well == 1 => format!("✓ {does}"),
                    all if well == all => format!("✓ {well} {does}"),
                    all => format!("✗ {well} of {all} {does}"),
                }
            };
            let starter = |one: &Tried| one.name == "starter";
            table.row([
                task.id.to_owned(),
                told(&starter, "fails"),
                told(&|one| one.right, "pass"),
                told(&|one| !one.right && !starter(one), "fail as they should"),
                format!("{:.0} s", all.iter().map(|one| one.seconds).sum::<f64>()),
            ]);
        }
        write!(f, "{table}")?;
        for one in self.misjudged() {
            writeln!(f, "\n✗ {} {}: {}", one.task, one.name, one.title)?;
            for why in &one.misjudged {
                writeln!(f, "{}", wrapped(why, "  ", "  ", Some(80)))?;
            }
        }
        if !self.not_tried.is_empty() {
            let names = self.not_tried.join(", ");
            writeln!(
                f,
                "\n{}",
                wrapped(&format!("not tried: {names}"), "", "  ", Some(80))
            )?;
        }
        let (all, bad) = (self.tried.len(), self.misjudged().count());
        match bad {
            0 => writeln!(f, "\n{all} tried, each judged as it should be."),
            bad => writeln!(f, "\n{all} tried, {bad} misjudged."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::plan::Wanted;

    fn tried(task: &str, name: &str, misjudged: &[&str]) -> Tried {
        Tried {
            task: task.into(),
            name: name.into(),
            title: "names say the opposite".into(),
            right: name.starts_with("right/"),
            misjudged: misjudged.iter().map(|&why| why.to_owned()).collect(),
            seconds: 2.5,
        }
    }

    #[test]
    fn what_was_misjudged_and_what_was_not_tried_is_told() {
        let pieces = Wanted::default().pieces().unwrap();
        let pieces: Vec<_> = pieces
            .into_iter()
            .filter(|one| {
                one.task.id == "task3"
                    && ["starter", "right/reference", "wrong/swapped", "wrong/sums"]
                        .contains(&one.name())
            })
            .collect();
        let mut report = Report::new(&pieces);
        assert!(report.add(tried("task3", "starter", &[])).is_some());
        assert!(report.add(tried("task3", "right/reference", &[])).is_some());
        assert!(
            report
                .add(tried(
                    "task3",
                    "wrong/swapped",
                    &["Passed, and not NotPassed"]
                ))
                .is_some()
        );
        // Told twice, and not asked for.
        assert!(report.add(tried("task3", "starter", &[])).is_none());
        assert!(report.add(tried("task9", "starter", &[])).is_none());
        assert_eq!(report.outcome(), Outcome::CouldNot);
        insta::assert_snapshot!(report.to_string(), @r"
        task   starter  right   wrong                         took
        task3  ✓ fails  ✓ pass  ✗ 0 of 1 fail as they should  8 s

        ✗ task3 wrong/swapped: names say the opposite
          Passed, and not NotPassed

        not tried: task3 wrong/sums

        3 tried, 1 misjudged.
        ");
        assert!(report.add(tried("task3", "wrong/sums", &[])).is_some());
        assert_eq!(report.outcome(), Outcome::No);
        report.tried.retain(|one| one.misjudged.is_empty());
        assert_eq!(report.outcome(), Outcome::Yes);
        insta::assert_snapshot!(report.to_string(), @r"
        task   starter  right   wrong                  took
        task3  ✓ fails  ✓ pass  ✓ fail as they should  8 s

        3 tried, each judged as it should be.
        ");
    }
}
