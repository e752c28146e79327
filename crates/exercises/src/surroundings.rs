//! What stands around a call in a C++ source file: the function it is in, and whether it can be reached.
//!
//! This reads the layout of Bitcoin Core, where functions begin and end in the first column, and not C++. It
//! chooses hints and understands answers; what happens is seen on the running program.

use serde::{Deserialize, Serialize};

use crate::tracepoint::is_identifier;

/// Around one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The function, without its class or namespace.
    pub function: Option<String>,
    /// Whether a condition that is always false stands before it.
    pub never: bool,
}

/// What stands around line `line` (from 1) of `code`, which [`crate::source::code`] made.
pub fn around(code: &str, line: u32) -> Surroundings {
    let Some(at) = usize::try_from(line).ok().and_then(|n| n.checked_sub(1)) else {
        return Surroundings::default();
    };
    let lines: Vec<&str> = code.lines().take(at + 1).collect();
    let Some((last, before)) = lines.split_last() else {
        return Surroundings::default();
    };
    let mut function = None;
    for line in before {
        if line.starts_with('}') {
            function = None;
        } else if let Some(name) = definition(line) {
            function = Some(name);
        }
    }
    // All of it may stand on one line.
    let function = definition(last).or(function);
    let column = last.find("TRACE").unwrap_or(0);
    let mut text: String = before.iter().flat_map(|line| [line, "\n"]).collect();
    text.push_str(&last[..column]);
    Surroundings {
        function: function.map(str::to_owned),
        never: is_dead(&text),
    }
}

/// The lines of `code`, from 1, that call `function`. Declarations and definitions stand in the first column.
pub fn lines_that_call(code: &str, function: &str) -> Vec<u32> {
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| line.starts_with(char::is_whitespace) && calls(line, function))
        .map(|(number, _)| number)
        .collect()
}

fn calls(line: &str, function: &str) -> bool {
    line.match_indices(function).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + function.len()..]);
        !before.ends_with(is_word) && after.trim_start().starts_with('(')
    })
}

/// The name of the function whose definition begins on this line.
fn definition(line: &str) -> Option<&str> {
    let line = without_attributes(line);
    if !line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return None;
    }
    let line = line.trim_end();
    // A declaration, or a macro that is used outside of functions.
    if line.ends_with(';') {
        return None;
    }
    let Some((head, _)) = line.split_once('(') else {
        // `MAIN_FUNCTION`, a macro that stands for main's head.
        let macro_name = line.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        return macro_name.then_some(line);
    };
    let name = head
        .trim_end()
        .rsplit(|letter: char| !is_word(letter))
        .next()?;
    (is_identifier(name) && !name.starts_with("TRACE")).then_some(name)
}

/// `[[maybe_unused]] static void f()` without what stands in brackets.
fn without_attributes(mut line: &str) -> &str {
    while let Some((_, rest)) = line
        .strip_prefix("[[")
        .and_then(|rest| rest.split_once("]]"))
    {
        line = rest.trim_start();
    }
    line
}

/// Whether a constant false condition stands right before the end of `text`, or before a block that is still
/// open there.
fn is_dead(text: &str) -> bool {
    if ends_with_false(text) {
        return true;
    }
    let mut closed = 0_u32;
    for (at, letter) in text.char_indices().rev() {
        match letter {
            '}' => closed += 1,
            '{' if closed > 0 => closed -= 1,
            '{' if ends_with_false(&text[..at]) => return true,
            _ => {}
        }
    }
    false
}

/// Whether `text` ends with `if (false)`, `while (0)` or their like.
fn ends_with_false(text: &str) -> bool {
    let Some(text) = text.trim_end().strip_suffix(')') else {
        return false;
    };
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices().rev() {
        match letter {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => {
                let head = text[..at].trim_end();
                let word = head.rsplit(|letter| !is_word(letter)).next();
                return matches!(word, Some("if" | "while" | "constexpr"))
                    && is_false(&text[at + 1..]);
            }
            _ => {}
        }
    }
    false
}

fn is_false(condition: &str) -> bool {
    condition
        .split("&&")
        .map(str::trim)
        .any(|part| matches!(part, "false" | "0" | "!true" | "!1"))
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::code;

    const TEXT: &str = "\
TRACEPOINT_SEMAPHORE(node, started);
void Declared();
[[maybe_unused]] static void Helper() { TRACEPOINT(node, one_line); }

bool AppInitMain(NodeContext& node,
                 int* tip)
{
    if (a && false) {
        for (;;) {
            TRACEPOINT(node, dead);
        }
    }
    if (tip) {
        // if (false) {
        Helper();
        TRACEPOINT(node, alive);
    } else if (0)
        TRACEPOINT(node, also_dead);
    while (false) { f(\"{\"); } TRACEPOINT(node, after);
}
MAIN_FUNCTION
{
    if constexpr (false) TRACEPOINT(node, in_main);
    ns::Helper (1); NotHelper();
}
TRACEPOINT(node, outside)
void Class::Method(int x) {
    if (is(false)) {
        TRACEPOINT(node, in_method);
    }
}
";

    #[test]
    fn the_function_and_whether_it_is_reached() {
        let code = code(TEXT);
        let show = |event: &str| {
            let line = (1..)
                .zip(TEXT.lines())
                .find(|(_, line)| line.contains(event));
            let Surroundings { function, never } = around(&code, line.unwrap().0);
            (function.unwrap_or_default(), never)
        };
        for (event, function, never) in [
            ("one_line", "Helper", false),
            ("dead)", "AppInitMain", true),
            ("alive", "AppInitMain", false),
            ("also_dead", "AppInitMain", true),
            ("after", "AppInitMain", false),
            ("in_main", "MAIN_FUNCTION", true),
            ("outside", "", false),
            ("in_method", "Method", false),
        ] {
            assert_eq!(show(event), (function.to_owned(), never), "{event}");
        }
        assert_eq!(around(&code, 0), Surroundings::default());
        assert_eq!(around("", 7), Surroundings::default());
    }

    #[test]
    fn who_calls_a_function() {
        let code = code(TEXT);
        assert_eq!(lines_that_call(&code, "Helper"), [15, 24]);
        assert_eq!(lines_that_call(&code, "Declared"), [] as [u32; 0]);
    }
}
