//! Whether the script ran, attached to the right program, through the whole test.

use std::collections::BTreeSet;

use crate::bpftrace;
use crate::verdict::Judged;

use super::{Ended, Hooked, Role, Run, Script, Seen, Traced, grouped};

pub(super) fn script(seen: &Seen) -> Judged {
    match &seen.script {
        Script::Missing { path } => Judged::wrong(
            format!("there is no {path}"),
            "`workshop start task3` puts one there to begin with",
        ),
        Script::Unreadable { path, why } => Judged::Unknown {
            why: format!("{path} is no script: {why}"),
            remedy: "name a bpftrace script: workshop check task3 --script FILE".to_owned(),
        },
        Script::Text { path, text } => {
            if let Some(wrong) = not_bpftrace(path, text) {
                return wrong;
            }
            seen.run.judge(|run| match &run.traced {
                Some(traced) => traced_run(seen, run, traced, path),
                None => Judged::Unknown {
                    why: "the script was not run".to_owned(),
                    remedy: "run the check again".to_owned(),
                },
            })
        }
    }
}

fn not_bpftrace(path: &str, text: &str) -> Option<Judged> {
    if let Some(first) = text.lines().next().filter(|line| line.starts_with("#!"))
        && !first.contains("bpftrace")
    {
        return Some(Judged::wrong(
            format!("{path} begins with {first}"),
            "the check runs a script of bpftrace itself, not a program that calls it",
        ));
    }
    let script = bpftrace::Script::parse(text);
    let nothing = without_comments_is_empty(text);
    (nothing && script.is_empty()).then(|| {
        Judged::wrong(
            format!("{path} is empty"),
            "name the two tracepoints in it; `workshop reset task3` gives you the first script again",
        )
    })
}

fn without_comments_is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| {
        line.is_empty() || line.starts_with("//") || line.starts_with('#') || line.starts_with("/*")
    })
}

fn traced_run(seen: &Seen, run: &Run, traced: &Traced, path: &str) -> Judged {
    match traced.ended {
        Ended::Starting if traced.messages.is_empty() && traced.status == Some(0) => Judged::wrong(
            "it ended before the test began",
            "something in it calls exit(): let it run until it is interrupted",
        ),
        Ended::Starting => refused(seen, traced),
        Ended::Late(seconds) => Judged::wrong(
            format!(
                "it had not attached to anything after {seconds} s, and the test began without it"
            ),
            "how long does it take to attach when you run it yourself, and to how many probes?",
        ),
        Ended::Killed(seconds) => Judged::Unknown {
            why: format!("bpftrace did not end within {seconds} s after an interrupt"),
            remedy: format!("run it yourself, and end it with Ctrl-C: sudo bpftrace {path}"),
        },
        Ended::Testing => Judged::wrong(
            "it ended before the test did",
            "something in it calls exit(): let it run until it is interrupted",
        ),
        Ended::Asked => match &traced.hooked {
            // It cannot be seen on this machine; what it printed will tell.
            None => attached(run, traced),
            Some(hooked) => hooked_something(seen, run, traced, hooked),
        },
    }
}

fn hooked_something(seen: &Seen, run: &Run, traced: &Traced, hooked: &[Hooked]) -> Judged {
    let test = &seen.binary;
    if hooked.iter().any(|one| one.tested) {
        return attached(run, traced);
    }
    let files: BTreeSet<&str> = hooked.iter().map(|one| one.file.as_str()).collect();
    let Some(file) = files.first() else {
        return Judged::wrong(
            "it attached to no tracepoint of any program",
            format!("which tracepoints are there? sudo bpftrace -l 'usdt:./{test}:utxocache:*'"),
        );
    };
    let same_name = file.rsplit('/').next() == test.rsplit('/').next();
    Judged::wrong(
        format!("your script hooked {file}; the test runs {test}"),
        if same_name {
            "a probe belongs to a file: a copy of it is another one"
        } else {
            "tracepoints are hooked in one program, and fire where that program runs"
        },
    )
}

fn attached(run: &Run, traced: &Traced) -> Judged {
    let hooked: BTreeSet<String> = traced
        .hooked
        .iter()
        .flatten()
        .filter(|one| one.tested)
        .filter_map(|one| one.tracepoint.as_ref().map(ToString::to_string))
        .collect();
    let passed = Role::BOTH.map(|role| {
        let count = grouped(role.of(&run.truth).count);
        format!("{} {count} times", role.tracepoint())
    });
    let what = match hooked.len() {
        0 => "attached".to_owned(),
        1..=3 => format!("attached to {}", Vec::from_iter(hooked).join(", ")),
        many => format!("attached to {many} tracepoints"),
    };
    Judged::right(format!("{what}; the test passed {}", passed.join(" and ")))
}

/// bpftrace's own words, and what may help with them.
fn refused(seen: &Seen, traced: &Traced) -> Judged {
    let messages = traced.messages.trim();
    let said = match (messages.is_empty(), traced.status) {
        (false, _) => format!("bpftrace did not take it:\n{messages}"),
        (true, Some(status)) => format!("bpftrace ended with status {status} and said nothing"),
        (true, None) => "bpftrace was killed".to_owned(),
    };
    let mentions = |words: &[&str]| words.iter().any(|word| messages.contains(word));
    let hint = if mentions(&["unsafe"]) {
        "the check runs scripts without --unsafe; counting needs nothing of the kind".to_owned()
    } else if mentions(&[
        "does not exist",
        "Failed to find usdt",
        "No probes to attach",
        "couldn't find",
        "couldn't get argument",
        "not found",
    ]) {
        format!(
            "it runs at the top of the tree: is the program named from there, and the tracepoint spelled as in \
             sudo bpftrace -l 'usdt:./{}:utxocache:*'?",
            seen.binary
        )
    } else if mentions(&["syntax error", "unexpected", "Unknown function", "expected"]) {
        match line_of(messages) {
            Some(line) => format!(
                "look at line {line}, and at the one before it: brackets, semicolons, names"
            ),
            None => "look at brackets, semicolons and names".to_owned(),
        }
    } else {
        "the message is bpftrace's own; the first line matters most".to_owned()
    };
    Judged::wrong(said, hint)
}

/// The line in `FILE:LINE:COLUMN: ERROR` or `FILE:LINE-LINE: ERROR`.
fn line_of(messages: &str) -> Option<u32> {
    let place = messages
        .lines()
        .find_map(|line| line.split_once(": ERROR").map(|(place, _)| place))?;
    place.split(':').skip(1).find_map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_error_is_found() {
        assert_eq!(line_of("task3.bt:2:61-62: ERROR: syntax error"), Some(2));
        assert_eq!(line_of("a/b.bt:1-3: ERROR: unexpected end"), Some(1));
        assert_eq!(line_of("ERROR: Failed"), None);
    }
}
