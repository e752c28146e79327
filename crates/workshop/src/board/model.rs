//! What is known of the room, and what of it is worth looking at.

use std::collections::BTreeMap;

use exercises::TASKS;
use exercises::progress::{Progress, Stage};
use exercises::verdict::State;
use jiff::Timestamp;
use provisioner::room::{Condition, Seat};
use provisioner::state::Role;
use serde::Serialize;

use super::line::{Health, Told};
use crate::room::line;
use crate::room::progress::HostSays;

/// Somebody who has begun a task so long ago, has checked it, and has not passed is stuck, and may want a visit.
const STUCK_MINUTES: i64 = 15;

/// A host that tells every two seconds and has told nothing for so long does not answer.
const SILENT_SECONDS: i64 = 10;

/// Of a reason so many characters are kept; a line of a wide terminal has as many.
const LONGEST_REASON: usize = 160;

/// The whole room.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// In the room's order.
    seats: Vec<Seat>,
    hosts: BTreeMap<String, Heard>,
}

/// What a host has told.
#[derive(Debug, Default)]
struct Heard {
    health: Option<Health>,
    progress: Option<HostSays>,
    /// When it told something last.
    at: Option<Timestamp>,
    /// Why the connection ended, or none came about.
    gone: Option<String>,
}

/// Something new.
#[derive(Debug)]
pub(super) enum News {
    /// The hosts there are.
    Room(Vec<Seat>),
    /// A host told something.
    Told(String, Told),
    /// A host's connection ended.
    Gone(String, String),
}

/// One host, as it is shown now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Shown {
    pub(crate) word: String,
    /// Whose it is. Left out where everybody looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<String>,
    pub(crate) tasks: Vec<Task>,
    /// What is wrong with the host; nothing when it is well.
    pub(crate) trouble: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<Health>,
}

/// One task of a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Task {
    pub(crate) task: &'static str,
    pub(crate) stage: Stage,
    /// Checks that came to a verdict.
    pub(crate) attempts: u32,
    /// Minutes since it was begun, while it has not passed.
    pub(crate) minutes: Option<i64>,
    /// Checked, not passed, and begun long ago.
    pub(crate) stuck: bool,
    pub(crate) hints: usize,
    /// Why the latest check did not pass. Left out where everybody looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Board {
    pub(super) fn hear(&mut self, news: News, now: Timestamp) {
        match news {
            News::Room(seats) => {
                self.seats = seats
                    .into_iter()
                    .filter(|seat| seat.role != Role::Builder)
                    .collect();
                let known: Vec<&str> = self.seats.iter().map(|seat| seat.word.as_str()).collect();
                self.hosts.retain(|word, _| known.contains(&word.as_str()));
            }
            News::Told(word, told) => {
                let heard = self.hosts.entry(word).or_default();
                heard.at = Some(now);
                heard.gone = None;
                match told {
                    Told::Health(health) => heard.health = Some(health),
                    Told::Progress(says) => heard.progress = Some(says),
                }
            }
            News::Gone(word, why) => {
                self.hosts.entry(word).or_default().gone = Some(line(&why, LONGEST_REASON));
            }
        }
    }

    /// Whether each host that runs has told its progress, or why not.
    pub(super) fn settled(&self) -> bool {
        self.seats.iter().filter(|seat| runs(seat)).all(|seat| {
            let heard = self.hosts.get(&seat.word);
            heard.is_some_and(|heard| {
                (heard.progress.is_some() && heard.health.is_some()) || heard.gone.is_some()
            })
        })
    }

    /// The room as it is now. `private` tells names and reasons too.
    pub(crate) fn shown(&self, now: Timestamp, private: bool) -> Vec<Shown> {
        let nothing = Heard::default();
        let shown = self.seats.iter().map(|seat| {
            let heard = self.hosts.get(&seat.word).unwrap_or(&nothing);
            Shown {
                word: seat.word.clone(),
                who: private.then(|| line(&seat.identity, 60)),
                tasks: heard.tasks(now, private),
                trouble: heard.trouble(seat, now),
                health: heard.health.filter(|_| private),
            }
        });
        shown.collect()
    }
}

fn runs(seat: &Seat) -> bool {
    matches!(seat.condition, Condition::Verified | Condition::Unfinished)
}

impl Heard {
    fn tasks(&self, now: Timestamp, private: bool) -> Vec<Task> {
        let none = Progress::default();
        let progress = match &self.progress {
            Some(HostSays::Progress(progress)) => progress,
            _ => &none,
        };
        let task = |task: &&'static exercises::Task| {
            let record = progress.of(task.id);
            let stage = record.stage();
            let open = stage != Stage::Passed;
            // A host's clock may say anything.
            let begun = record.started.filter(|_| open);
            let minutes = begun.map(|begun| ((now.as_second() - begun.as_second()) / 60).max(0));
            let failed = record
                .last
                .is_some_and(|last| last.verdict != State::Passed);
            Task {
                task: task.id,
                stage,
                attempts: record.attempts,
                minutes,
                stuck: stage == Stage::Attempted && failed && minutes >= Some(STUCK_MINUTES),
                hints: record.hints,
                reason: record
                    .reason
                    .filter(|_| private && open)
                    .map(|reason| line(&reason, LONGEST_REASON)),
            }
        };
        TASKS.iter().map(task).collect()
    }

    fn trouble(&self, seat: &Seat, now: Timestamp) -> Option<String> {
        match seat.condition {
            Condition::Absent => return Some("does not exist".to_owned()),
            Condition::Stopped => {
                let why = seat
                    .powered_off
                    .as_ref()
                    .map(|note| line(&note.reason, LONGEST_REASON));
                let costs = if seat.billed { ", and still costs" } else { "" };
                return Some(match why {
                    None => format!("is stopped{costs}"),
                    Some(why) => format!("powered off by its guard{costs}: {why}"),
                });
            }
            Condition::Verified | Condition::Unfinished => {}
        }
        if let Some(why) = &self.gone {
            return Some(format!("does not answer: {why}"));
        }
        let Some(at) = self.at else {
            return Some("has not answered yet".to_owned());
        };
        let silent = now.as_second() - at.as_second();
        if silent >= SILENT_SECONDS {
            return Some(format!("has been silent for {silent} s"));
        }
        if let Some(HostSays::Unreadable(why)) = &self.progress {
            return Some(format!("its progress file {why}"));
        }
        /// With less, builds fail and the node stops.
        const LITTLE: u64 = 1 << 30;
        let health = self.health?;
        if !health.node {
            return Some("its node does not run".to_owned());
        }
        if health.disk_free < LITTLE {
            return Some(format!("its disk has {} MiB left", health.disk_free >> 20));
        }
        (seat.condition == Condition::Unfinished).then(|| "is not verified".to_owned())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::board) fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn seat(word: &str, who: &str, role: Role, condition: Condition) -> Seat {
        Seat {
            word: word.into(),
            role,
            identity: who.into(),
            address: None,
            condition,
            unfinished: None,
            failure: None,
            powered_off: None,
            billed: false,
            spent: None,
        }
    }

    /// A room with one of everything, at minute 30.
    pub(in crate::board) fn some() -> Board {
        let well = Health {
            load: 0.4,
            disk_free: 20 << 30,
            node: true,
        };
        let mut board = Board::default();
        board.hear(
            News::Room(vec![
                seat(
                    "step",
                    "Ada Lovelace",
                    Role::Participant,
                    Condition::Verified,
                ),
                seat(
                    "youth",
                    "Grace Hopper",
                    Role::Participant,
                    Condition::Verified,
                ),
                seat(
                    "luggage",
                    "Hedy\u{202e} Lamarr",
                    Role::Participant,
                    Condition::Verified,
                ),
                seat(
                    "silent",
                    "Joan Clarke",
                    Role::Participant,
                    Condition::Verified,
                ),
                seat("food", "spare 1", Role::Spare, Condition::Stopped),
                seat("builder", "builder", Role::Builder, Condition::Verified),
            ]),
            at(0),
        );
        let mut ada = Progress::default();
        ada.record("task0", State::NotPassed, at(2));
        ada.record("task0", State::Passed, at(3));
        ada.touch("task1", at(26));
        let mut grace = Progress::default();
        grace.record("task0", State::Passed, at(4));
        for minute in [6, 12, 20] {
            grace.record("task1", State::NotPassed, at(minute));
        }
        grace.hint("task1", 3, at(21));
        grace.explain(
            "task1",
            Some("the tracepoints of the program: 14 of 16 named\x1b[2J".into()),
        );
        for (word, progress) in [("step", ada), ("youth", grace)] {
            board.hear(
                News::Told(word.into(), Told::Progress(HostSays::Progress(progress))),
                at(30),
            );
            board.hear(News::Told(word.into(), Told::Health(well)), at(30));
        }
        board.hear(
            News::Told("luggage".into(), Told::Progress(HostSays::of(b"{"))),
            at(30),
        );
        board.hear(News::Told("luggage".into(), Told::Health(well)), at(30));
        board.hear(News::Told("silent".into(), Told::Health(well)), at(29));
        board
    }

    #[test]
    fn who_is_stuck_and_what_is_wrong() {
        let shown = some().shown(at(30), true);
        let troubles: Vec<_> = shown
            .iter()
            .map(|one| (one.word.as_str(), one.trouble.as_deref()))
            .collect();
        assert_eq!(
            troubles,
            [
                ("step", None),
                ("youth", None),
                ("luggage", Some("its progress file is damaged in line 1")),
                ("silent", Some("has been silent for 60 s")),
                ("food", Some("is stopped")),
            ]
        );
        let task1 = |host: usize| shown[host].tasks[1].clone();
        assert_eq!(
            (task1(0).stage, task1(0).minutes, task1(0).stuck),
            (Stage::Started, Some(4), false)
        );
        assert_eq!(
            (task1(1).attempts, task1(1).minutes, task1(1).stuck),
            (3, Some(24), true)
        );
        assert_eq!(shown[0].tasks[0].minutes, None);
        // What a host says drives no terminal.
        assert!(task1(1).reason.unwrap().ends_with("named\u{FFFD}[2J"));
        assert_eq!(shown[2].who.as_deref(), Some("Hedy\u{FFFD} Lamarr"));
    }

    #[test]
    fn a_host_that_is_off_and_billed_is_marked() {
        let mut board = Board::default();
        let mut off = seat("food", "spare 1", Role::Spare, Condition::Stopped);
        off.billed = true;
        let mut guarded = off.clone();
        guarded.powered_off = serde_json::from_str(
            r#"{"schema": 1, "at": "2026-11-25T10:00:00Z", "reason": "its processors were busy"}"#,
        )
        .map(Some)
        .unwrap();
        let mut said = |seat: &Seat| {
            board.hear(News::Room(vec![seat.clone()]), at(0));
            board.shown(at(0), false)[0].trouble.clone().unwrap()
        };
        assert_eq!(said(&off), "is stopped, and still costs");
        assert_eq!(
            said(&guarded),
            "powered off by its guard, and still costs: its processors were busy"
        );
        // One that runs is no trouble because it costs.
        off.condition = Condition::Verified;
        assert_eq!(said(&off), "has not answered yet");
    }

    #[test]
    fn everybody_sees_no_names_and_no_reasons() {
        let text = serde_json::to_string(&some().shown(at(30), false)).unwrap();
        for private in ["Ada", "Grace", "named", "load"] {
            assert!(!text.contains(private), "{text}");
        }
    }

    #[test]
    fn nodes_disks_and_connections_are_told() {
        let mut board = some();
        let says = |board: &Board| {
            board.shown(at(30), true)[0]
                .trouble
                .clone()
                .unwrap_or_default()
        };
        let health = |disk_free, node| {
            Told::Health(Health {
                load: 0.0,
                disk_free,
                node,
            })
        };
        board.hear(News::Told("step".into(), health(20 << 30, false)), at(30));
        assert_eq!(says(&board), "its node does not run");
        board.hear(News::Told("step".into(), health(300 << 20, true)), at(30));
        assert_eq!(says(&board), "its disk has 300 MiB left");
        assert!(!board.settled());
        board.hear(
            News::Gone("silent".into(), "refused\nour key".into()),
            at(30),
        );
        assert!(board.settled());
        assert_eq!(
            board.shown(at(30), true)[3].trouble.as_deref(),
            Some("does not answer: refused our key")
        );
        // It is forgotten with its host.
        board.hear(News::Room(vec![]), at(30));
        assert!(board.shown(at(30), true).is_empty() && board.hosts.is_empty());
    }
}
