//! What makes it end, and how it exits then.

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use super::{Place, Started, events, settings, tracepoint};

#[test]
fn a_process_is_traced_alone_and_until_it_ends() {
    let place = Place::new();
    let mut one = place.fixture(&["100", "lines"]);
    let mut other = place.fixture(&["100", "lines"]);
    let tracing = place.tracing(&[&one.pid(), "utxocache:add", "--sum", "value"]);
    one.fire_line();
    other.fire_line();
    one.fire_line();
    assert!(one.wait().success());
    let counted = tracing.counted(0);
    assert_eq!(events(&counted), [200]);
    assert_eq!(tracepoint(&counted, 0)["measures"][0]["sum"], 9900);
    assert_eq!(counted["ended"], "process");
}

#[test]
fn ctrl_c_and_sigterm_show_what_was_counted() {
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM] {
        let tracing = place.tracing(&["./fixture", "utxocache:add"]);
        place.fire("100");
        tracing.signal(signal);
        let counted = tracing.counted(0);
        assert_eq!(events(&counted), [100]);
        assert_eq!(counted["ended"], "interrupted");
        assert_eq!(counted["ran"], json!(null));
    }
}

#[test]
fn a_signal_is_passed_on_and_the_command_s_end_is_traced() {
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM] {
        let args = [
            "./fixture",
            "fixture:ended",
            "--sum",
            "arg0",
            "--",
            "./fixture",
            "3",
            "until-term",
        ];
        let mut command = place.command(&[&["trace"], &args[..]].concat());
        // Where the tests run in a terminal, its Ctrl-C is another matter: everybody in its foreground gets it.
        command.process_group(0);
        let mut tracing = Started::new(command.stderr(Stdio::null()));
        // The command's own words: by now it waits for the signal.
        assert_eq!(tracing.line(), "waiting");
        tracing.signal(signal);
        let told = [tracing.line(), tracing.line()].join("\n");
        assert!(told.contains(" 1 events "), "{told}");
        assert!(told.contains(&format!("sum {}", signal.as_raw())), "{told}");
        assert_eq!(tracing.wait().code(), Some(0));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    let stubborn = "trap '' INT TERM; echo $$; while :; do sleep 1; done";
    let mut command = place.command(&["trace", "./fixture", "*", "--", "sh", "-c", stubborn]);
    let mut tracing = Started::new(command.stderr(Stdio::piped()));
    let stubborn: i32 = tracing.line().parse().unwrap();
    let stderr = tracing.child.stderr.take().unwrap();
    let mut stderr = std::io::BufRead::lines(std::io::BufReader::new(stderr)).map_while(Result::ok);
    tracing.signal(Signal::INT);
    assert!(stderr.any(|line| line.contains("waiting for the command")));
    tracing.signal(Signal::INT);
    assert_eq!(tracing.wait().code(), Some(130));
    let stubborn = rustix::process::Pid::from_raw(stubborn).unwrap();
    rustix::process::kill_process(stubborn, Signal::KILL).unwrap();
}

#[test]
fn time_is_up() {
    let place = Place::new();
    let counted = place.counted(0, &["--duration", "100ms", "./fixture", "utxocache:add"]);
    assert_eq!(counted["ended"], "duration");
    assert!(counted["seconds"].as_f64().unwrap() >= 0.1);
    // The command is asked to end; what it does then is not traced any more, and is no failure.
    let run = ["--", "./fixture", "3", "until-term"];
    let args = [
        "--duration",
        "300ms",
        "./fixture",
        "fixture:ended",
        "utxocache:add",
    ];
    let counted = place.counted(0, &[&args[..], &run].concat());
    assert_eq!(events(&counted), [0, 3]);
    assert_eq!(counted["ran"]["exit"], 0);
}

#[test]
fn a_command_that_fails_is_no_success() {
    let place = Place::new();
    let counted = place.counted(
        1,
        &["./fixture", "utxocache:add", "--", "./fixture", "10", "7"],
    );
    assert_eq!(events(&counted), [10]);
    assert_eq!(counted["complete"], true);
    assert_eq!(counted["ran"]["exit"], 7);
    let counted = place.counted(
        1,
        &["./fixture", "utxocache:add", "--", "sh", "-c", "kill -9 $$"],
    );
    assert_eq!(counted["ran"]["signal"], 9);
    assert_eq!(counted["ran"]["exit"], json!(null));
}

#[test]
fn a_command_that_cannot_be_started_is_said_before_anything_else() {
    let place = Place::new();
    settings().bind(|| {
        insta::assert_snapshot!(
            [
                place.told(&[
                    "trace",
                    "./fixture",
                    "utxocache:add",
                    "--",
                    "no-such-program"
                ]),
                place.told(&[
                    "trace",
                    "./fixture",
                    "utxocache:add",
                    "--",
                    "/dev/null",
                    "x"
                ]),
            ]
            .concat()
        );
    });
}

#[test]
fn a_reader_that_goes_away_ends_it_and_its_command() {
    let place = Place::new();
    let mut command = place.command(&[
        "trace",
        "./fixture",
        "utxocache:add",
        "--print",
        "--",
        "sh",
        "-c",
        "./fixture 1; echo $$ >pid; exec sleep 1000",
    ]);
    // Nobody ever reads.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command
        .stdout(writer)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let pid = std::fs::read_to_string(place.path("pid")).unwrap_or_default();
    assert!(
        pid.is_empty() || !std::path::Path::new("/proc").join(pid.trim()).exists(),
        "the command still runs"
    );
}

#[test]
fn how_far_it_is_is_said_again_and_again() {
    let place = Place::new();
    let mut fixture = place.fixture(&["10", "lines"]);
    let tracing = place.tracing(&["--interval=20ms", "./fixture", "utxocache:add"]);
    let so_far = tracing.json();
    assert_eq!(so_far["type"], "so_far");
    assert_eq!(so_far["ended"], json!(null));
    assert_eq!(events(&so_far), [0]);
    fixture.fire_line();
    while events(&tracing.json()) != [10] {}
    tracing.signal(Signal::INT);
    assert_eq!(events(&tracing.counted(0)), [10]);

    let mut command = place.command(&["trace", "--interval=20ms", "./fixture", "utxocache:add"]);
    let tracing = Started::new(command.stderr(Stdio::null()));
    let line = tracing.line();
    assert!(
        line.ends_with("/s") && line.contains(" s  utxocache:add  "),
        "{line}"
    );
}
