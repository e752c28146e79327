//! What `workshop trace --json` prints: one document a line. The first is `ready`, the last `counted`.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use std::os::unix::process::ExitStatusExt as _;

use probe::{Bucket, Counted, Event, GroupCounts, Measured, Running, Scale};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::request::Traced;
use super::table;
use super::value::{self, Shown};

/// Everything is attached; events count from here on.
#[derive(Serialize)]
pub(super) struct Ready<'a> {
    pub(super) r#type: &'static str,
    pub(super) binary: &'a Path,
    /// The only process that is traced.
    pub(super) pid: Option<u32>,
    pub(super) call_sites: usize,
    /// From the start of the program.
    pub(super) ready_ms: f64,
    pub(super) tracepoints: Vec<Described<'a>>,
    pub(super) running: Vec<u32>,
    /// Processes of another file with that name: their events are not seen.
    pub(super) others: Vec<Other<'a>>,
}

#[derive(Serialize)]
pub(super) struct Described<'a> {
    name: String,
    arguments: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Other<'a> {
    pid: u32,
    binary: &'a Path,
}

impl<'a> Described<'a> {
    pub(super) fn all(traced: &'a [Traced]) -> Vec<Self> {
        let one = |traced: &'a Traced| Self {
            name: traced.id.to_string(),
            arguments: traced
                .arguments
                .iter()
                .map(|argument| argument.name.as_str())
                .collect(),
        };
        traced.iter().map(one).collect()
    }
}

impl<'a> Other<'a> {
    pub(super) fn all(running: &'a Running) -> Vec<Self> {
        let others = running.others.iter();
        others
            .map(|(pid, binary)| Self { pid: *pid, binary })
            .collect()
    }
}

/// A tracepoint that fired.
#[derive(Serialize)]
pub(super) struct EventLine<'a> {
    r#type: &'static str,
    /// Since `ready`.
    seconds: f64,
    tracepoint: String,
    /// Its index in `ready`: a tracepoint may have been asked for twice.
    index: usize,
    pid: u32,
    tid: u32,
    /// The process is in a pid namespace that we do not see; its numbers are the machine's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    foreign: bool,
    comm: String,
    #[serde(serialize_with = "as_map")]
    arguments: Vec<(&'a str, Shown<'a>)>,
    /// Arguments of which only the start is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut: Vec<&'a str>,
}

impl<'a> EventLine<'a> {
    pub(super) fn new(event: &Event<'a>, traced: &'a Traced) -> Self {
        let mut cut = Vec::new();
        let printed = traced.print.iter().flatten().map(|named| {
            let (shown, is_cut) = Shown::of_event(event, *named);
            let name = traced.name(named.arg);
            if is_cut {
                cut.push(name);
            }
            (name, shown)
        });
        Self {
            r#type: "event",
            arguments: printed.collect(),
            seconds: event.since_start.as_secs_f64(),
            tracepoint: event.id.to_string(),
            index: event.probe,
            pid: event.pid,
            tid: event.tid,
            foreign: event.foreign,
            comm: String::from_utf8_lossy(event.comm()).into_owned(),
            cut,
        }
    }
}

fn as_map<S: Serializer>(pairs: &[(&str, Shown)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, shown) in pairs {
        map.serialize_entry(name, shown)?;
    }
    map.end()
}

/// The file was rebuilt or replaced, and the new one is traced.
#[derive(Serialize)]
pub(super) struct Followed {
    pub(super) r#type: &'static str,
    pub(super) seconds: f64,
    pub(super) call_sites: usize,
}

/// What was counted, in the end or so far.
#[derive(Serialize)]
pub(super) struct Totals<'a> {
    pub(super) r#type: &'static str,
    pub(super) binary: &'a Path,
    pub(super) seconds: f64,
    /// Why it ended; none when it goes on.
    pub(super) ended: Option<&'static str>,
    /// Whether nothing is missing from the numbers.
    pub(super) complete: bool,
    pub(super) ran: Option<Ran>,
    pub(super) tracepoints: Vec<Tracepoint<'a>>,
}

/// How the command ended.
#[derive(Serialize)]
pub(super) struct Ran {
    pub(super) command: Vec<String>,
    pub(super) exit: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Ran {
    pub(super) fn new(command: &[std::ffi::OsString], status: ExitStatus) -> Self {
        Self {
            command: command
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            exit: status.code(),
            signal: status.signal(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Tracepoint<'a> {
    name: String,
    events: u64,
    lost: Lost,
    measures: Vec<Measure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Group<'a>>>,
}

#[derive(Serialize)]
struct Lost {
    dropped: u64,
    ungrouped: u64,
    unreadable: u64,
    contended: u64,
}

#[derive(Serialize)]
struct Group<'a> {
    key: Shown<'a>,
    events: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measures: Vec<Measure<'a>>,
}

#[derive(Serialize)]
struct Measure<'a> {
    argument: &'a str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
}

#[derive(Serialize)]
struct Histogram {
    scale: &'static str,
    /// From the first that has values to the last: `low` ≤ value < `high`.
    buckets: Vec<Bin>,
}

#[derive(Serialize)]
struct Bin {
    low: Option<Number>,
    high: Option<Number>,
    count: u64,
}

/// An integer of any size.
struct Number(i128);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        value::number(self.0, serializer)
    }
}

impl<'a> Tracepoint<'a> {
    pub(super) fn all(traced: &'a [Traced], counted: &'a Counted) -> Vec<Self> {
        let pairs = traced.iter().zip(&counted.probes);
        pairs
            .map(|(traced, counts)| Self {
                name: traced.id.to_string(),
                events: counts.events,
                lost: Lost {
                    dropped: counts.lost.dropped,
                    ungrouped: counts.lost.ungrouped,
                    unreadable: counts.lost.unreadable,
                    contended: counts.lost.contended,
                },
                measures: Measure::all(traced, &counts.measures),
                by: traced.by.map(|by| traced.name(by.arg)),
                groups: traced.by.map(|by| {
                    let groups = counts.groups.iter();
                    let group = |group: &'a GroupCounts| Group {
                        key: Shown::of_key(&group.key, by.form),
                        events: group.events,
                        measures: Measure::all(traced, &group.measures),
                    };
                    groups.map(group).collect()
                }),
            })
            .collect()
    }
}

impl<'a> Measure<'a> {
    fn all(traced: &'a Traced, measures: &[Measured]) -> Vec<Self> {
        let one = |measured: &Measured| Self {
            argument: traced.name(measured.arg),
            count: measured.count,
            sum: measured.sum.map(Number),
            mean: table::mean(measured),
            min: measured.range.map(|(min, _)| Number(min)),
            max: measured.range.map(|(_, max)| Number(max)),
            histogram: measured.histogram.as_ref().map(|histogram| Histogram {
                scale: match histogram.scale {
                    Scale::Log2 => "log2",
                    Scale::Linear(_) => "linear",
                },
                buckets: histogram.buckets().map(Bin::new).collect(),
            }),
        };
        measures.iter().map(one).collect()
    }
}

impl Bin {
    fn new(bucket: Bucket) -> Self {
        Self {
            low: bucket.low.map(Number),
            high: bucket.high.map(Number),
            count: bucket.count,
        }
    }
}

/// Seconds as a number with microseconds.
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}
