//! Numbers as people write and read them: durations, sizes, thousands, powers of two.

use std::time::Duration;

/// `10s`, `500ms`, `2m`, `1h 30m`; a bare number is seconds.
pub(in crate::commands) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write 10s, 500ms or 2m".to_owned();
    let duration = match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
        Err(_) => text
            .trim()
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or_else(wrong)?,
    };
    if duration.is_zero() {
        return Err("it must be more than nothing".to_owned());
    }
    Ok(duration)
}

/// `64MiB`, `64M`, `1G`, `65536`: always powers of 1024.
pub(super) fn size(text: &str) -> Result<u32, String> {
    let wrong = || "write 8MiB, 64M or a number of bytes, 1 GiB at most".to_owned();
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| (1..=1 << 30).contains(bytes));
    bytes
        .and_then(|bytes| u32::try_from(bytes).ok())
        .ok_or_else(wrong)
}

/// With a comma before every three digits: `-1,234,567`.
pub(super) fn thousands(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A mean or a rate: two decimals while they say something, thousands separated.
pub(super) fn decimal(number: f64) -> String {
    let decimals = match number.abs() {
        0.0 => 0,
        small if small < 10.0 => 2,
        middle if middle < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}");
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (text.as_str(), String::new()),
    };
    match whole.parse::<i128>() {
        // -0.5 has a sign that its whole part does not keep.
        Ok(0) if number < 0.0 => format!("-0{fraction}"),
        Ok(number) => thousands(number) + &fraction,
        Err(_) => text,
    }
}

/// The edge of a power-of-two bucket: 1024 is `1Ki`, 2^51 is `2Pi`.
pub(super) fn binary(number: i128) -> String {
    const UNITS: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut size = number.unsigned_abs();
    let mut unit = 0;
    while size >= 1024 && size.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        size /= 1024;
        unit += 1;
    }
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{size}{}", UNITS[unit])
}

/// How long something took or lasted, for people.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        short if short < 1.0 => format!("{:.0} ms", short * 1000.0),
        long if long < 60.0 => format!("{long:.1} s"),
        _ => {
            let whole = duration.as_secs();
            format!("{} min {} s", thousands(whole / 60), whole % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let ms = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(ms("10s"), Ok(10_000));
        assert_eq!(ms("10"), Ok(10_000));
        assert_eq!(ms("0.25"), Ok(250));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("1h 30m"), Ok(5_400_000));
        for wrong in [
            "",
            "x",
            "0",
            "0s",
            "-1s",
            "-1",
            "nan",
            "inf",
            "1e300",
            "10 parsecs",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("8MiB"), Ok(8 << 20));
        assert_eq!(size("64 k"), Ok(64 << 10));
        assert_eq!(size("1G"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "0", "2G", "-1", "M", "8X", "99999999999999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_written() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(-1_234_567), "-1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(decimal(0.0), "0");
        assert_eq!(decimal(0.123), "0.12");
        assert_eq!(decimal(-0.5), "-0.50");
        assert_eq!(decimal(12.345), "12.3");
        assert_eq!(decimal(1234.5), "1,234");
        assert_eq!(binary(1), "1");
        assert_eq!(binary(512), "512");
        assert_eq!(binary(-1024), "-1Ki");
        assert_eq!(binary(1 << 51), "2Pi");
        assert_eq!(binary(1 << 64), "16Ei");
        assert_eq!(seconds(Duration::from_millis(12)), "12 ms");
        assert_eq!(seconds(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(3725)), "62 min 5 s");
    }
}
