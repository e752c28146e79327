//! A program that is rebuilt while it is traced.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::{Place, Started, events, tracepoint};

fn following(place: &Place) -> Started {
    place.tracing(&["--follow", "./fixture", "utxocache:add", "--sum", "value"])
}

fn sum(counted: &Value) -> &Value {
    &tracepoint(counted, 0)["measures"][0]["sum"]
}

#[test]
fn a_new_file_in_its_place_is_traced_on() {
    let place = Place::new();
    place.compile("other", &["-DSTEP=10"]);
    let tracing = following(&place);
    place.fire("100");
    fs::rename(place.path("other"), place.path("fixture")).unwrap();
    assert_eq!(tracing.json()["type"], "followed");
    place.fire("100");
    tracing.signal(Signal::INT);
    let counted = tracing.counted(0);
    assert_eq!(events(&counted), [200]);
    assert_eq!(sum(&counted), 4950 + 49_500);
}

#[test]
fn a_file_that_is_written_anew_is_traced_on() {
    let place = Place::new();
    place.compile("other", &["-DSTEP=10", "-O0"]);
    let tracing = following(&place);
    place.fire("100");
    // As `cp` does it: the same file, emptied and filled.
    let other = fs::read(place.path("other")).unwrap();
    fs::write(place.path("fixture"), other).unwrap();
    assert_eq!(tracing.json()["type"], "followed");
    place.fire("100");
    tracing.signal(Signal::INT);
    let counted = tracing.counted(0);
    assert_eq!(events(&counted), [200]);
    assert_eq!(sum(&counted), 4950 + 49_500);
}

#[test]
fn a_file_without_the_tracepoint_is_waited_out() {
    let place = Place::new();
    place.compile("other", &["-DSTEP=10"]);
    place.compile("lacking", &["-DWITHOUT_ADD"]);
    let mut command = place.command(&[
        "trace",
        "--follow",
        "./fixture",
        "utxocache:add",
        "--sum",
        "value",
    ]);
    let mut tracing = Started::new(command.stderr(Stdio::piped()));
    let stderr = tracing.child.stderr.take().unwrap();
    let mut stderr = std::io::BufRead::lines(std::io::BufReader::new(stderr)).map_while(Result::ok);
    let mut wait_for = |text: &str| assert!(stderr.any(|line| line.contains(text)), "{text}");
    wait_for("ready after");
    fs::rename(place.path("lacking"), place.path("fixture")).unwrap();
    wait_for("there is no tracepoint utxocache:add");
    fs::rename(place.path("other"), place.path("fixture")).unwrap();
    wait_for("is a new file: traced on");
    place.fire("100");
    tracing.signal(Signal::INT);
    let told = [tracing.line(), tracing.line()].join("\n");
    assert!(
        told.contains(" 100 events ") && told.contains("sum 49,500"),
        "{told}"
    );
    assert!(tracing.wait().success());
}

#[test]
fn a_process_of_another_file_is_told() {
    let place = Place::new();
    // A copy somewhere else, and the file as it was before it was replaced.
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::copy(place.path("fixture"), place.path("elsewhere/fixture")).unwrap();
    let copy = Started::new(Command::new(place.path("elsewhere/fixture")).args(["1", "lines"]));
    let before = place.fixture(&["1", "lines"]);
    place.compile("other", &[]);
    fs::rename(place.path("other"), place.path("fixture")).unwrap();
    let told = place.told(&["trace", "--duration", "10ms", "./fixture", "utxocache:add"]);
    let place = place.dir.path().display();
    let others = [
        format!(
            "process {} runs {place}/elsewhere/fixture, another file: its events are not seen\n",
            copy.pid()
        ),
        format!(
            "process {} runs {place}/fixture as it was before it was replaced: its events are not seen\n",
            before.pid()
        ),
        "no process runs it yet: waiting\n".to_owned(),
    ];
    for other in others {
        assert!(told.contains(&other), "{other}{told}");
    }
}
