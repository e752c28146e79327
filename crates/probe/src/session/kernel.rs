//! The kernel side as loaded: its maps and programs.
//!
//! aya's own loader reads and parses the kernel's types (5 MB from sysfs) and probes a dozen features first,
//! which takes longer than everything else together; our programs need neither. So the object is parsed and
//! relocated by aya's object library, the maps are aya's, and loading a program is one system call here.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, PerCpuHashMap, RingBuf};
use aya_obj::{EbpfSectionKind, Object};
use probe_common::{Control, Group, GroupKey, Limits, Site, Totals, Values};

use super::Error;
use super::plan::{self, Plan};
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
    object: Object,
    limits: Limits,
    programs: HashMap<&'static str, OwnedFd>,
    /// Every map by name; each is kept open by what follows.
    fds: HashMap<String, RawFd>,
    /// Maps without a field of their own, which programs refer to when they are loaded.
    constants: Maps,
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
        let limits = plan.limits();
        let mut object = parse(limits)?;
        let described = object.maps.drain().collect();
        let mut maps = Maps::create(described, |name| plan_size(name, plan, sizes))?;
        relocate(&mut object, maps.described())?;
        Ok(Self {
            object,
            limits,
            programs: HashMap::new(),
            fds: maps.fds().collect(),
            control: maps.take("CONTROL", Map::Array)?,
            sites: maps.take("SITES", Map::Array)?,
            totals: maps.take("TOTALS", Map::PerCpuArray)?,
            values: maps.take("VALUES", Map::PerCpuArray)?,
            groups: maps.take("GROUPS", Map::PerCpuHashMap)?,
            events: maps.take("EVENTS", Map::RingBuf)?,
            constants: maps,
        })
    }

    /// Makes what is hooked from now on fit a rebuilt program, whose operands may be of other kinds. What is
    /// hooked already stays as it is.
    pub(super) fn widen(&mut self, plan: &Plan) -> Result<(), Error> {
        let limits = plan::union(self.limits, plan.limits());
        if limits == self.limits {
            return Ok(());
        }
        // The constants are part of the programs, so these are loaded anew; what was counted is in maps.
        let mut object = parse(limits)?;
        let described: Vec<_> = object.maps.drain().collect();
        let constants = described.iter().filter(|(_, map)| is_constant(map));
        let constants = Maps::create(constants.cloned().collect(), |_| 1)?;
        self.fds.extend(constants.fds());
        let described = described.iter().filter_map(|(name, map)| {
            let fd = *self.fds.get(name)?;
            Some((name.as_str(), fd, map))
        });
        relocate(&mut object, described)?;
        self.constants = constants;
        self.programs.clear();
        self.object = object;
        self.limits = limits;
        Ok(())
    }

    /// A program of the object, loaded.
    pub(super) fn program(
        &mut self,
        name: &'static str,
        method: Method,
    ) -> Result<BorrowedFd<'_>, Error> {
        if !self.programs.contains_key(name) {
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
            self.programs.insert(name, fd);
        }
        Ok(self.programs[name].as_fd())
    }
}

fn plan_size(map: &str, plan: &Plan, sizes: Sizes) -> u32 {
    let grouped = plan.probes.iter().any(|probe| probe.key.is_some());
    let streamed = plan.probes.iter().any(|probe| probe.streamed.is_some());
    match map {
        "SITES" => sizes.sites,
        "TOTALS" => u32::try_from(plan.probes.len()).unwrap_or(u32::MAX),
        "VALUES" => plan.values,
        "GROUPS" if grouped => sizes.groups,
        "EVENTS" if streamed => sizes.events,
        // The smallest ring buffer that the kernel makes.
        "EVENTS" => u32::try_from(rustix::param::page_size()).unwrap_or(4096),
        _ => 1,
    }
    .max(1)
}

/// The object, checked and run with the code that these limits need.
fn parse(limits: Limits) -> Result<Object, Error> {
    let mut object = Object::parse(OBJECT).map_err(broken)?;
    let limits = bytes_of(limits);
    object
        .patch_map_data([("LIMITS", (limits.as_slice(), true))].into())
        .map_err(broken)?;
    Ok(object)
}

/// Writes the maps' file descriptors into the instructions.
fn relocate<'a>(
    object: &mut Object,
    maps: impl Iterator<Item = (&'a str, RawFd, &'a aya_obj::Map)>,
) -> Result<(), Error> {
    let text: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    object.relocate_maps(maps, &text).map_err(broken)?;
    object.relocate_calls(&text).map_err(broken)
}

fn is_constant(map: &aya_obj::Map) -> bool {
    map.section_kind() == EbpfSectionKind::Rodata
}

/// By name: how the object describes each map, and the map.
struct Maps(HashMap<String, (aya_obj::Map, MapData)>);

impl Maps {
    fn create(
        described: Vec<(String, aya_obj::Map)>,
        size: impl Fn(&str) -> u32,
    ) -> Result<Self, Error> {
        described
            .into_iter()
            .map(|(name, mut map)| {
                map.set_max_entries(size(&name));
                let failed = |source| Error::Map {
                    what: "make room in the kernel",
                    source,
                };
                let data = MapData::create(map.clone(), &name, None).map_err(failed)?;
                if is_constant(&map) {
                    sys::freeze(data.fd().as_fd(), map.data())
                        .map_err(|error| failed(MapError::IoError(error)))?;
                }
                Ok((name, (map, data)))
            })
            .collect::<Result<_, Error>>()
            .map(Self)
    }

    fn described(&self) -> impl Iterator<Item = (&str, RawFd, &aya_obj::Map)> {
        let maps = self.0.iter();
        maps.map(|(name, (map, data))| (name.as_str(), data.fd().as_fd().as_raw_fd(), map))
    }

    fn fds(&self) -> impl Iterator<Item = (String, RawFd)> {
        self.described().map(|(name, fd, _)| (name.to_owned(), fd))
    }

    fn take<T>(&mut self, name: &str, kind: impl FnOnce(MapData) -> Map) -> Result<T, Error>
    where
        T: TryFrom<Map, Error = MapError>,
    {
        let (_, data) = self
            .0
            .remove(name)
            .ok_or_else(|| broken(format!("it has no map {name}")))?;
        T::try_from(kind(data)).map_err(broken)
    }
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
