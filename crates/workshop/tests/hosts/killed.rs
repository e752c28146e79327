//! Runs that are killed at any moment: the next one finishes what they began.

use std::time::{Duration, Instant};

use super::workshop::{Host, Inventory, Workshop};

/// Gives the moments of a failed run again.
const SEED: &str = "WORKSHOP_TEST_SEED";

const ROUNDS: usize = 10;

/// Moments that nobody chose; xorshift64 (Marsaglia, 2003) is random enough for that.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap(),
            Err(_) => jiff::Timestamp::now().as_microsecond().unsigned_abs(),
        };
        says(&format!("{SEED}={seed}"));
        Self(seed.max(1))
    }

    fn within(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most.mul_f64((self.0 % 10_000) as f64 / 10_000.0)
    }
}

#[test]
fn a_run_killed_at_any_moment_is_finished_by_the_next() {
    let mut random = Random::new();
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]));
    let start = Instant::now();
    let hosts = workshop.provision();
    // Not quite to the end: a run that had ended was not killed.
    let whole = start.elapsed().mul_f64(0.9);
    let wanted = state(&workshop, &hosts);
    let start = Instant::now();
    workshop.destroy();
    let taking_down = start.elapsed();
    says(&format!(
        "killed within {whole:.2?}, a whole teardown takes {taking_down:.2?}"
    ));

    for round in 1..=ROUNDS {
        let moment = random.within(whole);
        let killed = workshop
            .start(&["provision", "--json"])
            .killed_after(moment);
        let start = Instant::now();
        let hosts = workshop.provision();
        says(&format!(
            "{round}: provision killed after {moment:.2?}{}, the next took {:.2?}",
            if killed { "" } else { " (it had ended)" },
            start.elapsed()
        ));
        assert_eq!(state(&workshop, &hosts), wanted);
        workshop.run(&["status"]).exits(0);
        workshop.provision_changes_nothing();
        assert_eq!(state(&workshop, &hosts), wanted);

        // Taking it down may be cut off as well.
        let moment = random.within(taking_down);
        let killed = workshop
            .start(&["destroy", "--yes", "--no-collect"])
            .killed_after(moment);
        says(&format!(
            "{round}: destroy killed after {moment:.2?}{}",
            if killed { "" } else { " (it had ended)" }
        ));
        if round % 2 == 0 {
            // Half a teardown is also something that a run can start from.
            let hosts = workshop.provision();
            assert_eq!(state(&workshop, &hosts), wanted);
        }
        workshop.destroy();
    }
}

/// What must be the same whatever happened before: who has which host, and everything on it that
/// the program put there.
fn state(workshop: &Workshop, hosts: &[Host]) -> Vec<String> {
    let look = "\
hostname; systemctl is-active bitcoind ssh; readlink -f /nix/var/nix/profiles/workshop
getent passwd workshop bitcoin; id workshop; cat /etc/hosts /etc/environment
ls -A /home/workshop /etc/sudoers.d; stat -c '%a %U:%G %n' /home/workshop/.ssh /home/workshop/bitcoin
find /etc/bitcoin /etc/workshop /etc/sudoers.d /etc/motd /etc/nix /home/workshop/.ssh -type f | sort | xargs sha256sum
cd /home/workshop/bitcoin && find . -type f | wc -l && cat build/bin/bitcoind | sha256sum";
    let mut state = Vec::new();
    for host in hosts {
        let seen = workshop.root(&host.word, look);
        state.push(format!(
            "{} {} {:?} {} {}\n{seen}",
            host.word, host.identity, host.address, host.host_key, host.verified
        ));
    }
    state
}

#[expect(clippy::print_stderr, reason = "a test says what it tried")]
fn says(line: &str) {
    eprintln!("{line}");
}
