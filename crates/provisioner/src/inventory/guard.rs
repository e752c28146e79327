//! The section `guard`: from when on a host defends itself against what runs on it.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use super::Place;
use super::fields::{Field, Form, Section, field};
use super::problem::Report;
use super::read::{Fields, shown};
use super::size::Size;
use super::tree::{Kind, Node};
use super::values::{self, Bad, bad};

/// When the guard of every host warns, stops what is to blame, and at last powers the host off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Processor time; `None` is not watched.
    pub cpu: Option<Sustained>,
    /// Memory of processes, without what the kernel only caches.
    pub memory: Option<Sustained>,
    /// What the host's files may take, without the node's own data: its size is `bitcoin.prune`'s business.
    pub disk: Option<Size>,
    /// What the host sends.
    pub egress: Option<Volume>,
    /// From the warning to the stop, and from the stop to the power-off.
    pub grace: Duration,
}

/// A share of the host, on average over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sustained {
    /// Of all of the host's processors, or of all of its memory.
    pub percent: u64,
    /// Over how long.
    pub window: Duration,
}

/// Bytes within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// How many.
    pub size: Size,
    /// Within how long.
    pub window: Duration,
}

/// Shorter ones would be the noise of a single command; a test of the guard itself wants seconds.
const MIN_DURATION: Duration = Duration::from_secs(5);
/// Longer than any workshop that is watched.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Less than a tenth of the host is what an idle one uses anyway.
const MIN_PERCENT: u64 = 10;

const OFF: Form = Form::Word(&[("off", "not watched")]);

pub(crate) const GUARD: Section = Section {
    title: "guard",
    doc: "When a host warns, then stops what is to blame, then powers off.",
    fields: &[
        field(
            "cpu",
            Form::AnyOf(&[OFF, Form::Section(&CPU)]),
            "Processor time, on average over a while: {percent: 90, for: 2h}, or off.",
        ),
        field(
            "memory",
            Form::AnyOf(&[OFF, Form::Section(&MEMORY)]),
            "Memory of processes, on average over a while: {percent: 95, for: 30min}, or off.",
        ),
        field(
            "disk",
            Form::AnyOf(&[OFF, Form::Size]),
            "What a host's files may take, without the node's blocks (bitcoin.prune limits those), or off.",
        )
        .or(DISK),
        field(
            "egress",
            Form::AnyOf(&[OFF, Form::Section(&EGRESS)]),
            "What a host sends within a while: {size: 10GiB, for: 1h}, or off.",
        ),
        field(
            "grace",
            Form::Duration,
            "From the warning to the stop, and from the stop to the power-off.",
        )
        .or("5min"),
    ],
};

// A host with two builds of Bitcoin Core takes about 4 GiB; the main chain's coins alone do not fit beside them.
const DISK: &str = "12GiB";

pub(crate) const CPU: Section = Section {
    title: "guard.cpu",
    doc: "Processor time, on average over a while.",
    fields: &[
        percent("Of all of the host's processors.").or("90"),
        // Bitcoin Core and its tests build within 25 minutes of two processors.
        window("Over how long: 2h, 90min, 30s.").or("2h"),
    ],
};

pub(crate) const MEMORY: Section = Section {
    title: "guard.memory",
    doc: "Memory of processes, on average over a while.",
    fields: &[
        percent("Of all of the host's memory.").or("95"),
        window("Over how long: 2h, 90min, 30s.").or("30min"),
    ],
};

pub(crate) const EGRESS: Section = Section {
    title: "guard.egress",
    doc: "What a host sends within a while.",
    fields: &[
        field("size", Form::Size, "Such as 10GiB.").or("10GiB"),
        window("Within how long: 1h, 30min, 30s.").or("1h"),
    ],
};

const fn percent(doc: &'static str) -> Field {
    let form = Form::Integer {
        min: MIN_PERCENT,
        max: 100,
    };
    field("percent", form, doc)
}

const fn window(doc: &'static str) -> Field {
    field("for", Form::Duration, doc)
}

/// `Some(None)` is a guard that is off.
#[expect(
    clippy::option_option,
    reason = "no guard, and no valid guard, are two things"
)]
pub(super) fn guard(
    node: Option<&Node>,
    place: &Place,
    report: &mut Report,
) -> Option<Option<Guard>> {
    if let Some(node) = node
        && let Kind::Scalar(text) = &node.kind
    {
        if let Err(Bad { message, help }) = off(text.trim(), "`guard` is fields, or `off`") {
            report.problem(&node.span, message, help);
            return None;
        }
        return Some(None);
    }
    let fields = GUARD.read(node, place, report);
    let cpu = sustained(&fields, "cpu", &CPU, report);
    let memory = sustained(&fields, "memory", &MEMORY, report);
    let disk = fields.parse("disk", report, |text| match text {
        "off" => Ok(None),
        text => positive(text).map(Some),
    });
    let egress = egress(&fields, report);
    let grace = fields.parse("grace", report, duration);
    Some(Some(Guard {
        cpu: cpu?,
        memory: memory?,
        disk: disk?,
        egress: egress?,
        grace: grace?,
    }))
}

#[expect(clippy::option_option, reason = "not watched, and not valid")]
fn sustained(
    fields: &Fields<'_>,
    name: &str,
    section: &'static Section,
    report: &mut Report,
) -> Option<Option<Sustained>> {
    let inner = match section_or_off(fields, name, section, report)? {
        Some(inner) => inner,
        None => return Some(None),
    };
    let percent = inner.parse("percent", report, |text| {
        let text = text.strip_suffix('%').map_or(text, str::trim_end);
        values::integer(text, "percent", MIN_PERCENT, 100)
    });
    let window = inner.parse("for", report, duration);
    Some(Some(Sustained {
        percent: percent?,
        window: window?,
    }))
}

#[expect(clippy::option_option, reason = "not watched, and not valid")]
fn egress(fields: &Fields<'_>, report: &mut Report) -> Option<Option<Volume>> {
    let inner = match section_or_off(fields, "egress", &EGRESS, report)? {
        Some(inner) => inner,
        None => return Some(None),
    };
    let size = inner.parse("size", report, positive);
    let window = inner.parse("for", report, duration);
    Some(Some(Volume {
        size: size?,
        window: window?,
    }))
}

/// `Some(None)` where `off` stands.
#[expect(clippy::option_option, reason = "not watched, and not valid")]
fn section_or_off<'a>(
    fields: &Fields<'a>,
    name: &str,
    section: &'static Section,
    report: &mut Report,
) -> Option<Option<Fields<'a>>> {
    let node = fields.value(name);
    if let Some(node) = node
        && let Kind::Scalar(text) = &node.kind
    {
        let names: Vec<&str> = section.fields.iter().map(|field| field.name).collect();
        let what = format!(
            "`{name}` is fields in braces ({}), or `off`",
            names.join(", ")
        );
        if let Err(Bad { message, help }) = off(text.trim(), &what) {
            report.problem(&node.span, message, help);
            return None;
        }
        return Some(None);
    }
    let place = fields.key(name).cloned().unwrap_or_default();
    Some(Some(section.read(node, &place, report)))
}

fn off(text: &str, what: &str) -> Result<(), Bad> {
    match text {
        "off" => Ok(()),
        text => bad(
            format!("{what}, and this is `{}`", shown(text)),
            "leave the field out for the defaults, which no honest work reaches",
        ),
    }
}

fn positive(text: &str) -> Result<Size, Bad> {
    match Size::parse(text)? {
        size if size.as_bytes() < 1 << 20 => bad(
            format!("{size} is less than a host writes or sends in a moment"),
            "write 1MiB or more, or `off`",
        ),
        size => Ok(size),
    }
}

/// `2h`, `90min`, `1h 30min`.
pub(crate) fn duration(text: &str) -> Result<Duration, Bad> {
    const HELP: &str = "write a number and a unit, such as 2h, 30min or 45s";
    let Ok(signed) = text.parse::<SignedDuration>() else {
        return bad(format!("`{}` is not a length of time", shown(text)), HELP);
    };
    let within = Duration::try_from(signed)
        .ok()
        .filter(|duration| (MIN_DURATION..=MAX_DURATION).contains(duration));
    match within {
        // Whole seconds: that is how often is looked at most.
        Some(duration) => Ok(Duration::from_secs(duration.as_secs())),
        None => bad(
            format!("`{}` is out of range", shown(text)),
            format!(
                "write {}s to {}h",
                MIN_DURATION.as_secs(),
                MAX_DURATION.as_secs() / 3600
            ),
        ),
    }
}

#[cfg(test)]
impl Default for Guard {
    fn default() -> Self {
        guard(None, &(0..0), &mut Report::new(""))
            .flatten()
            .unwrap()
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let long = |duration: Duration| {
            SignedDuration::try_from(duration)
                .map_or_else(|_| String::new(), |it| format!("{it:#}"))
        };
        let sustained = |one: Option<Sustained>| {
            one.map_or_else(
                || "off".to_owned(),
                |one| format!("{}%/{}", one.percent, long(one.window)),
            )
        };
        let disk = self.disk.map_or("off".to_owned(), |size| size.to_string());
        let egress = self.egress.map_or("off".to_owned(), |one| {
            format!("{}/{}", one.size, long(one.window))
        });
        write!(
            f,
            "cpu={} memory={} disk={disk} egress={egress} grace={}",
            sustained(self.cpu),
            sustained(self.memory),
            long(self.grace)
        )
    }
}
