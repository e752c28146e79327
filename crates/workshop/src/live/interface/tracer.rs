//! The probes of the interface test, and from their events to values as they are documented.

use std::time::{Duration, Instant};

use exercises::Tracepoint;
use exercises::documented::{ArgType, Documented, Interface};
use exercises::interface::seen::{Built, Event, Value};
use probe::usdt::ProbeId;
use probe::{Part, Probe, Session, Target};

use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::regtest::Node;

/// The longest string that is documented is 128 bytes long.
const TEXT: u16 = 160;
/// Hashes.
const HASH: u16 = 32;
/// More than the messages that we exchange; what is longer is compared as far as that.
pub(super) const MESSAGE: u16 = 1024;
/// An event that fired is in the ring buffer when its thread goes on; one being written may be before it.
const ARRIVAL: Duration = Duration::from_secs(5);

/// The probes on one node.
pub(super) struct Tracer {
    session: Session,
    probes: Vec<Traced>,
    /// Events taken from the ring buffer so far, and those that found no room in it.
    taken: u64,
    lost: u64,
}

/// A documented tracepoint of the program.
struct Traced {
    id: Tracepoint,
    args: Vec<How>,
}

/// How an argument is understood.
#[derive(Clone, Copy)]
enum How {
    Integer,
    Text,
    Hash,
    /// Whose length is another argument.
    Bytes {
        length_arg: usize,
    },
    Undecodable,
    Missing,
}

/// What was taken at once.
pub(super) struct Taken {
    pub(super) events: Vec<Event>,
    pub(super) lost: u64,
}

impl Tracer {
    /// Traces every documented tracepoint that the node's program has.
    pub(super) fn attach(
        node: &Node,
        interface: &Interface,
        built: &[Built],
    ) -> Result<Self, CouldNot> {
        let documented = interface.tracepoints.iter();
        let (probes, requests): (Vec<_>, Vec<_>) = documented
            .filter_map(|documented| {
                let built = built.iter().find(|built| built.id == documented.id)?;
                Some(traced(documented, built))
            })
            .unzip();
        let session = Session::attach(&Target::Pid(node.pid()), requests)
            .map_err(|error| CouldNot::of(&error))?;
        Ok(Self {
            session,
            probes,
            taken: 0,
            lost: 0,
        })
    }

    /// Forgets what has happened so far.
    pub(super) fn discard(&mut self, cancel: &Cancel) -> Result<(), CouldNot> {
        self.take(cancel).map(drop)
    }

    /// All events that have happened and were not taken yet.
    pub(super) fn take(&mut self, cancel: &Cancel) -> Result<Taken, CouldNot> {
        let (fired, lost) = self.counts()?;
        let mut events = Vec::new();
        let end = Instant::now() + ARRIVAL;
        loop {
            let probes = &self.probes;
            let mut taken = 0;
            self.session.drain(|event| {
                taken += 1;
                events.extend(understand(probes, event));
            });
            self.taken += taken;
            if self.taken + lost >= fired {
                break;
            }
            if Instant::now() >= end {
                return Err(CouldNot::new(
                    format!(
                        "{} events did not arrive",
                        fired.saturating_sub(self.taken + lost)
                    ),
                    "run it again while the machine has less to do",
                ));
            }
            if cancel.sleep(Duration::from_millis(1)) {
                return Err(CouldNot::cancelled());
            }
        }
        let new = lost - std::mem::replace(&mut self.lost, lost);
        Ok(Taken { events, lost: new })
    }

    fn counts(&self) -> Result<(u64, u64), CouldNot> {
        let counted = self
            .session
            .counted()
            .map_err(|error| CouldNot::of(&error))?;
        let fired = counted.probes.iter().map(|probe| probe.events).sum();
        let lost = counted.probes.iter().map(|probe| probe.lost.dropped).sum();
        Ok((fired, lost))
    }
}

fn traced(documented: &Documented, built: &Built) -> (Traced, Probe) {
    let args: Vec<How> = (0..documented.args.len())
        .map(|at| how(documented, built, at))
        .collect();
    let parts: Vec<Part> = (0..)
        .zip(&args)
        .filter_map(|(arg, how)| match how {
            How::Text => Some(Part::Text {
                arg,
                capacity: TEXT,
            }),
            How::Hash => Some(Part::Bytes {
                arg,
                capacity: HASH,
                length_arg: None,
            }),
            How::Bytes { length_arg } => Some(Part::Bytes {
                arg,
                capacity: MESSAGE,
                length_arg: u8::try_from(*length_arg).ok(),
            }),
            How::Integer | How::Undecodable | How::Missing => None,
        })
        .collect();
    let id = ProbeId {
        provider: documented.id.context.clone().into(),
        name: documented.id.event.clone().into(),
    };
    let probe = Probe::new(id).stream(parts);
    let id = documented.id.clone();
    (Traced { id, args }, probe)
}

fn how(documented: &Documented, built: &Built, at: usize) -> How {
    let operands = || built.sites.iter().map(|site| site.get(at));
    if operands().any(|operand| operand.is_none()) {
        return How::Missing;
    }
    if operands().flatten().any(|operand| operand.layout.is_none()) {
        return How::Undecodable;
    }
    match documented.args.get(at).and_then(|arg| arg.kind) {
        Some(ArgType::Cstr) => How::Text,
        Some(ArgType::Bytes) => {
            // Bytes of any length follow their number; the others are hashes.
            let length = at.checked_sub(1).filter(|before| {
                let before = documented.args.get(*before);
                before.is_some_and(|arg| arg.name.ends_with("size"))
            });
            length.map_or(How::Hash, |length_arg| How::Bytes { length_arg })
        }
        _ => How::Integer,
    }
}

fn understand(probes: &[Traced], event: &probe::Event<'_>) -> Option<Event> {
    let traced = probes.get(event.probe)?;
    let args = traced.args.iter().enumerate();
    Some(Event {
        id: traced.id.clone(),
        args: args.map(|(at, how)| value(*how, at, event)).collect(),
    })
}

fn value(how: How, at: usize, event: &probe::Event<'_>) -> Value {
    let bytes = || event.bytes(at);
    match how {
        How::Missing => Value::Missing,
        How::Undecodable => Value::Undecodable,
        How::Integer => match event.value(at) {
            Some(value) => Value::Integer(value.get()),
            None => Value::Unreadable,
        },
        How::Text => bytes().map_or(Value::Unreadable, |bytes| Value::Text(printable(bytes))),
        How::Hash => bytes().map_or(Value::Unreadable, |bytes| {
            Value::Hash(hex(bytes.iter().rev()))
        }),
        // An empty message may have no address.
        How::Bytes { length_arg } if event.value(length_arg).map(|one| one.get()) == Some(0) => {
            Value::Bytes(String::new())
        }
        How::Bytes { .. } => {
            bytes().map_or(Value::Unreadable, |bytes| Value::Bytes(hex(bytes.iter())))
        }
    }
}

/// As text for a terminal: whoever wrote the program chose these bytes.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|letter| if letter.is_control() { '·' } else { letter })
        .collect()
}

/// Bytes as digits.
pub(super) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
