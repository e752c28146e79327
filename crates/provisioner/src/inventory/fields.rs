//! The fields of an inventory, as one table: what may stand where, for the reader and for the schema.

use super::cache::CACHE;
use super::existing::{EXISTING, JUMP, MACHINE};
use super::guard::{CPU, EGRESS, GUARD, MEMORY};
use super::hetzner::HETZNER;
use super::size::MAX_CPUS;
use super::values::{MAX_PARALLEL, MAX_PIDS, MAX_SPARE, MIN_PIDS};

/// A mapping with known fields.
pub(crate) struct Section {
    /// As it is called in messages.
    pub(crate) title: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) fields: &'static [Field],
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
    /// What is taken when the field is missing, as it would be written.
    pub(crate) default: Option<&'static str>,
}

/// What may stand in a field, as far as an editor can tell without the other fields and the disk.
pub(crate) enum Form {
    Text,
    /// `true` or `false`
    Flag,
    /// `2027-02-20`
    Date,
    /// `2027-02-21T20:00:00+01:00`
    Moment,
    /// `3GiB`
    Size,
    /// `30min`
    Duration,
    Word(&'static [(&'static str, &'static str)]),
    Integer {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Version,
    Section(&'static Section),
    List(&'static Form),
    AnyOf(&'static [Form]),
}

pub(super) const fn field(name: &'static str, form: Form, doc: &'static str) -> Field {
    Field {
        name,
        doc,
        form,
        required: false,
        default: None,
    }
}

impl Field {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

pub(crate) const INVENTORY: Section = Section {
    title: "the inventory",
    doc: "A workshop: what is taught, on which hosts, to whom.",
    fields: &[
        field(
            "workshop",
            Form::Section(&WORKSHOP),
            "What it is called and when it takes place.",
        )
        .required(),
        field(
            "bitcoin",
            Form::Section(&BITCOIN),
            "The Bitcoin Core of every host.",
        ),
        field(
            "hosts",
            Form::Section(&HOSTS),
            "Where the hosts come from and how big they are.",
        ),
        field(
            "guard",
            Form::AnyOf(&[
                Form::Word(&[("off", "no host is watched")]),
                Form::Section(&GUARD),
            ]),
            "When a host warns, then stops what is to blame, then powers off.",
        ),
        field(
            "participants",
            Form::List(&Form::AnyOf(&[
                Form::Section(&PARTICIPANT),
                Form::Section(&FOLDER),
            ])),
            "Who gets a host: one person an entry, or a folder of keys.",
        ),
    ],
};

pub(crate) const WORKSHOP: Section = Section {
    title: "workshop",
    doc: "What it is called and when it takes place.",
    fields: &[
        field(
            "name",
            Form::Text,
            "As it stands on the hosts and in handouts.",
        )
        .required(),
        field("date", Form::Date, "The first day, such as 2027-02-20."),
        field(
            "deadline",
            Form::Moment,
            "When the servers are no longer needed, with the offset from UTC: 2027-02-21T20:00:00+01:00.",
        ),
    ],
};

pub(crate) const BITCOIN: Section = Section {
    title: "bitcoin",
    doc: "The Bitcoin Core of every host.",
    fields: &[
        field(
            "source",
            Form::AnyOf(&[
                Form::Word(&[
                    (
                        "crate",
                        "the tree in the crate registry, without the wallet",
                    ),
                    (
                        "release",
                        "an official release, by its version: fetched once and checked",
                    ),
                ]),
                Form::Section(&SOURCE_PATH),
            ]),
            "Where the source comes from: crate, release, or {path: DIR}.",
        )
        .or("crate"),
        field(
            "version",
            Form::Version,
            "31.99 from the crate; as a release 29.0 to 31.1, the newest if not given.",
        ),
        field(
            "chain",
            Form::Word(&[
                ("testnet4", "the newest test network"),
                ("signet", "the signed test network"),
                ("testnet3", "the old test network, large"),
                ("regtest", "a private network: blocks on demand"),
            ]),
            "The network the nodes are on.",
        )
        .or("testnet4"),
        field(
            "prune",
            Form::Integer {
                min: 0,
                max: 10_000_000,
            },
            "MiB of blocks a node keeps, 550 or more; 0 keeps all, 1 leaves pruning to RPC.",
        )
        // Room to reorganise on a test network, a few times the smallest target.
        .or("2000"),
        field(
            "addnode",
            Form::List(&Form::Text),
            "Nodes to connect to beside the workshop's own: host or host:port.",
        ),
        field(
            "cache",
            Form::Section(&CACHE),
            "A binary cache that has it built: hosts fetch from it, and there is no builder.",
        ),
    ],
};

pub(crate) const SOURCE_PATH: Section = Section {
    title: "bitcoin.source",
    doc: "A source tree on this machine.",
    fields: &[field("path", Form::Text, "The folder of the tree.").required()],
};

pub(crate) const HOSTS: Section = Section {
    title: "hosts",
    doc: "Where the hosts come from and how big they are.",
    fields: &[
        field(
            "provider",
            Form::Word(&[
                (
                    "local",
                    "systemd-nspawn on this machine: for rehearsals, not a security boundary",
                ),
                ("hetzner", "servers that are rented from Hetzner Cloud"),
                ("existing", "machines that you already have, by SSH"),
            ]),
            "Where the hosts come from.",
        )
        .or("local"),
        field(
            "spare",
            Form::Integer {
                min: 0,
                max: MAX_SPARE,
            },
            "Ready hosts for people who walk in.",
        )
        .or("0"),
        field(
            "parallel",
            Form::Integer {
                min: 1,
                max: MAX_PARALLEL,
            },
            "How many hosts are made or changed side by side; verified ones are looked at more at once.",
        )
        .or("8"),
        field(
            "spend_limit",
            Form::Text,
            "The most that all hosts may cost until the deadline, tax included, with its currency: 25 EUR.",
        ),
        field(
            "power_off",
            Form::Flag,
            "Whether hosts power themselves off after the deadline: when it is missing, all but machines that you already have do.",
        ),
        field("limits", Form::Section(&LIMITS), "What each host may use."),
        field(
            "hetzner",
            Form::Section(&HETZNER),
            "Servers of Hetzner Cloud.",
        ),
        field(
            "existing",
            Form::Section(&EXISTING),
            "Machines that you already have.",
        ),
    ],
};

pub(crate) const LIMITS: Section = Section {
    title: "hosts.limits",
    doc: "What each host may use.",
    fields: &[
        // One compiler process and the node beside it.
        field("memory", Form::Size, "Such as 3GiB, 512MiB or 2GB.").or("3GiB"),
        field(
            "cpus",
            Form::Number {
                min: 0.1,
                max: MAX_CPUS,
            },
            "Processors; fractions are allowed.",
        )
        .or("2"),
        field(
            "pids",
            Form::Integer {
                min: MIN_PIDS,
                max: MAX_PIDS,
            },
            "Processes and threads.",
        )
        .or("2048"),
        field(
            "disk",
            Form::Size,
            "Such as 20GiB: a local host then has a disk of its own of this size, a file system in a sparse file, which can grow and not shrink. Without it, the machine's free space.",
        ),
    ],
};

pub(crate) const PARTICIPANT: Section = Section {
    title: "a participant",
    doc: "A person and their key.",
    fields: &[
        field(
            "name",
            Form::Text,
            "Unique: the host's word belongs to this name.",
        )
        .required(),
        field(
            "initials",
            Form::Text,
            "One to four letters; made from the name when missing.",
        ),
        field(
            "key",
            Form::Text,
            "An ssh-ed25519 public key, or the path of the file it is in.",
        )
        .required(),
    ],
};

pub(crate) const FOLDER: Section = Section {
    title: "a folder of keys",
    doc: "One participant for each *.pub file of a folder, named by the file.",
    fields: &[field("folder", Form::Text, "The folder, such as keys/.").required()],
};

/// The sections in which a field of that name is known, to tell people where it belongs.
pub(crate) fn homes_of(name: &str) -> Vec<&'static str> {
    [
        &INVENTORY,
        &WORKSHOP,
        &BITCOIN,
        &SOURCE_PATH,
        &CACHE,
        &HOSTS,
        &LIMITS,
        &HETZNER,
        &EXISTING,
        &MACHINE,
        &JUMP,
        &GUARD,
        &CPU,
        &MEMORY,
        &EGRESS,
        &PARTICIPANT,
    ]
    .into_iter()
    .filter(|section| section.fields.iter().any(|field| field.name == name))
    .map(|section| section.title)
    .collect()
}
