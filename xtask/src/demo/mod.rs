//! `cargo xtask demo`: the whole chain once, on this machine, for somebody who has just cloned the repository.

mod participant;
mod tasks;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::participant::Participant;
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
        "{} logs in to {word} with her own key and does the six tasks, each wrong first",
        PARTICIPANT.0
    ));
    let participant = Participant {
        room: &room,
        key: &key,
        word: &word,
    };
    participant.shows("workshop tasks")?;
    tasks::all(&participant)?;
    participant.shows("workshop progress")?;

    headline("The instructor looks at the room, and takes the work along");
    shown(room.command("board").arg("--once"))?;
    shown(&mut room.command("collect"))?;

    headline("Go on");
    let config = root().join(".workshop/ssh_config");
    println!(
        "    ssh -F {} -i {} {word}        as {}",
        relative(&config),
        relative(&key),
        PARTICIPANT.0
    );
    println!(
        "    {} status | board | grade | rehearse | ssh {word}",
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

/// A path as somebody in the repository's folder would type it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| root());
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
