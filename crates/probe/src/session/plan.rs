//! From what is asked for to what the kernel side is told, with every problem at once.

use std::collections::BTreeSet;

use probe_common as wire;
use probe_common::{LARGE_DATA, Limits, MAX_ARGS, NO_REGISTER, SMALL_DATA, Site};

use super::error::Problem;
use super::request::{Condition, Key, Measure, Part, Probe, Scale};
use crate::usdt::{ArgSpec, CallSite, Place, ProbeId, Tracepoint, Tracepoints};

/// Equal steps that fit beside the two buckets for what lies outside.
pub(super) const MAX_STEPS: u64 = wire::BUCKETS as u64 - 2;

/// What a program's context holds.
const REGISTERS: u32 = if cfg!(target_arch = "aarch64") {
    34
} else {
    21
};

/// What the kernel side is told, and how to understand what it tells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) sites: Vec<PlannedSite>,
    /// By the request's index.
    pub(super) probes: Vec<PlannedProbe>,
    /// How many copies of [`wire::Values`] are needed.
    pub(super) values: u32,
}

impl Plan {
    /// What no call site goes beyond.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits {
            registers: REGISTERS,
            ..Limits::default()
        };
        for Site {
            process,
            filter_count,
            measure_count,
            argc,
            part_count,
            measures,
            operands,
            ..
        } in self.sites.iter().map(|site| &site.record)
        {
            limits.filters = limits.filters.max(*filter_count);
            limits.measures = limits.measures.max(*measure_count);
            limits.args = limits.args.max(*argc);
            limits.parts = limits.parts.max(*part_count);
            limits.process |= u32::from(process.pid != 0);
            for measure in measures {
                limits.what |= u32::from(measure.what);
            }
            for operand in operands {
                limits.operands |= 1 << operand.kind;
                let indexed = operand.kind == wire::operand::MEMORY && operand.index != NO_REGISTER;
                limits.indexed |= u32::from(indexed);
            }
        }
        limits
    }
}

impl Plan {
    /// Why what was counted by this plan cannot be gone on with by another of the same requests: a value's sign
    /// decides in which order it is kept, and what its bits mean in the end.
    pub(super) fn changed_signs(&self, now: &Self, ids: &[ProbeId]) -> Vec<Problem> {
        let sign = |signed| if signed { "signed" } else { "unsigned" };
        let mut problems = Vec::new();
        for ((was, now), id) in self.probes.iter().zip(&now.probes).zip(ids) {
            let changed: BTreeSet<_> = was
                .signs()
                .zip(now.signs())
                .filter(|(was, now)| was != now)
                .collect();
            problems.extend(changed.into_iter().map(|((arg, was), (_, now))| {
                Problem::SignChanged {
                    id: id.clone(),
                    arg,
                    was: sign(was),
                    now: sign(now),
                }
            }));
        }
        problems
    }
}

/// Programs of the kernel side that call sites are hooked with.
pub(super) const PROGRAMS: [&str; 4] = ["aggregate", "group", "stream_small", "stream_large"];

/// A call site to hook.
#[derive(Debug)]
pub(super) struct PlannedSite {
    pub(super) probe: usize,
    pub(super) offset: u64,
    /// Where the semaphore lies in the file; 0 for none, as the kernel has it.
    pub(super) semaphore: u64,
    pub(super) record: Site,
    /// Which arguments are signed here.
    pub(super) signed: Signs,
}

/// How to understand the counters of a probe.
#[derive(Debug)]
pub(super) struct PlannedProbe {
    pub(super) measures: Vec<PlannedMeasure>,
    pub(super) key: Option<Key>,
    pub(super) key_signed: bool,
    /// Whether events are streamed, and whether they are large ones.
    pub(super) streamed: Option<bool>,
    /// Strings and byte arrays as they lie in an event.
    pub(super) parts: Vec<PlannedPart>,
}

impl PlannedProbe {
    /// Whether its call sites are hooked with a program of [`PROGRAMS`].
    pub(super) fn runs(&self, program: &str) -> bool {
        match program {
            "group" => self.key.is_some(),
            "stream_small" => self.streamed == Some(false),
            "stream_large" => self.streamed == Some(true),
            _ => true,
        }
    }

    /// Which of the arguments that are added up, or grouped by, are signed.
    fn signs(&self) -> impl Iterator<Item = (u8, bool)> + '_ {
        let measures = self.measures.iter();
        let measures = measures.map(|one| (one.measure.arg, one.signed));
        measures.chain(self.key.map(|key| (key.arg(), self.key_signed)))
    }
}

/// A string or byte array and where it lies in an event's data.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedPart {
    pub(super) part: Part,
    pub(super) offset: u16,
}

/// Which arguments are signed.
pub(super) type Signs = [bool; MAX_ARGS];

/// How to understand what was added up of an argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedMeasure {
    pub(super) measure: Measure,
    pub(super) signed: bool,
    /// Index in the map of [`wire::Values`].
    pub(super) values: u32,
}

/// Plans a session.
pub(super) fn plan(
    tracepoints: &Tracepoints,
    process: wire::Process,
    requests: &[Probe],
) -> Result<Plan, Vec<Problem>> {
    let mut plan = Plan::default();
    let mut problems = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let Some(tracepoint) = tracepoints.get(&request.id) else {
            problems.push(Problem::NoSuchProbe {
                id: request.id.clone(),
                near: tracepoints.near(&request.id),
            });
            continue;
        };
        problems.extend(check(request, tracepoint));
        if problems.is_empty() {
            add(&mut plan, index, process, request, tracepoint);
        }
    }
    if problems.is_empty() {
        Ok(plan)
    } else {
        Err(problems)
    }
}

fn check(request: &Probe, tracepoint: &Tracepoint) -> Vec<Problem> {
    let mut problems = Vec::new();
    let id = &request.id;
    for arg in arguments(request) {
        problems.extend(check_argument(tracepoint, arg));
    }
    for site in &tracepoint.sites {
        let nowhere = site.offset.is_none()
            || site
                .semaphore
                .is_some_and(|semaphore| semaphore.offset.is_none());
        if nowhere {
            problems.push(Problem::Nowhere {
                id: id.clone(),
                address: site.address,
            });
        }
    }
    let parts = request.stream.as_deref().unwrap_or_default();
    let limits = [
        (request.conditions.len(), wire::MAX_FILTERS, "conditions"),
        (
            request.measures.len(),
            wire::MAX_MEASURES,
            "arguments or histograms to add up",
        ),
        (parts.len(), wire::MAX_PARTS, "strings and byte arrays"),
    ];
    for (count, most, what) in limits {
        if count > most {
            problems.push(Problem::TooMany {
                id: id.clone(),
                what: format!("{count} {what}"),
                most,
            });
        }
    }
    problems.extend(
        request
            .conditions
            .iter()
            .filter_map(|condition| check_condition(tracepoint, condition)),
    );
    for measure in &request.measures {
        if let Some(Scale::Linear(linear)) = measure.scale {
            let width = linear.max.abs_diff(linear.min);
            let what = if linear.min < 0 && !signed(tracepoint, measure.arg) {
                format!(
                    "a histogram from {}; arg{} is unsigned",
                    linear.min, measure.arg
                )
            } else if linear.step == 0 || linear.max <= linear.min {
                "a histogram needs a step above 0 and an end after its start".to_owned()
            } else if width.div_ceil(linear.step) > MAX_STEPS {
                format!(
                    "a histogram of {} steps; {MAX_STEPS} are possible: take wider ones",
                    width.div_ceil(linear.step)
                )
            } else {
                continue;
            };
            problems.push(Problem::Histogram {
                id: id.clone(),
                what,
            });
        }
    }
    if let Some(Key::Bytes { arg, length }) = request.key
        && !(1..=wire::KEY_BYTES).contains(&usize::from(length))
    {
        problems.push(Problem::Length {
            id: id.clone(),
            arg,
            length: length.into(),
            most: wire::KEY_BYTES,
        });
    }
    let mut lengths_fit = true;
    for part in parts {
        let capacity = usize::from(part.capacity());
        if !(1..=LARGE_DATA / 2).contains(&capacity) {
            lengths_fit = false;
            problems.push(Problem::Length {
                id: id.clone(),
                arg: part.arg(),
                length: capacity,
                most: LARGE_DATA / 2,
            });
        }
    }
    if lengths_fit && parts.len() <= wire::MAX_PARTS && layout(parts, LARGE_DATA).is_none() {
        problems.push(Problem::TooMany {
            id: id.clone(),
            what: "more bytes of strings and byte arrays than fit in one event".to_owned(),
            most: LARGE_DATA,
        });
    }
    problems
}

/// Every argument that a request needs to be readable.
fn arguments(request: &Probe) -> BTreeSet<u8> {
    let parts = request.stream.iter().flatten();
    let lengths = parts.clone().filter_map(|part| match part {
        Part::Bytes { length_arg, .. } => *length_arg,
        Part::Text { .. } => None,
    });
    let conditions = request.conditions.iter().map(|one| one.arg);
    let measures = request.measures.iter().map(|one| one.arg);
    let key = request.key.map(Key::arg);
    conditions
        .chain(measures)
        .chain(key)
        .chain(parts.map(|part| part.arg()))
        .chain(lengths)
        .collect()
}

fn check_argument(tracepoint: &Tracepoint, arg: u8) -> Option<Problem> {
    tracepoint.sites.iter().find_map(|site| {
        let Some(found) = site
            .args
            .get(usize::from(arg))
            .filter(|_| usize::from(arg) < MAX_ARGS)
        else {
            return Some(Problem::NoSuchArgument {
                id: tracepoint.id.clone(),
                arg,
                has: site.args.len().min(MAX_ARGS),
            });
        };
        let reason = found.spec.err()?;
        Some(Problem::Undecodable {
            id: tracepoint.id.clone(),
            arg,
            operand: found.text.clone(),
            reason,
        })
    })
}

/// A condition that always holds, or never, whatever the argument: surely not what was meant.
fn check_condition(tracepoint: &Tracepoint, condition: &Condition) -> Option<Problem> {
    let signed = signed(tracepoint, condition.arg);
    let possible = if signed {
        i64::try_from(condition.value).is_ok()
    } else {
        u64::try_from(condition.value).is_ok()
    };
    (!possible).then(|| Problem::Condition {
        id: tracepoint.id.clone(),
        arg: condition.arg,
        sign: if signed { "signed" } else { "unsigned" },
        value: condition.value,
    })
}

/// Adds a request that was checked.
fn add(
    plan: &mut Plan,
    index: usize,
    process: wire::Process,
    request: &Probe,
    tracepoint: &Tracepoint,
) {
    let measures: Vec<_> = request
        .measures
        .iter()
        .map(|measure| {
            let values = plan.values;
            plan.values += 1;
            PlannedMeasure {
                measure: *measure,
                signed: signed(tracepoint, measure.arg),
                values,
            }
        })
        .collect();
    let parts = request.stream.as_deref().unwrap_or_default();
    let small = layout(parts, SMALL_DATA);
    let large = small.is_none();
    let offsets = small
        .or_else(|| layout(parts, LARGE_DATA))
        .unwrap_or_default();
    let parts: Vec<_> = parts
        .iter()
        .zip(offsets)
        .map(|(part, offset)| PlannedPart {
            part: *part,
            offset,
        })
        .collect();
    for site in &tracepoint.sites {
        let mut record = Site {
            probe: u32::try_from(index).unwrap_or(u32::MAX),
            process,
            key: key(request.key),
            ..Site::default()
        };
        record.filter_count = fill(
            &mut record.filters,
            request.conditions.iter().map(|one| filter(tracepoint, one)),
        );
        record.measure_count = fill(&mut record.measures, measures.iter().map(measure));
        record.part_count = fill(&mut record.parts, parts.iter().map(part));
        record.argc = fill(
            &mut record.operands,
            site.args.iter().map(|arg| operand(arg.spec.as_ref().ok())),
        );
        plan.sites.push(PlannedSite {
            probe: index,
            offset: site.offset.unwrap_or(0),
            semaphore: semaphore(site),
            record,
            signed: std::array::from_fn(|at| {
                let arg = site.args.get(at).and_then(|arg| arg.spec.as_ref().ok());
                arg.is_some_and(|spec| spec.signed)
            }),
        });
    }
    plan.probes.push(PlannedProbe {
        measures,
        key: request.key,
        key_signed: request.key.is_some_and(|key| signed(tracepoint, key.arg())),
        streamed: request.stream.as_ref().map(|_| large),
        parts,
    });
}

fn semaphore(site: &CallSite) -> u64 {
    site.semaphore
        .and_then(|semaphore| semaphore.offset)
        .unwrap_or(0)
}

/// Whether an argument is signed: at any call site, so that one order holds for all.
fn signed(tracepoint: &Tracepoint, arg: u8) -> bool {
    tracepoint.sites.iter().any(|site| {
        site.args
            .get(usize::from(arg))
            .and_then(|arg| arg.spec.as_ref().ok())
            .is_some_and(|spec| spec.signed)
    })
}

/// Writes records into their array and tells how many there are.
fn fill<T, const N: usize>(to: &mut [T; N], from: impl Iterator<Item = T>) -> u32 {
    let mut count = 0;
    for (to, from) in to.iter_mut().zip(from) {
        *to = from;
        count += 1;
    }
    count
}

fn filter(tracepoint: &Tracepoint, condition: &Condition) -> wire::Filter {
    // The low 64 bits are the bits the argument would have.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is within the range of the argument's type"
    )]
    let value = condition.value as u64;
    wire::Filter {
        value,
        arg: condition.arg,
        compare: condition.compare as u8,
        signed: u8::from(signed(tracepoint, condition.arg)),
        ..wire::Filter::default()
    }
}

fn measure(planned: &PlannedMeasure) -> wire::Measure {
    let Measure {
        arg,
        sum,
        range,
        scale,
    } = planned.measure;
    let mut record = wire::Measure {
        values: planned.values,
        arg,
        signed: u8::from(planned.signed),
        ..wire::Measure::default()
    };
    if sum {
        record.what |= wire::measure::SUM;
    }
    if range {
        record.what |= wire::measure::RANGE;
    }
    match scale {
        None => {}
        Some(Scale::Log2) => record.what |= wire::measure::LOG2,
        Some(Scale::Linear(linear)) => {
            record.what |= wire::measure::LINEAR;
            record.min = linear.min;
            record.step = linear.step;
            let steps = linear.max.abs_diff(linear.min).div_ceil(linear.step);
            record.buckets = u32::try_from(steps).unwrap_or(u32::MAX);
        }
    }
    record
}

fn key(key: Option<Key>) -> wire::Key {
    let (kind, arg, bytes) = match key {
        None => (wire::key::NONE, 0, 0),
        Some(Key::Integer { arg }) => (wire::key::INTEGER, arg, 0),
        Some(Key::Text { arg }) => (wire::key::TEXT, arg, 0),
        Some(Key::Bytes { arg, length }) => (wire::key::BYTES, arg, length),
    };
    wire::Key {
        kind,
        arg,
        bytes,
        ..wire::Key::default()
    }
}

fn part(planned: &PlannedPart) -> wire::Part {
    let PlannedPart { part, offset } = *planned;
    let (kind, length_arg) = match part {
        Part::Text { .. } => (wire::part::TEXT, None),
        Part::Bytes { length_arg, .. } => (wire::part::BYTES, length_arg),
    };
    wire::Part {
        offset,
        capacity: part.capacity(),
        kind,
        arg: part.arg(),
        length_arg: length_arg.unwrap_or(u8::MAX),
        reserved: 0,
    }
}

/// Where each part goes in `size` bytes, if they fit: the kernel's verifier follows two bounds, so each offset
/// and each length is at most half. The longest goes last.
fn layout(parts: &[Part], size: usize) -> Option<Vec<u16>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| parts[*at].capacity());
    let mut offsets = vec![0; parts.len()];
    let mut end = 0;
    for at in order {
        let capacity = usize::from(parts[at].capacity());
        if end > size / 2 || capacity > size / 2 {
            return None;
        }
        offsets[at] = u16::try_from(end).ok()?;
        end += capacity;
    }
    Some(offsets)
}

fn operand(spec: Option<&ArgSpec>) -> wire::Operand {
    let Some(spec) = spec else {
        return wire::Operand::default();
    };
    let bits = 8 * u32::from(spec.size);
    let operand = wire::Operand {
        base: NO_REGISTER,
        index: NO_REGISTER,
        size: spec.size,
        mask: u64::MAX >> (64 - bits),
        sign: if spec.signed { 1 << (bits - 1) } else { 0 },
        ..wire::Operand::default()
    };
    match spec.place {
        Place::Const(value) => wire::Operand {
            kind: wire::operand::CONSTANT,
            displacement: narrowed(value, spec),
            ..operand
        },
        Place::Reg(reg) => wire::Operand {
            kind: wire::operand::REGISTER,
            base: reg.offset,
            ..operand
        },
        Place::RegDeref { base, displacement } => wire::Operand {
            kind: wire::operand::MEMORY,
            base: base.offset,
            displacement,
            ..operand
        },
        Place::Sib {
            base,
            index,
            scale,
            displacement,
        } => wire::Operand {
            kind: wire::operand::MEMORY,
            base: base.map_or(NO_REGISTER, |base| base.offset),
            index: index.offset,
            // A power of two from 1 to 8.
            scale_shift: u8::try_from(scale.trailing_zeros()).unwrap_or(0),
            displacement,
            ..operand
        },
    }
}

/// A constant cut to its size: the kernel side takes it as it is.
fn narrowed(value: i64, spec: &ArgSpec) -> i64 {
    let shift = 64 - 8 * u32::from(spec.size);
    let bits = value.cast_unsigned() << shift;
    if spec.signed {
        bits.cast_signed() >> shift
    } else {
        (bits >> shift).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_laid_out_with_the_longest_last() {
        let text = |capacity| Part::Text { arg: 0, capacity };
        assert_eq!(
            layout(&[text(68), text(20), text(20)], 256),
            Some(vec![40, 0, 20])
        );
        assert_eq!(layout(&[text(200)], 256), None);
        assert_eq!(layout(&[text(128), text(128)], 256), Some(vec![0, 128]));
        assert_eq!(layout(&[text(128), text(128), text(1)], 256), None);
        assert_eq!(layout(&[], 256), Some(vec![]));
    }

    #[test]
    fn constants_have_their_operand_s_width() {
        let spec = |size, signed| ArgSpec {
            size,
            signed,
            place: Place::Const(0),
        };
        assert_eq!(narrowed(-1, &spec(1, false)), 255);
        assert_eq!(narrowed(255, &spec(1, true)), -1);
        assert_eq!(narrowed(-1, &spec(8, false)), -1);
    }
}
