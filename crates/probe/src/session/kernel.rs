//! The kernel side as loaded: its maps and programs.
//!
//! aya's own loader reads and parses the kernel's types (5 MB from sysfs) and probes a dozen features first,
//! which takes longer than everything else together; our programs need neither. So the object is parsed and
//! relocated by aya's object library, the maps are aya's, and loading a program is one system call here.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, PerCpuHashMap, RingBuf};
use aya_obj::{EbpfSectionKind, Object};
use probe_common::{
    Control, Event, Group, GroupKey, LARGE_DATA, Limits, SMALL_DATA, Site, Totals, Values,
};

use super::Error;
use super::plan::Plan;
use super::sys::{self, Code, Method};

/// Built by `cargo xtask ebpf` from `crates/probe-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../ebpf/probe.bpf.o");

/// How large the maps are that grow with the traced program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Call sites that can be described.
    pub(super) sites: u32,
    /// Bytes of the ring buffer: a power of two of pages.
    pub(super) events: u32,
    /// Different keys in all groups together.
    pub(super) groups: u32,
}

/// Maps and programs. What nobody asked for is as small as can be.
pub(super) struct Kernel {
    programs: Programs,
    /// Every map that programs share, by name.
    shared: HashMap<String, OwnedFd>,
    pub(super) control: Array<MapData, Control>,
    pub(super) sites: Array<MapData, Site>,
    pub(super) totals: PerCpuArray<MapData, Totals>,
    pub(super) values: PerCpuArray<MapData, Values>,
    pub(super) groups: PerCpuHashMap<MapData, GroupKey, Group>,
    pub(super) events: RingBuf<MapData>,
}

impl Kernel {
    /// Makes the maps; programs are loaded when they are first asked for.
    pub(super) fn load(plan: &Plan, sizes: Sizes) -> Result<Self, Error> {
        let mut maps = HashMap::new();
        let programs = Programs::new(plan.limits(), |name, map| {
            map.set_max_entries(plan_size(name, plan, sizes));
            let data = create(name, map)?;
            let fd = data.fd().as_fd().as_raw_fd();
            maps.insert(name.to_owned(), data);
            Ok(fd)
        })?;
        let shared = maps.iter().map(|(name, data)| {
            let fd = data.fd().as_fd().try_clone_to_owned();
            Ok((name.clone(), fd.map_err(|error| no_room(error.into()))?))
        });
        Ok(Self {
            programs,
            shared: shared.collect::<Result<_, Error>>()?,
            control: take(&mut maps, "CONTROL", Map::Array)?,
            sites: take(&mut maps, "SITES", Map::Array)?,
            totals: take(&mut maps, "TOTALS", Map::PerCpuArray)?,
            values: take(&mut maps, "VALUES", Map::PerCpuArray)?,
            groups: take(&mut maps, "GROUPS", Map::PerCpuHashMap)?,
            events: take(&mut maps, "EVENTS", Map::RingBuf)?,
        })
    }

    /// Makes sure that programs are such as another plan needs, which counts on in the same maps.
    pub(super) fn adapt(&mut self, plan: &Plan) -> Result<(), Error> {
        if self.programs.limits != plan.limits() {
            self.programs = Programs::new(plan.limits(), |name, _| match self.shared.get(name) {
                Some(fd) => Ok(fd.as_raw_fd()),
                None => Err(broken(format!("it has another map {name}"))),
            })?;
        }
        Ok(())
    }

    /// A program of the object, loaded.
    pub(super) fn program(
        &mut self,
        name: &'static str,
        method: Method,
    ) -> Result<BorrowedFd<'_>, Error> {
        self.programs.load(name, method)
    }
}

/// Programs with the code that plans of these limits need.
struct Programs {
    limits: Limits,
    object: Object,
    loaded: HashMap<&'static str, OwnedFd>,
    /// The limits as programs read them, when they are loaded.
    _constants: Vec<MapData>,
}

impl Programs {
    /// Has the shared maps made or found by `shared`.
    fn new(
        limits: Limits,
        mut shared: impl FnMut(&str, &mut aya_obj::Map) -> Result<RawFd, Error>,
    ) -> Result<Self, Error> {
        let mut object = Object::parse(OBJECT).map_err(broken)?;
        let bytes = bytes_of(limits);
        object
            .patch_map_data([("LIMITS", (bytes.as_slice(), true))].into())
            .map_err(broken)?;
        let mut constants = Vec::new();
        let mut maps = Vec::new();
        for (name, mut map) in std::mem::take(&mut object.maps) {
            let fd = if map.section_kind() == EbpfSectionKind::Rodata {
                let data = create(&name, &map)?;
                sys::freeze(data.fd().as_fd(), map.data())
                    .map_err(|error| no_room(MapError::IoError(error)))?;
                let fd = data.fd().as_fd().as_raw_fd();
                constants.push(data);
                fd
            } else {
                shared(&name, &mut map)?
            };
            maps.push((name, fd, map));
        }
        // Writes the maps' file descriptors into the instructions.
        let text: HashSet<usize> = object
            .functions
            .keys()
            .map(|(section, _)| *section)
            .collect();
        let maps = maps.iter().map(|(name, fd, map)| (name.as_str(), *fd, map));
        object.relocate_maps(maps, &text).map_err(broken)?;
        object.relocate_calls(&text).map_err(broken)?;
        Ok(Self {
            limits,
            object,
            loaded: HashMap::new(),
            _constants: constants,
        })
    }

    fn load(&mut self, name: &'static str, method: Method) -> Result<BorrowedFd<'_>, Error> {
        if !self.loaded.contains_key(name) {
            let program = self.object.programs.get(name);
            let function = program.and_then(|one| self.object.functions.get(&one.function_key()));
            let (Some(program), Some(function)) = (program, function) else {
                return Err(broken(format!("it has no program {name}")));
            };
            let fd = sys::load_program(&Code {
                name,
                license: &program.license,
                instructions: &function.instructions,
                method,
            })?;
            self.loaded.insert(name, fd);
        }
        Ok(self.loaded[name].as_fd())
    }
}

fn create(name: &str, map: &aya_obj::Map) -> Result<MapData, Error> {
    MapData::create(map.clone(), name, None).map_err(no_room)
}

fn no_room(source: MapError) -> Error {
    Error::Map {
        what: "make room in the kernel",
        source,
    }
}

fn take<T>(
    maps: &mut HashMap<String, MapData>,
    name: &str,
    kind: impl FnOnce(MapData) -> Map,
) -> Result<T, Error>
where
    T: TryFrom<Map, Error = MapError>,
{
    let data = maps
        .remove(name)
        .ok_or_else(|| broken(format!("it has no map {name}")))?;
    T::try_from(kind(data)).map_err(broken)
}

fn plan_size(map: &str, plan: &Plan, sizes: Sizes) -> u32 {
    let grouped = plan.probes.iter().filter(|probe| probe.key.is_some());
    // A group has a row for each measure.
    let rows = grouped.map(|probe| probe.measures.len().max(1)).max();
    let rows = rows.and_then(|rows| u32::try_from(rows).ok());
    let page = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
    let event = plan.probes.iter().filter_map(|probe| probe.streamed).max();
    match map {
        "SITES" => sizes.sites,
        "TOTALS" => u32::try_from(plan.probes.len()).unwrap_or(u32::MAX),
        "VALUES" => plan.values,
        "GROUPS" => rows.map_or(1, |rows| sizes.groups.saturating_mul(rows)),
        // The smallest ring buffer that the kernel makes, and one that takes an event.
        "EVENTS" => match event {
            None => page,
            Some(large) => sizes.events.max(page).max(event_bytes(large)),
        },
        _ => 1,
    }
    .max(1)
}

/// Room for one event in the ring buffer, whose size is a power of two.
fn event_bytes(large: bool) -> u32 {
    /// The kernel's own part of each event: `BPF_RINGBUF_HDR_SZ`.
    const HEADER: usize = 8;
    let data = if large { LARGE_DATA } else { SMALL_DATA };
    let bytes = HEADER + size_of::<Event>() + data;
    u32::try_from(bytes.next_power_of_two()).unwrap_or(u32::MAX)
}

/// Constants as they lie in memory.
fn bytes_of(limits: Limits) -> [u8; size_of::<Limits>()] {
    let Limits {
        filters,
        measures,
        what,
        args,
        parts,
        operands,
        process,
        indexed,
        registers,
        reserved,
    } = limits;
    let words = [
        filters, measures, what, args, parts, operands, process, indexed, registers, reserved,
    ];
    let mut bytes = [0; size_of::<Limits>()];
    for (to, from) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&from.to_ne_bytes());
    }
    bytes
}

/// The committed object is not what this code expects: a defect of ours.
fn broken(why: impl ToString) -> Error {
    Error::Object(why.to_string())
}
