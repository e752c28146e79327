//! The record of a session, for the check of a task: appended to a file line by line, so that it is whole up to
//! the moment the monitor is killed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use exercises::recording::{Direction, Line, PeerId, What};
use jiff::Timestamp;

use super::model::Note;
use super::owner::{Owner, acting_as};

/// What a session may write, and how large a file may be when a new session appends to it.
const LARGEST: u64 = 4 << 20;
/// Of each peer and direction one ping in so long is written; Bitcoin Core sends one in two minutes.
const PINGS: Duration = Duration::from_secs(10);
/// Peers whose last written ping is remembered.
const PEERS: usize = 4096;

/// Turns notes into lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// The wall clock at the source's start.
    start: Timestamp,
    session: String,
}

impl Lines {
    pub(crate) fn new(now: Timestamp, since_start: Duration, process: u32) -> Self {
        let since = jiff::SignedDuration::try_from(since_start).unwrap_or_default();
        let start = now.checked_sub(since).unwrap_or(now);
        Self {
            session: format!("{}-{process}", start.as_second()),
            start,
        }
    }

    /// When something was, by the wall clock.
    pub(crate) fn time(&self, at: Duration) -> Timestamp {
        let at = jiff::SignedDuration::try_from(at).unwrap_or_default();
        self.start.checked_add(at).unwrap_or(self.start)
    }

    /// One line with its end.
    pub(crate) fn line(&self, at: Duration, what: What) -> String {
        let line = Line {
            at: self.time(at),
            session: self.session.clone(),
            what,
        };
        // Only maps with keys that are not strings could fail.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: File,
    path: PathBuf,
    lines: Lines,
    written: u64,
    full: bool,
    /// When a ping was written last.
    pings: HashMap<(PeerId, Direction), Duration>,
}

impl Recorder {
    /// Appends to the file at `path`. A file that is too large is moved aside first.
    pub(crate) fn start(path: &Path, lines: Lines) -> io::Result<Self> {
        Ok(Self::new(open(path)?, path, lines))
    }

    /// Appends to a file of `owner`'s, whose folder is made where it is missing.
    pub(crate) fn start_for(path: &Path, lines: Lines, owner: Option<&Owner>) -> io::Result<Self> {
        let at = path.to_owned();
        let file = acting_as(owner, move || {
            if let Some(folder) = at.parent() {
                std::fs::create_dir_all(folder)?;
            }
            open(&at)
        })?;
        Ok(Self::new(file, path, lines))
    }

    fn new(file: File, path: &Path, lines: Lines) -> Self {
        Self {
            file,
            path: path.to_owned(),
            lines,
            written: 0,
            full: false,
            pings: HashMap::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn note(&mut self, note: &Note) -> io::Result<()> {
        if let What::PingPong {
            peer, direction, ..
        } = note.what
            && !self.ping_is_due(peer, direction, note.at)
        {
            return Ok(());
        }
        self.write(note.at, note.what.clone())
    }

    pub(crate) fn write(&mut self, at: Duration, what: What) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        let mut line = self.lines.line(at, what);
        if self.written + line.len() as u64 > LARGEST {
            self.full = true;
            line = self.lines.line(at, What::Full);
        }
        self.written += line.len() as u64;
        // In one piece, or a killed run would leave half a line and another session's would mix with it.
        self.file.write_all(line.as_bytes())
    }

    fn ping_is_due(&mut self, peer: PeerId, direction: Direction, at: Duration) -> bool {
        // More than a node has peers at once: some are long gone.
        if self.pings.len() == PEERS {
            self.pings.clear();
        }
        match self.pings.entry((peer, direction)) {
            Entry::Occupied(last) if at < *last.get() + PINGS => false,
            entry => {
                entry.insert_entry(at);
                true
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > LARGEST) {
        std::fs::rename(path, path.with_added_extension("old"))?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    // A session that was killed while it wrote may have left half a line.
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use exercises::recording::read;

    use super::*;

    const PEER: PeerId = PeerId { pid: 414, peer: 3 };

    fn lines(process: u32) -> Lines {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Lines::new(now, Duration::from_secs(5), process)
    }

    fn ping(at: u64, direction: Direction) -> Note {
        Note {
            at: Duration::from_secs(at),
            what: What::PingPong {
                peer: PEER,
                direction,
                micros: 90,
            },
        }
    }

    #[test]
    fn a_new_session_goes_behind_one_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/workshop/monitor.jsonl");
        // A folder is made where it is ours to make.
        assert!(Recorder::start(&path, lines(1)).is_err());
        let mut first = Recorder::start_for(&path, lines(1), None).unwrap();
        first.note(&ping(1, Direction::Outbound)).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(r#"{"at":"2026-11-25T09:3"#);
        std::fs::write(&path, &text).unwrap();
        let mut second = Recorder::start(&path, lines(2)).unwrap();
        second.note(&ping(2, Direction::Inbound)).unwrap();
        // Two that run at once do not write over each other.
        first.note(&ping(20, Direction::Outbound)).unwrap();
        let (sessions, strange) = read(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(strange, 1);
        let pings = |session: &str| {
            let peer = &sessions[session].peers[&PEER];
            (peer.pings_sent, peer.pings_received)
        };
        assert_eq!(pings("1799999995-1"), (2, 0));
        assert_eq!(pings("1799999995-2"), (0, 1));
        // By the wall clock, which was five seconds on when the lines were made.
        let last = sessions["1799999995-1"].last.unwrap();
        assert_eq!(last.as_second(), 1_800_000_000 - 5 + 20);
    }

    #[test]
    fn pings_are_written_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let mut recorder = Recorder::start(&path, lines(1)).unwrap();
        for at in 0..30 {
            recorder.note(&ping(at, Direction::Outbound)).unwrap();
        }
        recorder.note(&ping(29, Direction::Inbound)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3 + 1);
    }

    #[test]
    fn a_flood_ends_the_record_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let mut recorder = Recorder::start(&path, lines(1)).unwrap();
        let what = What::Misbehaving {
            peer: PEER,
            reason: "x".repeat(1000),
        };
        for _ in 0..5000 {
            recorder.write(Duration::ZERO, what.clone()).unwrap();
        }
        assert!(recorder.is_full());
        let text = std::fs::read_to_string(&path).unwrap();
        let last: Line = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last.what, What::Full);
        assert!(text.len() as u64 <= LARGEST + 200, "{}", text.len());
        // The next session begins in a file of its own.
        let path = folder.path().join("record");
        std::fs::write(&path, vec![b'\n'; LARGEST as usize + 1]).unwrap();
        Recorder::start(&path, lines(2)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert!(folder.path().join("record.old").exists());
    }
}
