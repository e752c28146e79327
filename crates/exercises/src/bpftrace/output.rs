//! The lines of `bpftrace -f json`, digested while they come: every number with where it was printed, every
//! histogram, the size of every map.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keyed;
use crate::answers::shorten;

/// A map of 4096 strings of 200 characters takes a megabyte, on one line. What is longer is not looked at.
const LINE: usize = 16 << 20;
/// Lines of text whose numbers are kept: the last ones, where totals are. A line for every event is no total.
const TEXT_LINES: usize = 64;
/// Different wordings of a line; the last of each is kept too.
const WORDINGS: usize = 64;
/// Maps that are kept, by name.
const MAPS: usize = 256;
/// Keys whose values are numbers of their own. A map with more is told by its sums.
const KEYS: usize = 64;
/// How much of a label is kept.
const LABEL: usize = 100;

/// What a script printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Whole numbers, with where they stood.
    pub numbers: Vec<Number>,
    /// Histograms, of each key and of all keys together.
    pub histograms: Vec<Histogram>,
    /// Maps with keys.
    pub maps: Vec<MapSize>,
    /// Events that bpftrace says it lost.
    pub lost: u64,
    /// Whether some of it was too long to be looked at.
    pub cut: bool,
}

/// A whole number that was printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The map with its key, or the line of text.
    pub label: String,
    /// Its 64 bits; bpftrace prints the same bits signed or unsigned, by how the map is used.
    pub value: i64,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a number was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A map, or one key of it.
    Map,
    /// Several keys of a map, added up by us.
    Sum,
    /// A line of text.
    Text,
    /// What `cat()` or `system()` printed: nothing that was measured here.
    Foreign,
}

/// A map with keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapSize {
    /// With the `@`.
    pub name: String,
    /// How many keys were printed.
    pub keys: u64,
}

/// A histogram, of `hist()` or `lhist()`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// The map with its key.
    pub label: String,
    /// In order.
    pub bars: Vec<Bar>,
}

/// A bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The smallest value in it; none: it is below the first step.
    pub min: Option<i64>,
    /// The largest; none: it is above the last step.
    pub max: Option<i64>,
    /// How many values.
    pub count: u64,
}

impl Number {
    /// The value, if it can be a count.
    pub fn count(&self) -> Option<u64> {
        u64::try_from(self.value).ok()
    }
}

impl Histogram {
    /// How many values in all bars.
    pub fn total(&self) -> u64 {
        self.bars
            .iter()
            .fold(0_u64, |sum, bar| sum.saturating_add(bar.count))
    }
}

/// Reads the output as it comes.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    /// The rest of a line that is too long is skipped.
    skipping: bool,
    maps: BTreeMap<String, Value>,
    histograms: BTreeMap<String, Value>,
    /// Text that has not come to the end of its line.
    text: String,
    last_lines: VecDeque<(String, Origin)>,
    wordings: BTreeMap<String, String>,
    lost: u64,
    attached: bool,
    cut: bool,
}

impl Reader {
    /// The next bytes.
    pub fn read(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(piece) => (piece, true),
                None => (piece, false),
            };
            if self.line.len() + piece.len() > LINE {
                self.skipping = true;
                self.cut = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(piece);
            }
            if ends {
                let line = std::mem::take(&mut self.line);
                if !std::mem::take(&mut self.skipping) {
                    self.read_line(&String::from_utf8_lossy(&line));
                }
            }
        }
    }

    /// Whether bpftrace has said that it attaches, or has attached: older ones say it before.
    pub fn attached(&self) -> bool {
        self.attached
    }

    /// All there was.
    pub fn finish(mut self) -> Printed {
        let line = std::mem::take(&mut self.line);
        self.read_line(&String::from_utf8_lossy(&line));
        if !self.text.is_empty() {
            self.read_text("\n", Origin::Text);
        }
        let mut printed = Printed {
            lost: self.lost,
            cut: self.cut,
            ..Printed::default()
        };
        for (name, value) in &self.maps {
            numbers_of_map(name, value, &mut printed);
        }
        for (name, value) in &self.histograms {
            histograms_of_map(name, value, &mut printed.histograms);
        }
        let wordings = self.wordings.into_values().map(|line| (line, Origin::Text));
        let mut seen = Vec::new();
        for (line, origin) in wordings.chain(self.last_lines) {
            if seen.contains(&line) {
                continue;
            }
            printed
                .numbers
                .extend(numbers_in(&line).into_iter().map(|value| Number {
                    label: shorten(&line, LABEL),
                    value,
                    origin,
                }));
            seen.push(line);
        }
        printed
    }

    fn read_line(&mut self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let Ok(Value::Object(record)) = serde_json::from_str(line) else {
            // Of an old bpftrace whose JSON is broken, or of a later one with words of its own.
            self.read_text(line, Origin::Text);
            self.read_text("\n", Origin::Text);
            return;
        };
        let kind = record.get("type").and_then(Value::as_str).unwrap_or("");
        let data = record.get("data").unwrap_or(&Value::Null);
        match kind {
            "attached_probes" => self.attached = true,
            "lost_events" => {
                let lost = data.get("events").and_then(Value::as_u64).unwrap_or(1);
                self.lost = self.lost.saturating_add(lost);
            }
            "map" | "stats" => keep(&mut self.maps, data),
            "hist" => keep(&mut self.histograms, data),
            "cat" | "system" => {
                self.read_text(data.as_str().unwrap_or(""), Origin::Foreign);
                self.read_text("\n", Origin::Foreign);
            }
            // printf, time, join, and what print() prints of anything but a map.
            _ => match data {
                Value::String(text) => self.read_text(text, Origin::Text),
                other => {
                    self.read_text(&other.to_string(), Origin::Text);
                    self.read_text("\n", Origin::Text);
                }
            },
        }
    }

    fn read_text(&mut self, text: &str, origin: Origin) {
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(end) => {
                    let mut line = std::mem::take(&mut self.text);
                    push_bounded(&mut line, end);
                    self.keep_line(line, origin);
                }
                None => push_bounded(&mut self.text, piece),
            }
        }
    }

    fn keep_line(&mut self, line: String, origin: Origin) {
        if !line.bytes().any(|byte| byte.is_ascii_digit()) {
            return;
        }
        if origin == Origin::Text {
            let wording: String = line
                .chars()
                .filter(|letter| !letter.is_ascii_digit())
                .collect();
            if self.wordings.len() < WORDINGS || self.wordings.contains_key(&wording) {
                self.wordings.insert(wording, line.clone());
            }
        }
        if self.last_lines.len() == TEXT_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back((line, origin));
    }
}

/// A line of text is kept up to a bound; what follows is not looked at.
fn push_bounded(line: &mut String, more: &str) {
    const BYTES: usize = 4096;
    let room = BYTES.saturating_sub(line.len());
    line.extend(more.chars().take(room));
}

/// Keeps the last print of each map that had anything in it: a script may print a map and clear it.
fn keep(maps: &mut BTreeMap<String, Value>, data: &Value) {
    let Value::Object(data) = data else { return };
    for (name, value) in data {
        let empty = match value {
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Array(items) => items.is_empty(),
            Value::Object(items) => items.is_empty(),
            _ => false,
        };
        let known = maps.contains_key(name);
        if (known && empty) || (!known && maps.len() >= MAPS) {
            continue;
        }
        maps.insert(name.clone(), value.clone());
    }
}

fn numbers_of_map(name: &str, value: &Value, printed: &mut Printed) {
    let Value::Object(keys) = value else {
        push_numbers(name, value, Origin::Map, &mut printed.numbers);
        return;
    };
    // Of stats() without keys: its parts have names of their own.
    let is_stats = keys.len() == 3 && keys.contains_key("count") && keys.contains_key("average");
    if is_stats {
        push_numbers(name, value, Origin::Map, &mut printed.numbers);
    } else {
        printed.maps.push(MapSize {
            name: shorten(name, LABEL),
            keys: u64::try_from(keys.len()).unwrap_or(u64::MAX),
        });
        let names: Vec<&str> = keys.keys().map(String::as_str).collect();
        let values: Option<Vec<i64>> = keys.values().map(bits).collect();
        if let Some(values) = values {
            let mut push = |part: Option<&str>, value| {
                printed.numbers.push(Number {
                    label: match part {
                        Some(part) => shorten(&format!("{name}[{part}]"), LABEL),
                        None => shorten(name, LABEL),
                    },
                    value,
                    origin: Origin::Sum,
                });
            };
            let sum = |places: &[usize]| {
                places
                    .iter()
                    .filter_map(|at| values.get(*at))
                    .fold(0_i64, |sum, value| sum.wrapping_add(*value))
            };
            if values.len() > 1 {
                push(
                    None,
                    values.iter().fold(0, |sum, value| sum.wrapping_add(*value)),
                );
            }
            for (part, places) in keyed::groups(&names) {
                push(Some(&part), sum(&places));
            }
        }
    }
    if !is_stats && keys.len() <= KEYS {
        for (key, value) in keys {
            push_numbers(
                &format!("{name}[{key}]"),
                value,
                Origin::Map,
                &mut printed.numbers,
            );
        }
    }
}

/// Every number in a value, which may be a list or have named parts.
fn push_numbers(label: &str, value: &Value, origin: Origin, to: &mut Vec<Number>) {
    match value {
        Value::Array(items) => {
            for item in items.iter().take(KEYS) {
                push_numbers(label, item, origin, to);
            }
        }
        Value::Object(parts) => {
            for (part, value) in parts.iter().take(KEYS) {
                push_numbers(&format!("{label} {part}"), value, origin, to);
            }
        }
        value => to.extend(bits(value).map(|value| Number {
            label: shorten(label, LABEL),
            value,
            origin,
        })),
    }
}

/// The 64 bits of a whole number.
fn bits(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_u64().map(u64::cast_signed))
}

fn histograms_of_map(name: &str, value: &Value, to: &mut Vec<Histogram>) {
    match value {
        Value::Array(bars) => to.push(Histogram {
            label: shorten(name, LABEL),
            bars: read_bars(bars),
        }),
        Value::Object(keys) => {
            let named: Vec<(&str, Vec<Bar>)> = keys
                .iter()
                .filter_map(|(key, bars)| Some((key.as_str(), read_bars(bars.as_array()?))))
                .collect();
            let names: Vec<&str> = named.iter().map(|(key, _)| *key).collect();
            let mut push = |part: Option<&str>, places: &[usize]| {
                let label = match part {
                    Some(part) => format!("{name}[{part}]"),
                    None => name.to_owned(),
                };
                to.push(Histogram {
                    label: shorten(&label, LABEL),
                    bars: merge(
                        places
                            .iter()
                            .filter_map(|at| named.get(*at))
                            .map(|one| &one.1),
                    ),
                });
            };
            let all: Vec<usize> = (0..named.len()).collect();
            if named.len() > 1 {
                push(None, &all);
            }
            for (part, places) in keyed::groups(&names) {
                push(Some(&part), &places);
            }
            if named.len() <= KEYS {
                for (at, (key, _)) in named.iter().enumerate() {
                    push(Some(key), &[at]);
                }
            }
        }
        _ => {}
    }
}

fn read_bars(bars: &[Value]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = bars
        .iter()
        .map(|bar| Bar {
            min: bar.get("min").and_then(bits),
            max: bar.get("max").and_then(bits),
            count: bar.get("count").and_then(Value::as_u64).unwrap_or(0),
        })
        .map(unwrapped)
        .collect();
    bars.sort_by_key(|bar| bar.min);
    bars
}

/// bpftrace 0.17 computes the bounds of its bars with 32 bits: the topmost, which takes everything from 2^31 on,
/// calls itself one from -2^31 to 0.
fn unwrapped(bar: Bar) -> Bar {
    if bar.min == Some(i32::MIN.into()) && bar.max == Some(0) {
        Bar {
            min: Some(1 << 31),
            max: None,
            ..bar
        }
    } else {
        bar
    }
}

fn merge<'a>(histograms: impl Iterator<Item = &'a Vec<Bar>>) -> Vec<Bar> {
    let mut bars: BTreeMap<(Option<i64>, bool, Option<i64>), u64> = BTreeMap::new();
    for bar in histograms.flatten() {
        // The open bar above comes last.
        let count = bars
            .entry((bar.min, bar.max.is_none(), bar.max))
            .or_default();
        *count = count.saturating_add(bar.count);
    }
    bars.into_iter()
        .map(|((min, _, max), count)| Bar { min, max, count })
        .collect()
}

/// Whole numbers in a line of text. `1.5` is none, nor is the 6 of `b6` or of `6th`; `13785x` is one.
fn numbers_in(line: &str) -> Vec<i64> {
    let letters: Vec<char> = line.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        if !letter.is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let before = start.checked_sub(1).and_then(|before| letters.get(before));
        let hexadecimal = *letter == '0' && matches!(letters.get(at + 1), Some('x' | 'X'));
        let (from, radix) = if hexadecimal { (at + 2, 16) } else { (at, 10) };
        at = from;
        while letters.get(at).is_some_and(|letter| letter.is_digit(radix)) {
            at += 1;
        }
        let digits: String = letters.get(from..at).unwrap_or_default().iter().collect();
        let fraction = letters.get(at) == Some(&'.')
            && letters
                .get(at + 1)
                .is_some_and(|letter| letter.is_ascii_digit());
        let inside =
            before.is_some_and(|letter| letter.is_alphanumeric() || "_.".contains(*letter));
        if fraction {
            // Its second half is no number either.
            at += 1;
            while letters.get(at).is_some_and(char::is_ascii_digit) {
                at += 1;
            }
            continue;
        }
        if inside {
            continue;
        }
        let Ok(value) = u64::from_str_radix(&digits, radix) else {
            continue;
        };
        let value = value.cast_signed();
        found.push(if before == Some(&'-') {
            value.wrapping_neg()
        } else {
            value
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Printed {
        let mut reader = Reader::default();
        // In pieces, as it comes.
        for piece in text.as_bytes().chunks(7) {
            reader.read(piece);
        }
        reader.finish()
    }

    fn numbers(text: &str) -> Vec<String> {
        read(text)
            .numbers
            .into_iter()
            .map(|one| format!("{}={}", one.label, one.value))
            .collect()
    }

    #[test]
    fn every_form_of_a_number_is_found() {
        for (line, expected) in [
            (
                r#"{"type": "map", "data": {"@a": 13785}}"#,
                &["@a=13785"][..],
            ),
            (
                r#"{"type": "map", "data": {"@": {"usdt:x:add": 3, "usdt:x:spent": 4}}}"#,
                &["@=7", "@[usdt:x:add]=3", "@[usdt:x:spent]=4"],
            ),
            (
                r#"{"type": "map", "data": {"@": {"add,0": 1, "add,1": 2, "spent,0": 4}}}"#,
                &[
                    "@=7",
                    "@[add]=3",
                    "@[spent]=4",
                    "@[0]=5",
                    "@[1]=2",
                    "@[add,0]=1",
                    "@[add,1]=2",
                    "@[spent,0]=4",
                ],
            ),
            (
                r#"{"type": "stats", "data": {"@s": {"count": 5, "average": -2, "total": 14543141212409564292}}}"#,
                &[
                    "@s count=5",
                    "@s average=-2",
                    "@s total=-3903602861299987324",
                ],
            ),
            (r#"{"type": "printf", "data": "added 5\n"}"#, &["added 5=5"]),
            ("{\"type\": \"value\", \"data\": 5}", &["5=5"]),
            ("@a: 6", &["@a: 6=6"]),
            (
                r#"{"type": "map", "data": {"@t": [3, [4, "x"]]}}"#,
                &["@t=3", "@t=4"],
            ),
            (r#"{"type": "attached_probes", "data": {"probes": 3}}"#, &[]),
            ("{\"type\": \"printf\", \"data\": \"", &[]),
        ] {
            assert_eq!(numbers(line), expected, "{line}");
        }
    }

    #[test]
    fn text_that_is_printed_in_pieces_is_one_line() {
        let text = "{\"type\": \"printf\", \"data\": \"added: \"}\n{\"type\": \"printf\", \"data\": \"5, spent: \"}\n\n{\"type\": \"printf\", \"data\": \"6\\n\"}";
        assert_eq!(
            numbers(text),
            ["added: 5, spent: 6=5", "added: 5, spent: 6=6"]
        );
    }

    #[test]
    fn a_map_that_is_printed_and_cleared_keeps_its_print() {
        let text = "{\"type\": \"map\", \"data\": {\"@a\": 2}}\n{\"type\": \"map\", \"data\": {\"@a\": 5}}\n{\"type\": \"map\", \"data\": {\"@a\": 0}}\n";
        assert_eq!(numbers(text), ["@a=5"]);
    }

    #[test]
    fn a_line_for_every_event_leaves_the_last_ones() {
        let mut text: String = (1..=20_000)
            .map(|n| format!("{{\"type\": \"printf\", \"data\": \"{n}\\n\"}}\n"))
            .collect();
        text.push_str("{\"type\": \"map\", \"data\": {\"@a\": 5}}\n");
        let numbers = read(&text).numbers;
        assert!(numbers.len() <= TEXT_LINES + 2, "{}", numbers.len());
        assert!(numbers.iter().any(|one| one.value == 20_000));
        assert!(numbers.iter().all(|one| one.value != 13_785));
    }

    #[test]
    fn numbers_stand_alone() {
        for (line, expected) in [
            ("1.5 b6 x_7 8.", &[8][..]),
            ("13785x (16102)", &[13_785, 16_102]),
            (
                "-3 0x1f 18446744073709551615 99999999999999999999",
                &[-3, 31, -1],
            ),
            ("a=1,b=2", &[1, 2]),
        ] {
            assert_eq!(numbers_in(line), expected, "{line}");
        }
    }

    #[test]
    fn histograms_are_read_by_key_and_together() {
        let text = r#"{"type": "hist", "data": {"@h": {"add": [{"min": 0, "max": 1, "count": 2}, {"min": 2, "count": 3}], "spent": [{"max": -1, "count": 1}, {"min": 0, "max": 1, "count": 4}]}}}"#;
        let found = read(text).histograms;
        let told: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}", one.label, one.total()))
            .collect();
        assert_eq!(told, ["@h 10", "@h[add] 5", "@h[spent] 5"]);
        let bars = &found[0].bars;
        assert_eq!(bars.len(), 3);
        assert_eq!((bars[0].min, bars[0].max), (None, Some(-1)));
        assert_eq!(
            (bars[2].min, bars[2].max, bars[2].count),
            (Some(2), None, 3)
        );
    }

    #[test]
    fn the_topmost_bar_of_an_old_version_is_called_what_it_is() {
        let text = r#"{"type": "hist", "data": {"@h": [{"min": -2147483648, "max": 0, "count": 9}, {"min": 1073741824, "max": 2147483647, "count": 2}]}}"#;
        let bars = &read(text).histograms[0].bars;
        assert_eq!(bars[0].max, Some(2_147_483_647));
        assert_eq!((bars[1].min, bars[1].max), (Some(2_147_483_648), None));
    }

    #[test]
    fn nothing_is_too_long() {
        let mut reader = Reader::default();
        for _ in 0..40 {
            reader.read(&vec![b'7'; 1 << 20]);
        }
        reader.read(b"\n{\"type\": \"map\", \"data\": {\"@a\": 5}}\n");
        let printed = reader.finish();
        assert!(printed.cut);
        assert_eq!(printed.numbers.len(), 1);
    }
}
