//! A histogram drawn with bars.

use anstyle::{AnsiColor, Style};
use probe::{Bucket, Scale};

use super::quantity::{binary, thousands};

const BAR: Style = AnsiColor::Cyan.on_default();
const QUIET: Style = Style::new().dimmed();

/// From one eighth of a column to a whole one.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// Bars shorter than this tell nothing apart; a narrower terminal wraps.
const SHORTEST: usize = 8;
/// Longer ones are no easier to compare.
const LONGEST: usize = 64;

/// One line for each bucket, at most `width` columns wide after `indent` of them.
pub(super) fn rows(scale: Scale, buckets: &[Bucket], indent: usize, width: usize) -> Vec<String> {
    let labels: Vec<_> = buckets.iter().map(|bucket| label(scale, bucket)).collect();
    let left = longest(labels.iter().map(|(left, _)| left));
    let right = longest(labels.iter().map(|(_, right)| right));
    let counts: Vec<_> = buckets.iter().map(|one| thousands(one.count)).collect();
    let digits = longest(counts.iter());
    let total: u128 = buckets.iter().map(|one| u128::from(one.count)).sum();
    let most = buckets.iter().map(|one| one.count).max().unwrap_or(0);
    // Two columns between the parts, and eight for `100.0 %`.
    let room = width.saturating_sub(indent + left + right + digits + 2 + 2 + 7 + 2);
    let room = room.clamp(SHORTEST, LONGEST);
    let lines = labels.iter().zip(&counts).zip(buckets);
    lines
        .map(|(((from, to), count), bucket)| {
            let share = percent(bucket.count, total);
            let bar = bar(bucket.count, most, room);
            let line = format!(
                "{:indent$}{from:>left$}{to:<right$}  {count:>digits$}  {QUIET}{share:>7}{QUIET:#}",
                ""
            );
            if bar.is_empty() {
                line
            } else {
                format!("{line}  {BAR}{bar}{BAR:#}")
            }
        })
        .collect()
}

fn longest<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

/// The bucket's bounds, cut where they are aligned. A bracket belongs to the bucket, a parenthesis does not.
fn label(scale: Scale, bucket: &Bucket) -> (String, String) {
    let edge = |number: i128| match scale {
        Scale::Log2 => binary(number),
        Scale::Linear(_) => number.to_string(),
    };
    match (bucket.low, bucket.high) {
        (Some(low), Some(high)) if high - low == 1 => (format!("[{}", edge(low)), "]".to_owned()),
        // Negative ones are powers of two at their other ends: -4 is not, -2 is in (-4, -2].
        (Some(low), Some(high)) if low < 0 && scale == Scale::Log2 => (
            format!("({}", edge(low - 1)),
            format!(", {}]", edge(high - 1)),
        ),
        (Some(low), Some(high)) => (format!("[{}", edge(low)), format!(", {})", edge(high))),
        (None, Some(high)) => ("(…".to_owned(), format!(", {})", edge(high))),
        (Some(low), None) => (format!("[{}", edge(low)), ", …)".to_owned()),
        (None, None) => ("(…".to_owned(), ", …)".to_owned()),
    }
}

/// `12.3 %`; what is there is never shown as nothing.
pub(super) fn percent(part: u64, total: u128) -> String {
    if part == 0 || total == 0 {
        return "0 %".to_owned();
    }
    let share = 100.0 * part as f64 / total as f64;
    if share < 0.1 {
        "<0.1 %".to_owned()
    } else {
        format!("{share:.1} %")
    }
}

/// As long as the count is of the largest, to an eighth of a column; what is there has at least one.
fn bar(count: u64, most: u64, room: usize) -> String {
    let eighths = u128::from(count) * (room as u128 * 8);
    let eighths = match eighths.checked_div(most.into()) {
        None | Some(0) if count == 0 => return String::new(),
        None | Some(0) => 1,
        Some(eighths) => usize::try_from(eighths).unwrap_or(room * 8),
    };
    let whole = EIGHTHS[7].to_string().repeat(eighths / 8);
    let rest = (eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at));
    rest.map_or_else(|| whole.clone(), |rest| format!("{whole}{rest}"))
}

#[cfg(test)]
mod tests {
    use probe::Linear;

    use super::*;

    fn drawn(scale: Scale, buckets: &[(Option<i128>, Option<i128>, u64)], width: usize) -> String {
        let buckets: Vec<_> = buckets
            .iter()
            .map(|(low, high, count)| Bucket {
                low: *low,
                high: *high,
                count: *count,
            })
            .collect();
        let rows = rows(scale, &buckets, 4, width).join("\n");
        anstream::adapter::strip_str(&rows).to_string()
    }

    #[test]
    fn powers_of_two() {
        let two = |bits: u32| 1_i128 << bits;
        let buckets = [
            (Some(1 - two(11)), Some(1 - two(10)), 3),
            (Some(-3), Some(-1), 0),
            (Some(-1), Some(0), 1000),
            (Some(0), Some(1), 12),
            (Some(1), Some(2), 1),
            (Some(2), Some(4), 7),
            (Some(512), Some(1024), 125),
            (Some(two(50)), Some(two(51)), 999),
            (Some(two(63)), Some(two(64)), 500_000),
        ];
        insta::assert_snapshot!(drawn(Scale::Log2, &buckets, 80));
        insta::assert_snapshot!(drawn(Scale::Log2, &buckets[3..7], 40));
    }

    #[test]
    fn equal_steps_with_what_is_outside() {
        let linear = Scale::Linear(Linear {
            min: -10,
            max: 20,
            step: 10,
        });
        let buckets = [
            (None, Some(-10), 1),
            (Some(-10), Some(0), 2),
            (Some(0), Some(10), 3),
            (Some(10), Some(20), 4),
            (Some(20), None, 0),
        ];
        insta::assert_snapshot!(drawn(linear, &buckets, 80));
        assert_eq!(drawn(linear, &[], 80), "");
    }

    #[test]
    fn bars_are_as_long_as_their_counts() {
        assert_eq!(bar(0, 10, 8), "");
        assert_eq!(bar(10, 10, 8), "████████");
        assert_eq!(bar(1, u64::MAX, 8), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX, 64).chars().count(), 64);
        assert_eq!(bar(9, 16, 2), "█▏");
        assert_eq!(bar(15, 16, 2), "█▉");
        assert_eq!(percent(1, 100_000), "<0.1 %");
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 3), "0 %");
    }
}
