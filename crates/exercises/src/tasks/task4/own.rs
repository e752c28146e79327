//! The judge of our own interface test.

use super::seen::Seen;
use crate::interface::{self, Line, Result};
use crate::verdict::Judged;

/// Judges what was seen of the tree's program.
pub(super) fn interface(seen: &Seen) -> Judged {
    seen.interface.judge(|seen| {
        let report = interface::report(seen);
        let count = |result| of(&report.tracepoints, result).count();
        let says = format!(
            "{} of {} documented tracepoints are right{}",
            count(Result::Right),
            report.tracepoints.len(),
            match count(Result::NotBuilt) {
                0 => String::new(),
                without => format!(", {without} are not in this program"),
            }
        );
        let first = |result| {
            let mut lines = of(&report.tracepoints, result);
            let line = lines.next()?;
            let problem = line.problems.first().map_or("", String::as_str);
            let more = match lines.count() {
                0 => String::new(),
                more => format!(" (and {more} more: workshop interface-test)"),
            };
            Some(format!("{}: {problem}{more}", line.id))
        };
        if let Some(hint) = first(Result::Wrong) {
            return Judged::wrong(says, hint);
        }
        if let Some(why) = first(Result::Unknown) {
            return Judged::Unknown {
                why,
                remedy: "run it by itself: workshop interface-test".to_owned(),
            };
        }
        if count(Result::Right) == 0 {
            return Judged::Unknown {
                why: "nothing is documented for this program".to_owned(),
                remedy: "which version is it? The documentation begins with 22".to_owned(),
            };
        }
        Judged::right(says)
    })
}

fn of(lines: &[Line], result: Result) -> impl Iterator<Item = &Line> {
    lines.iter().filter(move |line| line.result == result)
}
