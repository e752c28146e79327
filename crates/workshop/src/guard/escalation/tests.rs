//! Simulated hosts on simulated time.

use provisioner::guard::{Share, Volume};

use super::*;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// What `workshop init` writes.
fn defaults() -> Config {
    Config {
        schema: Config::SCHEMA,
        cpus: Some(2.0),
        memory_bytes: Some(3 * GIB),
        cpu: Some(Share {
            percent: 90,
            seconds: 2 * HOUR,
        }),
        memory: Some(Share {
            percent: 95,
            seconds: 30 * MINUTE,
        }),
        disk_bytes: Some(12 * GIB),
        own_disk: false,
        egress: Some(Volume {
            bytes: 10 * GIB,
            seconds: HOUR,
        }),
        grace_seconds: 5 * MINUTE,
    }
}

const CAPACITY: Capacity = Capacity {
    cpus: 2.0,
    memory: 3 * GIB,
};

/// What a host does during a while: processors in use, memory held, bytes sent a second, growth of its files in
/// bytes a second.
#[derive(Clone, Copy, Default)]
struct Load {
    cpus: f64,
    memory: u64,
    sends: u64,
    grows: i64,
}

/// A host that is looked at every 15 seconds.
struct Host {
    guard: Escalation,
    now: Duration,
    cpu: Duration,
    sent: u64,
    disk: u64,
    /// When, in seconds, and what.
    told: Vec<(u64, &'static str, Resource)>,
}

impl Host {
    fn new(config: &Config) -> Self {
        Self {
            guard: Escalation::new(config, CAPACITY),
            now: Duration::ZERO,
            cpu: Duration::ZERO,
            sent: 0,
            disk: 3 * GIB,
            told: vec![],
        }
    }

    fn step(&mut self, load: Load, seconds: u64) {
        let step = Duration::from_secs(seconds);
        self.now += step;
        self.cpu += step.mul_f64(load.cpus);
        self.sent += load.sends * seconds;
        self.disk = self.disk.saturating_add_signed(load.grows * seconds as i64);
        let sample = Sample {
            at: self.now,
            cpu: Some(self.cpu),
            memory: Some(load.memory),
            disk: Some(self.disk),
            sent: Some(self.sent),
        };
        for action in self.guard.see(&sample) {
            let (what, resource) = match action {
                Action::Warn(finding) => ("warn", finding.resource),
                Action::Stop(finding) => ("stop", finding.resource),
                Action::PowerOff(finding) => ("power off", finding.resource),
                Action::Ease(resource) => ("ease", resource),
            };
            self.told.push((self.now.as_secs(), what, resource));
        }
    }

    fn run(&mut self, load: Load, seconds: u64) {
        for _ in 0..seconds / 15 {
            self.step(load, 15);
        }
    }

    /// Runs until the guard has done this.
    fn until(&mut self, what: &str, load: Load) -> u64 {
        let before = self.told.len();
        for _ in 0..10_000 {
            self.step(load, 15);
            if let Some((at, ..)) = self.told[before..]
                .iter()
                .find(|(_, told, _)| *told == what)
            {
                return *at;
            }
        }
        panic!("never: {what}; {:?}", self.told);
    }

    fn steps(&self) -> Vec<&'static str> {
        self.told.iter().map(|(_, what, _)| *what).collect()
    }
}

fn busy(cpus: f64) -> Load {
    Load {
        cpus,
        memory: GIB,
        ..Load::default()
    }
}

#[test]
fn a_miner_is_warned_stopped_and_powered_off_in_turn() {
    let mut host = Host::new(&defaults());
    host.run(busy(2.0), 3 * HOUR);
    // Two hours, then a grace between each two steps, then asked again in case it did not work.
    let cpu = |minutes: u64, what| (15 + 2 * HOUR + minutes * MINUTE, what, Resource::Cpu);
    assert_eq!(
        host.told[..4],
        [
            cpu(0, "warn"),
            cpu(5, "stop"),
            cpu(10, "power off"),
            cpu(15, "power off"),
        ]
    );
}

#[test]
fn whoever_heeds_the_warning_is_left_alone_and_watched_anew() {
    let mut host = Host::new(&defaults());
    let warned = host.until("warn", busy(2.0));
    // Ended a little before the grace is over.
    host.run(busy(2.0), 2 * MINUTE);
    host.run(busy(0.1), 4 * MINUTE);
    assert_eq!(host.steps(), ["warn", "ease"]);
    // What was before the warning does not count again.
    host.run(busy(2.0), 100 * MINUTE);
    assert_eq!(host.steps(), ["warn", "ease"]);
    let again = host.until("warn", busy(2.0));
    assert!(again >= warned + 2 * HOUR, "{again}");
}

#[test]
fn when_the_culprit_is_gone_the_host_stays_on() {
    let mut host = Host::new(&defaults());
    host.until("stop", busy(2.0));
    host.run(busy(0.5), 3 * HOUR);
    assert_eq!(host.steps(), ["warn", "stop", "ease"]);
}

#[test]
fn a_day_of_honest_work_is_none_of_its_business() {
    let mut host = Host::new(&defaults());
    let build = Load {
        cpus: 2.0,
        memory: 2 * GIB,
        grows: 200_000,
        ..Load::default()
    };
    let tests = busy(1.9);
    let trace = busy(1.2);
    // Sixteen hours: the whole tree with its tests (25 minutes), the tests, an hour of tracing, talk.
    for _ in 0..8 {
        host.run(build, 25 * MINUTE);
        host.run(tests, 10 * MINUTE);
        host.run(trace, HOUR);
        // A linker takes all memory for a moment; files are sent to somebody.
        host.run(
            Load {
                cpus: 1.0,
                memory: 3 * GIB,
                ..Load::default()
            },
            2 * MINUTE,
        );
        host.run(
            Load {
                cpus: 0.3,
                memory: GIB,
                sends: 10 * MIB,
                grows: -200_000,
            },
            10 * MINUTE,
        );
        host.run(busy(0.05), 13 * MINUTE);
    }
    assert_eq!(host.told, []);
}

#[test]
fn short_pauses_do_not_hide_a_runaway_and_most_of_two_hours_is_no_runaway() {
    let mut host = Host::new(&defaults());
    for _ in 0..60 {
        host.run(busy(2.0), 2 * MINUTE);
        host.step(busy(0.0), 5);
    }
    assert_eq!(host.steps()[..1], ["warn"]);
    let mut host = Host::new(&defaults());
    host.run(busy(2.0), 105 * MINUTE);
    host.run(busy(0.0), HOUR);
    assert_eq!(host.told, []);
}

#[test]
fn one_busy_processor_of_two_is_not_the_host() {
    let mut host = Host::new(&defaults());
    host.run(busy(1.0), 20 * HOUR);
    assert_eq!(host.told, []);
}

#[test]
fn memory_and_egress_climb_the_same_steps() {
    let memory = Load {
        memory: 3 * GIB,
        ..Load::default()
    };
    let flood = Load {
        sends: 20 * MIB,
        ..Load::default()
    };
    for (load, resource) in [(memory, Resource::Memory), (flood, Resource::Egress)] {
        let mut host = Host::new(&defaults());
        host.until("power off", load);
        assert_eq!(host.steps(), ["warn", "stop", "power off"]);
        assert!(host.told.iter().all(|(.., of)| *of == resource));
    }
}

#[test]
fn a_download_is_not_egress_and_a_few_gigabytes_are_none_either() {
    let mut host = Host::new(&defaults());
    // The build tree of everybody in a class, collected at once.
    let burst = Load {
        sends: 100 * MIB,
        ..Load::default()
    };
    host.run(burst, MINUTE);
    host.run(Load::default(), 2 * HOUR);
    assert_eq!(host.told, []);
}

fn grows(bytes: i64) -> Load {
    Load {
        grows: bytes,
        ..Load::default()
    }
}

#[test]
fn a_disk_that_goes_on_filling_powers_the_host_off() {
    let mut host = Host::new(&defaults());
    host.until("power off", grows(MIB as i64));
    assert_eq!(host.steps(), ["warn", "stop", "power off"]);
    let [warned, stopped, off] = [0, 1, 2].map(|step| host.told[step].0);
    assert_eq!((stopped - warned, off - stopped), (300, 300));
}

#[test]
fn a_disk_that_fills_fast_is_not_waited_for() {
    let mut host = Host::new(&defaults());
    host.until("stop", grows(400 * MIB as i64));
    let [warned, stopped] = [0, 1].map(|step| host.told[step].0);
    assert!(stopped - warned <= 30, "{:?}", host.told);
}

#[test]
fn a_full_disk_can_be_tidied_up_in_peace() {
    let mut host = Host::new(&defaults());
    host.until("warn", grows(10 * MIB as i64));
    host.run(grows(0), 3 * HOUR);
    // Told once an hour, and nothing else.
    assert_eq!(host.steps(), ["warn"; 4]);
    // A log grows on: nobody's fault.
    host.run(grows(1000), 30 * MINUTE);
    assert!(!host.steps().contains(&"stop"));
    host.run(grows(-10 * MIB as i64), 10 * MINUTE);
    assert_eq!(host.told.last().unwrap().1, "ease");
    // Full once more: warned once more.
    host.until("warn", grows(10 * MIB as i64));
}

#[test]
fn after_a_stop_a_disk_that_only_stays_full_is_warned_of() {
    let mut host = Host::new(&defaults());
    host.until("stop", grows(MIB as i64));
    host.run(grows(0), 30 * MINUTE);
    assert!(!host.steps().contains(&"power off"));
    // Somebody begins again: from the start.
    let stops = |host: &Host| host.steps().iter().filter(|step| **step == "stop").count();
    host.until("stop", grows(MIB as i64));
    assert_eq!(stops(&host), 2);
}

#[test]
fn resources_climb_on_their_own() {
    let mut host = Host::new(&defaults());
    let both = Load {
        cpus: 2.0,
        sends: 20 * MIB,
        memory: GIB,
        grows: 0,
    };
    host.run(both, 9 * MINUTE);
    let first = host.until("warn", both);
    assert_eq!(host.told, [(first, "warn", Resource::Egress)]);
    host.until("stop", both);
    // Egress ends; the processors are watched as if nothing had been.
    host.run(busy(2.0), 2 * HOUR);
    assert!(
        host.told.contains(&(2 * HOUR + 15, "warn", Resource::Cpu)),
        "{:?}",
        host.told
    );
}

#[test]
fn what_is_off_is_not_watched_and_what_is_unknown_is_not_guessed() {
    let off = Config {
        cpu: None,
        memory: None,
        disk_bytes: None,
        egress: None,
        ..defaults()
    };
    let all = Load {
        cpus: 2.0,
        memory: 3 * GIB,
        sends: GIB,
        grows: 10 * MIB as i64,
    };
    let mut host = Host::new(&off);
    host.run(all, 5 * HOUR);
    assert_eq!(host.told, []);

    let mut guard = Escalation::new(&defaults(), CAPACITY);
    for second in 0..20_000 {
        let nothing = Sample {
            at: Duration::from_secs(second),
            ..Sample::default()
        };
        assert_eq!(guard.see(&nothing), []);
    }
    assert!(!guard.is_tense());
}

#[test]
fn a_guard_that_was_held_up_judges_by_what_passed() {
    // Of a host that lets nobody run, samples come late; the counters are right all the same.
    let mut host = Host::new(&defaults());
    for _ in 0..40 {
        host.step(busy(2.0), 200);
    }
    host.step(busy(2.0), 900);
    host.step(busy(2.0), 900);
    assert_eq!(host.steps()[..2], ["warn", "stop"]);
}

#[test]
fn history_does_not_grow_without_end() {
    let mut host = Host::new(&defaults());
    host.run(busy(0.2), 24 * HOUR);
    let kept = |mean: &Mean| mean.history.len();
    assert!(host.guard.means.iter().map(kept).max().unwrap() < 500);
}
