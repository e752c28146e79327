//! What follows from what was seen, tracepoint by tracepoint.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::compare::{self, Problem};
use super::seen::{Built, Seen, Window};
use super::types;
use crate::closest;
use crate::documented::Documented;
use crate::evidence::Observed;
use crate::tracepoint::Tracepoint;
use crate::verdict::State;

/// Of many problems of one kind the first few say it all.
const FEW: usize = 3;
/// The tracepoints of this context belong to the wallet.
const WALLET: &str = "coin_selection";

/// The interface of a program, as tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The program's file.
    pub program: String,
    /// Its version.
    pub version: String,
    /// Where its interface is documented.
    pub documented_in: String,
    /// What follows from all tracepoints.
    pub verdict: State,
    /// One for each documented tracepoint, in the order of the documentation.
    pub tracepoints: Vec<Line>,
    /// About the program as a whole.
    pub remarks: Vec<String>,
}

/// One documented tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub id: Tracepoint,
    /// How it came out.
    pub result: Result,
    /// How often it fired while it was looked at.
    pub events: usize,
    /// What is wrong, or could not be found out.
    pub problems: Vec<String>,
    /// Arguments that were not as expected, in the first event of which that is so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Worth knowing, and no fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// How a tracepoint came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// It fired, and every argument was right.
    Right,
    /// It is not there, did not fire, or said something else.
    Wrong,
    /// It could not be found out.
    Unknown,
    /// The program is built without the part that it belongs to.
    NotBuilt,
}

/// An argument that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its documented name.
    pub argument: String,
    /// What RPC says.
    pub expected: String,
    /// What the tracepoint said.
    pub seen: String,
    /// The argument that has this one's value, while this one has its.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swapped_with: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            argument,
            expected,
            seen,
            ..
        } = self;
        write!(f, "{argument} should be {expected} and is {seen}")
    }
}

/// Compares what was seen with what was expected.
pub fn report(seen: &Seen) -> Report {
    let tracepoints: Vec<Line> = seen
        .interface
        .tracepoints
        .iter()
        .map(|documented| line(documented, seen))
        .collect();
    let any = |result| tracepoints.iter().any(|line| line.result == result);
    let verdict = if any(Result::Wrong) {
        State::NotPassed
    } else if any(Result::Unknown) || !any(Result::Right) {
        State::CouldNotCheck
    } else {
        State::Passed
    };
    let remarks = undocumented(seen)
        .map(|built| format!("{} is in the program and not documented", built.id))
        .collect();
    Report {
        program: seen.program.clone(),
        version: seen.version.clone(),
        documented_in: seen.interface.source.clone(),
        verdict,
        tracepoints,
        remarks,
    }
}

fn undocumented(seen: &Seen) -> impl Iterator<Item = &Built> {
    let documented = |built: &&Built| seen.interface.get(&built.id).is_some();
    seen.tracepoints
        .iter()
        .filter(move |built| !documented(built))
}

fn line(documented: &Documented, seen: &Seen) -> Line {
    let mut line = Line {
        id: documented.id.clone(),
        result: Result::Right,
        events: 0,
        problems: Vec::new(),
        differences: Vec::new(),
        remarks: Vec::new(),
    };
    let Some(built) = seen.tracepoints.iter().find(|one| one.id == documented.id) else {
        if documented.id.context == WALLET && !seen.wallet {
            line.result = Result::NotBuilt;
            line.remarks
                .push("not in this program, which has no wallet".to_owned());
        } else {
            line.result = Result::Wrong;
            line.problems.push(absent(&documented.id, seen));
        }
        return line;
    };
    let types = types::compare(documented, built);
    line.remarks = types.remarks;
    let mut unknown = types.unknown;
    let mut wrong = types.wrong;
    let steps = seen
        .steps
        .iter()
        .filter(|step| step.about.contains(&documented.id));
    let mut expected = 0;
    let mut unmet = Vec::new();
    for step in steps {
        let window = match &step.window {
            Observed::Known(window) => window,
            Observed::Unknown { why, .. } => {
                unknown.push(format!("{}: {why}", step.name));
                continue;
            }
        };
        if window.lost > 0 {
            unknown.push(format!("{} events were lost on the way", window.lost));
            continue;
        }
        let own = window
            .expected
            .iter()
            .filter(|one| one.id == documented.id && !one.optional);
        expected += own.count();
        line.events += compare::events(documented, window).count();
        unknown.extend(unchecked(documented, window));
        unmet.extend(compare::compare(documented, window));
    }
    if expected == 0 && unknown.is_empty() {
        unknown.push(never_tried(seen));
    }
    wrong.extend(describe(&unmet, line.events));
    line.differences = unmet
        .into_iter()
        .find_map(|problem| match problem {
            Problem::Differs(_, differences) => Some(differences),
            _ => None,
        })
        .unwrap_or_default();
    unknown.dedup();
    line.result = match (wrong.is_empty(), unknown.is_empty()) {
        (false, _) => Result::Wrong,
        (true, false) => Result::Unknown,
        (true, true) => Result::Right,
    };
    line.problems = wrong;
    line.problems.extend(unknown);
    line
}

/// Steps build on one another: where one could not be done, others were not tried.
fn never_tried(seen: &Seen) -> String {
    let failed = seen.steps.iter().find_map(|step| match &step.window {
        Observed::Unknown { why, .. } => {
            Some(format!("not tried, because of {}: {why}", step.name))
        }
        Observed::Known(_) => None,
    });
    failed.unwrap_or_else(|| "this program does not know how to make it fire".to_owned())
}

fn absent(id: &Tracepoint, seen: &Seen) -> String {
    let names: Vec<String> = undocumented(seen).map(|one| one.id.to_string()).collect();
    match closest(&id.to_string(), names.iter().map(String::as_str)) {
        Some(near) => format!("it is not in the program; is {near} meant to be it?"),
        None => "it is not in the program".to_owned(),
    }
}

/// Documented arguments that nothing is expected of.
fn unchecked(documented: &Documented, window: &Window) -> Vec<String> {
    let mut expected = window.expected.iter().filter(|one| one.id == documented.id);
    let Some(any) = expected.next() else {
        return Vec::new();
    };
    let names = documented.args.iter().map(|arg| &arg.name);
    names
        .filter(|name| any.want(name).is_none())
        .map(|name| format!("this program does not know what {name} should be"))
        .collect()
}

fn describe(problems: &[Problem<'_>], events: usize) -> Vec<String> {
    if events == 0
        && let Some(Problem::Missing(first)) = problems.first()
    {
        return vec![format!("it never fired, not even when {}", first.because)];
    }
    let mut said: Vec<String> = problems.iter().take(FEW).map(one).collect();
    if let Some(more @ 1..) = problems.len().checked_sub(FEW) {
        said.push(format!("and {more} more like that"));
    }
    said
}

fn one(problem: &Problem<'_>) -> String {
    match problem {
        Problem::Missing(expected) => format!("it did not fire when {}", expected.because),
        Problem::Differs(expected, differences) => {
            let because = &expected.because;
            if let [first, second] = &differences[..]
                && first.swapped_with.as_ref() == Some(&second.argument)
            {
                return format!(
                    "{} and {} are swapped: {first} (when {because})",
                    first.argument, second.argument
                );
            }
            let all: Vec<_> = differences.iter().map(ToString::to_string).collect();
            format!("{} (when {because})", all.join("; "))
        }
        Problem::Surplus(event) => {
            let args: Vec<_> = event.args.iter().map(ToString::to_string).collect();
            format!("it also fired when nothing happened: ({})", args.join(", "))
        }
        Problem::Sum(sum, seen) => {
            let of: Vec<_> = sum
                .of
                .iter()
                .map(|(name, want)| format!("{name} {want}"))
                .collect();
            format!(
                "{} of all with {} add up to {seen} with {} bytes beside each; {} says {}",
                sum.arg,
                of.join(", "),
                sum.beside,
                sum.told,
                sum.total
            )
        }
    }
}
