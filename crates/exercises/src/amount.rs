//! Amounts of memory as people and tools write them: `2.9Gi`, `3.145.728 kB`, `50 % of 8 GiB`.

/// An amount that was understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    number: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    /// `GiB`, `Gi`: powers of 1024.
    Binary(i32),
    /// `GB`, `G`, `kB`: by the standard powers of 1000; `free` and /proc/meminfo mean powers of 1024.
    Either(i32),
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAmount {
    /// There is no number in it.
    NoNumber,
    /// A number, and nobody can tell of what.
    NoUnit,
    /// Zero, negative, or beyond what any machine has.
    Absurd,
}

impl Amount {
    /// The first amount in `text`. Of `used/total`, as htop shows it, the second half is taken.
    ///
    /// # Errors
    /// When there is no number, or none with a unit.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        let text = text.rsplit_once('/').map_or(text, |(_, total)| total);
        let mut why = NotAnAmount::NoNumber;
        let mut rest = text;
        let mut share = 1.0;
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let negative = rest[..start].trim_end().ends_with('-');
            let (digits, after) = number(&rest[start..]);
            rest = after;
            let Some(value) = read_number(digits) else {
                why = NotAnAmount::Absurd;
                continue;
            };
            let after = after.trim_start();
            if let Some(of) = after.strip_prefix('%') {
                // "50 % of 8 GiB": the share of the amount that follows.
                share = value / 100.0;
                rest = of;
                continue;
            }
            let letters = after
                .find(|letter: char| !letter.is_ascii_alphabetic())
                .unwrap_or(after.len());
            let Some(unit) = unit(&after[..letters]) else {
                why = NotAnAmount::NoUnit;
                continue;
            };
            let amount = Self {
                number: value * share,
                unit,
            };
            let (_, most) = amount.bytes();
            // 2^60 bytes is a million times the largest server one can rent.
            if negative || !(1.0..1e18).contains(&most) {
                return Err(NotAnAmount::Absurd);
            }
            return Ok(amount);
        }
        Err(why)
    }

    /// The least and the most bytes it may mean.
    fn bytes(&self) -> (f64, f64) {
        match self.unit {
            Unit::Binary(power) => {
                let bytes = self.number * 1024_f64.powi(power);
                (bytes, bytes)
            }
            Unit::Either(power) => (
                self.number * 1000_f64.powi(power),
                self.number * 1024_f64.powi(power),
            ),
        }
    }

    /// Whether one of its meanings is within 10 % of `bytes`.
    pub fn is_about(&self, bytes: u64) -> bool {
        let truth = bytes as f64;
        let (least, most) = self.bytes();
        [least, most]
            .iter()
            .any(|meaning| (meaning - truth).abs() <= truth / 10.0)
    }

    /// Whether all its meanings are less than `bytes`.
    pub fn is_less_than(&self, bytes: u64) -> bool {
        self.bytes().1 < bytes as f64
    }

    /// Whether it would be right with a neighbouring unit: MB for GB.
    pub fn is_off_by_a_unit(&self, bytes: u64) -> bool {
        let power = match self.unit {
            Unit::Binary(power) | Unit::Either(power) => power,
        };
        [power - 1, power + 1].into_iter().any(|power| {
            Self {
                number: self.number,
                unit: Unit::Either(power),
            }
            .is_about(bytes)
        })
    }
}

fn unit(letters: &str) -> Option<Unit> {
    let lower = letters.to_ascii_lowercase();
    let (first, rest) = lower.split_at_checked(1)?;
    let power = match first {
        "b" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    match rest {
        "yte" | "ytes" if first == "b" => Some(Unit::Binary(0)),
        "" | "b" | "byte" | "bytes" | "o" => Some(Unit::Either(power)),
        "i" | "ib" | "io" => Some(Unit::Binary(power)),
        "ibibyte" | "ibibytes" | "ebibyte" | "ebibytes" => Some(Unit::Binary(power)),
        "igabyte" | "igabytes" | "egabyte" | "egabytes" | "ilobyte" | "ilobytes" | "igs"
        | "egs" | "ig" | "eg" => Some(Unit::Either(power)),
        _ => None,
    }
}

/// Splits a number off: digits with separators and groups (`1.234,5`, `3 145 728`, `12'000`).
fn number(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let goes_on = match bytes[end] {
            b'0'..=b'9' => true,
            b'.' | b',' | b'\'' | b'_' => digit(end + 1),
            // A blank groups digits when three and no more follow: "3 145 728 kB", not "3 512 MB of swap".
            b' ' => {
                (1..=3).all(|next| digit(end + next))
                    && !digit(end + 4)
                    && groups_before(&text[..end])
            }
            _ => false,
        };
        if !goes_on {
            break;
        }
        end += 1;
    }
    text.split_at(end)
}

/// Whether what stands before a blank can be the head of grouped digits: at most three since the last blank.
fn groups_before(head: &str) -> bool {
    head.rsplit(' ')
        .next()
        .is_some_and(|last| last.len() <= 3 && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The value of digits with separators. The last `.` or `,` is the decimal mark, unless it stands more than
/// once or before exactly three digits that end a number of several groups.
fn read_number(text: &str) -> Option<f64> {
    let plain: String = text
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '\'' | '_'))
        .collect();
    let marks: Vec<char> = plain
        .chars()
        .filter(|mark| matches!(mark, '.' | ','))
        .collect();
    let decimal = match marks.as_slice() {
        [] => None,
        [mark] => {
            let (head, tail) = plain.split_once(*mark)?;
            // "3,145 MB" is a thousand and more; "3.145 GB" is little more than three: with one mark before
            // three digits both readings exist, and the larger one needs a small unit. A full stop is taken
            // for a decimal mark, as the tools print it; a comma for the group mark it is beside one.
            let grouped = *mark == ',' && tail.len() == 3 && head != "0";
            (!grouped).then_some(*mark)
        }
        [.., last] if marks.iter().all(|mark| mark == last) => None,
        [.., last] => Some(*last),
    };
    let mut digits = String::with_capacity(plain.len());
    let split = decimal.and_then(|mark| plain.rfind(mark));
    for (at, letter) in plain.char_indices() {
        if Some(at) == split {
            digits.push('.');
        } else if letter.is_ascii_digit() {
            digits.push(letter);
        }
    }
    digits.parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn three_gib_in_many_words() {
        for text in [
            "3 GiB",
            "3GiB",
            "3.0Gi",
            "3G",
            "3 GB",
            "3.2 GB",
            "2,9 GiB",
            "3072 MiB",
            "3072M",
            "3,072 MB",
            "3221 MB",
            "3145728 kB",
            "3,145,728 kB",
            "3.145.728 kB",
            "3 145 728 kB",
            "3'145'728 KiB",
            "MemTotal:        3145728 kB",
            "Mem:           3.0Gi       512Mi       2.1Gi",
            "Mem[|||||  512M/3.00G]",
            "3221225472 bytes",
            "3221225472 B",
            "about 3 gigabytes",
            "3 gigs",
            "3 gibibytes",
            "12.5 % of 24 GiB",
            "0,003 TB",
        ] {
            let amount = Amount::parse(text);
            assert!(
                amount.is_ok_and(|amount| amount.is_about(3 * GIB)),
                "{text}: {amount:?}"
            );
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "2 GiB",
            "4 GB",
            "3 MB",
            "3 TB",
            "512M/2.0G",
            "3.0.5 kB",
            "30 GiB",
        ] {
            let amount = Amount::parse(text).unwrap();
            assert!(!amount.is_about(3 * GIB), "{text}: {amount:?}");
        }
        let slip = Amount::parse("3 MB").unwrap();
        assert!(slip.is_off_by_a_unit(3 * GIB) && slip.is_less_than(3 * GIB));
        assert!(!Amount::parse("2 GB").unwrap().is_off_by_a_unit(3 * GIB));
    }

    #[test]
    fn what_is_no_amount_says_why() {
        for (text, why) in [
            ("", NotAnAmount::NoNumber),
            ("plenty", NotAnAmount::NoNumber),
            ("3", NotAnAmount::NoUnit),
            ("3145728", NotAnAmount::NoUnit),
            ("3 apples", NotAnAmount::NoUnit),
            ("50 %", NotAnAmount::NoNumber),
            ("-3 GiB", NotAnAmount::Absurd),
            ("0 GiB", NotAnAmount::Absurd),
            ("99999999999999999999 TB", NotAnAmount::Absurd),
        ] {
            assert_eq!(Amount::parse(text), Err(why), "{text}");
        }
        assert_eq!(Amount::parse(&"9".repeat(4000)), Err(NotAnAmount::Absurd));
    }
}
