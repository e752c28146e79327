//! Everything in the source that reads like a tracepoint which the base does not have.

use std::collections::BTreeSet;

use exercises::Tracepoint;
use exercises::source;
use exercises::surroundings;
use exercises::tasks::task5::seen::{Line, NewCall};

use super::sources::Sources;

/// Where the macros are defined.
const MACROS: &str = "src/util/trace.h";
/// Nobody writes that many by hand; each has its place in the evidence.
const MOST_CALLS: usize = 100;
/// To know that a function is called, and to understand an answer, few lines are enough.
const MOST_CALLERS: usize = 20;

pub(super) fn new_calls(sources: &Sources, base: &BTreeSet<Tracepoint>) -> Vec<NewCall> {
    let mut calls = Vec::new();
    for (path, text) in sources.with(&["TRACE".to_owned()]) {
        if path == MACROS {
            continue;
        }
        let code = source::code(&text);
        for call in source::calls(&text) {
            let Some(tracepoint) = call.tracepoint else {
                continue;
            };
            if base.contains(&tracepoint) || calls.len() == MOST_CALLS {
                continue;
            }
            calls.push(NewCall {
                file: path.to_owned(),
                first: call.first,
                last: call.last,
                kind: call.kind,
                tracepoint,
                around: surroundings::around(&code, call.first),
                callers: vec![],
            });
        }
    }
    find_callers(sources, &mut calls);
    calls
}

fn find_callers(sources: &Sources, calls: &mut [NewCall]) {
    let mut names: Vec<String> = calls
        .iter()
        .filter_map(|call| call.around.function.clone())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return;
    }
    for (path, text) in sources.with(&names) {
        let code = source::code(&text);
        for call in &mut *calls {
            let Some(function) = &call.around.function else {
                continue;
            };
            let room = MOST_CALLERS - call.callers.len();
            let lines = surroundings::lines_that_call(&code, function);
            call.callers
                .extend(lines.into_iter().take(room).map(|line| Line {
                    file: path.to_owned(),
                    line,
                }));
        }
    }
}
