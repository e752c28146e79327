//! `cargo xtask demo`: the whole chain once, on this machine, for somebody who has just cloned the repository.

mod folder;
mod joins;
mod participant;
mod tasks;

use std::path::Path;

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

/// Who does the tasks.
const PARTICIPANT: (&str, &str) = ("Ada Lovelace", "ada");

pub(crate) fn run(args: &Args) -> Result {
    machine::prepare()?;
    let workshop = build_workshop()?;
    let folder = folder::make()?;
    let keys = folder.join("demo-keys");
    let room = Room {
        workshop,
        inventory: folder.join("inventory.yaml"),
    };

    headline(
        "Provisioning inventory.yaml (the first time builds the base image and Bitcoin Core: 15 to 25 minutes)",
    );
    shown(&mut room.command("provision"))?;

    headline("Handouts: cards to print, the task book, and the table for the wall");
    shown(&mut room.command("handouts"))?;
    let table = folder.join("handouts/table.md");
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

    joins::joins(&room, &keys)?;
    headline("She had the spare: the next one is made");
    shown(&mut room.command("provision"))?;

    headline(
        "The instructor looks at the room, checks for themselves what it says, and takes the work along",
    );
    shown(room.command("board").arg("--once"))?;
    // The other three take eight seconds.
    let grade = ["--only", &word, "--tasks", "task0,task1,task2"];
    shown(room.command("grade").args(grade))?;
    shown(&mut room.command("collect"))?;

    headline("Go on");
    let config = folder.join(".workshop/ssh_config");
    println!(
        "    ssh -F {} -i {} {word}        as {}",
        relative(&config),
        relative(&key),
        PARTICIPANT.0
    );
    println!(
        "    cd {} && {} status | board | grade | rehearse | ssh {word}",
        relative(&folder),
        room.workshop.display()
    );
    if args.destroy {
        headline("Taking it down");
        return shown(room.command("destroy").arg("--yes"));
    }
    println!(
        "Take it down:\n    cd {} && {} destroy",
        relative(&folder),
        room.workshop.display()
    );
    Ok(())
}

/// A path as somebody in the repository's folder would type it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| root());
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
