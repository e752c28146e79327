//! JUnit XML, as CI systems show it: a task that is not passed is a failure, one that could not be checked an error.

use exercises::verdict::State;
use miette::IntoDiagnostic as _;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Report;

pub(super) fn write(report: &Report) -> miette::Result<String> {
    let mut junit = quick_junit::Report::new(report.workshop.as_str());
    for host in &report.hosts {
        let mut suite = TestSuite::new(format!("{} ({})", host.word, host.participant));
        for one in &host.tasks {
            let kind = match one.verified {
                State::Passed => None,
                State::NotPassed => Some(NonSuccessKind::Failure),
                State::CouldNotCheck => Some(NonSuccessKind::Error),
            };
            let status = kind.map_or_else(TestCaseStatus::success, |kind| {
                let mut status = TestCaseStatus::non_success(kind);
                if let Some(reason) = &one.reason {
                    status.set_message(reason.as_str());
                }
                status
            });
            let mut case = TestCase::new(one.task, status);
            case.set_classname(host.word.as_str());
            if let Some(differs) = &one.differs {
                case.set_system_out(differs.as_str());
            }
            suite.add_test_case(case);
        }
        junit.add_test_suite(suite);
    }
    junit.to_string().into_diagnostic()
}
