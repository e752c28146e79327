//! Advice on names. It never decides.

use std::collections::BTreeSet;

use crate::tracepoint::Tracepoint;

/// What a reviewer of Bitcoin Core might say about the names of new tracepoints; none when nothing.
pub(super) fn on_names(
    new: &BTreeSet<&Tracepoint>,
    base: &BTreeSet<Tracepoint>,
    documented: Option<&BTreeSet<Tracepoint>>,
) -> Option<String> {
    let mut advice = Vec::new();
    let halves = || new.iter().flat_map(|one| [&one.context, &one.event]);
    if let Some(name) = halves().find(|name| !is_snake_case(name)) {
        advice.push(format!(
            "{name}: the names of Bitcoin Core are in snake_case, lower case with underscores"
        ));
    }
    if let Some(name) = halves().find(|name| name.split('_').any(|word| word == "test")) {
        advice.push(format!("{name}: this is no test any more"));
    }
    let mut contexts: Vec<&str> = new.iter().map(|one| one.context.as_str()).collect();
    contexts.dedup();
    let shared = contexts
        .iter()
        .find(|context| base.iter().any(|one| one.context == **context));
    if let Some(context) = shared {
        advice.push(format!(
            "{context} is the context of others: does what happens here belong to it?"
        ));
    }
    if documented.is_some_and(|documented| new.iter().any(|one| !documented.contains(*one))) {
        advice.push(
            "doc/tracing.md describes every tracepoint, and these not all of them yet".to_owned(),
        );
    }
    (!advice.is_empty()).then(|| advice.join("; "))
}

fn is_snake_case(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !name.starts_with('_')
        && !name.ends_with('_')
        && !name.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(names: &[&str], documented: Option<&[&str]>) -> String {
        let parse = |names: &[&str]| -> BTreeSet<Tracepoint> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let new = parse(names);
        let documented = documented.map(parse);
        on_names(
            &new.iter().collect(),
            &parse(&["net:inbound_message"]),
            documented.as_ref(),
        )
        .unwrap_or_default()
    }

    #[test]
    fn each_piece_of_advice() {
        assert_eq!(advice(&["node:started", "node:stopping"], None), "");
        for (names, documented, piece) in [
            (
                ["node:Started", "node:stopping"],
                None,
                "Started: the names",
            ),
            (["nodeState:up", "node:down"], None, "nodeState: the names"),
            (["test:up", "node:down"], None, "test: this is no test"),
            (["node:test_up", "node:down"], None, "test_up: this is no"),
            (["net:up", "net:down"], None, "net is the context of others"),
            (
                ["node:up", "node:down"],
                Some(&["node:up"][..]),
                "doc/tracing.md",
            ),
        ] {
            let advice = advice(&names, documented);
            assert!(advice.contains(piece), "{advice}");
            assert!(!advice.contains("; "), "{advice}");
        }
        // `contest` has the letters and not the word.
        assert_eq!(advice(&["contest:up", "latest:down"], None), "");
        let all = advice(&["net:Test", "net:test"], Some(&[]));
        assert_eq!(all.matches("; ").count(), 3, "{all}");
    }
}
