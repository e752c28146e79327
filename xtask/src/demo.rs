//! `cargo xtask demo`: the whole chain once, on this machine, for somebody who has just cloned the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::machine;
use crate::room::Room;
use crate::run::{build_workshop, headline, root, shown};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take the hosts down at the end.
    #[arg(long)]
    destroy: bool,
}

/// The people of inventory.yaml, as their key files are called there.
const PEOPLE: &[&str] = &["ada", "grace", "hedy"];

/// Who does the tasks.
const PARTICIPANT: (&str, &str) = ("Ada Lovelace", "ada");

pub(crate) fn run(args: &Args) -> Result {
    machine::prepare()?;
    let workshop = build_workshop()?;
    let keys = make_keys()?;
    let room = Room {
        workshop,
        inventory: root().join("inventory.yaml"),
    };

    headline(
        "Provisioning inventory.yaml (the first time builds the base image and Bitcoin Core: 15 to 25 minutes)",
    );
    shown(&mut room.command("provision"))?;

    headline("Handouts: cards to print, the task book, and the table for the wall");
    shown(&mut room.command("handouts"))?;
    let table = root().join("handouts/table.md");
    let table =
        std::fs::read_to_string(&table).map_err(|error| format!("{}: {error}", table.display()))?;
    println!("\n{}", table.trim_end());

    let key = keys.join(PARTICIPANT.1);
    let word = room.word_of(PARTICIPANT.0)?;
    headline(&format!(
        "{} logs in to {word} with her own key and does task 0 and task 1",
        PARTICIPANT.0
    ));
    let participant = Participant {
        room: &room,
        key: &key,
        word: &word,
    };
    participant.shows("workshop tasks")?;
    participant.task0()?;
    participant.task1()?;
    participant.shows("workshop progress")?;

    headline("Go on");
    let config = root().join(".workshop/ssh_config");
    println!(
        "    ssh -F {} -i {} {word}        as {}",
        relative(&config),
        relative(&key),
        PARTICIPANT.0
    );
    println!(
        "    {} status | doctor | ssh {word}",
        relative(&room.workshop)
    );
    if args.destroy {
        headline("Taking it down");
        return shown(room.command("destroy").arg("--yes"));
    }
    println!("Take it down:\n    {} destroy", relative(&room.workshop));
    Ok(())
}

/// A key pair for each person of the inventory, made once.
fn make_keys() -> Result<PathBuf> {
    let folder = root().join("demo-keys");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for person in PEOPLE {
        let key = folder.join(person);
        if !key.with_extension("pub").exists() {
            let mut command = Command::new("ssh-keygen");
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-C"])
                .arg(format!("{person}@demo"))
                .arg("-f")
                .arg(&key);
            shown(&mut command)?;
        }
    }
    Ok(folder)
}

struct Participant<'a> {
    room: &'a Room,
    key: &'a Path,
    word: &'a str,
}

impl Participant<'_> {
    /// Runs a command as the participant and shows both.
    fn shows(&self, command: &str) -> Result {
        println!("\n{}$ {command}", self.word);
        shown(self.room.ssh(self.key, self.word).arg(command))
    }

    /// As [`Self::shows`], for a check that must say no (exit 1).
    fn shows_no(&self, command: &str) -> Result {
        println!("\n{}$ {command}", self.word);
        let status = self
            .room
            .ssh(self.key, self.word)
            .arg(command)
            .status()
            .map_err(|error| format!("ssh: {error}"))?;
        match status.code() {
            Some(1) => Ok(()),
            _ => Err(format!(
                "`{command}` should have ended with 1 (not passed) and ended with {status}"
            )),
        }
    }

    /// What a command prints there, for an answer.
    fn reads(&self, command: &str) -> Result<String> {
        println!("\n{}$ {command}", self.word);
        let text = self.room.on_host(self.key, self.word, command)?;
        print!("{text}");
        Ok(text.trim().to_owned())
    }

    fn task0(&self) -> Result {
        let release = self.reads("uname -r")?;
        let memory = self.reads("free -b | awk '/^Mem:/ { printf \"%.1f GiB\\n\", $2 / 2^30 }'")?;
        self.shows("workshop answer task0 kernel 4.4")?;
        self.shows(&format!("workshop answer task0 memory {memory}"))?;
        self.reads("sudo -n id -u")?;
        self.shows("workshop answer task0 root yes")?;
        self.shows_no("workshop check task0")?;
        self.shows(&format!("workshop answer task0 kernel {release}"))?;
        self.shows("workshop check task0")
    }

    fn task1(&self) -> Result {
        let listed = self.reads(
            "readelf -n bitcoin/build/bin/bitcoind | \
             awk '/Provider:/ { p = $2 } /Name:/ { print p \":\" $2 }' | sort -u",
        )?;
        let place = self.reads(
            "cd bitcoin && grep -rn 'TRACEPOINT(net, inbound_message' src | cut -d: -f1,2",
        )?;
        let mut all: Vec<&str> = listed.lines().collect();
        let last = all.pop().ok_or("the binary has no tracepoints")?;
        self.shows(&format!(
            "workshop answer task1 tracepoints {}",
            all.join(" ")
        ))?;
        self.shows("workshop answer task1 arguments readelf")?;
        self.shows("workshop answer task1 documented yes")?;
        self.shows(&format!("workshop answer task1 source {place}"))?;
        self.shows_no("workshop check task1")?;
        self.shows(&format!(
            "workshop answer task1 tracepoints {} {last}",
            all.join(" ")
        ))?;
        self.shows("workshop check task1")
    }
}

/// A path as somebody in the repository's folder would type it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| root());
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
