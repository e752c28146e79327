//! Who is to blame: the processes of two moments compared, and what of them may be stopped.

use std::collections::{BTreeMap, BTreeSet};

use super::escalation::Resource;

/// One process at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// A job of a shell, with all that it started.
    pub(super) group: u32,
    pub(super) started: u64,
    pub(super) name: String,
    pub(super) user: u32,
    /// Processor time, of ended children too.
    pub(super) ticks: u64,
    pub(super) memory: u64,
    pub(super) written: u64,
    /// Whether it has a socket to another host.
    pub(super) outbound: bool,
    /// Belongs to the system or to the workshop: never stopped.
    pub(super) ours: bool,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    pub(super) processes: Vec<Process>,
}

/// What is to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Culprit {
    pub(super) group: u32,
    /// Its processes that may be stopped, the biggest first.
    pub(super) pids: Vec<u32>,
    pub(super) name: String,
    pub(super) user: u32,
    /// Whether all of the group may be stopped at once.
    pub(super) whole: bool,
}

/// The group that used most of `resource` since `before`; none where only what is ours did.
pub(super) fn culprit(resource: Resource, before: &Census, now: &Census) -> Option<Culprit> {
    let use_of = uses(resource, before, now);
    let mut groups: BTreeMap<u32, Vec<(u64, &Process)>> = BTreeMap::new();
    for process in &now.processes {
        let used = use_of.get(&process.pid).copied().unwrap_or(0);
        groups
            .entry(process.group)
            .or_default()
            .push((used, process));
    }
    let sum = |members: &[(u64, &Process)]| -> u64 {
        let theirs = members.iter().filter(|(_, process)| !process.ours);
        theirs.map(|(used, _)| *used).sum()
    };
    let (group, mut members) = groups.into_iter().max_by_key(|(_, members)| sum(members))?;
    if sum(&members) == 0 {
        return None;
    }
    members.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
    let whole = members.iter().all(|(_, process)| !process.ours);
    members.retain(|(_, process)| !process.ours);
    let (_, first) = members.first()?;
    Some(Culprit {
        group,
        name: first.name.clone(),
        user: first.user,
        pids: members.iter().map(|(_, process)| process.pid).collect(),
        whole,
    })
}

/// What each process used in between.
fn uses(resource: Resource, before: &Census, now: &Census) -> BTreeMap<u32, u64> {
    let known: BTreeMap<(u32, u64), &Process> = (before.processes.iter())
        .map(|process| ((process.pid, process.started), process))
        .collect();
    let alive: BTreeSet<(u32, u64)> = (now.processes.iter())
        .map(|process| (process.pid, process.started))
        .collect();
    // A child that ended gave its whole time to its parent, also what it had used before.
    let mut inherited: BTreeMap<u32, u64> = BTreeMap::new();
    for process in &before.processes {
        if !alive.contains(&(process.pid, process.started)) {
            *inherited.entry(process.parent).or_default() += process.ticks;
        }
    }
    let used = |process: &Process| {
        let then = known.get(&(process.pid, process.started));
        let spent = || {
            let then = then.map_or(0, |then| then.ticks);
            let inherited = inherited.get(&process.pid).copied().unwrap_or(0);
            process.ticks.saturating_sub(then).saturating_sub(inherited)
        };
        match resource {
            Resource::Cpu => spent(),
            Resource::Memory => process.memory,
            Resource::Disk => {
                let then = then.map_or(0, |then| then.written);
                process.written.saturating_sub(then)
            }
            // Nobody counts what a process sends. Of those with a connection it is the busiest; sending
            // costs time, and a tick is the least there is.
            Resource::Egress if process.outbound => spent() + 1,
            Resource::Egress => 0,
        }
    };
    (now.processes.iter())
        .map(|process| (process.pid, used(process)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, group: u32, name: &str) -> Process {
        Process {
            pid,
            parent,
            group,
            started: u64::from(pid) * 10,
            name: name.into(),
            user: 1000,
            ..Process::default()
        }
    }

    fn with(process: Process, ticks: u64) -> Process {
        Process { ticks, ..process }
    }

    fn census(processes: &[Process]) -> Census {
        Census {
            processes: processes.to_vec(),
        }
    }

    fn named(resource: Resource, before: &Census, now: &Census) -> Option<String> {
        culprit(resource, before, now).map(|culprit| culprit.name)
    }

    #[test]
    fn the_group_that_used_most_since_then_not_ever() {
        let old = process(10, 1, 10, "old");
        let make = process(20, 1, 20, "make");
        let before = census(&[with(old.clone(), 90_000), with(make.clone(), 5)]);
        let compilers = [
            with(process(21, 20, 20, "cc1plus"), 400),
            with(process(22, 20, 20, "cc1plus"), 500),
        ];
        let one = with(process(30, 1, 30, "spin"), 600);
        let now = census(&[&[with(old, 90_010), with(make, 6), one][..], &compilers[..]].concat());
        let found = culprit(Resource::Cpu, &before, &now).unwrap();
        assert_eq!(found.group, 20);
        assert_eq!(found.name, "cc1plus");
        assert_eq!(found.pids, [22, 21, 20]);
        assert!(found.whole);
    }

    #[test]
    fn what_is_ours_is_never_stopped() {
        let node = Process {
            ours: true,
            ..with(process(5, 1, 5, "bitcoind"), 1_000_000)
        };
        assert_eq!(
            named(
                Resource::Cpu,
                &Census::default(),
                &census(std::slice::from_ref(&node))
            ),
            None
        );
        // Nor together with somebody who is in its group.
        let beside = with(process(6, 5, 5, "spin"), 10);
        let found = culprit(Resource::Cpu, &Census::default(), &census(&[node, beside])).unwrap();
        assert_eq!(found.pids, [6]);
        assert!(!found.whole);
    }

    #[test]
    fn a_shell_is_not_blamed_for_a_job_that_ended_but_for_one_it_repeats() {
        let shell = process(10, 1, 10, "bash");
        let job = process(11, 10, 11, "job");
        let other = process(12, 1, 12, "other");
        let before = census(&[
            with(shell.clone(), 1),
            with(job, 5000),
            with(other.clone(), 0),
        ]);
        // The job ended soon after: of its 5010 ticks the shell gets, 10 are new.
        let now = census(&[with(shell.clone(), 5011), with(other.clone(), 50)]);
        assert_eq!(
            named(Resource::Cpu, &before, &now).as_deref(),
            Some("other")
        );
        // Thousands of short children, none of which lives now.
        let now = census(&[with(shell, 9000), with(other, 50)]);
        assert_eq!(named(Resource::Cpu, &before, &now).as_deref(), Some("bash"));
    }

    #[test]
    fn a_pid_that_was_given_again_is_somebody_else() {
        let old = with(process(10, 1, 10, "old"), 700);
        let young = Process {
            started: 999,
            ..with(process(10, 1, 10, "young"), 300)
        };
        let other = with(process(20, 1, 20, "other"), 200);
        let found = named(Resource::Cpu, &census(&[old]), &census(&[young, other]));
        assert_eq!(found.as_deref(), Some("young"));
    }

    #[test]
    fn each_resource_has_its_own_measure() {
        let big = Process {
            memory: 1 << 30,
            ..process(10, 1, 10, "big")
        };
        let writer = Process {
            written: 1 << 30,
            ..process(20, 1, 20, "writer")
        };
        let sender = Process {
            outbound: true,
            ..with(process(30, 1, 30, "sender"), 5)
        };
        let idle = Process {
            outbound: true,
            ..process(31, 1, 31, "idle")
        };
        let now = census(&[
            with(process(40, 1, 40, "busy"), 900),
            idle,
            big,
            writer,
            sender,
        ]);
        let before = Census::default();
        let of = |resource| named(resource, &before, &now).unwrap();
        assert_eq!(of(Resource::Cpu), "busy");
        assert_eq!(of(Resource::Memory), "big");
        assert_eq!(of(Resource::Disk), "writer");
        assert_eq!(of(Resource::Egress), "sender");
        assert_eq!(named(Resource::Disk, &now, &now), None);
    }
}
