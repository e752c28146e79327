//! A source, what is made of it, and where it is written: the same on a screen and off it.

use std::os::fd::AsFd as _;
use std::time::Duration;

use exercises::recording::{SCHEMA, What};
use miette::IntoDiagnostic as _;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::event::NetEvent;
use super::model::{Model, Note};
use super::record::Recorder;
use super::rpc::Asker;
use super::source::{MessageSource, Standing};
use super::view::Recording;
use super::wake::Woken;

/// How often the source looks after itself.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) struct Watch {
    pub(crate) source: Box<dyn MessageSource>,
    pub(crate) model: Model,
    pub(crate) standing: Standing,
    pub(crate) recording: Recording,
    recorder: Option<Recorder>,
    asker: Option<Asker>,
    /// Whom the asker was told to ask.
    asked: Vec<u32>,
    next_look: Duration,
    /// When it is to end by itself.
    until: Option<Duration>,
    woken: Woken,
}

/// Something that is shown as it comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    Event(&'a NetEvent<'a>),
    Note(&'a Note),
}

/// What one turn brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// There is something new to show.
    pub(crate) changed: bool,
    /// Nothing will ever come again.
    pub(crate) ended: bool,
    /// It was to go on for so long only.
    pub(crate) time_is_up: bool,
}

impl Watch {
    pub(crate) fn new(
        source: Box<dyn MessageSource>,
        recorder: Option<Recorder>,
        asker: Option<Asker>,
        until: Option<Duration>,
        woken: Woken,
    ) -> Self {
        let mut watch = Self {
            source,
            model: Model::default(),
            standing: Standing::default(),
            recording: recorder.as_ref().map_or(Recording::None, |_| Recording::On),
            recorder,
            asker,
            asked: Vec::new(),
            next_look: Duration::ZERO,
            until,
            woken,
        };
        let start = watch.start_line();
        watch.record(|recorder| recorder.write(Duration::ZERO, start));
        watch
    }

    /// The first line of the session.
    pub(crate) fn start_line(&self) -> What {
        What::Start {
            schema: SCHEMA,
            program: self.source.program(),
            tracepoints: self.source.tells(),
        }
    }

    /// Takes in what has come, and shows it to `each`, every note behind the event that it came from.
    pub(crate) fn turn(&mut self, mut each: impl FnMut(Seen<'_>)) -> miette::Result<Turn> {
        self.woken.clear();
        let model = &mut self.model;
        let mut notes = Vec::new();
        let events = self.source.drain(&mut |event| {
            model.apply(event);
            each(Seen::Event(event));
            for note in model.take_notes() {
                each(Seen::Note(&note));
                notes.push(note);
            }
        });
        let mut turn = Turn {
            changed: events > 0,
            ended: self.standing.ended,
            time_is_up: false,
        };
        let now = self.source.now();
        turn.changed |= self.take_answers();
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.look(now)?;
            turn.changed = true;
            turn.ended = self.standing.ended;
        }
        turn.time_is_up = self.until.is_some_and(|until| now >= until);
        for note in self.model.take_notes() {
            each(Seen::Note(&note));
            notes.push(note);
        }
        for note in notes {
            self.record(|recorder| recorder.note(&note));
        }
        Ok(turn)
    }

    /// Waits until something comes, also events if `events`, but no longer than `most`.
    pub(crate) fn wait(&self, events: bool, most: Duration) -> miette::Result<()> {
        let now = self.source.now();
        let next = self
            .until
            .map_or(self.next_look, |until| until.min(self.next_look));
        let most = most.min(next.saturating_sub(now));
        let ready = self.source.ready();
        let mut fds = vec![PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN)];
        fds.extend(events.then(|| PollFd::from_borrowed_fd(ready, PollFlags::IN)));
        match poll(&mut fds, Timespec::try_from(most).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(std::io::Error::from(error)).into_diagnostic(),
        }
    }

    /// The last line of the session.
    pub(crate) fn end(&mut self) -> Note {
        let what = What::End {
            received: self.model.received.total.messages,
            sent: self.model.sent.total.messages,
            lost: self.model.lost,
        };
        let at = self.source.now();
        self.record(|recorder| recorder.write(at, what.clone()));
        Note { at, what }
    }

    fn look(&mut self, now: Duration) -> miette::Result<()> {
        self.standing = self.source.look()?;
        self.model.lost(self.standing.lost, now);
        let gone: Vec<u32> = self
            .model
            .running()
            .map(|(pid, _)| pid)
            .filter(|pid| !self.standing.pids.contains(pid))
            .collect();
        for pid in gone {
            self.model.node_ended(pid, now);
        }
        for pid in &self.standing.pids {
            self.model.node(*pid);
        }
        if let Some(asker) = &self.asker
            && self.asked != self.standing.pids
        {
            self.asked.clone_from(&self.standing.pids);
            asker.ask(self.asked.clone());
        }
        Ok(())
    }

    fn take_answers(&mut self) -> bool {
        let Some(asker) = &self.asker else {
            return false;
        };
        let mut any = false;
        for asked in asker.answers() {
            any = true;
            match asked.answer {
                Ok(answer) => self.model.answered(asked.pid, asked.at, answer),
                Err(why) => self.model.unasked(asked.pid, why),
            }
        }
        any
    }

    /// Writes to the record. What cannot be written is said, and ends the record, not the monitor.
    fn record(&mut self, write: impl FnOnce(&mut Recorder) -> std::io::Result<()>) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        match write(recorder) {
            Ok(()) if recorder.is_full() => self.recording = Recording::Full,
            Ok(()) => {}
            Err(error) => {
                let path = recorder.path().display();
                self.recording = Recording::Failed(format!("{path}: {error}"));
                self.recorder = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::fd::BorrowedFd;

    use exercises::recording::{Direction, PeerId, read};

    use super::super::event::{Identity, What as Told};
    use super::super::record::Lines;
    use super::super::wake::{self, Wake};
    use super::*;

    /// What another interface of Bitcoin Core might be one day.
    struct Played {
        now: Duration,
        events: VecDeque<NetEvent<'static>>,
        standing: Standing,
        woken: Woken,
        _wake: Wake,
    }

    impl MessageSource for Played {
        fn program(&self) -> String {
            "/usr/bin/bitcoind".to_owned()
        }

        fn tells(&self) -> Vec<String> {
            vec!["net:inbound_message".to_owned()]
        }

        fn ready(&self) -> BorrowedFd<'_> {
            self.woken.as_fd()
        }

        fn drain(&mut self, each: &mut dyn FnMut(&NetEvent<'_>)) -> usize {
            let all = self.events.len();
            self.events.drain(..).for_each(|event| each(&event));
            all
        }

        fn look(&mut self) -> miette::Result<Standing> {
            Ok(self.standing.clone())
        }

        fn now(&self) -> Duration {
            self.now
        }
    }

    fn message(millis: u64, direction: Direction, kind: &'static str) -> NetEvent<'static> {
        let what = Told::Message {
            identity: Identity {
                addr: Some("10.0.0.2:8333".into()),
                connection_type: Some("manual".into()),
            },
            direction,
            kind: Some(kind.into()),
            bytes: 8,
        };
        NetEvent {
            at: Duration::from_millis(millis),
            pid: 414,
            peer: 3,
            what,
        }
    }

    fn played(now: u64, events: Vec<NetEvent<'static>>, standing: Standing) -> Box<Played> {
        let (wake, woken) = wake::pair().unwrap();
        Box::new(Played {
            now: Duration::from_millis(now),
            events: events.into(),
            standing,
            woken,
            _wake: wake,
        })
    }

    fn watch(source: Box<Played>, recorder: Option<Recorder>, until: Option<u64>) -> Watch {
        let (_, woken) = wake::pair().unwrap();
        Watch::new(
            source,
            recorder,
            None,
            until.map(Duration::from_millis),
            woken,
        )
    }

    fn kinds(watch: &mut Watch) -> (Vec<String>, Turn) {
        let mut kinds = Vec::new();
        let turn = watch.turn(|seen| {
            kinds.push(match seen {
                Seen::Event(event) => format!("{} ms", event.at.as_millis()),
                Seen::Note(note) => serde_json::to_value(&note.what).unwrap()["type"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            });
        });
        (kinds, turn.unwrap())
    }

    #[test]
    fn what_is_seen_is_shown_in_order_and_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let lines = Lines::new(jiff::Timestamp::UNIX_EPOCH, Duration::ZERO, 1);
        let recorder = Recorder::start(&path, lines).unwrap();
        let events = vec![
            message(1, Direction::Outbound, "ping"),
            message(2, Direction::Inbound, "pong"),
            message(3, Direction::Inbound, "inv"),
        ];
        let standing = Standing {
            lost: 7,
            ..Standing::default()
        };
        let mut watch = watch(played(5, events, standing), Some(recorder), None);
        let (kinds, turn) = kinds(&mut watch);
        let expected = [
            "1 ms",
            "peer",
            "2 ms",
            "ping_pong",
            "3 ms",
            "lost",
            "node_ended",
            "closed",
        ];
        assert_eq!(kinds, expected);
        assert!(turn.changed && !turn.ended && !turn.time_is_up);
        watch.end();
        assert_eq!(watch.recording, Recording::On);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("\"message\""), "{text}");
        let (sessions, strange) = read(&text);
        let session = &sessions["0-1"];
        let peer = &session.peers[&PeerId { pid: 414, peer: 3 }];
        assert_eq!((strange, session.lost, session.ended), (0, 7, true));
        assert_eq!((peer.pings_sent, peer.closed.is_some()), (1, true));
    }

    #[test]
    fn it_ends_with_the_node_or_the_time() {
        let ended = Standing {
            ended: true,
            ..Standing::default()
        };
        let (_, turn) = kinds(&mut watch(played(5, vec![], ended), None, None));
        assert!(turn.ended && !turn.time_is_up);
        let (_, turn) = kinds(&mut watch(
            played(5, vec![], Standing::default()),
            None,
            Some(5),
        ));
        assert!(turn.time_is_up && !turn.ended);
        // Nothing comes, and it does not wait beyond its time.
        watch(played(5, vec![], Standing::default()), None, Some(6))
            .wait(true, Duration::MAX)
            .unwrap();
    }

    #[test]
    fn a_record_that_fails_ends_alone() {
        let lines = Lines::new(jiff::Timestamp::UNIX_EPOCH, Duration::ZERO, 1);
        let full = std::path::Path::new("/dev/full");
        let recorder = Recorder::start(full, lines).unwrap();
        let mut watch = watch(played(5, vec![], Standing::default()), Some(recorder), None);
        assert!(matches!(&watch.recording, Recording::Failed(why) if why.contains("No space")));
        kinds(&mut watch);
    }
}
