//! The sections `workshop`, `bitcoin` and `hosts`, and the rules between their fields.

use std::fs;
use std::path::Path;

use super::address::NodeAddress;
use super::cache::cache;
use super::existing::existing;
use super::fields::{BITCOIN, HOSTS, LIMITS, SOURCE_PATH, WORKSHOP};
use super::hetzner::hetzner;
use super::problem::Report;
use super::read::{Fields, Text, scalar, shown};
use super::size::{Cpus, FRESH_DISK, MIN_DISK, MIN_MEMORY, Size};
use super::tree::{Kind, Node};
use super::types::{Bitcoin, Chain, Disk, Hosts, Limits, ProviderKind, Source, Workshop};
use super::values::{self, Bad, MAX_PARALLEL, MAX_PIDS, MAX_SPARE, MIN_PIDS, MIN_PRUNE, Version};
use super::{Place, resolve};
use super::{moment, money, naming};

impl Fields<'_> {
    /// Parses a field; a missing one from the default of the table. `None` where there is neither, or
    /// where a problem was reported.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        report: &mut Report,
        parse: impl Fn(&str) -> Result<T, Bad>,
    ) -> Option<T> {
        match self.text(name, report) {
            Some(Text { text, span }) => match parse(text.trim()) {
                Ok(value) => Some(value),
                Err(Bad { message, help }) => {
                    report.problem(&span, message, help);
                    None
                }
            },
            None => parse(self.default(name)?).ok(),
        }
    }
}

pub(super) fn workshop(
    node: Option<&Node>,
    place: &Place,
    now: jiff::Timestamp,
    report: &mut Report,
) -> Option<Workshop> {
    let fields = WORKSHOP.read(node, place, report);
    let name = fields.parse("name", report, naming::workshop_name);
    let date = fields.parse("date", report, moment::date);
    let deadline = fields.parse("deadline", report, moment::moment);
    if let (Some(deadline), Some(node)) = (&deadline, fields.value("deadline")) {
        if date.is_some_and(|date| deadline.date() < date) {
            report.problem(
                &node.span,
                "the deadline is before the workshop's date",
                "the servers would be gone before anybody came: move one of the two",
            );
        } else if deadline.timestamp() < now {
            report.remark(
                &node.span,
                "the deadline is in the past",
                "the servers count as no longer needed: move the deadline if they are",
            );
        }
    }
    Some(Workshop {
        name: name?,
        date,
        deadline,
    })
}

/// What the hosts give, as far as it could be read: some of it does not go with every Bitcoin Core.
#[derive(Default)]
pub(super) struct Provided {
    provider: Option<ProviderKind>,
    disk: Option<(Size, Place)>,
}

pub(super) fn bitcoin(
    node: Option<&Node>,
    place: &Place,
    folder: &Path,
    provided: &Provided,
    report: &mut Report,
) -> Option<Bitcoin> {
    let fields = BITCOIN.read(node, place, report);
    let source = source(&fields, folder, report);
    let version = version(&fields, source.as_ref(), report);
    let chain = fields.parse("chain", report, chain);
    let prune = fields.parse("prune", report, values::prune);
    let addnode = addnode(&fields, report);
    let cache_at = fields.key("cache").unwrap_or(place);
    let cache = cache(fields.value("cache"), cache_at, report);
    if let (Some(prune), Some((disk, limit))) = (prune, &provided.disk) {
        let span = fields.value("prune").map_or(limit, |node| &node.span);
        room_for_blocks(prune, *disk, provided.provider, (span, limit), report);
    }
    Some(Bitcoin {
        source: source?,
        version: version?,
        chain: chain?,
        prune: prune?,
        addnode,
        cache: cache?,
    })
}

/// Whether a node and its blocks fit onto a disk.
fn room_for_blocks(
    prune: u64,
    disk: Size,
    provider: Option<ProviderKind>,
    (prune_at, disk_at): (&Place, &Place),
    report: &mut Report,
) {
    // Less is no limit: 0 keeps every block, 1 leaves it to whoever asks.
    let kept = (prune >= MIN_PRUNE).then(|| Size::from_bytes(prune << 20));
    let needed = Size::from_bytes(FRESH_DISK.as_bytes() + kept.map_or(0, Size::as_bytes));
    if let Some(kept) = kept.filter(|kept| *kept >= disk) {
        report.problem(
            prune_at,
            format!("a node keeps {kept} of blocks, and each host's disk is limited to {disk}"),
            "lower `bitcoin.prune` or raise `hosts.limits.disk`",
        );
    } else if provider == Some(ProviderKind::Local) && disk >= MIN_DISK && disk < needed {
        let blocks = kept.map_or(String::new(), |kept| format!(" up to {kept}"));
        report.remark(
            disk_at,
            format!("{disk} of disk are little for a participant's host: its software and builds of Bitcoin Core want {FRESH_DISK}, and the node's blocks{blocks} come on top"),
            format!("write {needed} or more: only what is written takes room on this machine"),
        );
    }
}

fn source(fields: &Fields<'_>, folder: &Path, report: &mut Report) -> Option<Source> {
    if let Some(node) = fields.value("source")
        && matches!(node.kind, Kind::Map(_))
    {
        let place = fields.key("source").cloned().unwrap_or_default();
        let inner = SOURCE_PATH.read(Some(node), &place, report);
        return tree_at(inner.text("path", report)?, folder, report);
    }
    #[derive(Clone, Copy)]
    enum Known {
        Crate,
        Release,
    }
    let known = fields.parse("source", report, |text| {
        values::word(
            text,
            "a source of Bitcoin Core",
            &[("crate", Known::Crate), ("release", Known::Release)],
            &[(
                "path",
                "`source: path` does not say which path",
                "write `source: {path: DIR}`, with the folder of the tree",
            )],
        )
    });
    known.map(|known| match known {
        Known::Crate => Source::Crate,
        Known::Release => Source::Release,
    })
}

/// A tree of Bitcoin Core in a folder of this machine.
fn tree_at(path: Text<'_>, folder: &Path, report: &mut Report) -> Option<Source> {
    let tree = resolve(path.text, folder);
    // The file that task 5 edits; every line of Core since 2011 has it.
    if tree.join("src/init.cpp").is_file() {
        return Some(Source::Path(tree));
    }
    let what = match fs::metadata(&tree) {
        Err(_) => "there is no such folder",
        Ok(metadata) if !metadata.is_dir() => "it is not a folder",
        Ok(_) => "it has no src/init.cpp, so it is not a source tree of Bitcoin Core",
    };
    report.problem(
        &path.span,
        format!("`{}`: {what}", shown(path.text)),
        "name the folder of a whole tree, such as a git checkout; paths begin at the inventory's own folder",
    );
    None
}

/// `Some(None)` is right for a tree by path.
#[expect(
    clippy::option_option,
    reason = "no version, and no valid version, are two things"
)]
fn version(
    fields: &Fields<'_>,
    source: Option<&Source>,
    report: &mut Report,
) -> Option<Option<Version>> {
    let written = fields.text("version", report);
    let text = written.as_ref().map(|written| written.text.trim());
    let version = match source? {
        Source::Crate => Version::of_crate(text),
        Source::Release => Version::of_release(text),
        Source::Path(_) => {
            let Some(written) = written else {
                return Some(None);
            };
            report.problem(
                &written.span,
                "a tree by path has no `version` of its own",
                "remove this line: the tree says which version it is",
            );
            return None;
        }
    };
    match version {
        Ok(version) => Some(Some(version)),
        Err(Bad { message, help }) => {
            report.problem(&written?.span, message, help);
            None
        }
    }
}

fn chain(text: &str) -> Result<Chain, Bad> {
    let main = (
        "the main network is not for a workshop: its blocks alone would fill every host",
        "write one of `testnet4`, `signet`, `testnet3`, `regtest`",
    );
    let test = (
        "there are two test networks of that name",
        "write `testnet4` (the newest) or `testnet3`",
    );
    values::word(
        text,
        "a chain",
        &Chain::ALL.map(|chain| (chain.as_str(), chain)),
        &[
            ("main", main.0, main.1),
            ("mainnet", main.0, main.1),
            ("test", test.0, test.1),
            ("testnet", test.0, test.1),
        ],
    )
}

fn addnode(fields: &Fields<'_>, report: &mut Report) -> Vec<NodeAddress> {
    let one;
    let nodes = match fields.value("addnode") {
        None => return Vec::new(),
        Some(node) => match &node.kind {
            Kind::List(nodes) => nodes.as_slice(),
            // A single one needs no list.
            Kind::Scalar(_) => {
                one = [node.clone()];
                &one
            }
            Kind::Null | Kind::Map(_) => {
                report.problem(
                    &node.span,
                    format!(
                        "`addnode` is a list of addresses, and this is {}",
                        node.kind.describe()
                    ),
                    "write one a line behind a dash: `- node.example.org`",
                );
                return Vec::new();
            }
        },
    };
    let mut addresses = Vec::new();
    for node in nodes {
        let Some(written) = scalar(node, "addnode", report) else {
            continue;
        };
        match NodeAddress::parse(written.text.trim()) {
            Ok(address) => addresses.push(address),
            Err(Bad { message, help }) => report.problem(&written.span, message, help),
        }
    }
    addresses
}

pub(super) fn hosts(
    node: Option<&Node>,
    place: &Place,
    has_deadline: bool,
    folder: &Path,
    report: &mut Report,
) -> (Option<Hosts>, Provided) {
    let fields = HOSTS.read(node, place, report);
    let provider = fields.parse("provider", report, |text| {
        values::word(
            text,
            "a provider",
            &[
                ("local", ProviderKind::Local),
                ("hetzner", ProviderKind::Hetzner),
                ("existing", ProviderKind::Existing),
            ],
            &[],
        )
    });
    let count =
        |name: &'static str, min, max| move |text: &str| values::integer(text, name, min, max);
    let spare = fields.parse("spare", report, count("spare", 0, MAX_SPARE));
    let parallel = fields.parse("parallel", report, count("parallel", 1, MAX_PARALLEL));

    let spend_limit = money::spend_limit(&fields, provider, has_deadline, report);
    let power_off = fields
        .value("power_off")
        .map(|_| fields.parse("power_off", report, values::flag));

    let servers = hetzner(
        fields.value("hetzner"),
        fields.key("hetzner").unwrap_or(place),
        report,
    );
    let machines = existing(
        fields.value("existing"),
        fields.key("existing").unwrap_or(place),
        folder,
        report,
    );
    for (name, its) in [
        ("hetzner", ProviderKind::Hetzner),
        ("existing", ProviderKind::Existing),
    ] {
        if let (Some(provider), Some(node)) = (provider, fields.value(name))
            && provider != its
        {
            report.remark(
                &node.span,
                format!("`{name}` says nothing about hosts of the provider `{provider}`"),
                format!("write `provider: {name}` if it is meant"),
            );
        }
    }
    let no_machines = provider == Some(ProviderKind::Existing) && machines.machines.is_empty();
    if let (true, Some(node)) = (no_machines, fields.value("provider"))
        && !report.has_problems()
    {
        report.problem(
            &node.span,
            "no machines are named",
            "name them: `existing: {machines: [192.0.2.7, 192.0.2.8]}`, one for each host and one that builds",
        );
    }
    let place = fields.key("limits").unwrap_or(place);
    let limits = LIMITS.read(fields.value("limits"), place, report);
    let memory = limits.parse("memory", report, Size::parse);
    if let (Some(memory), Some(node)) = (memory, limits.value("memory"))
        && memory < MIN_MEMORY
    {
        report.problem(
            &node.span,
            format!("{memory} of memory are too little for a host with a node"),
            format!("write {MIN_MEMORY} or more; compiling Bitcoin Core wants about 2GiB"),
        );
    }
    let cpus = limits.parse("cpus", report, Cpus::parse);
    let pids = limits.parse("pids", report, count("pids", MIN_PIDS, MAX_PIDS));
    let disk = limits.parse("disk", report, Size::parse);
    if let (Some(disk), Some(node)) = (disk, limits.value("disk")) {
        if provider == Some(ProviderKind::Hetzner) {
            report.remark(
                &node.span,
                "`disk` does not limit rented servers: the server's type says how much it has",
                "remove it, or name larger or smaller types in `hosts.hetzner.server_types`",
            );
        } else if provider == Some(ProviderKind::Existing) {
            report.remark(
                &node.span,
                "`disk` does not limit machines that you already have",
                "remove it: the guard watches how full they are",
            );
        } else if disk < MIN_DISK {
            report.problem(
                &node.span,
                format!("{disk} of disk are too little for a host's own files"),
                format!(
                    "write {MIN_DISK} or more; a participant's host wants more than {FRESH_DISK}"
                ),
            );
        }
    }
    let provided = Provided {
        provider,
        disk: disk.zip(limits.value("disk").map(|node| node.span.clone())),
    };
    // Counts of at most 2048, so they fit into any usize.
    let count = |number: Option<u64>| usize::try_from(number?).ok();
    let whole = || {
        Some(Hosts {
            provider: provider?,
            spare: count(spare)?,
            parallel: count(parallel)?,
            spend_limit: spend_limit?,
            power_off: power_off.map_or(Some(None), |it| it.map(Some))?,
            limits: Limits {
                memory: memory?,
                cpus: cpus?,
                pids: pids?,
                disk: disk.zip(limits.value("disk")).map(|(size, node)| Disk {
                    size,
                    line: report.line(&node.span),
                }),
            },
            hetzner: servers?,
            existing: machines.clone(),
        })
    };
    (whole(), provided)
}
