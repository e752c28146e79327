//! The six tasks as somebody does them who is wrong first. Run again on the same host, they go the same way.

use exercises::Task;
use exercises::profile::CMAKE;
use exercises::solutions::{Solution, solutions};

use super::participant::Participant;
use crate::Result;
use crate::run::headline;

pub(super) fn all(participant: &Participant<'_>) -> Result {
    let tasks: [fn(&Participant<'_>, &Task) -> Result; 6] =
        [task0, task1, task2, task3, task4, task5];
    for (one, does) in exercises::TASKS.iter().zip(tasks) {
        headline(&format!("{}: {}", one.id, one.title));
        does(participant, one)?;
    }
    Ok(())
}

/// What the handout leads to.
fn reference(of: &Task) -> Result<Solution> {
    let all = solutions(of.id).map_err(|error| error.to_string())?;
    all.into_iter()
        .next()
        .ok_or_else(|| format!("{} has no reference solution", of.id))
}

fn task0(ada: &Participant<'_>, _: &Task) -> Result {
    let release = ada.reads("uname -r")?;
    let memory = ada.reads("free -b | awk '/^Mem:/ { printf \"%.1f GiB\\n\", $2 / 2^30 }'")?;
    ada.answers("task0", "kernel", "4.4")?;
    ada.answers("task0", "memory", &memory)?;
    ada.reads("sudo -n id -u")?;
    ada.answers("task0", "root", "yes")?;
    ada.shows_no("workshop check task0")?;
    ada.answers("task0", "kernel", &release)?;
    ada.shows("workshop check task0")
}

fn task1(ada: &Participant<'_>, _: &Task) -> Result {
    let listed = ada.reads(
        "readelf -n bitcoin/build/bin/bitcoind | \
         awk '/Provider:/ { p = $2 } /Name:/ { print p \":\" $2 }' | sort -u",
    )?;
    let place =
        ada.reads("cd bitcoin && grep -rn 'TRACEPOINT(net, inbound_message' src | cut -d: -f1,2")?;
    let (all, _) = listed
        .rsplit_once('\n')
        .ok_or("the binary has no tracepoints")?;
    ada.answers("task1", "tracepoints", all)?;
    ada.answers("task1", "arguments", "readelf -n")?;
    // On a second run of the demo, her own of task 5 are there.
    let own = listed.lines().filter(|name| name.starts_with("node:"));
    let own: Vec<_> = own.collect();
    let documented = if own.is_empty() {
        "yes".to_owned()
    } else {
        format!("no: {}", own.join(" "))
    };
    ada.answers("task1", "documented", &documented)?;
    ada.answers("task1", "source", &place)?;
    ada.shows_no("workshop check task1")?;
    ada.answers("task1", "tracepoints", &listed)?;
    ada.shows("workshop check task1")
}

fn task2(ada: &Participant<'_>, _: &Task) -> Result {
    // Nothing is said of it before it was watched; on a second run of the demo an answer is.
    ada.answers("task2", "types", "feeler")?;
    ada.shows_no("workshop check task2")?;
    ada.reads(
        "(sleep 2; bitcoin-cli ping) & sudo workshop monitor --json --duration 5s | tail -n 1; wait",
    )?;
    let peers = ada.reads("bitcoin-cli getconnectioncount")?;
    let types = ada.reads(
        "bitcoin-cli getpeerinfo | \
         awk -F'\"' '/\"connection_type\"/ { print $4; n++ } END { if (!n) print \"none\" }' | sort -u",
    )?;
    ada.answers("task2", "peers", &peers)?;
    ada.answers("task2", "types", &types)?;
    ada.answers("task2", "exchange", "a ping and its pong")?;
    ada.shows("workshop check task2")
}

fn task3(ada: &Participant<'_>, of: &Task) -> Result {
    let reference = reference(of)?;
    ada.shows("workshop start task3 --again")?;
    ada.shows_no("workshop check task3")?;
    let script = reference
        .filled(of, &CMAKE)
        .map_err(|error| error.to_string())?;
    ada.writes("workshop/task3.bt", &script)?;
    for (question, answer) in &reference.answers {
        ada.answers("task3", question, &answer.text())?;
    }
    ada.shows("workshop check task3")
}

fn task4(ada: &Participant<'_>, of: &Task) -> Result {
    ada.shows("workshop interface-test")?;
    ada.answers("task4", "unprivileged", "it passes as well")?;
    ada.shows_no("workshop check task4")?;
    for (question, answer) in &reference(of)?.answers {
        ada.answers("task4", question, &answer.text())?;
    }
    ada.shows("workshop check task4")
}

fn task5(ada: &Participant<'_>, of: &Task) -> Result {
    let reference = reference(of)?;
    ada.shows("workshop start task5")?;
    ada.answers("task5", "names", "node:begun node:gone")?;
    ada.shows_no("workshop check task5")?;
    ada.writes("workshop/task5.patch", reference.body)?;
    // On a second run of the demo it is there already.
    ada.shows(
        "cd bitcoin && { git apply --reverse --check ~/workshop/task5.patch 2>/dev/null || \
         git apply ~/workshop/task5.patch; }",
    )?;
    ada.shows(&format!("cd bitcoin && {}", CMAKE.build_node))?;
    for (question, answer) in &reference.answers {
        ada.answers("task5", question, &answer.text())?;
    }
    ada.shows("workshop check task5")
}
