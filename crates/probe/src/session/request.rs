//! What somebody wants to know of a tracepoint.

use crate::usdt::ProbeId;

/// A tracepoint and what is to be done with its events. They are always counted.
///
/// An argument that is signed at one of several call sites is added up, compared and grouped by as signed at all.
///
/// ```
/// use probe::{Key, Probe};
///
/// let added = Probe::new("utxocache:add".parse()?)
///     .sum(3)
///     .log2_histogram(3)
///     .group_by(Key::Bytes { arg: 0, length: 32 })
///     .only_if("arg4 == 0".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Probe {
    /// Which tracepoint.
    pub id: ProbeId,
    pub(super) conditions: Vec<Condition>,
    pub(super) measures: Vec<Measure>,
    pub(super) key: Option<Key>,
    pub(super) stream: Option<Vec<Part>>,
}

impl Probe {
    /// Counts the events of a tracepoint.
    pub fn new(id: ProbeId) -> Self {
        Self {
            id,
            conditions: Vec::new(),
            measures: Vec::new(),
            key: None,
            stream: None,
        }
    }

    /// Adds up an argument. The sum has 128 bits, so it does not overflow.
    #[must_use]
    pub fn sum(mut self, arg: u8) -> Self {
        self.measure(arg).sum = true;
        self
    }

    /// Keeps an argument's smallest and largest value.
    #[must_use]
    pub fn range(mut self, arg: u8) -> Self {
        self.measure(arg).range = true;
        self
    }

    /// Counts an argument's values by powers of two.
    #[must_use]
    pub fn log2_histogram(self, arg: u8) -> Self {
        self.histogram(arg, Scale::Log2)
    }

    /// Counts an argument's values by steps of equal width.
    #[must_use]
    pub fn linear_histogram(self, arg: u8, linear: Linear) -> Self {
        self.histogram(arg, Scale::Linear(linear))
    }

    /// Counts by key too, and adds up by key what is added up.
    #[must_use]
    pub fn group_by(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Leaves out events for which the condition does not hold. Several must all hold.
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Sends every event with its integers, and with these strings and byte arrays.
    #[must_use]
    pub fn stream(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.stream.get_or_insert_default().extend(parts);
        self
    }

    fn histogram(mut self, arg: u8, scale: Scale) -> Self {
        // One argument may have several histograms; each is a measure of its own.
        match self
            .measures
            .iter_mut()
            .find(|one| one.arg == arg && one.scale.is_none())
        {
            Some(one) => one.scale = Some(scale),
            None => self.measures.push(Measure {
                scale: Some(scale),
                ..Measure::of(arg)
            }),
        }
        self
    }

    fn measure(&mut self, arg: u8) -> &mut Measure {
        let at = self.measures.iter().position(|one| one.arg == arg);
        let at = at.unwrap_or_else(|| {
            self.measures.push(Measure::of(arg));
            self.measures.len() - 1
        });
        &mut self.measures[at]
    }
}

/// What is added up of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) arg: u8,
    pub(super) sum: bool,
    pub(super) range: bool,
    pub(super) scale: Option<Scale>,
}

impl Measure {
    const fn of(arg: u8) -> Self {
        Self {
            arg,
            sum: false,
            range: false,
            scale: None,
        }
    }
}

/// The buckets of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 0, 1, [2, 4), [4, 8) and so on, and their negatives.
    Log2,
    /// Steps of equal width.
    Linear(Linear),
}

/// Steps of equal width from `min` to `max`; what lies outside has two buckets of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Where the first step starts.
    pub min: i64,
    /// Where the last one ends.
    pub max: i64,
    /// How wide each is.
    pub step: u64,
}

/// What events are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// An argument's value.
    Integer {
        /// Which argument.
        arg: u8,
    },
    /// The string that an argument points to; its first 63 bytes count.
    Text {
        /// Which argument.
        arg: u8,
    },
    /// The bytes that an argument points to.
    Bytes {
        /// Which argument.
        arg: u8,
        /// How many: 1 to 64.
        length: u8,
    },
}

impl Key {
    /// Which argument.
    pub fn arg(self) -> u8 {
        match self {
            Self::Integer { arg } | Self::Text { arg } | Self::Bytes { arg, .. } => arg,
        }
    }
}

/// A string or byte array that goes with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The string that an argument points to.
    Text {
        /// Which argument.
        arg: u8,
        /// At most so many bytes, the NUL among them.
        capacity: u16,
    },
    /// The bytes that an argument points to.
    Bytes {
        /// Which argument.
        arg: u8,
        /// So many, or at most so many when their number is an argument.
        capacity: u16,
        /// Which argument tells how many there are.
        length_arg: Option<u8>,
    },
}

impl Part {
    /// Which argument.
    pub fn arg(self) -> u8 {
        match self {
            Self::Text { arg, .. } | Self::Bytes { arg, .. } => arg,
        }
    }

    pub(super) fn capacity(self) -> u16 {
        match self {
            Self::Text { capacity, .. } | Self::Bytes { capacity, .. } => capacity,
        }
    }
}

/// A comparison with an argument, written `arg3 >= 100000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument.
    pub arg: u8,
    /// How it is compared.
    pub compare: Compare,
    /// With what: any 64-bit integer, signed or not.
    pub value: i128,
}

pub use probe_common::Compare;

/// The text is not a comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum NotACondition {
    /// There is no operator in it.
    #[error("`{text}` compares nothing")]
    #[diagnostic(help(
        "write an argument, an operator (== != < <= > >=) and an integer: arg3 >= 100000"
    ))]
    Operator {
        /// What was given.
        text: String,
    },
    /// The left side is not an argument.
    #[error("`{left}` in `{text}` is not an argument")]
    #[diagnostic(help("arguments are arg0, arg1 and so on; `workshop tracepoints` lists them"))]
    Argument {
        /// What was given.
        text: String,
        /// Its left side.
        left: String,
    },
    /// The right side is not an integer of 64 bits.
    #[error("`{right}` in `{text}` is not an integer of 64 bits")]
    #[diagnostic(help("integers are decimal or 0x…; strings cannot be compared in the kernel"))]
    Value {
        /// What was given.
        text: String,
        /// Its right side.
        right: String,
    },
}

impl std::str::FromStr for Condition {
    type Err = NotACondition;

    fn from_str(text: &str) -> Result<Self, NotACondition> {
        Self::parse(text, |name| name.strip_prefix("arg")?.parse().ok())
    }
}

impl Condition {
    /// As `parse()`, with names for arguments.
    ///
    /// # Errors
    /// When the text is not an argument, an operator and an integer.
    pub fn parse(
        text: &str,
        argument: impl FnOnce(&str) -> Option<u8>,
    ) -> Result<Self, NotACondition> {
        // Two characters first: `<=` starts with `<`.
        const OPERATORS: [(&str, Compare); 6] = [
            ("==", Compare::Equal),
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        let found = OPERATORS.iter().find_map(|(operator, compare)| {
            let (left, right) = text.split_once(operator)?;
            Some((left.trim(), *compare, right.trim()))
        });
        let Some((left, compare, right)) = found else {
            return Err(NotACondition::Operator {
                text: text.to_owned(),
            });
        };
        let arg = argument(left).ok_or_else(|| NotACondition::Argument {
            text: text.to_owned(),
            left: left.to_owned(),
        })?;
        let value = integer(right).ok_or_else(|| NotACondition::Value {
            text: text.to_owned(),
            right: right.to_owned(),
        })?;
        Ok(Self {
            arg,
            compare,
            value,
        })
    }
}

/// A decimal or hexadecimal integer that a 64-bit argument can have.
fn integer(text: &str) -> Option<i128> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => i128::from(u64::from_str_radix(digits, 16).ok()?),
        None => text.parse().ok()?,
    };
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&value)
        .then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let read = |text: &str| {
            text.parse::<Condition>()
                .map(|one| (one.arg, one.compare, one.value))
        };
        assert_eq!(
            read("arg3 >= 100000"),
            Ok((3, Compare::GreaterOrEqual, 100_000))
        );
        assert_eq!(read("arg0==-1"), Ok((0, Compare::Equal, -1)));
        assert_eq!(read("arg11 != 0xff"), Ok((11, Compare::NotEqual, 255)));
        assert_eq!(
            read("arg1 < 18446744073709551615"),
            Ok((1, Compare::Less, i128::from(u64::MAX)))
        );
        for wrong in [
            "",
            "arg3",
            "arg3 = 1",
            "value > 1",
            "arg3 > x",
            "arg3 > 18446744073709551616",
            "argx == 1",
            "arg3 == \"a\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_argument_is_one_measure_and_a_second_histogram_another() {
        let linear = Linear {
            min: 0,
            max: 10,
            step: 1,
        };
        let probe = Probe::new(ProbeId::new("a", "b"))
            .sum(3)
            .log2_histogram(3)
            .range(3)
            .linear_histogram(3, linear)
            .sum(4);
        let what: Vec<_> = probe
            .measures
            .iter()
            .map(|one| (one.arg, one.sum, one.range, one.scale))
            .collect();
        assert_eq!(
            what,
            [
                (3, true, true, Some(Scale::Log2)),
                (3, false, false, Some(Scale::Linear(linear))),
                (4, true, false, None),
            ]
        );
    }
}
