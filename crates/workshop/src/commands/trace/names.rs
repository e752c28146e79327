//! Arguments of a tracepoint: what they are called, and what their 64 bits mean.

use exercises::documented::{ArgType, Documented};
use probe::usdt::Tracepoint;

use super::wrong::Wrong;

/// Bytes of a hash: txids, wtxids, block hashes.
pub(super) const HASH: u16 = 32;

/// Bytes that are shown of an array of any length, unless more are asked for.
const START: u16 = 32;

/// Names that are at least so alike, of 1.
const ALIKE: f64 = 0.8;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// As it is documented, else `arg3`.
    pub(super) name: String,
    pub(super) form: Form,
    /// Whether the form is known from the documentation rather than assumed.
    documented: bool,
    /// Bytes of the operand where it is decodable at every call site: an address has 8.
    size: Option<u8>,
}

/// What an argument's bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Bool,
    /// The address of a string.
    Text,
    /// The address of 32 bytes that are shown in reverse.
    Hash,
    /// The address of bytes: so many, or as many as another argument says if that is fewer.
    Bytes {
        most: u16,
        length_arg: Option<u8>,
    },
    /// The address of something of unknown length.
    Address,
}

impl Form {
    /// With its article, for messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Bool => "a bool",
            Self::Text => "a string",
            Self::Hash => "a hash",
            Self::Bytes { .. } => "a byte array",
            Self::Address => "an address",
        }
    }

    /// Whether the bits themselves are the value.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Bool)
    }
}

/// Every argument of a tracepoint that each of its call sites has.
pub(super) fn arguments(tracepoint: &Tracepoint, documented: Option<&Documented>) -> Vec<Argument> {
    let count = tracepoint.sites.iter().map(|site| site.args.len()).min();
    (0..count.unwrap_or(0))
        .map(|at| {
            let size = operand_size(tracepoint, at);
            let known = documented.and_then(|one| one.args.get(at));
            let form = documented.and_then(|one| form(one, at, size));
            Argument {
                name: known.map_or_else(|| format!("arg{at}"), |known| known.name.to_string()),
                form: form.unwrap_or(Form::Integer),
                documented: form.is_some(),
                size,
            }
        })
        .collect()
}

fn operand_size(tracepoint: &Tracepoint, at: usize) -> Option<u8> {
    let mut sizes = tracepoint
        .sites
        .iter()
        .map(|site| Some(site.args.get(at)?.spec.as_ref().ok()?.size));
    let first = sizes.next()??;
    sizes.all(|size| size == Some(first)).then_some(first)
}

/// What the documentation says, unless the program passes something else there.
fn form(documented: &Documented, at: usize, size: Option<u8>) -> Option<Form> {
    let arg = documented.args.get(at)?;
    let kind = arg.kind?;
    let address = size == Some(8);
    match kind {
        ArgType::Int32 | ArgType::Int64 | ArgType::Uint32 | ArgType::Uint64 => Some(Form::Integer),
        ArgType::Bool => Some(Form::Bool),
        ArgType::Cstr if address => Some(Form::Text),
        ArgType::Bytes if address => Some(match length(documented, &arg.name) {
            Some(length) => Form::Bytes {
                most: START,
                length_arg: Some(length),
            },
            None if is_hash(&arg.name) => Form::Hash,
            None => Form::Address,
        }),
        ArgType::Cstr | ArgType::Bytes => None,
    }
}

/// The argument that tells how long a byte array is: `message_size` for `message_bytes`.
fn length(documented: &Documented, name: &str) -> Option<u8> {
    let size = format!("{}_size", name.strip_suffix("_bytes")?);
    let at = documented.args.iter().position(|arg| arg.name == size)?;
    u8::try_from(at).ok()
}

/// Every other byte array that Bitcoin Core documents is a txid, wtxid or block hash of 32 bytes.
fn is_hash(name: &str) -> bool {
    name.split('_')
        .any(|word| matches!(word, "hash" | "txid" | "wtxid" | "id"))
}

/// An argument that somebody named, with what they said it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) arg: u8,
    pub(super) form: Form,
}

/// Finds an argument by `value`, `arg3` or `arg2:str`.
pub(super) fn find(id: &str, arguments: &[Argument], text: &str) -> Result<Named, Wrong> {
    let (name, said) = match text.split_once(':') {
        Some((name, said)) => (name.trim(), Some(said.trim())),
        None => (text.trim(), None),
    };
    let (arg, argument) = argument(id, arguments, name)?;
    let form = match said {
        None => argument.form,
        Some(said) => {
            let form = said_form(id, name, said, argument.form)?;
            let bits_are_it = argument.documented && argument.form.is_number();
            if !form.is_number() && (bits_are_it || argument.size.is_some_and(|size| size != 8)) {
                return Err(Wrong::NotAnAddress {
                    probe: id.to_owned(),
                    arg: name.to_owned(),
                    said: said.to_owned(),
                });
            }
            form
        }
    };
    Ok(Named { arg, form })
}

/// Finds an argument by `value` or `arg3`.
pub(super) fn argument<'a>(
    id: &str,
    arguments: &'a [Argument],
    name: &str,
) -> Result<(u8, &'a Argument), Wrong> {
    let by_number = name
        .strip_prefix("arg")
        .and_then(|number| number.parse().ok());
    let at = arguments
        .iter()
        .position(|one| one.name == name)
        .or(by_number);
    let found = at.and_then(|at| Some((u8::try_from(at).ok()?, arguments.get(at)?)));
    found.ok_or_else(|| Wrong::NoSuchArgument {
        probe: id.to_owned(),
        name: name.to_owned(),
        near: near(name, arguments),
        all: arguments
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

fn near(name: &str, arguments: &[Argument]) -> Option<String> {
    let likeness = |one: &Argument| strsim::jaro_winkler(name, &one.name);
    let near = arguments
        .iter()
        // arg7 is like arg6 for a reason that does not help.
        .filter(|one| !one.name.starts_with("arg") && likeness(one) >= ALIKE)
        .max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    near.map(|one| one.name.clone())
}

fn said_form(id: &str, arg: &str, said: &str, documented: Form) -> Result<Form, Wrong> {
    let length_arg = match documented {
        Form::Bytes { length_arg, .. } => length_arg,
        _ => None,
    };
    let bytes = said
        .strip_prefix("bytes")
        .and_then(|number| number.parse().ok());
    match (said, bytes) {
        ("int", _) => Ok(Form::Integer),
        ("str", _) => Ok(Form::Text),
        ("hash", _) => Ok(Form::Hash),
        (_, Some(most)) => Ok(Form::Bytes { most, length_arg }),
        _ => Err(Wrong::NoSuchForm {
            probe: id.to_owned(),
            arg: arg.to_owned(),
            said: said.to_owned(),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use exercises::documented::Interface;
    use exercises::tracepoint::Tracepoint as Name;
    use probe::usdt::{Arg, ArgSpec, CallSite, Place};

    use super::*;

    /// A tracepoint whose call sites pass arguments of these sizes.
    pub(in super::super) fn tracepoint(id: &str, sizes: &[u8]) -> Tracepoint {
        let args = sizes.iter().map(|size| Arg {
            text: format!("{size}@$0"),
            spec: Ok(ArgSpec {
                size: *size,
                signed: false,
                place: Place::Const(0),
            }),
        });
        Tracepoint {
            id: id.parse().unwrap(),
            sites: vec![CallSite {
                address: 0x1000,
                offset: Some(0x1000),
                semaphore: None,
                args: args.collect(),
            }],
        }
    }

    /// Its arguments as the documentation of Bitcoin Core has them.
    pub(in super::super) fn documented(id: &str, sizes: &[u8]) -> Vec<Argument> {
        let interface = Interface::of_version(None);
        let name: Name = id.parse().unwrap();
        arguments(&tracepoint(id, sizes), interface.get(&name))
    }

    fn forms(id: &str, sizes: &[u8]) -> Vec<(String, Form)> {
        let arguments = documented(id, sizes).into_iter();
        arguments.map(|one| (one.name, one.form)).collect()
    }

    #[test]
    fn the_documentation_says_what_an_argument_is() {
        let message = Form::Bytes {
            most: START,
            length_arg: Some(4),
        };
        assert_eq!(
            forms("net:inbound_message", &[8; 6]),
            [
                ("peer_id".to_owned(), Form::Integer),
                ("peer_addr".to_owned(), Form::Text),
                ("connection_type".to_owned(), Form::Text),
                ("message_type".to_owned(), Form::Text),
                ("message_size".to_owned(), Form::Integer),
                ("message_bytes".to_owned(), message),
            ]
        );
        assert_eq!(
            forms("utxocache:add", &[8, 4, 4, 8, 1])[..2],
            [
                ("txid".to_owned(), Form::Hash),
                ("output_index".to_owned(), Form::Integer),
            ]
        );
        // Every byte array of the interface is one of the two.
        for one in Interface::of_version(None).tracepoints {
            for (name, form) in forms(&one.id.to_string(), &vec![8; one.args.len()]) {
                assert_ne!(form, Form::Address, "{} {name}", one.id);
            }
        }
    }

    #[test]
    fn what_the_program_passes_goes_before_the_documentation() {
        // Four bytes are no address, and a call site with fewer arguments leaves fewer.
        assert_eq!(
            forms("utxocache:add", &[4, 4]),
            [
                ("txid".to_owned(), Form::Integer),
                ("output_index".to_owned(), Form::Integer),
            ]
        );
        assert_eq!(
            forms("mine:own", &[8])[0],
            ("arg0".to_owned(), Form::Integer)
        );
    }

    #[test]
    fn arguments_are_found_by_name_number_and_form() {
        let added = documented("utxocache:add", &[8, 4, 4, 8, 1]);
        let own = documented("mine:own", &[8, 4]);
        let found = |arguments: &[Argument], text: &str| {
            find("a:b", arguments, text).map(|named| (named.arg, named.form))
        };
        assert_eq!(found(&added, "value"), Ok((3, Form::Integer)));
        assert_eq!(found(&added, "arg0"), Ok((0, Form::Hash)));
        let bytes = |most, length_arg| Form::Bytes { most, length_arg };
        assert_eq!(found(&added, "txid:bytes8"), Ok((0, bytes(8, None))));
        let message = documented("net:inbound_message", &[8; 6]);
        assert_eq!(
            found(&message, "message_bytes:bytes4096"),
            Ok((5, bytes(4096, Some(4))))
        );
        assert_eq!(found(&added, "txid:int"), Ok((0, Form::Integer)));
        assert_eq!(found(&own, "arg0:str"), Ok((0, Form::Text)));
        assert_eq!(found(&own, "arg0:hash"), Ok((0, Form::Hash)));
        let wrong = |arguments: &[Argument], text: &str| {
            let error = find("a:b", arguments, text).unwrap_err();
            crate::diagnostic::render(&error)
        };
        let text = [
            wrong(&added, "valeu"),
            wrong(&added, "arg5"),
            wrong(&added, "x"),
            wrong(&added, "value:str"),
            wrong(&own, "arg1:hash"),
            wrong(&own, "arg0:bytes"),
            wrong(&own, "arg0:"),
            wrong(&documented("mine:none", &[]), "value"),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&text.join("")).to_string());
    }
}
