//! What was seen of a program's tracepoints, and what RPC made us expect. A report depends on nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::documented::Interface;
use crate::evidence::Observed;
use crate::tracepoint::Tracepoint;

/// One run of the interface test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The program's file.
    pub program: String,
    /// Its version, as it says itself.
    pub version: String,
    /// What is documented for it.
    pub interface: Interface,
    /// The tracepoints that are in it.
    pub tracepoints: Vec<Built>,
    /// Whether it has a wallet; without one it need not have the wallet's tracepoints.
    pub wallet: bool,
    /// What was done with it, in order.
    pub steps: Vec<Step>,
}

/// A tracepoint in the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// Its name.
    pub id: Tracepoint,
    /// Its arguments at each call site.
    pub sites: Vec<Vec<Operand>>,
}

/// An argument as a call site passes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operand {
    /// As the note has it: `-4@%eax`.
    pub text: String,
    /// Bytes, and whether signed; none when the text could not be understood.
    pub layout: Option<(u8, bool)>,
}

/// Something that was done with a node while it was traced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done.
    pub name: String,
    /// The tracepoints that it is about: events of these are expected, each of them, and no others.
    pub about: Vec<Tracepoint>,
    /// What came of it.
    pub window: Observed<Window>,
}

/// What was expected and what was seen during a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What RPC and our own peers made us expect.
    pub expected: Vec<Expected>,
    /// What RPC added up.
    pub sums: Vec<Sum>,
    /// What the tracepoints said.
    pub events: Vec<Event>,
    /// Events that were lost on the way to us.
    pub lost: u64,
}

/// One time that a tracepoint fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which.
    pub id: Tracepoint,
    /// Its arguments in order, as their documented types have them.
    pub args: Vec<Value>,
}

/// An event that should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Of which tracepoint.
    pub id: Tracepoint,
    /// Why: what had happened.
    pub because: String,
    /// What each argument should be, by its documented name.
    pub args: Vec<(String, Want)>,
    /// Whether it may also not have been.
    #[serde(default)]
    pub optional: bool,
}

impl Expected {
    /// An event that must have been.
    pub fn new(id: Tracepoint, because: impl Into<String>) -> Self {
        Self {
            id,
            because: because.into(),
            args: Vec::new(),
            optional: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, name: &str, want: impl Into<Want>) -> Self {
        self.args.push((name.to_owned(), want.into()));
        self
    }

    /// What the argument of that name should be.
    pub fn want(&self, name: &str) -> Option<&Want> {
        let mut args = self.args.iter();
        args.find(|(known, _)| known == name).map(|(_, want)| want)
    }
}

/// What one argument should add up to, over the events whose other arguments are as given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Of which tracepoint.
    pub id: Tracepoint,
    /// Which of its events.
    pub of: Vec<(String, Want)>,
    /// Which argument is added up.
    pub arg: String,
    /// What RPC counts for each event beside it.
    pub beside: u64,
    /// What RPC says.
    pub total: u64,
    /// Where RPC says it.
    pub told: String,
}

/// An argument's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// A number, or a truth value as 0 or 1.
    Integer(i128),
    /// The string it points to.
    Text(String),
    /// The 32 bytes it points to, as hashes are written: the last byte first.
    Hash(String),
    /// The bytes it points to, as far as they were kept.
    Bytes(String),
    /// It points to memory that could not be read.
    Unreadable,
    /// The program passes it in a way that we do not understand.
    Undecodable,
    /// The program passes fewer arguments.
    Missing,
}

/// What an argument should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// That.
    Is(Value),
    /// A number from the first to the second.
    Between(i128, i128),
    /// One of these numbers.
    OneOf(Vec<i128>),
    /// A string in which that occurs.
    Containing(String),
}

impl Want {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Is(Value::Text(text.into()))
    }

    /// A hash.
    pub fn hash(hash: impl Into<String>) -> Self {
        Self::Is(Value::Hash(hash.into()))
    }

    /// Whether a value is as it should be.
    pub fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Is(want), value) => want == value,
            (Self::Between(low, high), Value::Integer(value)) => (low..=high).contains(&value),
            (Self::OneOf(all), Value::Integer(value)) => all.contains(value),
            (Self::Containing(part), Value::Text(text)) => text.contains(part),
            _ => false,
        }
    }
}

impl<T: Into<i128>> From<T> for Want {
    fn from(value: T) -> Self {
        Self::Is(Value::Integer(value.into()))
    }
}

/// Bytes of a long array that are shown.
const SHOWN: usize = 16;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Text(text) => write!(f, "“{text}”"),
            Self::Hash(hash) => f.write_str(hash),
            Self::Bytes(hex) if hex.is_empty() => f.write_str("no bytes"),
            Self::Bytes(hex) => match hex.get(..2 * SHOWN) {
                Some(start) if hex.len() > 2 * SHOWN => write!(f, "{start}…"),
                _ => f.write_str(hex),
            },
            Self::Unreadable => f.write_str("an address that cannot be read"),
            Self::Undecodable => f.write_str("an operand that cannot be decoded"),
            Self::Missing => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => value.fmt(f),
            Self::Between(low, high) => write!(f, "{low} to {high}"),
            Self::OneOf(all) => {
                let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                f.write_str(&all.join(" or "))
            }
            Self::Containing(part) if part.is_empty() => f.write_str("a text"),
            Self::Containing(part) => write!(f, "a text with “{part}”"),
        }
    }
}
