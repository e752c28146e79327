//! The section `hosts.hetzner`: what servers of Hetzner Cloud are like.

use std::net::IpAddr;

use super::Place;
use super::fields::{Field, Form, Section, field};
use super::problem::Report;
use super::read::{Fields, scalar, shown};
use super::tree::{Kind, Node};
use super::values::{Bad, bad};

/// What servers of Hetzner Cloud are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// As Hetzner calls them, in the order in which they are tried.
    pub server_types: Vec<String>,
    /// As Hetzner calls them, in the order in which they are tried.
    pub locations: Vec<String>,
    /// As Hetzner calls it.
    pub image: String,
    /// For the builder, before the others.
    pub builder_type: Option<String>,
    /// Networks that SSH is open for (CIDR); for everybody when empty.
    pub ssh_from: Vec<String>,
}

// Four processors and 8 GB each: a build of Bitcoin Core beside a node.
const SERVER_TYPES: [&str; 2] = ["cpx31", "cx32"];
const LOCATIONS: [&str; 2] = ["fsn1", "nbg1"];

pub(crate) const HETZNER: Section = Section {
    title: "hosts.hetzner",
    doc: "Servers of Hetzner Cloud.",
    fields: &[
        list(
            "server_types",
            "Kinds of servers in the order in which they are tried: cpx31 and cx32 when it is missing.",
        ),
        list(
            "locations",
            "Where servers stand, in the order in which it is tried: fsn1 and nbg1 when it is missing.",
        ),
        field("image", Form::Text, "The system they start with.").or("debian-13"),
        field(
            "builder_type",
            Form::Text,
            "The kind of server that builds, such as cpx51; one of server_types when it is missing.",
        ),
        list(
            "ssh_from",
            "Networks that SSH is open for, such as 192.0.2.0/24; everybody when it is missing.",
        ),
    ],
};

const fn list(name: &'static str, doc: &'static str) -> Field {
    field(name, Form::List(&Form::Text), doc)
}

pub(super) fn hetzner(node: Option<&Node>, place: &Place, report: &mut Report) -> Option<Servers> {
    let fields = HETZNER.read(node, place, report);
    let or = |given: Vec<String>, usual: &[&str]| match given.is_empty() {
        true => usual.iter().map(|one| (*one).to_owned()).collect(),
        false => given,
    };
    let server_types = or(texts(&fields, "server_types", report, name), &SERVER_TYPES);
    let locations = or(texts(&fields, "locations", report, name), &LOCATIONS);
    let image = fields.parse("image", report, name);
    let builder_type = fields.parse("builder_type", report, name);
    let ssh_from = texts(&fields, "ssh_from", report, network);
    Some(Servers {
        server_types,
        locations,
        image: image?,
        builder_type,
        ssh_from,
    })
}

/// Those that are right; a single one needs no list.
fn texts(
    fields: &Fields<'_>,
    field: &str,
    report: &mut Report,
    parse: fn(&str) -> Result<String, Bad>,
) -> Vec<String> {
    let Some(node) = fields.value(field) else {
        return Vec::new();
    };
    let one = std::slice::from_ref(node);
    let nodes = match &node.kind {
        Kind::List(nodes) => nodes.as_slice(),
        Kind::Scalar(_) => one,
        Kind::Null | Kind::Map(_) => {
            report.problem(
                &node.span,
                format!("`{field}` is a list, and this is {}", node.kind.describe()),
                "write them in brackets, with commas between: [first, second]",
            );
            return Vec::new();
        }
    };
    let mut texts: Vec<String> = Vec::new();
    for node in nodes {
        let Some(written) = scalar(node, field, report) else {
            continue;
        };
        match parse(written.text.trim()) {
            Ok(text) if texts.contains(&text) => report.problem(
                &written.span,
                format!("`{}` stands there twice", shown(&text)),
                "remove one of the two",
            ),
            Ok(text) => texts.push(text),
            Err(Bad { message, help }) => report.problem(&written.span, message, help),
        }
    }
    texts
}

/// A name of Hetzner's. It becomes part of requests, so nothing else may pass.
fn name(text: &str) -> Result<String, Bad> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        bad(
            format!("`{}` is not a name of Hetzner Cloud", shown(text)),
            "write it as the console and `hcloud` do, in lower case: cpx31, fsn1, debian-13",
        )
    }
}

/// `192.0.2.0/24`, with nothing behind the prefix.
fn network(text: &str) -> Result<String, Bad> {
    const HELP: &str = "write an address and a length, such as 192.0.2.0/24, 2001:db8::/32, or 192.0.2.7/32 for one address";
    let refused = |why: &str| bad(format!("`{}` is not a network: {why}", shown(text)), HELP);
    let Some((address, length)) = text.split_once('/') else {
        return refused("the length is missing");
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return refused("no address stands before the `/`");
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let Some(length) = length.parse::<u32>().ok().filter(|length| *length <= bits) else {
        return refused(&format!("the length is not a number from 0 to {bits}"));
    };
    let number = match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    if length < 128 && number << length != 0 {
        return refused("the address goes on behind the length");
    }
    Ok(format!("{address}/{length}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_networks() {
        for (text, is) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.7/32", "192.0.2.7/32"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::1/128", "::1/128"),
        ] {
            assert_eq!(network(text).ok().as_deref(), Some(is));
        }
        for bad in [
            "",
            "192.0.2.0",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "::1/64",
            "a/8",
            "192.0.2.0/",
            "::/129",
        ] {
            assert!(network(bad).is_err(), "{bad:?}");
        }
    }
}
