//! Checks: how long a participant waits for them, on a host, beside what they cannot do without.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;

use exercises::profile::CMAKE;
use exercises::solutions::{Body, Solution, solutions};
use exercises::task;

use super::median;
use crate::Result;
use crate::room::Room;
use crate::run::{headline, shown};

/// A host for it is made and taken down.
pub(super) fn measure(room: &Room, runs: usize) -> Result {
    headline("Checks, on a host");
    shown(&mut room.command("provision"))?;
    let measured = on_a_host(room, runs);
    shown(room.command("destroy").args(["--yes", "--no-collect"]))?;
    let times = measured?;
    let of = |name: &str| times.get(name).map_or(f64::NAN, |times| median(times));
    for task in ["task0", "task1", "task2", "task4"] {
        println!("check {task}: {:.3} s", of(task));
    }
    println!("  (promised for task0 and task1: under 0.1 s)");
    let needed = of("test") + of("bpftrace");
    println!(
        "check task3: {:.2} s; the unit test alone {:.2} s, bpftrace from its start to its end {:.2} s, ratio to both {:.2} (promised: at most 1.3)",
        of("task3"),
        of("test"),
        of("bpftrace"),
        of("task3") / needed
    );
    println!(
        "check task5: {:.2} s beside a rebuild of {:.1} s (promised: under 15 s)",
        of("task5"),
        of("build")
    );
    Ok(())
}

/// Seconds by what was timed.
fn on_a_host(room: &Room, runs: usize) -> Result<BTreeMap<String, Vec<f64>>> {
    let word = room.word_of("spare 1")?;
    let mut child = room
        .command("ssh")
        .args([word.as_str(), "runuser -l workshop -c 'sh -s'"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("workshop ssh: {error}"))?;
    let script = script(runs)?;
    let mut stdin = child.stdin.take().ok_or("ssh has no input")?;
    let written = std::io::Write::write_all(&mut stdin, script.as_bytes());
    drop(stdin);
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    written.map_err(|error| format!("workshop ssh: {error}"))?;
    if !output.status.success() {
        return Err(format!("a measured check ended with {}", output.status));
    }
    let mut times = BTreeMap::<_, Vec<f64>>::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((name, seconds)) = line.split_once(' ')
            && let Ok(seconds) = seconds.parse()
        {
            times.entry(name.to_owned()).or_default().push(seconds);
        }
    }
    Ok(times)
}

fn reference(of: &str) -> Result<Solution> {
    let all = solutions(of).map_err(|error| error.to_string())?;
    all.into_iter()
        .next()
        .ok_or_else(|| format!("{of} has no solution"))
}

/// Puts the reference solutions in place, and times the checks where the participant would wait for them. Only what
/// passes is timed: a check that says no may end early.
fn script(runs: usize) -> Result<String> {
    let mut script = String::from(
        "set -eu\n\
         timed() {\n  name=$1; shift; start=$(date +%s%N)\n  \"$@\" > /dev/null 2>&1\n  end=$(date +%s%N)\n  \
         echo \"$name $(echo \"$end $start\" | awk '{ printf \"%.6f\", ($1 - $2) / 1e9 }')\"\n}\n\
         mkdir -p workshop\n",
    );
    for name in ["task0", "task1", "task2", "task3", "task4", "task5"] {
        let solution = reference(name)?;
        let task = task(name).map_err(|error| error.to_string())?;
        let body = solution
            .filled(task, &CMAKE)
            .map_err(|error| error.to_string())?;
        for (question, answer) in &solution.answers {
            let text = answer.text().replace('\'', r"'\''");
            let _ = writeln!(
                script,
                "workshop answer {name} {question} '{text}' > /dev/null"
            );
        }
        let _ = match solution.kind {
            // In a shell of their own: tasks have functions of the same names.
            Body::Commands => writeln!(script, "(\n{body}\n) > /dev/null 2>&1"),
            Body::Script => writeln!(
                script,
                "cat > workshop/{name}.bt <<'END_OF_IT'\n{body}\nEND_OF_IT"
            ),
            Body::Patch if name == "task5" => writeln!(
                script,
                "cat > {name}.patch <<'END_OF_IT'\n{body}\nEND_OF_IT\ncd bitcoin; git apply ~/{name}.patch\n\
                 timed build {}; cd",
                CMAKE.build_node
            ),
            Body::Patch => Ok(()),
        };
        let runs = if matches!(name, "task0" | "task1") {
            runs * 3
        } else {
            runs
        };
        let _ = writeln!(
            script,
            "for run in $(seq {runs}); do timed {name} workshop check {name}; done"
        );
    }
    let _ = writeln!(
        script,
        "cd bitcoin; for run in $(seq {runs}); do\n  \
         timed test {} --run_test={}\n  \
         timed bpftrace sudo bpftrace -e \"$(cat ~/workshop/task3.bt) interval:ms:1 {{ exit(); }}\"\ndone",
        CMAKE.unit_tests, CMAKE.coins_test
    );
    Ok(script)
}
