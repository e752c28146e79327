//! The YAML document as a tree in which every node knows where it stands.
//!
//! serde's derive stops at the first value that does not fit; an inventory's reader wants to hear of
//! all of them. So serde-saphyr parses the document once into this tree, which fits every document,
//! and the sections are read from it field by field.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Options, Spanned};

/// Nested deeper than this is not an inventory: the deepest value, `hosts.limits.memory`, is at 3.
const MAX_DEPTH: usize = 16;

/// 2048 people of eight nodes each, and room: what aliases may expand to at most.
const MAX_NODES: usize = 50_000;

/// A value and the bytes of the file it was written in.
#[derive(Clone, Debug)]
pub struct Node {
    /// What stands there.
    pub kind: Kind,
    /// Byte offsets. Where an alias (`*name`) stands for the value: the alias.
    pub span: Range<usize>,
}

/// The kinds of values, as far as a reader of ours tells them apart.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing written, `null` or `~`.
    Null,
    /// Any scalar, with the text the author wrote: `30.0` keeps its zero and `No` stays a surname.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// Pairs in the file's order; the same key twice is two pairs.
    Map(Vec<(Node, Node)>),
}

impl Kind {
    /// What stands there, for "expected …, found …".
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a plain value",
            Self::List(_) => "a list",
            Self::Map(_) => "a section with fields",
        }
    }
}

/// Parses one document.
///
/// # Errors
/// What no tree can be made of: broken syntax, an alias without anchor, several documents, or more
/// nodes than the budget allows.
pub fn parse(source: &str) -> Result<Node, serde_saphyr::Error> {
    // A comment is for people; only the parser's own bookkeeping would see it.
    let options: Options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        // Handed on, so that every repeated field is reported with the place of the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        emit_comments: false,
        with_snippet: false,
    };
    let parsed: Spanned<Parsed> = serde_saphyr::from_str_with_options(source, options)?;
    Ok(node(parsed, source))
}

/// The byte range of a parser's location; empty where it knows none.
pub fn bytes_of(location: Location, source: &str) -> Range<usize> {
    let span = location.span();
    let clamp = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(source.len())
    };
    let start = clamp(span.byte_offset().unwrap_or(0));
    let end = clamp(span.byte_offset().unwrap_or(0) + span.byte_len().unwrap_or(0));
    start..end
}

fn node(parsed: Spanned<Parsed>, source: &str) -> Node {
    let kind = match parsed.value {
        Parsed::Null => Kind::Null,
        Parsed::Text(text) => Kind::Scalar(text),
        Parsed::Typed => Kind::Scalar(
            source
                .get(bytes_of(parsed.defined, source))
                .unwrap_or_default()
                .trim()
                .to_owned(),
        ),
        Parsed::List(items) => {
            Kind::List(items.into_iter().map(|item| node(item, source)).collect())
        }
        Parsed::Map(pairs) => Kind::Map(
            pairs
                .into_iter()
                .map(|(key, value)| (node(key, source), node(value, source)))
                .collect(),
        ),
    };
    let mut span = bytes_of(parsed.referenced, source);
    // A block has no bracket to point at: its first key or item stands for it.
    if span.is_empty() {
        match &kind {
            Kind::Map(pairs) if !pairs.is_empty() => span = pairs[0].0.span.clone(),
            Kind::List(items) if !items.is_empty() => span = items[0].span.clone(),
            _ => {}
        }
    }
    Node { kind, span }
}

/// What serde hands over, before the file's own text is put back for numbers and booleans.
enum Parsed {
    Null,
    Text(String),
    /// A number or boolean, whose spelling serde does not keep.
    Typed,
    List(Vec<Spanned<Parsed>>),
    Map(Vec<(Spanned<Parsed>, Spanned<Parsed>)>),
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parsed, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Parsed::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Parsed, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Parsed::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node, source: &str, out: &mut String) {
        let text = &source[node.span.clone()];
        match &node.kind {
            Kind::Null => out.push_str("null"),
            Kind::Scalar(value) => out.push_str(&format!("{value:?}@{text:?}")),
            Kind::List(items) => {
                out.push('[');
                for item in items {
                    show(item, source, out);
                    out.push(' ');
                }
                out.push(']');
            }
            Kind::Map(pairs) => {
                out.push('{');
                for (key, value) in pairs {
                    show(key, source, out);
                    out.push('=');
                    show(value, source, out);
                    out.push(' ');
                }
                out.push('}');
            }
        }
    }

    #[test]
    fn scalars_keep_their_spelling_and_repeated_keys_their_place() {
        let source = "a: 30.0\na: No\nb: [0x10, ~, \"q\\n\"]\nc: &k 1_0\nd: *k\né: .nan\n";
        let mut out = String::new();
        show(&parse(source).unwrap(), source, &mut out);
        insta::assert_snapshot!(out, @r#"{"a"@"a"="30.0"@"30.0" "a"@"a"="No"@"No" "b"@"b"=["0x10"@"0x10" null "q\n"@"\"q\\n\"" ] "c"@"c"="1_0"@"1_0" "d"@"d"="1_0"@"*k" "é"@"é"=".nan"@".nan" }"#);
    }

    #[test]
    fn a_bomb_is_cut_short() {
        let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let list = vec![format!("*a{}", n - 1); 9].join(", ");
            source.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(parse(&source).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
