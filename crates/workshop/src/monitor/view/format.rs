//! Numbers as short as they can be read.

use std::time::Duration;

/// Bytes, in steps of a thousand: `999 B`, `1.2 kB`, `3.4 GB`.
pub(super) fn bytes(bytes: f64) -> String {
    let (number, unit) = scaled(bytes, &["", "k", "M", "G", "T", "P", "E"]);
    format!("{number} {unit}B")
}

/// Bytes without a gap, for columns: `1.2kB`.
pub(super) fn tight(bytes: u64) -> String {
    format!("{}B", count(bytes))
}

/// A count: `999`, `1.2k`, `34M`.
pub(super) fn count(count: u64) -> String {
    let (number, unit) = scaled(count as f64, &["", "k", "M", "G", "T", "P", "E"]);
    format!("{number}{unit}")
}

/// With one digit behind the point below ten, and none at all when nothing is scaled.
fn scaled<'a>(mut number: f64, units: &[&'a str]) -> (String, &'a str) {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    let whole = number < 1000.0;
    while number.round() >= 1000.0 {
        let Some(next) = units.next() else { break };
        unit = next;
        number /= 1000.0;
    }
    if whole || number >= 99.95 {
        (format!("{number:.0}"), unit)
    } else {
        (format!("{number:.1}"), unit)
    }
}

/// Bytes a second; nothing at all when there are none.
pub(super) fn rate(rate: f64) -> String {
    if rate < 0.05 {
        return "·".to_owned();
    }
    format!("{}/s", bytes(rate.max(1.0)))
}

/// Messages a second.
pub(super) fn frequency(rate: f64) -> String {
    if rate >= 100.0 {
        format!("{}/s", count(rate as u64))
    } else {
        format!("{rate:.1}/s")
    }
}

/// A short time, such as a ping's: `90 µs`, `0.25 ms`, `12 ms`, `1.5 s`.
pub(super) fn took(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1e3;
    match millis {
        m if m < 0.1 => format!("{:.0} µs", m * 1e3),
        m if m < 1.0 => format!("{m:.2} ms"),
        m if m < 10.0 => format!("{m:.1} ms"),
        m if m < 1000.0 => format!("{m:.0} ms"),
        m if m < 60_000.0 => format!("{:.1} s", m / 1e3),
        _ => age(took),
    }
}

/// How long ago, or for how long: `3s`, `5m`, `2h`, `4d`.
pub(super) fn age(age: Duration) -> String {
    match age.as_secs() {
        s if s < 60 => format!("{s}s"),
        s if s < 3600 => format!("{}m", s / 60),
        s if s < 86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// Text of at most `width` columns; what does not fit is taken out of its middle, because an address's port
/// and an onion's first letters both matter. The text is ASCII: see `event::clean`.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let tail = room / 2;
    let start = text.chars().take(room - tail);
    let end = text.chars().skip(length - tail);
    start.chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let all: Vec<_> = [
            0,
            8,
            999,
            1000,
            1250,
            99_949,
            99_950,
            999_499,
            999_500,
            u64::MAX,
        ]
        .map(|one| bytes(one as f64))
        .into();
        assert_eq!(
            all,
            [
                "0 B", "8 B", "999 B", "1.0 kB", "1.2 kB", "99.9 kB", "100 kB", "999 kB", "1.0 MB",
                "18.4 EB"
            ]
        );
        assert_eq!(count(12_345), "12.3k");
        assert_eq!(
            [rate(0.0), rate(0.2), rate(1500.0)],
            ["·", "1 B/s", "1.5 kB/s"]
        );
    }

    #[test]
    fn times_are_short() {
        let ms = |millis: f64| took(Duration::from_secs_f64(millis / 1e3));
        assert_eq!(
            [0.09, 0.25, 1.25, 12.3, 1500.0, 90_000.0].map(ms),
            ["90 µs", "0.25 ms", "1.2 ms", "12 ms", "1.5 s", "1m"]
        );
        assert_eq!(
            [3, 300, 7200, 345_600].map(|s| age(Duration::from_secs(s))),
            ["3s", "5m", "2h", "4d"]
        );
    }

    #[test]
    fn addresses_lose_their_middle() {
        assert_eq!(shortened("10.0.0.2:8333", 15), "10.0.0.2:8333");
        assert_eq!(
            shortened("[2001:db8::1234:5678]:8333", 15),
            "[2001:d…78]:8333".replacen("78", "8", 1)
        );
        assert_eq!(shortened("abcdef", 1), "…");
        assert_eq!(shortened("abcdef", 0), "");
    }
}
