//! What a host tells on the board's connection. Whoever is root there may send anything.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exercises::progress::LARGEST;
use serde::Serialize;

use crate::room::progress::HostSays;

/// How a host is, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Health {
    /// Processes that want to run, on average over the last minute.
    pub(crate) load: f32,
    /// Free space where the tree and the chain lie, in bytes.
    pub(crate) disk_free: u64,
    /// Whether the server's own node runs.
    pub(crate) node: bool,
}

/// Something whole that a host told.
#[derive(Debug)]
pub(super) enum Told {
    Health(Health),
    Progress(HostSays),
}

/// Puts lines together. Never holds more than the largest progress.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pieces: VecDeque<u8>,
    too_much: bool,
}

/// Base64 makes four letters of three bytes.
const MOST: usize = LARGEST / 3 * 4 + 4;

impl Lines {
    /// The next line; something, when it made something whole.
    pub(super) fn add(&mut self, line: &str) -> Option<Told> {
        match line.split_at_checked(2)? {
            ("H ", rest) => health(rest).map(Told::Health),
            ("p ", piece) => {
                self.too_much |= self.pieces.len() + piece.len() > MOST;
                if !self.too_much {
                    self.pieces.extend(piece.as_bytes());
                }
                None
            }
            ("P ", _) => {
                let pieces: Vec<u8> = std::mem::take(&mut self.pieces).into();
                let too_much = std::mem::take(&mut self.too_much);
                // What is no base64 is no progress either, and is told as such.
                let bytes = if too_much {
                    vec![0; LARGEST + 1]
                } else {
                    STANDARD.decode(pieces).unwrap_or(vec![0])
                };
                Some(Told::Progress(HostSays::of(&bytes)))
            }
            _ => None,
        }
    }
}

fn health(text: &str) -> Option<Health> {
    let mut words = text.split(' ');
    let load: f32 = words.next()?.parse().ok()?;
    let disk_free: u64 = words.next()?.parse::<u64>().ok()?.checked_mul(1024)?;
    let node = match words.next()? {
        "1" => true,
        "0" => false,
        _ => return None,
    };
    load.is_finite().then_some(Health {
        load,
        disk_free,
        node,
    })
}

/// Tells how the host is every two seconds, and the progress when its file has changed. It ends with the connection:
/// nobody reads what it writes then. What it costs is the processes that it starts: two each time, and df every half
/// minute.
pub(super) const TELL: &str = r#"
last=none
times=0
while :; do
  now=$(stat -L -c '%Y %s %i' -- "$path" 2>/dev/null) || now=missing
  if [ "$now" != "$last" ]; then
    if [ -f "$path" ]; then
      timeout 10 head -c "$most" -- "$path" | base64 -w 3000 | sed 's/^/p /'
    fi
    # sed's last line has no end of its own.
    printf '\nP \n'
    last=$now
  fi
  read -r load _ < /proc/loadavg
  [ "$((times % 15))" != 0 ] || disk=$(df -k --output=avail /home)
  times=$((times + 1))
  node=0
  [ -e /run/bitcoind/cookie ] && node=1
  # Behind df's heading.
  echo "H $load ${disk##*[!0-9]} $node"
  sleep 2
done
"#;

#[cfg(test)]
mod tests {
    use exercises::progress::{Progress, Stage};
    use exercises::verdict::State;

    use super::*;

    fn said(lines: &mut Lines, text: &str) -> Vec<Told> {
        text.lines().filter_map(|line| lines.add(line)).collect()
    }

    #[test]
    fn a_progress_comes_in_pieces() {
        let mut progress = Progress::default();
        progress.record("task0", State::Passed, jiff::Timestamp::UNIX_EPOCH);
        let text = STANDARD.encode(serde_json::to_vec(&progress).unwrap());
        let (one, other) = text.split_at(40);
        let mut lines = Lines::default();
        let told = said(
            &mut lines,
            &format!("p {one}\np {other}\n\nP \nH 0.52 1024 1\n"),
        );
        let [Told::Progress(says), Told::Health(health)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(says.tasks()[0].stage, Stage::Passed);
        let expected = Health {
            load: 0.52,
            disk_free: 1 << 20,
            node: true,
        };
        assert_eq!(*health, expected);
        // No file.
        let told = said(&mut lines, "\nP \n");
        let [Told::Progress(says)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(
            says.tasks()
                .iter()
                .all(|task| task.stage == Stage::NotStarted)
        );
    }

    #[test]
    fn what_is_forged_is_no_progress_and_bounded() {
        let mut lines = Lines::default();
        for text in [
            "H nan 1 1",
            "H 1e99 1 1",
            "H 1 -5 1",
            "H 1 18446744073709551615 1",
            "H 1 1 2",
            "H",
            "x",
            "☃☃",
            "",
        ] {
            assert!(lines.add(text).is_none(), "{text}");
        }
        let piece = format!("p {}", "A".repeat(3000));
        for _ in 0..1000 {
            assert!(lines.add(&piece).is_none());
        }
        assert!(lines.pieces.len() <= MOST);
        for end in ["P ", "p ☃\nP "] {
            let told = said(&mut lines, end);
            let [Told::Progress(says)] = told.as_slice() else {
                panic!("{told:?}")
            };
            assert!(says.tasks().is_empty(), "{says:?}");
        }
    }

    #[test]
    fn a_real_shell_tells_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        let mut progress = Progress::default();
        for task in 0..400 {
            progress.touch(&format!("task{task}"), jiff::Timestamp::UNIX_EPOCH);
        }
        std::fs::write(&path, serde_json::to_vec(&progress).unwrap()).unwrap();
        let script = format!(
            "path='{}'\nmost=1048577\n{}",
            path.display(),
            TELL.replace("sleep 2", "exit")
        );
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(script)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().all(|line| line.len() <= 3002), "{text}");
        let told = said(&mut Lines::default(), &text);
        let [Told::Progress(HostSays::Progress(read)), Told::Health(_)] = told.as_slice() else {
            panic!("{told:?}: {text}")
        };
        assert_eq!(*read, progress);
    }
}
