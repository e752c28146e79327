//! Every task's judge against its law: unsolved fails, solved passes, and each wrong answer is told its own
//! reason. All evidence goes through JSON and back first, so a replay cannot say anything else.

use std::collections::BTreeSet;

use exercises::evidence::{Observed, SCHEMA};
use exercises::listing::{self, Listing, Way};
use exercises::source::{self, Location};
use exercises::tasks::task0::{self, Root, Uprobes};
use exercises::tasks::task1::{self, Documentation, Place, Program, WaySeen};
use exercises::verdict::Outcome;
use exercises::{Answer, Evidence, Seen, State, TASKS, Tracepoint, Verdict, judge};

type Given<'a> = Vec<(&'a str, &'a str)>;

const GIB: u64 = 1 << 30;

fn evidence(seen: Seen, answers: &[(&str, &str)]) -> Evidence {
    Evidence {
        schema: SCHEMA,
        checker: "workshop 0.0.0".to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
        host: Some("otter".to_owned()),
        answers: answers
            .iter()
            .map(|(question, text)| ((*question).to_owned(), Answer::new([text]).unwrap()))
            .collect(),
        seen,
    }
}

/// The verdict of what a file of this evidence says.
fn verdict(evidence: &Evidence) -> Verdict {
    let text = serde_json::to_string(evidence).unwrap();
    let again = Evidence::from_json(&text).unwrap();
    assert_eq!(&again, evidence, "nothing may be lost on the way");
    judge(&again)
}

/// The verdict, and what is not right as `finding result: seen | hint`.
fn show(case: &str, evidence: &Evidence) -> String {
    let verdict = verdict(evidence);
    let mut text = format!("{case}: {:?}\n", verdict.verdict);
    for one in &verdict.findings {
        if one.result != Outcome::Right {
            let hint = one.hint.as_deref().unwrap_or("NO HINT");
            text.push_str(&format!(
                "  {} {:?}: {} | {hint}\n",
                one.id, one.result, one.seen
            ));
        }
    }
    text
}

const RIGHT0: [(&str, &str); 3] = [
    ("kernel", "6.12.43-amd64"),
    ("memory", "3 GiB"),
    ("root", "yes"),
];

/// A local host: /proc/meminfo shows the machine below it, the plan what was rented.
fn server() -> task0::Seen {
    task0::Seen {
        release: Observed::Known("6.12.43-amd64".to_owned()),
        memory_bytes: Observed::Known(16 * GIB),
        plan_bytes: Some(3 * GIB),
        root: Observed::Known(Root {
            became: true,
            said: "0".to_owned(),
        }),
        btf: Observed::Known(true),
        tracefs: Observed::Known(Some("/sys/kernel/tracing".to_owned())),
        uprobes: Observed::Known(Uprobes {
            present: true,
            ref_ctr_offset: true,
        }),
    }
}

const IN_PROGRAM: [&str; 6] = [
    "net:inbound_message",
    "net:outbound_message",
    "utxocache:add",
    "utxocache:flush",
    "utxocache:spent",
    "validation:block_connected",
];

const RIGHT1: [(&str, &str); 4] = [
    (
        "tracepoints",
        "net:inbound_message net:outbound_message utxocache:add utxocache:flush utxocache:spent \
         validation:block_connected",
    ),
    ("arguments", "readelf -n"),
    ("documented", "yes"),
    ("source", "src/net.cpp:13"),
];

/// The lines that the tests below name are counted from 1.
const SOURCE: &str = r##"// Tracepoints: TRACEPOINT(net, inbound_message, id);
#include <util/trace.h>
TRACEPOINT_SEMAPHORE(net, inbound_message);
#if 0
TRACEPOINT(net, inbound_message, id);
#endif
#define TRACEPOINT(context, event, ...) STAP_PROBEV(context, event __VA_ARGS__)

const char* text = "TRACEPOINT(net, inbound_message, id)";

void Receive(Node& node)
{
    TRACEPOINT(net, inbound_message,
        node.GetId(),
        node.addr.c_str(),
        node.size());
}




void Other()
{
    TRACEPOINT(test, zero_args);
    TRACEPOINT(coin_selection, selected_coins, wallet.c_str());
}
"##;

fn set(names: &[&str]) -> BTreeSet<Tracepoint> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// What is gathered for these answers, with tools that show what gdb 16, binutils 2.44 and bpftrace 0.23 show.
fn built(answers: &[(&str, &str)]) -> task1::Seen {
    let answer = |question| {
        let mut all = answers.iter();
        all.find(|(id, _)| *id == question).map(|(_, text)| *text)
    };
    let ways = listing::ways_named(answer("arguments").unwrap_or_default()).into_iter();
    task1::Seen {
        program: Observed::Known(Program {
            path: "/home/workshop/bitcoin/build/bin/bitcoind".to_owned(),
            tracepoints: set(&IN_PROGRAM),
        }),
        documented: Documentation {
            source: "doc/tracing.md".to_owned(),
            tracepoints: set(&[&IN_PROGRAM[..], &["coin_selection:selected_coins"]].concat()),
        },
        ways: ways
            .map(|way| WaySeen {
                way,
                listing: Observed::Known(Listing {
                    tracepoints: IN_PROGRAM.len(),
                    argument_lines: match way {
                        Way::Gdb | Way::Bpftrace => 0,
                        _ => 9,
                    },
                }),
            })
            .collect(),
        place: answer("source").map(|text| match Location::parse(text) {
            Some(Location { file, line }) => Place::Source {
                file,
                line,
                lines: u32::try_from(SOURCE.lines().count()).unwrap(),
                calls: source::calls(SOURCE),
            },
            None => Place::NotAPlace,
        }),
    }
}

/// The right answers with one of them replaced.
fn but<'a>(right: &[(&'a str, &'a str)], question: &str, text: &'a str) -> Given<'a> {
    let replace = |(id, old): &(&'a str, &'a str)| (*id, if *id == question { text } else { *old });
    right.iter().map(replace).collect()
}

fn task0_answer(question: &str, text: &str) -> Evidence {
    evidence(Seen::Task0(server()), &but(&RIGHT0, question, text))
}

fn task0_seen(change: impl FnOnce(&mut task0::Seen)) -> Evidence {
    let mut seen = server();
    change(&mut seen);
    evidence(Seen::Task0(seen), &RIGHT0)
}

fn task1_answer(question: &str, text: &str) -> Evidence {
    let answers = but(&RIGHT1, question, text);
    evidence(Seen::Task1(built(&answers)), &answers)
}

fn task1_seen(change: impl FnOnce(&mut task1::Seen)) -> Evidence {
    let mut seen = built(&RIGHT1);
    change(&mut seen);
    evidence(Seen::Task1(seen), &RIGHT1)
}

/// Evidence of a task with all answers and with none. A new task has no arm here and fails until it has.
fn solved_and_unsolved(task: &str) -> [Evidence; 2] {
    match task {
        "task0" => [&RIGHT0[..], &[]].map(|answers| evidence(Seen::Task0(server()), answers)),
        "task1" => [&RIGHT1[..], &[]].map(|answers| evidence(Seen::Task1(built(answers)), answers)),
        other => panic!("{other} has no evidence to be judged by: write it here"),
    }
}

#[test]
fn unsolved_fails_and_solved_passes() {
    for task in TASKS {
        let [solved, unsolved] = solved_and_unsolved(task.id);
        let passed = verdict(&solved);
        assert_eq!(passed.verdict, State::Passed, "{passed:#?}");
        assert_eq!(verdict(&unsolved).verdict, State::NotPassed, "{}", task.id);
        for question in task.questions.iter().filter(|one| one.decides) {
            let mut without = solved.clone();
            without.answers.remove(question.id).unwrap();
            let judged = verdict(&without);
            assert_eq!(judged.verdict, State::NotPassed, "{}", question.id);
            let mut findings = judged.findings.iter();
            let finding = findings.find(|one| one.question.as_deref() == Some(question.id));
            let hint = finding.unwrap().hint.as_deref().unwrap();
            let command = format!("workshop answer {} {}", task.id, question.id);
            assert!(hint.starts_with(&command), "{hint}");
        }
    }
}

#[test]
fn right_in_many_forms() {
    let pasted = |form: &dyn Fn(&str, &str) -> String| {
        let lines = IN_PROGRAM.map(|name| {
            let (context, event) = name.split_once(':').unwrap();
            form(context, event)
        });
        lines.join("\n")
    };
    let mut reversed = IN_PROGRAM.to_vec();
    reversed.reverse();
    let twice = [&reversed[..], &IN_PROGRAM].concat().join(", ");
    let lists = [
        twice,
        pasted(&|context, event| format!("stap {context} {event} 0x01 0x02 /x/bitcoind")),
        pasted(&|context, event| {
            format!(
                "  stapsdt 0x45 NT_STAPSDT (SystemTap probe descriptors)\n    Provider: {context}\n    Name: {event}\n    Location: 0x01, Base: 0x02, Semaphore: 0x03\n    Arguments: -8@%r12"
            )
        }),
        pasted(&|context, event| {
            format!(
                "b'{context}':b'{event}' [sema 0xf00d12]\n  location #1 b'/x/bitcoind' 0x01\n    argument #1 8 signed   bytes @ r12"
            )
        }),
        pasted(&|context, event| format!("usdt:/x/bitcoind:{context}:{event}")),
    ];
    let task1 = lists
        .iter()
        .map(|list| ("tracepoints", list.as_str()))
        .chain([
            ("arguments", "/usr/bin/readelf -n build/bin/bitcoind"),
            ("arguments", "tplist -vv"),
            ("arguments", "bpftrace -lv"),
            ("arguments", "readelf and tplist"),
            ("documented", "Yes, all of them"),
            ("source", "src/net.cpp:16"),
            ("source", "src/net.cpp#L14"),
            ("source", "src/net.cpp line 15"),
        ])
        .map(|(question, text)| (text, task1_answer(question, text)));
    let task0 = [
        ("kernel", "6.12"),
        ("kernel", "6.12.43"),
        ("kernel", "Linux otter 6.12.43-amd64 #1 SMP Debian x86_64"),
        ("memory", "3G"),
        ("memory", "3145728 kB"),
        ("memory", "2,9 GB"),
        ("memory", "16 GiB"),
        ("memory", "512M/3.00G"),
        ("memory", "25 % of 12 GiB"),
        ("root", "Yes, with sudo"),
        ("root", "0"),
        ("root", "uid=0(root) gid=0(root)"),
    ]
    .map(|(question, text)| (text, task0_answer(question, text)));
    for (text, evidence) in task1.chain(task0) {
        assert_eq!(show("", &evidence), ": Passed\n", "{text}");
    }
}

#[test]
fn wrong_answers_to_task0() {
    let shown: String = [
        ("6.1 is not 6.12", "kernel", "6.1"),
        ("6.12.4 is not 6.12.43", "kernel", "6.12.4"),
        ("another minor", "kernel", "6.8.0-45-generic"),
        ("another machine", "kernel", "5.15.0"),
        ("the distribution's number", "kernel", "Debian 13"),
        ("no number", "kernel", "Linux"),
        ("used instead of total", "memory", "512 MiB"),
        ("more than there is", "memory", "64 GB"),
        ("a unit off", "memory", "3 MB"),
        ("no unit", "memory", "3145728"),
        ("no amount", "memory", "plenty"),
        ("below zero", "memory", "-3 GiB"),
        ("no root, says the participant", "root", "no"),
        ("neither yes nor no", "root", "perhaps"),
    ]
    .iter()
    .map(|(case, question, text)| show(case, &task0_answer(question, text)))
    .collect();
    insta::assert_snapshot!(shown, @r#"
    6.1 is not 6.12: NotPassed
      kernel Wrong: you said “6.1” | “6.1” begins like it and is another release: the last number is not whole
    6.12.4 is not 6.12.43: NotPassed
      kernel Wrong: you said “6.12.4” | “6.12.4” begins like it and is another release: the last number is not whole
    another minor: NotPassed
      kernel Wrong: you said “6.8.0-45-generic” | the first number is right; look at `uname -r` on the server itself
    another machine: NotPassed
      kernel Wrong: you said “5.15.0” | that is not this server's kernel: is the terminal logged in, and is it the kernel's release and not the distribution's? `uname -r`
    the distribution's number: NotPassed
      kernel Wrong: you said “Debian 13” | give at least two numbers of it, major.minor: `uname -r`
    no number: NotPassed
      kernel Wrong: you said “Linux” | there is no number in it: `uname -r` prints the release
    used instead of total: NotPassed
      memory Wrong: you said “512 MiB” | the server has more than that: the question is about the total, not what is free or used
    more than there is: NotPassed
      memory Wrong: you said “64 GB” | the server has less than that: `free -h`, the line that begins with Mem
    a unit off: NotPassed
      memory Wrong: you said “3 MB” | the number may be right; look at the unit
    no unit: NotPassed
      memory Wrong: you said “3145728” | give the amount with its unit: `free -h` prints both
    no amount: NotPassed
      memory Wrong: you said “plenty” | give an amount, such as 8 GiB
    below zero: NotPassed
      memory Wrong: you said “-3 GiB” | no server has that amount of memory
    no root, says the participant: NotPassed
      root Wrong: you said “no” | we tried, and could: `sudo -n id -u`
    neither yes nor no: NotPassed
      root Wrong: you said “perhaps” | answer yes or no
    "#);
}

#[test]
fn servers_that_will_not_do() {
    let kernel = |case, release: &str| {
        let mut seen = server();
        seen.release = Observed::Known(release.to_owned());
        let answers = but(&RIGHT0, "kernel", release);
        show(case, &evidence(Seen::Task0(seen), &answers))
    };
    let uprobes = |case, present, ref_ctr_offset| {
        let uprobes = Uprobes {
            present,
            ref_ctr_offset,
        };
        show(
            case,
            &task0_seen(|seen| seen.uprobes = Observed::Known(uprobes)),
        )
    };
    let sudo = Root {
        became: false,
        said: "sudo: a password is required".to_owned(),
    };
    let shown = [
        kernel("the last that is too old", "4.7.10"),
        kernel("4.8 up to 5.14", "4.8.0"),
        kernel("the last of these", "5.14.21"),
        kernel("new enough for all", "5.15.0"),
        kernel("a release like no other", "6"),
        show(
            "no sudo",
            &task0_seen(|seen| seen.root = Observed::Known(sudo)),
        ),
        show(
            "no BTF",
            &task0_seen(|seen| seen.btf = Observed::Known(false)),
        ),
        show(
            "no tracefs",
            &task0_seen(|seen| seen.tracefs = Observed::Known(None)),
        ),
        uprobes("no uprobes", false, false),
        uprobes("no ref_ctr_offset", true, false),
        show(
            "memory that nobody saw",
            &task0_seen(|seen| {
                seen.memory_bytes = Observed::unknown("/proc/meminfo: no such file", "mount /proc");
            }),
        ),
    ]
    .concat();
    insta::assert_snapshot!(shown, @r#"
    the last that is too old: NotPassed
      kernel-version Wrong: 4.7 is too old (tracepoints need 4.8, the workshop's own probes 5.15) | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    4.8 up to 5.14: NotPassed
      kernel-version Wrong: 4.8 will do for bpftrace, and not for the checks (tracepoints need 4.8, the workshop's own probes 5.15) | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    the last of these: NotPassed
      kernel-version Wrong: 5.14 will do for bpftrace, and not for the checks (tracepoints need 4.8, the workshop's own probes 5.15) | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    new enough for all: Passed
    a release like no other: NotPassed
      kernel Wrong: you said “6” | give at least two numbers of it, major.minor: `uname -r`
      kernel-version Unknown: the release “6” has no major.minor | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    no sudo: NotPassed
      root Wrong: you said “yes” | we tried, and could not: `sudo -n id -u`
      sudo Wrong: `sudo -n id -u` says: sudo: a password is required | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    no BTF: NotPassed
      btf Wrong: /sys/kernel/btf/vmlinux is missing | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    no tracefs: NotPassed
      tracefs Wrong: not mounted | sudo mount -t tracefs none /sys/kernel/tracing
    no uprobes: NotPassed
      uprobes Wrong: the kernel has no event source for uprobes | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    no ref_ctr_offset: NotPassed
      uprobes Wrong: the kernel's uprobes cannot raise semaphores (ref_ctr_offset is missing) | this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)
    memory that nobody saw: CouldNotCheck
      memory Unknown: /proc/meminfo: no such file | mount /proc
    "#);
}

#[test]
fn wrong_lists_of_tracepoints() {
    let all = RIGHT1[0].1;
    let and = |more: &str| format!("{all} {more}");
    let shown: String = [
        ("one missing", all.replace("utxocache:flush ", "")),
        ("several missing", "utxocache:spent".to_owned()),
        ("no names", "about six of them".to_owned()),
        (
            "the tests' own",
            and("test:zero_args test:check_if_attached"),
        ),
        (
            "a library's",
            and("libc:memory_heap_new rtld:init_complete"),
        ),
        ("not built in", and("coin_selection:selected_coins")),
        ("nobody's", and("net:handshake")),
        ("other case", all.replace("net:i", "NET:i")),
        ("mistyped", all.replace("inbound_message", "inbound_mesage")),
        ("a dot for the colon", all.replace("net:i", "net.i")),
        (
            "pasted and cut off",
            "usdt:/x/bitcoind:net:inbound_message\nusdt:/x/bitcoind:net:outbound".to_owned(),
        ),
    ]
    .iter()
    .map(|(case, text)| show(case, &task1_answer("tracepoints", text)))
    .collect();
    insta::assert_snapshot!(shown, @r#"
    one missing: NotPassed
      tracepoints Wrong: 5 of 6 named | missing: 1 (utxocache:f…)
    several missing: NotPassed
      tracepoints Wrong: 1 of 6 named | missing: 5 (2 in net, 2 in utxocache, 1 in validation)
    no names: NotPassed
      tracepoints Wrong: 0 of 6 named | missing: 6 (2 in net, 3 in utxocache, 1 in validation)
    the tests' own: NotPassed
      tracepoints Wrong: 6 of 6 named, 2 more that are not there | not in the program: test:check_if_attached, test:zero_args (test:* is in test_bitcoin; which program did you list?)
    a library's: NotPassed
      tracepoints Wrong: 6 of 6 named, 2 more that are not there | not in the program: libc:memory_heap_new, rtld:init_complete (those belong to system libraries, which gdb lists too once the program runs)
    not built in: NotPassed
      tracepoints Wrong: 6 of 6 named, 1 more that are not there | not in the program: coin_selection:selected_coins (documented, and not in this program: list the program itself)
    nobody's: NotPassed
      tracepoints Wrong: 6 of 6 named, 1 more that are not there | not in the program: net:handshake (which program did you list?)
    other case: NotPassed
      tracepoints Wrong: 5 of 6 named, 1 more that are not there | missing: 1 (net:i…); not in the program: NET:inbound_message (names are written in lower case)
    mistyped: NotPassed
      tracepoints Wrong: 5 of 6 named, 1 more that are not there | missing: 1 (net:i…); not in the program: net:inbound_mesage (is net:inbound_mesage mistyped?)
    a dot for the colon: NotPassed
      tracepoints Wrong: 5 of 6 named | missing: 1 (net:i…); not of the form context:event: net.inbound_message
    pasted and cut off: NotPassed
      tracepoints Wrong: 1 of 6 named, 1 more that are not there | missing: 5 (1 in net, 3 in utxocache, 1 in validation); not in the program: net:outbound (which program did you list?)
    "#);
}

#[test]
fn wrong_ways_to_see_arguments() {
    let answer = |case, text| show(case, &task1_answer("arguments", text));
    let readelf = |case, listing| show(case, &task1_seen(|seen| seen.ways[0].listing = listing));
    let shown = [
        answer("gdb", "gdb -ex 'info probes' build/bin/bitcoind"),
        answer("bpftrace without -v", "bpftrace -l"),
        answer("one that does and one that does not", "readelf or gdb"),
        answer("no tool", "the first one"),
        readelf(
            "a tool that failed",
            Observed::unknown("readelf cannot be run", "is it installed?"),
        ),
        readelf(
            "a tool that saw nothing",
            Observed::Known(Listing {
                tracepoints: 0,
                argument_lines: 0,
            }),
        ),
        show(
            "a tool that nobody tried",
            &task1_seen(|seen| seen.ways.clear()),
        ),
    ]
    .concat();
    insta::assert_snapshot!(shown, @r#"
    gdb: NotPassed
      arguments Wrong: gdb `info probes` listed 6 and no arguments | run another of the ways, and look for operands such as 8@…
    bpftrace without -v: NotPassed
      arguments Wrong: `bpftrace -l` listed 6 and no arguments | run another of the ways, and look for operands such as 8@…
    one that does and one that does not: NotPassed
      arguments Wrong: gdb `info probes` listed 6 and no arguments | run another of the ways, and look for operands such as 8@…
    no tool: NotPassed
      arguments Wrong: you said “the first one” | name the tool, as it is typed: readelf, gdb, bpftrace or tplist
    a tool that failed: CouldNotCheck
      arguments Unknown: readelf cannot be run | is it installed?
    a tool that saw nothing: CouldNotCheck
      arguments Unknown: `readelf -n` listed none of the tracepoints when we ran it | name another way, or ask the instructor
    a tool that nobody tried: CouldNotCheck
      arguments Unknown: `readelf -n` was not tried | run the check again
    "#);
}

#[test]
fn wrong_about_the_documentation() {
    let undocumented = |case, text| {
        let answers = but(&RIGHT1, "documented", text);
        let mut seen = built(&answers);
        let flush = "utxocache:flush".parse().unwrap();
        assert!(seen.documented.tracepoints.remove(&flush));
        show(case, &evidence(Seen::Task1(seen), &answers))
    };
    let shown = [
        show("no, and all are", &task1_answer("documented", "no")),
        show(
            "no, and names one that is",
            &task1_answer("documented", "no, utxocache:flush"),
        ),
        show("neither", &task1_answer("documented", "most of them")),
        undocumented("right with one that is not", "no: utxocache:flush"),
        undocumented("yes, with one that is not", "yes"),
        undocumented("no, and not which", "no"),
        undocumented("no, and the wrong one", "no: utxocache:add"),
        undocumented(
            "no, and one too many",
            "no: utxocache:flush utxocache:spent",
        ),
    ]
    .concat();
    insta::assert_snapshot!(shown, @r#"
    no, and all are: NotPassed
      documented Wrong: you said “no” | we found every one of the program's in doc/tracing.md
    no, and names one that is: NotPassed
      documented Wrong: you said “no, utxocache:flush” | utxocache:flush is documented: see doc/tracing.md
    neither: NotPassed
      documented Wrong: you said “most of them” | answer yes, or no and which are not
    right with one that is not: Passed
    yes, with one that is not: NotPassed
      documented Wrong: you said “yes” | not all: look for each one's heading in doc/tracing.md
    no, and not which: NotPassed
      documented Wrong: you said “no” | right so far; which are not?
    no, and the wrong one: NotPassed
      documented Wrong: you said “no: utxocache:add” | 1 more are not documented; 1 of those you name are documented or not in the program
    no, and one too many: NotPassed
      documented Wrong: you said “no: utxocache:flush utxocache:spent” | 1 of those you name are documented or not in the program
    "#);
}

#[test]
fn wrong_places_in_the_source() {
    let line = |case, text| show(case, &task1_answer("source", text));
    let place = |case, place| show(case, &task1_seen(|seen| seen.place = Some(place)));
    let file = || "src/net.cpp".to_owned();
    let shown = [
        line("a comment", "src/net.cpp:1"),
        line("its semaphore", "src/net.cpp:3"),
        line("#if 0", "src/net.cpp:5"),
        line("the macro's definition", "src/net.cpp:7"),
        line("a string", "src/net.cpp:9"),
        line("three lines above", "src/net.cpp:10"),
        line("three lines below", "src/net.cpp:19"),
        line("four lines below", "src/net.cpp:20"),
        line("the tests' own", "src/net.cpp:24"),
        line("called and not in the program", "src/net.cpp:25"),
        line("beyond the end", "src/net.cpp:9999"),
        line("no line", "src/net.cpp"),
        place("outside of the tree", Place::Outside { file: file() }),
        place("no such file", Place::Missing { file: file() }),
        place("a document", Place::NotSource { file: file() }),
        place(
            "not readable",
            Place::Unreadable {
                file: file(),
                why: "permission denied".to_owned(),
            },
        ),
        place(
            "no tree",
            Place::NoTree {
                why: "there is no source tree here".to_owned(),
            },
        ),
    ]
    .concat();
    insta::assert_snapshot!(shown, @r#"
    a comment: NotPassed
      source Wrong: you said “src/net.cpp:1” | that is a comment
    its semaphore: NotPassed
      source Wrong: you said “src/net.cpp:3” | that is about a tracepoint's semaphore; find where the tracepoint is called
    #if 0: NotPassed
      source Wrong: you said “src/net.cpp:5” | the preprocessor removes that line (#if 0)
    the macro's definition: NotPassed
      source Wrong: you said “src/net.cpp:7” | that defines the macro; find where it is used
    a string: NotPassed
      source Wrong: you said “src/net.cpp:9” | that is inside a string
    three lines above: NotPassed
      source Wrong: you said “src/net.cpp:10” | close: a few lines further down
    three lines below: NotPassed
      source Wrong: you said “src/net.cpp:19” | close: a few lines further up
    four lines below: NotPassed
      source Wrong: you said “src/net.cpp:20” | no tracepoint is called on that line
    the tests' own: NotPassed
      source Wrong: you said “src/net.cpp:24” | test:* is for Bitcoin Core's own tests and not in bitcoind
    called and not in the program: NotPassed
      source Wrong: you said “src/net.cpp:25” | coin_selection:selected_coins is called there, and is not in the program: another part of Bitcoin Core is built without it
    beyond the end: NotPassed
      source Wrong: you said “src/net.cpp:9999” | src/net.cpp ends with line 26
    no line: NotPassed
      source Wrong: you said “src/net.cpp” | give file and line, such as src/init.cpp:123
    outside of the tree: NotPassed
      source Wrong: you said “src/net.cpp:13” | that file is not in the source tree
    no such file: NotPassed
      source Wrong: you said “src/net.cpp:13” | the source tree has no such file
    a document: NotPassed
      source Wrong: you said “src/net.cpp:13” | that is not C++ source; the call itself is in a .cpp or .h file
    not readable: CouldNotCheck
      source Unknown: src/net.cpp could not be read: permission denied | make it readable, or name another place
    no tree: CouldNotCheck
      source Unknown: there is no source tree here | name the source tree: workshop check task1 --tree DIR
    "#);
}

#[test]
fn without_a_program_nothing_is_decided() {
    let evidence = task1_seen(|seen| {
        seen.program = Observed::unknown("built without tracepoints", "build it with them");
        seen.ways.clear();
    });
    insta::assert_snapshot!(show("no tracepoints", &evidence), @r#"
    no tracepoints: CouldNotCheck
      tracepoints Unknown: built without tracepoints | build it with them
      arguments Unknown: built without tracepoints | build it with them
      documented Unknown: built without tracepoints | build it with them
      source Unknown: built without tracepoints | build it with them
    "#);
}
