//! The ways to list tracepoints, and what their output shows.

use serde::{Deserialize, Serialize};

use crate::tracepoint::Tracepoint;

/// A tool and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// `gdb`, `info probes`.
    Gdb,
    /// binutils' `readelf -n`.
    Readelf,
    /// elfutils' `eu-readelf -n`.
    EuReadelf,
    /// BCC's `tplist -vv -l`.
    Tplist,
    /// `bpftrace -l`.
    Bpftrace,
    /// `bpftrace -lv`.
    BpftraceVerbose,
}

impl Way {
    /// As people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gdb => "gdb `info probes`",
            Self::Readelf => "`readelf -n`",
            Self::EuReadelf => "`eu-readelf -n`",
            Self::Tplist => "`tplist -vv`",
            Self::Bpftrace => "`bpftrace -l`",
            Self::BpftraceVerbose => "`bpftrace -lv`",
        }
    }
}

/// The ways a participant's answer names, each once.
pub fn ways_named(answer: &str) -> Vec<Way> {
    let lower = answer.to_lowercase();
    let mut ways = Vec::new();
    let mut words = lower
        .split(|letter: char| {
            letter.is_whitespace() || matches!(letter, ',' | ';' | '`' | '"' | '\'')
        })
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        // `/usr/bin/readelf` and `sudo readelf` are readelf.
        let program = word.rsplit('/').next().unwrap_or(word);
        let way = match program
            .trim_end_matches(['.', ':', ')'])
            .trim_start_matches('(')
        {
            "gdb" => Way::Gdb,
            // "info probes" is gdb's, whether gdb is named or not.
            "info" if words.peek().is_some_and(|next| next.starts_with("probe")) => Way::Gdb,
            "eu-readelf" => Way::EuReadelf,
            "readelf" => Way::Readelf,
            "tplist" | "tplist-bpfcc" | "tplist.py" => Way::Tplist,
            "bpftrace" => {
                let mut verbose = false;
                while let Some(flag) = words.next_if(|next| next.starts_with('-')) {
                    verbose |= flag.trim_start_matches('-').contains('v');
                }
                if verbose {
                    Way::BpftraceVerbose
                } else {
                    Way::Bpftrace
                }
            }
            _ => continue,
        };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// What a tool's output shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// How many of the program's tracepoints it names.
    pub tracepoints: usize,
    /// How many lines tell arguments.
    pub argument_lines: usize,
}

impl Listing {
    /// Reads a tool's output. It knows no tool: what counts is whether names and operands are there.
    pub fn read(output: &str, tracepoints: &[Tracepoint]) -> Self {
        let named = named_in(output);
        Self {
            tracepoints: tracepoints
                .iter()
                .filter(|tracepoint| named.contains(tracepoint))
                .count(),
            argument_lines: output.lines().filter(|line| tells_arguments(line)).count(),
        }
    }
}

/// All tracepoints that the output of a tool, or an answer pasted from one, names: `net:flush`,
/// `usdt:/usr/bin/bitcoind:net:flush`, gdb's `stap net flush 0x…`, readelf's `Provider: net` and `Name: flush`
/// on two lines, tplist's `b'net':b'flush'`.
pub fn named_in(text: &str) -> Vec<Tracepoint> {
    let mut found = Vec::new();
    let mut add = |tracepoint| {
        if !found.contains(&tracepoint) {
            found.push(tracepoint);
        }
    };
    let mut provider = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("Provider:") {
            provider = Some(name.trim());
            continue;
        }
        if let (Some(context), Some(event)) = (provider, trimmed.strip_prefix("Name:")) {
            provider = None;
            if let Ok(tracepoint) = format!("{context}:{}", event.trim()).parse() {
                add(tracepoint);
            }
            continue;
        }
        let words: Vec<&str> = words(trimmed).collect();
        if let ["stap", context, event, ..] = words[..]
            && let Ok(tracepoint) = format!("{context}:{event}").parse()
        {
            add(tracepoint);
            continue;
        }
        for word in words {
            if let Some(tracepoint) = in_word(word) {
                add(tracepoint);
            }
        }
    }
    found
}

/// The words of an answer that could have been meant as names of tracepoints.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| {
        letter.is_whitespace() || matches!(letter, ',' | ';' | '"' | '`' | '(' | ')' | '[' | ']')
    })
    .map(|word| word.trim_matches(|letter: char| matches!(letter, '.' | '\'' | '-' | '*')))
    .filter(|word| !word.is_empty())
}

/// `net:flush` itself, or the end of `usdt:PATH:net:flush`.
pub fn in_word(word: &str) -> Option<Tracepoint> {
    if let Ok(tracepoint) = word.parse() {
        return Some(tracepoint);
    }
    // tplist of BCC prints Python's byte strings.
    let python = word.replace("b'", "").replace('\'', "");
    if let Ok(tracepoint) = python.parse() {
        return Some(tracepoint);
    }
    let rest = word.strip_prefix("usdt:")?;
    let (head, event) = rest.rsplit_once(':')?;
    let context = head.rsplit(':').next()?;
    format!("{context}:{event}").parse().ok()
}

/// Operands (`8@%rax`), BCC's `argument #1` or bpftrace's `arg0`.
fn tells_arguments(line: &str) -> bool {
    line.contains("argument #")
        || line.split_whitespace().any(|word| {
            let operand = word.split_once('@').is_some_and(|(size, place)| {
                let size = size.trim_start_matches('-').trim_end_matches('f');
                matches!(size, "1" | "2" | "4" | "8") && !place.is_empty()
            });
            let named = word
                .trim_end_matches([',', ';'])
                .strip_prefix("arg")
                .is_some_and(|number| {
                    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
                });
            operand || named
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The first lines of what each tool printed for one and the same program.
    const GDB: &str = "\
Type Provider  Name            Where              Semaphore          Object
stap net       inbound_message 0x00000000001a2b3c 0x0000000000f00d12 /usr/bin/bitcoind
stap utxocache add             0x00000000000e4f9a 0x0000000000f00d14 /usr/bin/bitcoind
";
    const READELF: &str = "\
Displaying notes found in: .note.stapsdt
  Owner                Data size \tDescription
  stapsdt              0x00000045\tNT_STAPSDT (SystemTap probe descriptors)
    Provider: net
    Name: inbound_message
    Location: 0x00000000001a2b3c, Base: 0x0000000000c0ffee, Semaphore: 0x0000000000f00d12
    Arguments: -8@%r12 8@%rbx 8@%rdi
  stapsdt              0x00000045\tNT_STAPSDT (SystemTap probe descriptors)
    Provider: utxocache
    Name: add
    Location: 0x00000000000e4f9a, Base: 0x0000000000c0ffee, Semaphore: 0x0000000000f00d14
    Arguments: 8@%rax
";
    const TPLIST: &str = "\
b'net':b'inbound_message' [sema 0xf00d12]
  location #1 b'/usr/bin/bitcoind' 0x1a2b3c
    argument #1 8 signed   bytes @ r12
b'utxocache':b'add' [sema 0xf00d14]
  location #1 b'/usr/bin/bitcoind' 0xe4f9a
    argument #1 8 unsigned bytes @ ax
";
    const BPFTRACE: &str = "\
usdt:/usr/bin/bitcoind:net:inbound_message
usdt:/usr/bin/bitcoind:utxocache:add
";
    const BPFTRACE_VERBOSE: &str = "\
usdt:/usr/bin/bitcoind:net:inbound_message
    int64 arg0
    uint64 arg1
usdt:/usr/bin/bitcoind:utxocache:add
    uint64 arg0
";

    #[test]
    fn each_tool_names_the_tracepoints_and_some_tell_arguments() {
        let tracepoints = [
            Tracepoint::new("net", "inbound_message"),
            Tracepoint::new("utxocache", "add"),
        ];
        for (output, argument_lines) in [
            (GDB, 0),
            (READELF, 2),
            (TPLIST, 2),
            (BPFTRACE, 0),
            (BPFTRACE_VERBOSE, 3),
        ] {
            assert_eq!(
                Listing::read(output, &tracepoints),
                Listing {
                    tracepoints: 2,
                    argument_lines
                },
                "{output}"
            );
        }
    }

    #[test]
    fn answers_name_ways_in_many_words() {
        for (answer, ways) in [
            ("readelf", vec![Way::Readelf]),
            ("readelf -n", vec![Way::Readelf]),
            ("`readelf -n build/bin/bitcoind`", vec![Way::Readelf]),
            ("/usr/bin/readelf", vec![Way::Readelf]),
            ("eu-readelf -n", vec![Way::EuReadelf]),
            ("gdb's info probes", vec![Way::Gdb]),
            ("GDB", vec![Way::Gdb]),
            ("sudo bpftrace -l 'usdt:x:*'", vec![Way::Bpftrace]),
            ("bpftrace -lv", vec![Way::BpftraceVerbose]),
            ("bpftrace -l -v", vec![Way::BpftraceVerbose]),
            ("tplist-bpfcc -vv", vec![Way::Tplist]),
            ("gdb and readelf.", vec![Way::Gdb, Way::Readelf]),
            ("none", vec![]),
        ] {
            assert_eq!(ways_named(answer), ways, "{answer}");
        }
    }

    #[test]
    fn other_text_has_no_arguments() {
        for line in [
            "ada@example.org",
            "argument list too long",
            "args",
            "16@%rax",
            "8@",
        ] {
            assert!(!tells_arguments(line), "{line}");
        }
    }
}
