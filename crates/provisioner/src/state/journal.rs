//! The journal: one JSON object a line, appended and flushed to disk before and after each outside effect.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cloud::Endpoint;
use crate::inventory::ProviderKind;

/// The journal's file name in `.workshop/`.
pub(super) const FILE: &str = "journal.jsonl";

/// The version of the lines we write. A reader refuses what is newer than it knows.
const VERSION: u32 = 1;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Somebody's own.
    Participant,
    /// Ready for whoever walks in.
    Spare,
    /// The instructor's: builds and serves the closure.
    Builder,
}

/// What we do to the world outside of this machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Making or starting a host.
    Create,
    /// The steps on it.
    Configure,
    /// Starting one that was powered off; what was configured on it stays.
    Wake,
    /// Taking it down.
    Destroy,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The workshop's label was chosen.
    Founded {
        /// 8 hex digits.
        id: String,
    },
    /// Where this workshop's hosts come from, when it is not this machine.
    Provider {
        /// Where from.
        provider: ProviderKind,
    },
    /// A name and a place were given to somebody. Words are never given to anyone else afterwards.
    Assigned {
        /// The host's word.
        host: String,
        /// Whom it hangs on.
        identity: String,
        /// What it is for.
        role: Role,
        /// Its place in the workshop.
        index: u16,
    },
    /// We are about to do this.
    Intent {
        /// The host's word.
        host: String,
        /// What.
        effect: Effect,
    },
    /// We did it.
    Done {
        /// The host's word.
        host: String,
        /// What.
        effect: Effect,
        /// After `Create`: where the host is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Endpoint>,
    },
    /// It failed.
    Failed {
        /// The host's word.
        host: String,
        /// What.
        effect: Effect,
        /// The error in one line.
        error: String,
    },
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("cannot use the journal {}", path.display())]
    #[diagnostic(help(
        "Nothing is done that cannot be written down first. Is the disk full or read-only?"
    ))]
    Io {
        /// The journal.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A whole line is not what we write.
    #[error("{}:{line}: not a line of a journal", path.display())]
    #[diagnostic(help("Restore the file from a copy; what is known of the hosts is in it."))]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A newer `workshop` wrote it.
    #[error("{}:{line}: written by a newer version (format {found}, this program knows up to {VERSION})", path.display())]
    #[diagnostic(help("Use the newer `workshop` for this workshop."))]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// The format it names.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Line<E> {
    v: u32,
    at: jiff::Timestamp,
    #[serde(flatten)]
    event: E,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Hands each event of the journal at `path` to `each`; returns the length of its whole lines.
///
/// A last line without its end was being written when the machine or the program died: its effect had
/// not begun (an intent) or will be found out again (a result), so it does not count.
pub(super) fn read(path: &Path, mut each: impl FnMut(&Event)) -> Result<u64, JournalError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| JournalError::Io {
            path: path.to_owned(),
            source,
        })?;
    let whole = bytes
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |end| end + 1);
    for (number, text) in bytes[..whole]
        .split(|&b| b == b'\n')
        .enumerate()
        .filter(|(_, t)| !t.is_empty())
    {
        let line = number + 1;
        let damaged = |source| JournalError::Damaged {
            path: path.to_owned(),
            line,
            source,
        };
        let Version { v } = serde_json::from_slice(text).map_err(damaged)?;
        if v > VERSION {
            return Err(JournalError::Newer {
                path: path.to_owned(),
                line,
                found: v,
            });
        }
        let parsed: Line<Event> = serde_json::from_slice(text).map_err(damaged)?;
        each(&parsed.event);
    }
    Ok(whole as u64)
}

/// The journal, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or makes the journal, handing what it holds to `each` and cutting off a torn last line.
    pub(super) fn open(path: &Path, each: impl FnMut(&Event)) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        let whole = read(path, each)?;
        file.set_len(whole)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(io)?;
        if let Some(folder) = path.parent() {
            super::files::sync_folder(folder).map_err(io)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends one event; it is on the disk when this returns.
    pub(super) fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let io = |source| JournalError::Io {
            path: self.path.clone(),
            source,
        };
        let line = Line {
            v: VERSION,
            at: jiff::Timestamp::now(),
            event,
        };
        let mut text = serde_json::to_vec(&line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Result<Vec<Event>, JournalError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        let mut events = Vec::new();
        read(&path, |event| events.push(event.clone())).map(|_| events)
    }

    const FOUNDED: &str =
        r#"{"v":1,"at":"2026-11-24T20:00:00Z","event":"founded","id":"0badcafe"}"#;

    #[test]
    fn a_torn_last_line_does_not_count() {
        assert_eq!(
            events(&format!("{FOUNDED}\n{{\"v\":1,\"at\""))
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn a_torn_last_line_is_cut_off_before_the_next_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, format!("{FOUNDED}\n{{\"v\":1,")).unwrap();
        let mut journal = Journal::open(&path, |_| {}).unwrap();
        journal
            .append(&Event::Founded {
                id: "00000001".into(),
            })
            .unwrap();
        let mut ids = Vec::new();
        read(&path, |event| ids.push(event.clone())).unwrap();
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn damage_in_the_middle_and_a_newer_format_are_refused() {
        let damaged = events(&format!("oops\n{FOUNDED}\n")).unwrap_err();
        assert!(
            damaged.to_string().ends_with(":1: not a line of a journal"),
            "{damaged}"
        );
        let newer = events(&format!("{FOUNDED}\n{{\"v\":2,\"event\":\"flown\"}}\n")).unwrap_err();
        assert!(matches!(
            newer,
            JournalError::Newer {
                line: 2,
                found: 2,
                ..
            }
        ));
    }
}
