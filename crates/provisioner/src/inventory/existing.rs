//! The section `hosts.existing`: machines that somebody already has.

use std::path::{Path, PathBuf};

use russh::keys::{Algorithm, PublicKey};

use super::fields::{Field, Form, Section, field};
use super::problem::Report;
use super::read::{Fields, Text, shown};
use super::tree::{Kind, Node};
use super::values::{Bad, bad};
use super::{Place, resolve};
use crate::cloud::Endpoint;
use crate::host::keys::public_line;

/// Machines that somebody already has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// In the order in which they are given to hosts.
    pub machines: Vec<Machine>,
    /// The host through which they are reached.
    pub jump: Option<Machine>,
}

/// One machine, and how the instructor gets in until our key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where its sshd listens.
    pub address: Endpoint,
    /// An account: root, or one that may use sudo without a password.
    pub user: String,
    /// The file of the instructor's private key; the agent and the usual files without one.
    pub identity: Option<PathBuf>,
    /// Its host key, where the inventory says it.
    pub host_key: Option<PublicKey>,
    /// Whether it builds and is nobody's.
    pub builder: bool,
}

impl Existing {
    /// The machine that builds: the one that says so, or else the last.
    pub fn builder(&self) -> Option<&Machine> {
        let said = self.machines.iter().find(|machine| machine.builder);
        said.or(self.machines.last())
    }

    /// Those that hosts are made of, in their order.
    pub fn for_hosts(&self) -> impl Iterator<Item = &Machine> {
        let builder = self.builder().map(|machine| machine.address);
        let machines = self.machines.iter();
        machines.filter(move |machine| Some(machine.address) != builder)
    }
}

const USER: Field = field(
    "user",
    Form::Text,
    "The account to log in to: root, or one that may use sudo without a password.",
);
const IDENTITY: Field = field(
    "identity",
    Form::Text,
    "The file of the private key that gets in there; the agent and ~/.ssh/id_ed25519 when it is missing.",
);
const HOST_KEY: Field = field(
    "host_key",
    Form::Text,
    "Its host key, as in its /etc/ssh/ssh_host_ed25519_key.pub; `workshop trust` when it is missing.",
);
const ADDRESS: Field = field(
    "address",
    Form::Text,
    "An IP address, with a port where it is not 22: 192.0.2.7 or 192.0.2.7:2222.",
)
.required();

pub(crate) const EXISTING: Section = Section {
    title: "hosts.existing",
    doc: "Machines that you already have: any server or VM with Debian or Ubuntu.",
    fields: &[
        field(
            "machines",
            Form::List(&Form::AnyOf(&[Form::Text, Form::Section(&MACHINE)])),
            "One for each participant and spare host, and one that builds: addresses, or {address: …, user: …}.",
        ),
        USER,
        IDENTITY,
        field(
            "jump",
            Form::AnyOf(&[Form::Text, Form::Section(&JUMP)]),
            "The host through which they are reached: an address, or {address: …, user: …}.",
        ),
    ],
};

pub(crate) const MACHINE: Section = Section {
    title: "a machine",
    doc: "A machine that you already have.",
    fields: &[
        ADDRESS,
        USER,
        IDENTITY,
        HOST_KEY,
        field(
            "builder",
            Form::Flag,
            "Whether it builds Bitcoin Core for the others; the last one does when none says so.",
        ),
    ],
};

pub(crate) const JUMP: Section = Section {
    title: "hosts.existing.jump",
    doc: "The host through which machines are reached.",
    fields: &[ADDRESS, USER, IDENTITY, HOST_KEY],
};

/// Who logs in where a machine says nothing else.
struct Usual {
    user: String,
    identity: Option<PathBuf>,
}

pub(super) fn existing(
    node: Option<&Node>,
    place: &Place,
    folder: &Path,
    report: &mut Report,
) -> Existing {
    let fields = EXISTING.read(node, place, report);
    let root = Usual {
        user: "root".to_owned(),
        identity: None,
    };
    let usual = login(&fields, &root, folder, report);
    let jump = fields
        .value("jump")
        .and_then(|node| machine(&JUMP, node, &usual, folder, report));
    let entries = match fields
        .value("machines")
        .map(|node| (&node.kind, &node.span))
    {
        None => &[][..],
        Some((Kind::List(entries), _)) => entries.as_slice(),
        Some((other, span)) => {
            report.problem(
                span,
                format!("`machines` is a list, and this is {}", other.describe()),
                "write one a line behind a dash: `- 192.0.2.7`",
            );
            &[]
        }
    };
    let mut machines: Vec<Machine> = Vec::new();
    let mut builder: Option<Place> = None;
    for entry in entries {
        let Some(machine) = machine(&MACHINE, entry, &usual, folder, report) else {
            continue;
        };
        if machines
            .iter()
            .any(|other| other.address == machine.address)
        {
            report.problem(
                &entry.span,
                format!("the machine {} stands there twice", machine.address),
                "remove one of the two",
            );
            continue;
        }
        if machine.builder
            && let Some(first) = builder.replace(entry.span.clone())
        {
            report.problem(
                &entry.span,
                format!(
                    "a second machine builds; the first is on line {}",
                    report.line(&first)
                ),
                "one builds for all: keep `builder: true` at one of them",
            );
        }
        machines.push(machine);
    }
    Existing { machines, jump }
}

fn machine(
    section: &'static Section,
    node: &Node,
    usual: &Usual,
    folder: &Path,
    report: &mut Report,
) -> Option<Machine> {
    if let Kind::Scalar(text) = &node.kind {
        let text = Text {
            text,
            span: node.span.clone(),
        };
        return Some(Machine {
            address: endpoint(&text, report)?,
            user: usual.user.clone(),
            identity: usual.identity.clone(),
            host_key: None,
            builder: false,
        });
    }
    let fields = section.read(Some(node), &node.span, report);
    let address = fields.text("address", report);
    let address = address.and_then(|text| endpoint(&text, report));
    let own = login(&fields, usual, folder, report);
    let written = fields.value("host_key").is_some();
    let key = fields.parse("host_key", report, host_key);
    let builder = section.title == MACHINE.title
        && fields.parse("builder", report, super::values::flag) == Some(true);
    if written && key.is_none() {
        return None;
    }
    Some(Machine {
        address: address?,
        user: own.user,
        identity: own.identity,
        host_key: key,
        builder,
    })
}

fn login(fields: &Fields<'_>, usual: &Usual, folder: &Path, report: &mut Report) -> Usual {
    let user = fields.parse("user", report, account);
    let identity = fields.text("identity", report);
    Usual {
        user: user.unwrap_or_else(|| usual.user.clone()),
        identity: identity
            .map(|written| resolve(written.text, folder))
            .or_else(|| usual.identity.clone()),
    }
}

fn endpoint(written: &Text<'_>, report: &mut Report) -> Option<Endpoint> {
    let text = written.text.trim();
    if let Ok(endpoint) = text.parse() {
        return Some(endpoint);
    }
    let help = match text.rsplit_once('@') {
        Some((user, address)) if address.parse::<Endpoint>().is_ok() => {
            format!("write the account apart: {{address: {address}, user: {user}}}")
        }
        // Hosts tell one another addresses, and cards carry them.
        _ => "write an IP address, with a port where it is not 22: 192.0.2.7, 192.0.2.7:2222 or [2001:db8::7]:2222; `getent hosts NAME` tells that of a name".to_owned(),
    };
    report.problem(
        &written.span,
        format!("`{}` is not the address of a machine", shown(text)),
        help,
    );
    None
}

/// The name of an account as useradd(8) takes it. It becomes part of a command line of ssh.
fn account(text: &str) -> Result<String, Bad> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let right =
        text.len() <= 32 && text.bytes().next().is_some_and(begins) && text.bytes().all(fits);
    if right {
        return Ok(text.to_owned());
    }
    bad(
        format!("`{}` is not the name of an account", shown(text)),
        "write it as `whoami` tells it there, such as root, debian or ubuntu",
    )
}

fn host_key(text: &str) -> Result<PublicKey, Bad> {
    const HELP: &str = "write what `cat /etc/ssh/ssh_host_ed25519_key.pub` prints on the machine, or leave it out and run `workshop trust`";
    let key = match PublicKey::from_openssh(text) {
        Ok(key) => key,
        Err(_) if text.starts_with("SHA256:") => {
            return bad("a fingerprint stands where a host key belongs", HELP);
        }
        Err(_) => return bad(format!("`{}` is not a host key", shown(text)), HELP),
    };
    if key.algorithm() != Algorithm::Ed25519 {
        return bad(
            format!(
                "this host key is of the kind {}, and only ssh-ed25519 is used",
                key.algorithm()
            ),
            HELP,
        );
    }
    // Without the comment, so that equal keys are equal.
    PublicKey::from_openssh(&public_line(&key))
        .or_else(|_| bad("this host key cannot be read", HELP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_is_the_one_that_says_so_or_the_last() {
        let machine = |last: u8, builder| Machine {
            address: [192, 0, 2, last].into(),
            user: "root".into(),
            identity: None,
            host_key: None,
            builder,
        };
        let of = |machines: Vec<Machine>| {
            let existing = Existing {
                machines,
                jump: None,
            };
            let hosts: Vec<String> = existing
                .for_hosts()
                .map(|it| it.address.to_string())
                .collect();
            (
                existing.builder().map(|it| it.address.to_string()),
                hosts.join(" "),
            )
        };
        let (one, two, three) = ("192.0.2.1", "192.0.2.2", "192.0.2.3");
        assert_eq!(
            of(vec![machine(1, false), machine(2, true), machine(3, false)]),
            (Some(two.into()), format!("{one} {three}"))
        );
        assert_eq!(
            of(vec![machine(1, false), machine(2, false)]),
            (Some(two.into()), one.into())
        );
        assert_eq!(of(vec![]), (None, String::new()));
    }
}
