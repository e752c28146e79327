//! Places in the source as people name them.

use super::seen::{Line, NewCall};
use crate::source::Location;

/// A place as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A line.
    Line(Line),
    /// A file, for all that is in it.
    File(String),
    /// A function, for all that is in it.
    Function(String),
}

impl Named {
    /// Whether the call is there, or its function is called there.
    pub(super) fn holds(&self, call: &NewCall) -> bool {
        match self {
            Self::Line(at) => {
                (same_file(&at.file, &call.file) && (call.first..=call.last).contains(&at.line))
                    || call
                        .callers
                        .iter()
                        .any(|line| line.line == at.line && same_file(&at.file, &line.file))
            }
            Self::File(file) => same_file(file, &call.file),
            Self::Function(name) => call.around.function.as_ref() == Some(name),
        }
    }
}

/// `init.cpp`, `src/init.cpp` and `~/bitcoin/src/init.cpp` are all meant as `src/init.cpp`.
fn same_file(given: &str, file: &str) -> bool {
    let given = given.trim_start_matches("./");
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|head| head.is_empty() || head.ends_with('/'))
    };
    ends(given, file) || ends(file, given)
}

/// The places that an answer names: `src/init.cpp:12 and :34`, `AppInitMain() and Shutdown()`, `init.cpp`.
pub(super) fn places(text: &str, calls: &[NewCall]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut file: Option<String> = None;
    let mut whole_file = false;
    for word in
        text.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '"'))
    {
        let word = word.trim_matches(|letter| matches!(letter, '(' | ')' | '.' | '`' | '\''));
        let number = word.trim_start_matches([':', '#', 'L', '+']);
        if let Some(Location { file: name, line }) = Location::parse(word) {
            file = Some(name.clone());
            whole_file = false;
            found.push(Named::Line(Line { file: name, line }));
        } else if let (Ok(line), Some(name)) = (number.parse(), &file) {
            whole_file = false;
            found.push(Named::Line(Line {
                file: name.clone(),
                line,
            }));
        } else if [".cpp", ".h"].iter().any(|end| word.ends_with(end)) {
            found.extend(whole_file.then(|| Named::File(file.take().unwrap_or_default())));
            file = Some(word.to_owned());
            whole_file = true;
        } else if calls
            .iter()
            .any(|call| call.around.function.as_deref() == Some(function(word)))
        {
            whole_file = false;
            found.push(Named::Function(function(word).to_owned()));
        }
    }
    // A file stands for all of it only when nothing in it is named.
    found.extend(whole_file.then(|| Named::File(file.unwrap_or_default())));
    found
}

/// `Shutdown` of `Shutdown()`, `Shutdown(NodeContext&` and `node::Shutdown`.
fn function(word: &str) -> &str {
    let head = word.split('(').next().unwrap_or(word);
    head.rsplit("::").next().unwrap_or(head)
}

/// Why it holds no call.
pub(super) fn why_not(place: &Named, calls: &[NewCall]) -> String {
    /// So many lines away somebody has probably changed the file since.
    const NEAR: u32 = 5;
    match place {
        Named::Line(at) => {
            let close = calls.iter().any(|call| {
                same_file(&at.file, &call.file)
                    && call.first <= at.line + NEAR
                    && at.line <= call.last + NEAR
            });
            if close {
                format!("{}:{} is a few lines off", at.file, at.line)
            } else {
                format!("no new tracepoint is called at {}:{}", at.file, at.line)
            }
        }
        Named::File(file) => format!("no new tracepoint is called in {file}"),
        Named::Function(name) => format!("no new tracepoint is called in {name}()"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Kind;
    use crate::surroundings::Surroundings;
    use crate::tracepoint::Tracepoint;

    fn call(first: u32, event: &str, function: &str) -> NewCall {
        NewCall {
            file: "src/init.cpp".into(),
            first,
            last: first + 1,
            kind: Kind::Live,
            tracepoint: Tracepoint::new("node", event),
            around: Surroundings {
                function: Some(function.into()),
                never: false,
            },
            callers: vec![Line {
                file: "src/bitcoind.cpp".into(),
                line: first + 1000,
            }],
        }
    }

    #[test]
    fn places_in_many_words() {
        let calls = [
            call(2360, "started", "AppInitMain"),
            call(313, "stopping", "Shutdown"),
        ];
        let both = |text: &str| {
            let places = places(text, &calls);
            let held = calls
                .iter()
                .filter(|call| places.iter().any(|place| place.holds(call)));
            let strange = places
                .iter()
                .filter(|place| !calls.iter().any(|call| place.holds(call)));
            (held.count(), strange.count())
        };
        for text in [
            "src/init.cpp:2360 src/init.cpp:313",
            "src/init.cpp:2361, init.cpp:314",
            "~/bitcoin/src/init.cpp:2360 and :313",
            "/home/workshop/bitcoin/src/init.cpp:2360:5 and 313",
            "src/init.cpp#L2360 src/init.cpp#L313",
            "in src/init.cpp, line 2360 and line 313",
            "the end of AppInitMain() and the start of Shutdown()",
            "init.cpp: AppInitMain, Shutdown",
            "src/init.cpp",
            "both in ./src/init.cpp.",
            "AppInitMain(NodeContext& node) and node::Shutdown()",
            "src/bitcoind.cpp:3360 and src/init.cpp:313",
        ] {
            assert_eq!(both(text), (2, 0), "{text}");
        }
        for (text, found) in [
            ("src/init.cpp:2360", (1, 0)),
            ("src/init.cpp:2360 src/init.cpp:9", (1, 1)),
            ("src/net.cpp", (0, 1)),
            ("src/net.cpp src/init.cpp", (2, 1)),
            ("at the end", (0, 0)),
            ("", (0, 0)),
        ] {
            assert_eq!(both(text), found, "{text}");
        }
    }
}
