//! A grade as people and their tools read it.

mod csv;
mod junit;
mod table;

use exercises::progress::Stage;
use exercises::verdict::State;
use serde::Serialize;

use super::HostGrade;
use crate::output::Output;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One line a host and task, for spreadsheets.
    Csv,
    /// JUnit XML: one suite a host, one case a task.
    Junit,
    /// One document with a schema version.
    Json,
}

/// All hosts.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The workshop's name.
    pub(crate) workshop: String,
    /// The seed that task 3 ran with.
    pub(crate) seed: String,
    pub(crate) hosts: Vec<HostGrade>,
}

impl Report {
    /// Whether every task is verified on every host.
    pub(crate) fn all_passed(&self) -> bool {
        self.hosts
            .iter()
            .all(|host| host.passed() == host.tasks.len())
    }

    /// The report in one format.
    pub(crate) fn write(&self, format: Format, output: &Output) -> miette::Result<String> {
        Ok(match format {
            Format::Table => table::write(self),
            Format::Csv => csv::write(self)?,
            Format::Junit => junit::write(self)?,
            Format::Json => output.document_text("grade", self)?,
        })
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Passed => "passed",
        State::NotPassed => "not passed",
        State::CouldNotCheck => "could not check",
    }
}

fn stage(stage: Option<Stage>) -> &'static str {
    match stage {
        None => "",
        Some(Stage::NotStarted) => "not started",
        Some(Stage::Started) => "not checked",
        Some(Stage::Attempted) => "not passed",
        Some(Stage::Passed) => "passed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Graded;
    use super::*;

    /// One host that passed, one that says too much, one that did not answer.
    fn report() -> Report {
        let graded =
            |task, verified, reason: Option<&str>, host_says, differs: Option<&str>| Graded {
                task,
                verified,
                reason: reason.map(str::to_owned),
                host_says,
                differs: differs.map(str::to_owned),
                findings: vec![],
            };
        let host = |word: &str, participant: &str, tasks| HostGrade {
            word: word.into(),
            participant: participant.into(),
            tasks,
            failure: None,
            progress: None,
        };
        let wrong = "added: =HYPERLINK(\"http://x\") <b>";
        let differs = format!("host says passed, verified says not passed: {wrong}");
        let unreachable = "able: cannot be reached at 10.231.7.10:22";
        let nothing = |task| graded(task, State::CouldNotCheck, Some(unreachable), None, None);
        Report {
            workshop: "Tracing & more".into(),
            seed: "5eed".into(),
            hosts: vec![
                host(
                    "zoo",
                    "Ada Lovelace",
                    vec![
                        graded("task0", State::Passed, None, Some(Stage::Passed), None),
                        graded("task3", State::Passed, None, Some(Stage::Passed), None),
                    ],
                ),
                HostGrade {
                    progress: Some("the progress file is damaged in line 1".into()),
                    ..host(
                        "zebra",
                        "Bob, \"the\" builder",
                        vec![
                            graded(
                                "task0",
                                State::NotPassed,
                                Some("kernel: not answered yet"),
                                Some(Stage::Attempted),
                                None,
                            ),
                            graded(
                                "task3",
                                State::NotPassed,
                                Some(wrong),
                                Some(Stage::Passed),
                                Some(&differs),
                            ),
                        ],
                    )
                },
                HostGrade {
                    failure: Some(unreachable.into()),
                    ..host("able", "Cat", vec![nothing("task0"), nothing("task3")])
                },
            ],
        }
    }

    fn written(format: Format) -> String {
        report().write(format, &Output::new(true)).unwrap()
    }

    #[test]
    fn a_report_for_people() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&written(Format::Table)));
    }

    #[test]
    fn a_report_for_a_spreadsheet_runs_no_formula() {
        insta::assert_snapshot!(written(Format::Csv));
    }

    #[test]
    fn a_report_for_test_viewers() {
        insta::assert_snapshot!(written(Format::Junit));
    }

    #[test]
    fn a_report_for_programs() {
        insta::assert_snapshot!(written(Format::Json));
    }

    #[test]
    fn one_host_that_could_not_be_graded_is_no_pass() {
        let mut report = report();
        assert!(!report.all_passed());
        report.hosts.truncate(1);
        assert!(report.all_passed());
    }
}
