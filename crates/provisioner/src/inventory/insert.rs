//! Where in the text of an inventory a new participant goes: a pure function from text to text that
//! leaves every other byte alone.

use super::tree::{self, Kind, Node};

/// The indent of a list under a key, where the file shows no other.
const INDENT: &str = "  ";

/// The text with one more entry at the end of `participants`; `None` where the text has a shape in
/// which no place for it is sure.
pub(super) fn insert(text: &str, entry: &str) -> Option<String> {
    let root = tree::parse(text).ok()?;
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Kind::Map(pairs) = &root.kind else {
        return None;
    };
    // `{workshop: …, …}`: one pair of braces around everything.
    if text[root.span.clone()].starts_with('{') {
        return None;
    }
    let is_list = |key: &Node| matches!(&key.kind, Kind::Scalar(name) if name == "participants");
    let Some((key, list)) = pairs.iter().find(|(key, _)| is_list(key)) else {
        let (gap, end) = (gap(text, eol), text.len());
        let section = format!("{gap}{eol}participants:{eol}{INDENT}- {entry}{eol}");
        return Some(splice(text, end, end, &section));
    };
    // The list goes on to the next section at most.
    let end = pairs
        .iter()
        .map(|(other, _)| line_start(text, other.span.start))
        .filter(|start| *start > key.span.start)
        .min()
        .unwrap_or(text.len());
    match &list.kind {
        Kind::Null => below_key(text, key.span.end, end, entry, eol),
        Kind::List(items) => match items.last() {
            None => below_key(text, key.span.end, end, entry, eol),
            Some(last) if text[list.span.start..].starts_with('[') => {
                into_brackets(text, list, last, entry, eol)
            }
            Some(last) => below_last(text, last, end, entry, eol),
        },
        Kind::Scalar(_) | Kind::Map(_) => None,
    }
}

/// Into a list that is empty: `participants:`, perhaps with `[]` or `~`, perhaps with commented-out
/// examples below it.
fn below_key(text: &str, key_end: usize, end: usize, entry: &str, eol: &str) -> Option<String> {
    let line = line_end(text, key_end);
    let (before, value) = text[key_end..line].split_once(':')?;
    let value = value.split('#').next().unwrap_or_default();
    if !before.trim().is_empty() || !matches!(value.trim(), "" | "~" | "null" | "[]" | "[ ]") {
        return None;
    }
    // What says that the list is empty goes; what follows it on the line stays as it is.
    let colon = key_end + before.len() + 1;
    let value_end = colon + value.trim_end().len();
    // Comments right below that are indented belong to the list; the entry goes after them.
    let mut at = line;
    let mut indent = INDENT;
    while at < end {
        let stop = line_end(text, at + 1);
        let below = text.get(at + 1..stop).unwrap_or_default();
        let start = below.trim_start();
        if !start.starts_with('#') || start.len() == below.len() {
            break;
        }
        indent = &below[..below.len() - start.len()];
        at = stop;
    }
    Some(format!(
        "{}{}",
        &text[..colon],
        below_line(&text[value_end..], at - value_end, indent, entry, eol)
    ))
}

/// Below the last entry of a block list, with its indent.
fn below_last(text: &str, last: &Node, end: usize, entry: &str, eol: &str) -> Option<String> {
    let item = last.span.start;
    let start = line_start(text, item);
    let (indent, dash) = text[start..item].split_once('-')?;
    if !indent.trim().is_empty() || !dash.trim().is_empty() {
        return None;
    }
    // Of a block scalar, the lines that look like comments are its own.
    let mut at = line_end(text, text[..leaf_end(last)].trim_end().len().max(item));
    let mut next = at + 1;
    while next < end {
        let stop = line_end(text, next);
        let line = text[next..stop].trim();
        if !line.is_empty() && !line.starts_with('#') && line != "..." {
            at = stop;
        }
        next = stop + 1;
    }
    Some(below_line(text, at, indent, entry, eol))
}

/// Puts the entry on a line of its own, below the one that ends at `at`.
fn below_line(text: &str, at: usize, indent: &str, entry: &str, eol: &str) -> String {
    let at = text[..at].trim_end_matches('\r').len();
    let last = if at == text.len() { eol } else { "" };
    splice(text, at, at, &format!("{eol}{indent}- {entry}{last}"))
}

/// Behind the last entry of `[…]`, on a line of its own if the others are.
fn into_brackets(text: &str, list: &Node, last: &Node, entry: &str, eol: &str) -> Option<String> {
    let leaf = leaf_end(last);
    let mut at = leaf;
    let mut rest = text[leaf..].char_indices();
    while let Some((offset, c)) = rest.next() {
        match c {
            '}' => at = leaf + offset + 1,
            '#' => {
                rest.by_ref().find(|(_, c)| *c == '\n');
            }
            ']' => break,
            ',' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    let first = text[list.span.start + 1..last.span.start].trim_end_matches(' ');
    let gap = if first.contains('\n') {
        let start = line_start(text, last.span.start);
        let line = &text[start..last.span.start];
        format!("{eol}{}", &line[..line.len() - line.trim_start().len()])
    } else {
        " ".to_owned()
    };
    Some(splice(text, at, at, &format!(",{gap}{entry}")))
}

/// The end of the last plain value within a node.
fn leaf_end(node: &Node) -> usize {
    match &node.kind {
        Kind::Map(pairs) => pairs
            .last()
            .map(|(key, value)| leaf_end(value).max(leaf_end(key))),
        Kind::List(items) => items.last().map(leaf_end),
        Kind::Null | Kind::Scalar(_) => None,
    }
    .unwrap_or(node.span.end)
}

/// The line break that the text's last line lacks.
fn gap<'a>(text: &str, eol: &'a str) -> &'a str {
    if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        eol
    }
}

fn splice(text: &str, start: usize, end: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..start], &text[end..])
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Where the line break of this line is, or the end of the text.
fn line_end(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}

/// A value as it can stand within `{…}`: without quotes where no YAML reader could mistake it.
pub(super) fn quoted(text: &str) -> String {
    let first = text.starts_with(char::is_alphabetic)
        || ["/", "./", "../", "~/"]
            .iter()
            .any(|start| text.starts_with(start));
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '/' | '-' | '~' | '+');
    // What YAML 1.1 or 1.2 takes for a boolean or for nothing.
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if first && text.chars().all(is_plain) && text.trim() == text && !is_word {
        text.to_owned()
    } else {
        // JSON's strings are YAML's double-quoted ones.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let new = insert(text, "{name: N, key: k}").unwrap_or_else(|| "(no sure place)".to_owned());
        new.replace('\r', "␍")
    }

    #[test]
    fn an_entry_goes_behind_the_last_one_and_nothing_else_moves() {
        let cases = [
            (
                "flow entries",
                "participants:\n  - {name: A}   # first\n  - {name: B}\n\n# the end\n",
            ),
            (
                "block entries",
                "participants:\n- name: A\n  key: a  # x\n\n# hosts follow\nhosts:\n  spare: 1\n",
            ),
            ("no line break at the end", "participants:\n    - {name: A}"),
            ("windows", "participants:\r\n  - {name: A}\r\nhosts:\r\n"),
            ("nothing", "participants:\n"),
            (
                "nothing, windows",
                "participants: # x\r\n  # - {name: A}\r\nhosts:\r\n",
            ),
            (
                "nothing but examples",
                "participants: # who\n  # - {name: A}\n  # - {name: B}\n\n# x\nhosts:\n",
            ),
            ("empty brackets", "participants: []   # nobody\nhosts:\n"),
            ("null", "participants: ~"),
            ("no list", "workshop: {name: W}\n"),
            ("no list, no line break", "workshop: {name: W}"),
            ("brackets", "participants: [{name: A}, {name: B}]\n"),
            (
                "brackets on lines",
                "participants: [\n    {name: A},\n    {name: B}, # last ]\n  ]\n",
            ),
            (
                "block scalar",
                "participants:\n  - name: A\n    key: |\n      ssh\n      # more\nhosts:\n",
            ),
            ("braces around all", "{participants: []}\n"),
            ("nested dash", "participants:\n  - - {name: A}\n"),
            ("alias", "x: &x [{name: A}]\nparticipants: *x\n"),
        ];
        let shown: Vec<String> = cases
            .iter()
            .map(|(what, text)| format!("== {what}\n{}", check(text)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn values_are_quoted_when_a_reader_could_mistake_them() {
        let table = [
            "Ada Lovelace",
            "No",
            "0xB10C",
            "a: b",
            "#1",
            "keys/ada.pub",
            "~/keys/ada.pub",
            "O'Neil",
            "Žofia \"Z\"",
            "a,b",
            "../k.pub",
            "-x",
            "ssh-ed25519 AAAA+/x",
        ]
        .map(quoted);
        insta::assert_snapshot!(table.join("\n"), @r##"
        Ada Lovelace
        "No"
        "0xB10C"
        "a: b"
        "#1"
        keys/ada.pub
        ~/keys/ada.pub
        "O'Neil"
        "Žofia \"Z\""
        "a,b"
        ../k.pub
        "-x"
        ssh-ed25519 AAAA+/x
        "##);
    }
}
