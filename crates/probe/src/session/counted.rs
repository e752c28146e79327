//! What was counted, as numbers and histograms.

use std::collections::HashMap;

use probe_common::{self as wire, BUCKETS, biased};

use super::Error;
use super::kernel::Kernel;
use super::plan::{Plan, PlannedMeasure};
use super::request::{Key, Linear, Scale};
use crate::usdt::ProbeId;

/// What a session has counted so far.
#[derive(Clone, Debug)]
pub struct Counted {
    /// In the order of the request.
    pub probes: Vec<ProbeCounts>,
}

/// What was counted of one probe.
#[derive(Clone, Debug)]
pub struct ProbeCounts {
    /// Its tracepoint.
    pub id: ProbeId,
    /// Events that passed the conditions.
    pub events: u64,
    /// What was not counted or not sent, for whatever reason.
    pub lost: Lost,
    /// What was added up, in the order of the request.
    pub measures: Vec<Measured>,
    /// By key, the most frequent first; empty when nothing was grouped.
    pub groups: Vec<GroupCounts>,
}

/// What is missing from the numbers. All zeroes is the only exact result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Events for which the ring buffer had no room.
    pub dropped: u64,
    /// Events that the table of groups had no room for.
    pub ungrouped: u64,
    /// Arguments, strings, byte arrays and keys whose memory was not there.
    pub unreadable: u64,
    /// Smallest or largest values that could not be recorded for too much contention.
    pub contended: u64,
}

impl Lost {
    /// Whether nothing is missing.
    pub fn nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What was added up of one argument.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which argument.
    pub arg: u8,
    /// How many values.
    pub count: u64,
    /// Their sum, if asked for.
    pub sum: Option<i128>,
    /// The smallest and the largest, if asked for and there were any.
    pub range: Option<(i128, i128)>,
    /// Their histogram, if asked for.
    pub histogram: Option<Histogram>,
}

/// What was counted for one key.
#[derive(Clone, Debug)]
pub struct GroupCounts {
    /// The key.
    pub key: GroupKey,
    /// How many events.
    pub events: u64,
    /// What was added up, in the order of the request; never with a histogram.
    pub measures: Vec<Measured>,
}

/// A key by which events were grouped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// An argument's value.
    Integer(i128),
    /// A string; cut after 63 bytes.
    Text(Vec<u8>),
    /// A byte array.
    Bytes(Vec<u8>),
    /// Its memory was not there.
    Unreadable,
}

/// How many values fell into each bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The buckets.
    pub scale: Scale,
    counts: Vec<u64>,
}

/// A bucket of a histogram: values from `low` up to but not including `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The smallest value in it; none below a linear histogram.
    pub low: Option<i128>,
    /// The first value above it; none above a linear histogram.
    pub high: Option<i128>,
    /// How many values.
    pub count: u64,
}

impl Histogram {
    /// Every bucket from the first that has values to the last.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let first = self.counts.iter().position(|count| *count > 0);
        let last = self.counts.iter().rposition(|count| *count > 0);
        let range = match (first, last) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        };
        range.map(|at| {
            let (low, high) = self.bounds(at);
            Bucket {
                low,
                high,
                count: self.counts[at],
            }
        })
    }

    /// How many values in all buckets.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn bounds(&self, at: usize) -> (Option<i128>, Option<i128>) {
        match self.scale {
            Scale::Log2 => log2_bounds(at),
            Scale::Linear(linear) => linear_bounds(linear, at),
        }
    }
}

/// Bucket 64 is 0, 64 + n has the values of n bits, 64 - n their negatives.
fn log2_bounds(at: usize) -> (Option<i128>, Option<i128>) {
    let power = |bits: usize| 1_i128 << (bits - 1);
    match at.cmp(&64) {
        std::cmp::Ordering::Equal => (Some(0), Some(1)),
        std::cmp::Ordering::Greater => {
            let bits = at - 64;
            (Some(power(bits)), Some(power(bits) * 2))
        }
        std::cmp::Ordering::Less => {
            let bits = 64 - at;
            (Some(1 - power(bits) * 2), Some(1 - power(bits)))
        }
    }
}

/// Bucket 0 is below the first step, the last above it.
fn linear_bounds(linear: Linear, at: usize) -> (Option<i128>, Option<i128>) {
    let steps = linear.max.abs_diff(linear.min).div_ceil(linear.step);
    let edge = |steps: i128| i128::from(linear.min) + steps * i128::from(linear.step);
    let at = at as i128;
    let low = (at > 0).then(|| edge(at - 1));
    let high = (at <= i128::from(steps)).then(|| edge(at));
    (low, high)
}

/// Reads what the kernel side has counted.
pub(super) fn read(plan: &Plan, ids: &[ProbeId], kernel: &Kernel) -> Result<Counted, Error> {
    let failed = |source| Error::Map {
        what: "read what the kernel has counted",
        source,
    };
    let mut groups = read_groups(plan, kernel)?;
    let probes = plan.probes.iter().zip(ids).enumerate();
    let probes = probes.map(|(at, (planned, id))| {
        let index = u32::try_from(at).unwrap_or(u32::MAX);
        let (events, lost) = totals(&kernel.totals.get(&index, 0).map_err(failed)?);
        let measures = planned.measures.iter().map(|one| {
            let copies = kernel.values.get(&one.values, 0).map_err(failed)?;
            Ok(measured(one, events, &copies))
        });
        let mut groups: Vec<_> = groups
            .remove(&index)
            .unwrap_or_default()
            .into_values()
            .collect();
        groups.sort_by(|left, right| {
            right
                .events
                .cmp(&left.events)
                .then_with(|| left.key.cmp(&right.key))
        });
        Ok(ProbeCounts {
            id: id.clone(),
            events,
            lost,
            measures: measures.collect::<Result<_, Error>>()?,
            groups,
        })
    });
    Ok(Counted {
        probes: probes.collect::<Result<_, Error>>()?,
    })
}

type Groups = HashMap<u32, HashMap<GroupKey, GroupCounts>>;

fn read_groups(plan: &Plan, kernel: &Kernel) -> Result<Groups, Error> {
    let mut groups = Groups::new();
    if !plan.probes.iter().any(|probe| probe.key.is_some()) {
        return Ok(groups);
    }
    // One row for each measure, in order, so that a group's measures are in order too. A group without the first
    // has found no room in the table.
    let mut rows = Vec::new();
    for row in kernel.groups.iter() {
        rows.push(row.map_err(|source| Error::Map {
            what: "read the groups that the kernel has counted",
            source,
        })?);
    }
    rows.sort_by_key(|(key, _)| key.measure);
    for (key, copies) in rows {
        let Some(planned) = usize::try_from(key.probe)
            .ok()
            .and_then(|at| plan.probes.get(at))
        else {
            continue;
        };
        let (events, measured) = group(planned.measures.get(usize::from(key.measure)), &copies);
        let signed = planned.key_signed;
        let table = groups.entry(key.probe).or_default();
        let measure = key.measure;
        let key = group_key(planned.key, signed, &key);
        let group = match measure {
            0 => table.entry(key.clone()).or_insert(GroupCounts {
                key,
                events,
                measures: Vec::new(),
            }),
            _ => match table.get_mut(&key) {
                Some(group) => group,
                None => continue,
            },
        };
        group.measures.extend(measured);
    }
    Ok(groups)
}

fn group_key(kind: Option<Key>, signed: bool, key: &wire::GroupKey) -> GroupKey {
    let length = usize::from(key.length);
    match (kind, key.bytes.get(..length)) {
        (Some(Key::Text { .. }), Some(bytes)) => GroupKey::Text(bytes.to_vec()),
        (Some(Key::Bytes { .. }), Some(bytes)) => GroupKey::Bytes(bytes.to_vec()),
        (Some(Key::Integer { .. }), Some(bytes)) => {
            let mut eight = [0; 8];
            for (to, from) in eight.iter_mut().zip(bytes) {
                *to = *from;
            }
            GroupKey::Integer(if signed {
                i64::from_le_bytes(eight).into()
            } else {
                u64::from_le_bytes(eight).into()
            })
        }
        _ => GroupKey::Unreadable,
    }
}

/// Adds up the CPUs' copies of a probe's counters.
fn totals(copies: &[wire::Totals]) -> (u64, Lost) {
    let mut events = 0;
    let mut lost = Lost::default();
    for one in copies {
        events += one.events;
        lost.dropped += one.dropped;
        lost.ungrouped += one.ungrouped;
        lost.unreadable += one.unreadable;
        lost.contended += one.contended;
    }
    (events, lost)
}

/// Adds up the CPUs' copies of what was measured.
fn measured(planned: &PlannedMeasure, events: u64, copies: &[wire::Values]) -> Measured {
    let sums = copies.iter().map(|one| Sums {
        missing: one.missing,
        low: one.sum_low,
        high: one.sum_high,
        max: one.max,
        not_min: one.not_min,
    });
    let mut measured = summed(planned, events, sums);
    measured.histogram = planned.measure.scale.map(|scale| {
        let mut counts = vec![0; BUCKETS];
        for one in copies {
            for (sum, count) in counts.iter_mut().zip(one.buckets) {
                *sum += count;
            }
        }
        Histogram { scale, counts }
    });
    measured
}

/// Adds up the CPUs' copies of a group: events, and what was measured.
fn group(planned: Option<&PlannedMeasure>, copies: &[wire::Group]) -> (u64, Option<Measured>) {
    let events: u64 = copies.iter().map(|one| one.events).sum();
    let sums = copies.iter().map(|one| Sums {
        missing: one.missing,
        low: one.sum_low,
        high: one.sum_high,
        max: one.max,
        not_min: one.not_min,
    });
    (events, planned.map(|planned| summed(planned, events, sums)))
}

/// What [`wire::Values`] and [`wire::Group`] have in common.
struct Sums {
    missing: u64,
    low: u64,
    high: u64,
    max: u64,
    not_min: u64,
}

fn summed(planned: &PlannedMeasure, events: u64, copies: impl Iterator<Item = Sums>) -> Measured {
    let (mut missing, mut sum, mut max, mut not_min) = (0, 0_i128, 0, 0);
    for one in copies {
        missing += one.missing;
        // The sign is in the high half.
        sum += (i128::from(one.high.cast_signed()) << 64) + i128::from(one.low);
        // A CPU that saw nothing has zeroes, which is the least of either.
        max = max.max(one.max);
        not_min = not_min.max(one.not_min);
    }
    let count = events.saturating_sub(missing);
    let value = |moved: u64| -> i128 {
        let bits = biased(moved, planned.signed);
        if planned.signed {
            bits.cast_signed().into()
        } else {
            bits.into()
        }
    };
    Measured {
        arg: planned.measure.arg,
        count,
        sum: planned.measure.sum.then_some(sum),
        range: (planned.measure.range && count > 0).then(|| (value(!not_min), value(max))),
        histogram: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_have_their_bounds() {
        assert_eq!(log2_bounds(64), (Some(0), Some(1)));
        assert_eq!(log2_bounds(65), (Some(1), Some(2)));
        assert_eq!(log2_bounds(66), (Some(2), Some(4)));
        assert_eq!(log2_bounds(63), (Some(-1), Some(0)));
        assert_eq!(log2_bounds(62), (Some(-3), Some(-1)));
        assert_eq!(log2_bounds(128), (Some(1 << 63), Some(1 << 64)));
        assert_eq!(log2_bounds(0), (Some(1 - (1 << 64)), Some(1 - (1 << 63))));
    }

    #[test]
    fn equal_steps_have_their_bounds() {
        let linear = Linear {
            min: -10,
            max: 15,
            step: 10,
        };
        let bounds: Vec<_> = (0..5).map(|at| linear_bounds(linear, at)).collect();
        assert_eq!(
            bounds,
            [
                (None, Some(-10)),
                (Some(-10), Some(0)),
                (Some(0), Some(10)),
                (Some(10), Some(20)),
                (Some(20), None),
            ]
        );
    }
}
