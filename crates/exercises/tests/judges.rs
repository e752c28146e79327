//! The judges on evidence: unsolved fails, solved passes, and each wrong answer fails for its own reason.

mod law;

use exercises::tasks::{task0, task1};
use exercises::verdict::Outcome;
use exercises::{Answer, Evidence, Observed, Seen, State, TASKS, judge};

fn fixture(name: &str) -> Evidence {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_task_keeps_to_the_law() {
    for task in TASKS {
        law::ids_can_be_typed(task);
        law::texts_can_be_made(task);
        let [unsolved, solved] =
            ["unsolved", "solved"].map(|name| fixture(&format!("{}.{name}", task.id)));
        law::unsolved_fails_and_solved_passes(task, &unsolved, &solved);
    }
}

#[test]
fn evidence_survives_its_file() {
    for task in TASKS {
        let evidence = fixture(&format!("{}.solved", task.id));
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(Evidence::from_json(&text).unwrap(), evidence);
    }
}

#[test]
fn questions_for_the_discussion_never_decide() {
    let mut evidence = fixture("task1.solved");
    evidence
        .answers
        .insert("cost".into(), Answer::new(["purple"]).unwrap());
    assert_eq!(judge(&evidence).verdict, State::Passed);
}

/// The judgement of one answer: right, or the hint.
fn answered(task: &str, question: &str, answer: &str) -> Result<(), String> {
    let mut evidence = fixture(&format!("{task}.solved"));
    change(&mut evidence, question, answer);
    finding(&evidence, question)
}

fn change(evidence: &mut Evidence, question: &str, answer: &str) {
    evidence
        .answers
        .insert(question.into(), Answer::new(answer.lines()).unwrap());
}

fn finding(evidence: &Evidence, id: &str) -> Result<(), String> {
    let verdict = judge(evidence);
    let found = verdict.findings.iter().find(|finding| finding.id == id);
    let found = found.unwrap_or_else(|| panic!("no finding {id}"));
    match found.result {
        Outcome::Right => Ok(()),
        Outcome::Wrong => {
            assert_eq!(verdict.verdict, State::NotPassed);
            Err(found.hint.clone().unwrap_or_default())
        }
        Outcome::Unknown => {
            assert_ne!(verdict.verdict, State::Passed);
            Err(format!("unknown: {}", found.seen))
        }
    }
}

fn right(task: &str, question: &str, answers: &[&str]) {
    for answer in answers {
        assert_eq!(answered(task, question, answer), Ok(()), "{answer}");
    }
}

fn wrong(task: &str, question: &str, answers: &[(&str, &str)]) {
    for (answer, reason) in answers {
        let hint = answered(task, question, answer).expect_err(answer);
        assert!(hint.contains(reason), "{answer}: {hint}");
    }
}

#[test]
fn the_kernel_release() {
    right(
        "task0",
        "kernel",
        &[
            "6.12",
            "6.12.43",
            "6.12.43+deb13-amd64",
            "6.12.43+deb13",
            "Linux 6.12.43+deb13-amd64",
            "v6.12",
            "6.12.x",
            "“6.12.43”",
            "6.12.",
            "Linux abandon 6.12.43+deb13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.12.43-1 (2025-08-27) x86_64 GNU/Linux",
        ],
    );
    wrong(
        "task0",
        "kernel",
        &[
            ("6.1", "begins like it and is another release"),
            ("6.12.4", "begins like it and is another release"),
            ("6", "at least two numbers"),
            ("Debian 13", "at least two numbers"),
            ("linux", "there is no number in it"),
            ("6.8.0-45-generic", "the first number is right"),
            ("24.6.0 Darwin", "not this server's kernel"),
            ("13.1", "not this server's kernel"),
        ],
    );
}

#[test]
fn the_memory() {
    right(
        "task0",
        "memory",
        &[
            "3 GiB",
            "2,9 GiB",
            "24 GB",
            "25769803776 B",
            "3.0Gi",
            "\u{1b}[1m3\u{a0}GiB\u{1b}[0m",
        ],
    );
    wrong(
        "task0",
        "memory",
        &[
            ("3", "with its unit"),
            ("enough", "give an amount"),
            ("3 MiB", "look at the unit"),
            ("512 MiB", "more than that"),
            ("64 GiB", "less than that"),
            ("0 GiB", "no server"),
        ],
    );
}

#[test]
fn becoming_root() {
    right(
        "task0",
        "root",
        &[
            "yes",
            "Yes, with sudo",
            "0",
            "uid=0(root) gid=0(root)",
            "ja",
        ],
    );
    wrong(
        "task0",
        "root",
        &[("no", "and could"), ("maybe", "yes or no")],
    );
    let mut evidence = fixture("task0.solved");
    let Seen::Task0(seen) = &mut evidence.seen else {
        panic!("not task 0");
    };
    seen.root = Observed::Known(task0::Root {
        became: false,
        said: "sudo: a password is required".into(),
    });
    assert!(
        finding(&evidence, "root")
            .unwrap_err()
            .contains("and could not")
    );
    change(&mut evidence, "root", "no");
    assert_eq!(finding(&evidence, "root"), Ok(()));
    // The right answer about a wrong server is no pass.
    assert!(
        finding(&evidence, "sudo")
            .unwrap_err()
            .contains("tell the instructor")
    );
}

fn server(change: impl FnOnce(&mut task0::Seen)) -> Evidence {
    let mut evidence = fixture("task0.solved");
    if let Seen::Task0(seen) = &mut evidence.seen {
        change(seen);
    }
    evidence
}

#[test]
fn what_the_server_lacks() {
    for (release, expected) in [
        ("4.4.0-210-generic", Err("tell the instructor")),
        ("5.10.0-30-amd64", Err("tell the instructor")),
        ("5.15.0", Ok(())),
        (
            "what?",
            Err("unknown: the release “what?” has no major.minor"),
        ),
    ] {
        let evidence = server(|seen| seen.release = Observed::Known(release.into()));
        match (finding(&evidence, "kernel-version"), expected) {
            (Ok(()), Ok(())) => {}
            (Err(hint), Err(reason)) => assert!(hint.contains(reason), "{release}: {hint}"),
            (found, _) => panic!("{release}: {found:?}"),
        }
    }
    let old = server(|seen| seen.release = Observed::Known("5.10.0".into()));
    let verdict = judge(&old);
    let seen = &verdict.findings[3].seen;
    assert!(seen.contains("4.8") && seen.contains("5.15"), "{seen}");

    let evidence = server(|seen| seen.btf = Observed::Known(false));
    assert!(
        finding(&evidence, "btf")
            .unwrap_err()
            .contains("instructor")
    );
    let evidence = server(|seen| seen.tracefs = Observed::Known(None));
    assert!(
        finding(&evidence, "tracefs")
            .unwrap_err()
            .contains("mount -t tracefs")
    );
    for (present, ref_ctr_offset) in [(false, false), (true, false)] {
        let evidence = server(|seen| {
            seen.uprobes = Observed::Known(task0::Uprobes {
                present,
                ref_ctr_offset,
            });
        });
        assert!(
            finding(&evidence, "uprobes")
                .unwrap_err()
                .contains("instructor")
        );
    }
}

#[test]
fn what_could_not_be_seen_is_no_pass() {
    let evidence = server(|seen| seen.btf = Observed::unknown("no permission", "ask"));
    assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
    let mut evidence = fixture("task1.solved");
    if let Seen::Task1(seen) = &mut evidence.seen {
        seen.program = Observed::unknown("there is no program", "build it");
    }
    assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
}

/// All tracepoints of the fixture's program but those, and some more.
fn all_but(without: &[&str], with: &[&str]) -> String {
    let Seen::Task1(seen) = fixture("task1.solved").seen else {
        panic!("not task 1");
    };
    let Observed::Known(program) = seen.program else {
        panic!("no program");
    };
    program
        .tracepoints
        .iter()
        .map(ToString::to_string)
        .filter(|name| !without.contains(&name.as_str()))
        .chain(with.iter().map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_tracepoints() {
    let all = all_but(&[], &[]);
    let pasted: String = all
        .split(' ')
        .map(|name| {
            let (context, event) = name.split_once(':').unwrap();
            format!("stap {context} {event} 0x0000000000001234 0x0000000000005678 /x/bitcoind\n")
        })
        .collect();
    let readelf: String = all
        .split(' ')
        .map(|name| {
            let (context, event) = name.split_once(':').unwrap();
            format!(
                "  stapsdt 0x45 NT_STAPSDT (SystemTap probe descriptors)\n    Provider: {context}\n    \
                 Name: {event}\n    Location: 0x1, Base: 0x2, Semaphore: 0x3\n    Arguments: 8@%rax\n"
            )
        })
        .collect();
    right(
        "task1",
        "tracepoints",
        &[
            &all,
            &all.replace(' ', ", "),
            &all.replace(' ', "\n"),
            &format!("{all} {all}"),
            &all.split(' ').rev().collect::<Vec<_>>().join(";"),
            &all.split(' ')
                .map(|name| format!("usdt:/home/workshop/bitcoin/build/bin/bitcoind:{name}"))
                .collect::<Vec<_>>()
                .join("\n"),
            &pasted,
            &readelf,
        ],
    );
    wrong(
        "task1",
        "tracepoints",
        &[
            (
                &all_but(&["net:inbound_message"], &[]),
                "missing: 1 (net:i…)",
            ),
            (
                "net:inbound_message",
                "missing: 15 (4 in mempool, 6 in net, 4 in utxocache, 1 in validation)",
            ),
            ("nothing", "missing: 16"),
            (
                &all_but(&["net:inbound_message"], &["net:inbound_mesage"]),
                "is net:inbound_mesage mistyped?",
            ),
            (
                &all_but(&[], &["test:zero_args"]),
                "test:* is in test_bitcoin",
            ),
            (&all_but(&[], &["libc:setjmp"]), "system libraries"),
            (
                &all_but(&[], &["coin_selection:selected_coins"]),
                "documented, and not in this program",
            ),
            (
                &all_but(&["utxocache:add"], &["UtxoCache:add"]),
                "lower case",
            ),
            (
                &all_but(&[], &["python:line"]),
                "which program did you list?",
            ),
            (
                &all_but(&[], &["inbound_message"]),
                "not of the form context:event: inbound_message",
            ),
        ],
    );
    // The hint leads on; it does not give the names away.
    let hint = answered(
        "task1",
        "tracepoints",
        &all_but(&["net:inbound_message"], &[]),
    )
    .unwrap_err();
    assert!(!hint.contains("inbound_message"), "{hint}");
}

#[test]
fn what_was_right_stays_right_after_task_5() {
    let solved = fixture("task1.solved");
    assert_eq!(judge(&solved).verdict, State::Passed);
    let added = |own: &[&str]| {
        let mut evidence = solved.clone();
        let Seen::Task1(seen) = &mut evidence.seen else {
            panic!("not task 1");
        };
        let Observed::Known(program) = &mut seen.program else {
            panic!("no program");
        };
        let own: Vec<_> = own
            .iter()
            .map(|name| name.split_once(':').unwrap())
            .map(|(context, event)| exercises::tracepoint::Tracepoint::new(context, event))
            .collect();
        program.tracepoints.extend(own.clone());
        program.own.extend(own);
        evidence
    };
    let after = added(&["node:started", "node:stopping"]);
    assert_eq!(judge(&after).verdict, State::Passed, "{:#?}", judge(&after));

    // Whoever answers then may also name all that there is now.
    let mut now = after.clone();
    let all = all_but(&[], &["node:started", "node:stopping"]);
    change(&mut now, "tracepoints", &all);
    change(&mut now, "documented", "no: node:started node:stopping");
    assert_eq!(judge(&now).verdict, State::Passed, "{:#?}", judge(&now));

    // Without knowing whose they are, the answer misses two.
    let mut unknown = after;
    if let Seen::Task1(seen) = &mut unknown.seen
        && let Observed::Known(program) = &mut seen.program
    {
        program.own.clear();
    }
    assert_eq!(judge(&unknown).verdict, State::NotPassed);
}

fn with_ways(ways: &[(&str, Option<usize>)], answer: &str) -> Result<(), String> {
    let mut evidence = fixture("task1.solved");
    let Seen::Task1(seen) = &mut evidence.seen else {
        panic!("not task 1");
    };
    seen.ways = ways
        .iter()
        .map(|(way, arguments)| task1::WaySeen {
            way: serde_json::from_value(serde_json::json!(way)).unwrap(),
            listing: match arguments {
                Some(argument_lines) => Observed::Known(exercises::listing::Listing {
                    tracepoints: 16,
                    argument_lines: *argument_lines,
                }),
                None => Observed::unknown("it is not installed", "name another"),
            },
        })
        .collect();
    change(&mut evidence, "arguments", answer);
    finding(&evidence, "arguments")
}

#[test]
fn the_way_that_shows_arguments() {
    assert_eq!(with_ways(&[("readelf", Some(16))], "readelf -n"), Ok(()));
    assert_eq!(
        with_ways(&[("tplist", Some(90))], "tplist-bpfcc -vv"),
        Ok(())
    );
    // A newer bpftrace shows them; nothing in the code says which does.
    assert_eq!(with_ways(&[("bpftrace", Some(16))], "bpftrace -l"), Ok(()));
    let both = [("readelf", Some(16)), ("gdb", Some(0))];
    for (ways, answer, reason) in [
        (&[("gdb", Some(0))][..], "gdb", "its addresses say where"),
        (
            &[("bpftrace", Some(0))],
            "bpftrace -l",
            "it prints names to attach to",
        ),
        (&both, "readelf and gdb", "its addresses say where"),
        (&[], "all of them", "name the tool"),
        (
            &[("bpftrace", None)],
            "bpftrace",
            "unknown: it is not installed",
        ),
        (&[], "readelf", "unknown: `readelf -n` was not tried"),
    ] {
        let hint = with_ways(ways, answer).expect_err(answer);
        assert!(hint.contains(reason), "{answer}: {hint}");
    }
}

/// With `undocumented` in the program too.
fn with_undocumented(undocumented: &[&str], answer: &str) -> Result<(), String> {
    let mut evidence = fixture("task1.solved");
    if let Seen::Task1(task1::Seen {
        program: Observed::Known(program),
        ..
    }) = &mut evidence.seen
    {
        program
            .tracepoints
            .extend(undocumented.iter().map(|name| name.parse().unwrap()));
    }
    change(&mut evidence, "documented", answer);
    finding(&evidence, "documented")
}

#[test]
fn whether_all_are_documented() {
    for answer in ["yes", "Yes.", "all of them", "yes, in doc/tracing.md"] {
        assert_eq!(with_undocumented(&[], answer), Ok(()), "{answer}");
    }
    let two = ["init:started", "init:stopping"];
    for answer in [
        "no: init:started init:stopping",
        "init:stopping, init:started",
    ] {
        assert_eq!(with_undocumented(&two, answer), Ok(()), "{answer}");
    }
    for (undocumented, answer, reason) in [
        (&[][..], "no", "we found every one"),
        (
            &[],
            "no: net:inbound_message",
            "net:inbound_message is documented",
        ),
        (&[], "no: made:up", "we found every one"),
        (&[], "dunno", "answer yes, or no"),
        (&two, "yes", "not all"),
        (&two, "no", "which are not?"),
        (&two, "no: init:started", "1 more are not documented"),
        (
            &two,
            "no: init:started init:stopping net:inbound_message",
            "1 of those you name",
        ),
    ] {
        let hint = with_undocumented(undocumented, answer).expect_err(answer);
        assert!(hint.contains(reason), "{answer}: {hint}");
    }
}

fn at_line(line: u32) -> Result<(), String> {
    at_place(|place| {
        if let task1::Place::Source { line: there, .. } = place {
            *there = line;
        }
    })
}

fn at_place(change: impl FnOnce(&mut task1::Place)) -> Result<(), String> {
    let mut evidence = fixture("task1.solved");
    if let Seen::Task1(task1::Seen {
        place: Some(place), ..
    }) = &mut evidence.seen
    {
        change(place);
    }
    finding(&evidence, "source")
}

#[test]
fn the_place_in_the_source() {
    for line in [570, 573, 576] {
        assert_eq!(at_line(line), Ok(()), "{line}");
    }
    for (line, reason) in [
        (568, "a few lines further down"),
        (578, "a few lines further up"),
        (5, "no tracepoint is called on that line"),
        (100, "semaphore"),
        (201, "that is a comment"),
        (300, "inside a string"),
        (400, "#if 0"),
        (500, "defines the macro"),
        (600, "test:*"),
        (700, "is not in the program"),
        (9999, "ends with line 4200"),
    ] {
        let hint = at_line(line).expect_err("a wrong line");
        assert!(hint.contains(reason), "{line}: {hint}");
    }
    let file = || "x".to_owned();
    for (place, reason) in [
        (task1::Place::NotAPlace, "give file and line"),
        (
            task1::Place::Outside { file: file() },
            "not in the source tree",
        ),
        (task1::Place::Missing { file: file() }, "no such file"),
        (task1::Place::NotSource { file: file() }, "not C++ source"),
        (
            task1::Place::NoTree {
                why: "no tree".into(),
            },
            "unknown: no tree",
        ),
        (
            task1::Place::Unreadable {
                file: file(),
                why: "denied".into(),
            },
            "unknown: x could not be read: denied",
        ),
    ] {
        let hint = at_place(|there| *there = place).unwrap_err();
        assert!(hint.contains(reason), "{hint}");
    }
}
