//! What was counted, as text for people.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use probe::{Counted, GroupCounts, Lost, Measured, ProbeCounts};
use unicode_width::UnicodeWidthStr as _;

use super::histogram::{self, percent};
use super::quantity::{decimal, thousands};
use super::request::Traced;
use super::value::Shown;

const NAME: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const LOST: Style = AnsiColor::Red.on_default().bold();

/// How a result is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Columns.
    pub(super) width: usize,
    /// So many groups at most.
    pub(super) top: usize,
}

/// Every tracepoint with its events and its rate, and below each what was added up; then what was lost.
/// `rates` are events per second, by tracepoint.
pub(super) fn render(
    traced: &[Traced],
    counted: &Counted,
    rates: &[f64],
    layout: Layout,
) -> String {
    let names: Vec<_> = traced.iter().map(|one| one.id.to_string()).collect();
    let events = counted.probes.iter().map(|one| thousands(one.events));
    let rates = rates.iter().map(|rate| format!("{}/s", decimal(*rate)));
    let (events, rates): (Vec<_>, Vec<_>) = (events.collect(), rates.collect());
    let (name_width, events_width, rate_width) = (widest(&names), widest(&events), widest(&rates));
    let mut text = String::new();
    for (at, (one, counts)) in traced.iter().zip(&counted.probes).enumerate() {
        let below = below(one, counts, layout);
        // Something stands below one of them: an empty line keeps it apart from the next.
        if at > 0 && (!below.is_empty() || text.ends_with("\n\n")) && !text.ends_with("\n\n") {
            text.push('\n');
        }
        let name = format!("{:<name_width$}", names[at]);
        let _ = writeln!(
            text,
            "{NAME}{name}{NAME:#}  {:>events_width$} events  {QUIET}{:>rate_width$}{QUIET:#}",
            events[at],
            rates.get(at).map_or("", String::as_str),
        );
        if !below.is_empty() {
            text.push_str(&below);
            if at + 1 < traced.len() {
                text.push('\n');
            }
        }
    }
    for line in lost(traced, counted) {
        let _ = writeln!(text, "{LOST}lost:{LOST:#} {line}");
    }
    text
}

fn widest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.width()).max().unwrap_or(0)
}

fn below(traced: &Traced, counts: &ProbeCounts, layout: Layout) -> String {
    let mut text = String::new();
    for measured in &counts.measures {
        let _ = writeln!(text, "    {}", measure(traced, measured, counts.events));
        if let Some(histogram) = &measured.histogram {
            let buckets: Vec<_> = histogram.buckets().collect();
            for row in histogram::rows(histogram.scale, &buckets, 8, layout.width) {
                text.push_str(&row);
                text.push('\n');
            }
        }
    }
    if traced.by.is_some() {
        groups(traced, counts, layout, &mut text);
    }
    text
}

/// `value  sum 12  mean 3.00  min 1  max 5`
fn measure(traced: &Traced, measured: &Measured, events: u64) -> String {
    let mut line = traced.name(measured.arg).to_owned();
    for (what, number) in numbers(measured) {
        let _ = write!(line, "  {QUIET}{what}{QUIET:#} {number}");
    }
    if measured.count == 0 {
        line.push_str("  no values");
    } else if measured.count != events {
        let _ = write!(line, "  of {} values", thousands(measured.count));
    }
    line
}

/// What was asked for of an argument, each with its word.
fn numbers(measured: &Measured) -> Vec<(&'static str, String)> {
    let mut numbers = Vec::new();
    if let Some(sum) = measured.sum.filter(|_| measured.count > 0) {
        numbers.push(("sum", thousands(sum)));
    }
    if let Some(mean) = mean(measured) {
        numbers.push(("mean", decimal(mean)));
    }
    if let Some((min, max)) = measured.range {
        numbers.push(("min", thousands(min)));
        numbers.push(("max", thousands(max)));
    }
    numbers
}

/// The mean of what was summed up.
pub(super) fn mean(measured: &Measured) -> Option<f64> {
    let sum = measured.sum?;
    (measured.count > 0).then(|| sum as f64 / measured.count as f64)
}

fn groups(traced: &Traced, counts: &ProbeCounts, layout: Layout, text: &mut String) {
    let Some(by) = traced.by else { return };
    let shown = counts.groups.len().min(layout.top);
    let (top, rest) = counts.groups.split_at(shown);
    let mut head = vec![
        format!("by {}", traced.name(by.arg)),
        "events".to_owned(),
        String::new(),
    ];
    // Every group has the same measures; where no value could be read, some numbers are not there.
    let mut most: Vec<Vec<&str>> = Vec::new();
    for group in top {
        for (at, measured) in group.measures.iter().enumerate() {
            let words: Vec<_> = numbers(measured)
                .into_iter()
                .map(|(word, _)| word)
                .collect();
            match most.get_mut(at) {
                Some(longest) if longest.len() >= words.len() => {}
                Some(shorter) => *shorter = words,
                None => most.push(words),
            }
        }
    }
    let row = |group: &GroupCounts| {
        let mut cells = vec![
            Shown::of_key(&group.key, by.form).to_string(),
            thousands(group.events),
            percent(group.events, counts.events.into()),
        ];
        for (measured, words) in group.measures.iter().zip(&most) {
            let mut numbers = numbers(measured).into_iter().map(|(_, number)| number);
            cells.extend(
                words
                    .iter()
                    .map(|_| numbers.next().unwrap_or_else(|| "?".to_owned())),
            );
        }
        cells
    };
    let rows: Vec<_> = top.iter().map(row).collect();
    let measures = counts.measures.iter().zip(&most);
    head.extend(measures.flat_map(|(measured, words)| {
        let name = traced.name(measured.arg);
        words.iter().map(move |word| format!("{word} {name}"))
    }));
    let widths: Vec<usize> = (0..head.len())
        .map(|at| {
            let cells = rows.iter().chain([&head]);
            cells
                .filter_map(|row| row.get(at))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let _ = writeln!(text, "    {QUIET}{}{QUIET:#}", aligned(&head, &widths));
    for row in &rows {
        let _ = writeln!(text, "    {}", aligned(row, &widths));
    }
    if !rest.is_empty() {
        let events: u64 = rest.iter().map(|group| group.events).sum();
        let _ = writeln!(
            text,
            "    {QUIET}… and {} more with {} events{QUIET:#}",
            thousands(rest.len() as u64),
            thousands(events)
        );
    }
}

/// The first cell to the left, numbers to the right.
fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let pad = " ".repeat(width.saturating_sub(cell.width()));
        if at == 0 {
            line.push_str(cell);
            line.push_str(&pad);
        } else {
            line.push_str("  ");
            line.push_str(&pad);
            line.push_str(cell);
        }
    }
    line.trim_end().to_owned()
}

/// What is missing from the numbers, and what to do so that it is not the next time.
pub(super) fn lost(traced: &[Traced], counted: &Counted) -> Vec<String> {
    let mut lines = Vec::new();
    for (one, counts) in traced.iter().zip(&counted.probes) {
        let Lost {
            dropped,
            ungrouped,
            unreadable,
            contended,
        } = counts.lost;
        let id = &one.id;
        let mut line = |count: u64, what: &str| {
            if count > 0 {
                lines.push(format!("{} {what}", thousands(count)).replace("{}", &id.to_string()));
            }
        };
        line(
            dropped,
            "events of {} are counted but not printed: they came faster than they were taken \
             (--buffer 64MiB holds more, --where prints fewer)",
        );
        line(
            ungrouped,
            "events of {} are counted but in no group: there were too many values (--groups allows more)",
        );
        line(
            unreadable,
            "arguments of {} could not be read: their memory was not there, or their operand is not decodable",
        );
        line(
            contended,
            "values of {} may be missing from its smallest and largest: too many threads at once",
        );
    }
    lines
}
