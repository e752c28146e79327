//! What cannot be asked for, and how to ask.

use miette::Diagnostic;

/// Something on the command line that does not fit the tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub(super) enum Wrong {
    #[error("{probe} has no argument {name}{}", did_you_mean(near.as_deref()))]
    #[diagnostic(help("{}", has(all)))]
    NoSuchArgument {
        probe: String,
        name: String,
        near: Option<String>,
        all: String,
    },

    #[error("{arg} of {probe} is {noun}: {action} needs an integer")]
    #[diagnostic(help("--by {arg} counts by it, --print shows it"))]
    NotANumber {
        probe: String,
        arg: String,
        noun: &'static str,
        action: &'static str,
    },

    #[error("{arg} of {probe} is a number, not the address of {said}")]
    #[diagnostic(help("leave `:{said}` away"))]
    NotAnAddress {
        probe: String,
        arg: String,
        said: String,
    },

    #[error("`{said}` is no form of an argument ({arg} of {probe})")]
    #[diagnostic(help(
        "{arg}:str is the string it points to, {arg}:bytes16 so many bytes, {arg}:hash 32 bytes in reverse, \
         {arg}:int the number itself"
    ))]
    NoSuchForm {
        probe: String,
        arg: String,
        said: String,
    },

    #[error("{arg} of {probe} points to something of unknown length")]
    #[diagnostic(help("say how many bytes: {arg}:bytes16, or {arg}:str for a string"))]
    NoLength { probe: String, arg: String },

    #[error("{arg} of {probe} has as many bytes as {length_arg} says: --by needs a fixed number")]
    #[diagnostic(help("say how many: {arg}:bytes16"))]
    AnyLength {
        probe: String,
        arg: String,
        length_arg: String,
    },

    #[error("{probe} has --by twice: {first} and {second}")]
    #[diagnostic(help("name the tracepoint twice: {probe} --by {first} {probe} --by {second}"))]
    TwoKeys {
        probe: String,
        first: String,
        second: String,
    },

    #[error("`{text}` is not a histogram of equal steps")]
    #[diagnostic(help("write argument, start, end and step: --lhist height:0:1000:50"))]
    NotLinear { text: String },

    #[error("{problem} (of {probe})")]
    #[diagnostic(help("{help}"))]
    Condition {
        probe: String,
        problem: String,
        help: String,
    },

    #[error("no tracepoint is like `{pattern}`")]
    #[diagnostic(help("`workshop tracepoints {binary}` lists them"))]
    NoMatch { pattern: String, binary: String },

    #[error("{problem}")]
    #[diagnostic(help("`workshop tracepoints {binary}` lists them"))]
    NoSuchProbe {
        problem: probe::Problem,
        binary: String,
    },

    #[error("`{text}` is not the name of a tracepoint")]
    #[diagnostic(help(
        "write provider and name with a colon between, such as net:inbound_message; a command that is to be \
         run stands behind --"
    ))]
    NotAName { text: String },
}

/// More than one.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{} things cannot be traced like that", problems.len())]
pub(super) struct Wrongs {
    #[related]
    problems: Vec<Wrong>,
}

/// One problem as itself, several at once.
pub(super) fn report(mut problems: Vec<Wrong>) -> miette::Report {
    match problems.pop() {
        Some(only) if problems.is_empty() => only.into(),
        last => {
            problems.extend(last);
            Wrongs { problems }.into()
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

fn has(all: &str) -> String {
    match all {
        "" => "it has none".to_owned(),
        all => format!("it has {all}"),
    }
}
