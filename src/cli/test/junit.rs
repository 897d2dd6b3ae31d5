//! What a run of cases found, as JUnit XML: a suite a folder of cases, and one for stale expectations.

use std::io;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::report::{Outcome, Report, Status};
use crate::cli::Failure;

pub(super) fn document(report: &Report) -> Result<String, Failure> {
    let mut document = quick_junit::Report::new("linn test");
    let mut suites: Vec<TestSuite> = Vec::new();
    for outcome in &report.outcomes {
        let at = suites
            .iter()
            .position(|suite| suite.name.as_str() == outcome.suite)
            .unwrap_or_else(|| {
                suites.push(TestSuite::new(outcome.suite.as_str()));
                suites.len() - 1
            });
        suites[at].add_test_case(case(outcome));
    }
    document.add_test_suites(suites);
    if !report.stale.is_empty() {
        let mut suite = TestSuite::new("expectations");
        for stale in &report.stale {
            let reason = format!("{} names no case", stale.place);
            let status = failure("stale", &reason);
            suite.add_test_case(TestCase::new(stale.name.as_str(), status));
        }
        document.add_test_suite(suite);
    }
    document.to_string().map_err(|error| Failure::Io {
        file: "the JUnit report".to_string(),
        error: io::Error::other(error),
    })
}

fn case(outcome: &Outcome) -> TestCase {
    let status = match outcome.status {
        Status::Passed => TestCaseStatus::success(),
        Status::Skipped | Status::Xfailed => {
            let mut status = TestCaseStatus::skipped();
            status
                .set_type(outcome.status.name())
                .set_message(outcome.detail.as_str());
            status
        }
        bad => failure(bad.name(), &outcome.detail),
    };
    let mut case = TestCase::new(outcome.name.as_str(), status);
    case.set_classname(outcome.suite.as_str())
        .set_time(outcome.time);
    case
}

fn failure(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message);
    status
}
