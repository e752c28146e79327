//! What goes wrong, and when.

use std::time::Duration;

/// Something that goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this status, code and message.
    Refuse(u16, &'static str, &'static str),
    /// It is refused, as all calls are until so many seconds have passed: 429.
    RateLimit(u64),
    /// Nothing is done and nothing is answered.
    Silence,
    /// It is done, and the answer never comes.
    LostInSilence,
    /// It is done, and the connection ends before the answer.
    Lost,
    /// It is done, and the answer is a fault of the server: 500.
    DoneBut500,
    /// It is done, and the answer is cut in the middle.
    HalfJson,
    /// The answer has values and fields that nobody knows yet.
    UnknownValues,
    /// The action that it begins fails with this code and message.
    ActionFails(&'static str, &'static str),
    /// A new server is said to run, and nobody ever answers there.
    NeverBoots,
    /// A new server boots with another host key than it was given.
    ForeignKey,
}

impl Fault {
    /// Whether what was asked for is done all the same.
    pub(crate) fn is_done(self) -> bool {
        !matches!(self, Self::Refuse(..) | Self::RateLimit(_) | Self::Silence)
    }
}

/// When a fault happens: to calls of `method` whose path contains `path`, after `skip` of them, `times` times.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `GET`, or any when empty.
    pub method: &'static str,
    /// A part of the path, such as `/servers`, or any when empty.
    pub path: &'static str,
    /// So many go well first.
    pub skip: u32,
    /// So many times.
    pub times: u32,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// The first call that fits.
    pub fn first(method: &'static str, path: &'static str, fault: Fault) -> Self {
        Self {
            method,
            path,
            skip: 0,
            times: 1,
            fault,
        }
    }

    /// Every call that fits.
    pub fn every(method: &'static str, path: &'static str, fault: Fault) -> Self {
        Self {
            times: u32::MAX,
            ..Self::first(method, path, fault)
        }
    }
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    random: Option<Random>,
}

#[derive(Debug)]
struct Random {
    state: u64,
    percent: u64,
}

impl Random {
    /// SplitMix64, whose whole state is the seed.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What may happen to any call by chance: all of it passes, or is found out by looking.
const BY_CHANCE: [Fault; 10] = [
    Fault::Refuse(500, "server_error", "an internal error occurred"),
    Fault::Refuse(503, "unavailable", "service unavailable"),
    Fault::Refuse(409, "conflict", "the resource has changed, please retry"),
    Fault::Refuse(423, "locked", "server is locked"),
    Fault::RateLimit(0),
    Fault::Silence,
    Fault::LostInSilence,
    Fault::Lost,
    Fault::DoneBut500,
    Fault::HalfJson,
];
/// What may happen to a new server by chance.
const TO_SERVERS: [Fault; 3] = [
    Fault::Refuse(412, "resource_unavailable", "error during placement"),
    Fault::ActionFails("action_failed", "something went wrong"),
    Fault::UnknownValues,
];

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn seed(&mut self, seed: u64, percent: u64) {
        self.random = Some(Random {
            state: seed,
            percent,
        });
    }

    pub(crate) fn of(&mut self, method: &str, path: &str) -> Option<Fault> {
        for rule in &mut self.rules {
            let fits =
                (rule.method.is_empty() || rule.method == method) && path.contains(rule.path);
            if !fits || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            return Some(rule.fault);
        }
        let random = self.random.as_mut()?;
        if random.next() % 100 >= random.percent {
            return None;
        }
        let to_server = method == "POST" && path == "/servers";
        let faults = BY_CHANCE.len() + if to_server { TO_SERVERS.len() } else { 0 };
        // Both lists are short.
        let which = usize::try_from(random.next() % faults as u64).unwrap_or_default();
        BY_CHANCE.iter().chain(&TO_SERVERS).copied().nth(which)
    }
}

/// Longer than any test waits for an answer, and short enough for a task that nobody ends.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);
