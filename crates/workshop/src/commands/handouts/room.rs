//! From the inventory, the state and the tasks to what stands on handouts.

use exercises::prose::{self, Context};
use exercises::{TASKS, profile};
use handouts::{Paper, Participant, Room, Seat, Task, Workshop};
use miette::IntoDiagnostic as _;
use provisioner::cloud::SSH_PORT;
use provisioner::inventory::{Bitcoin, Inventory, Source};
use provisioner::roster::Entry;

use crate::gather::has_functional_tests;
use crate::participant::Host;

/// Who the participants are on their hosts (crates/provisioner/src/steps/access.rs).
const USER: &str = "workshop";

/// Where their tree is, as they type it.
const TREE: &str = "~/bitcoin";

pub(super) fn room(inventory: &Inventory, entries: &[Entry], paper: Paper) -> miette::Result<Room> {
    let context = context(&inventory.bitcoin);
    let tasks = TASKS
        .iter()
        .map(|task| {
            Ok(Task {
                id: task.id.to_owned(),
                title: task.title.to_owned(),
                brief: task.brief.to_owned(),
                text: prose::render(task, &context).into_diagnostic()?,
            })
        })
        .collect::<miette::Result<_>>()?;
    let workshop = &inventory.workshop;
    Ok(Room {
        workshop: Workshop {
            name: workshop.name.clone(),
            date: workshop
                .date
                .map(|date| date.strftime("%A, %-d %B %Y").to_string()),
            deadline: workshop.deadline_text(),
            core: context.profile.name.to_owned(),
            user: USER.to_owned(),
        },
        seats: entries
            .iter()
            .map(|entry| Seat {
                word: entry.word.to_string(),
                participant: entry
                    .participant
                    .and_then(|at| inventory.participants.get(at))
                    .map(|person| Participant {
                        name: person.name.clone(),
                        key: person.key.fingerprint(),
                    }),
                address: entry.address.map(|address| address.ip),
                port: entry.address.map_or(SSH_PORT, |address| address.port),
                fingerprint: entry.fingerprint.clone(),
            })
            .collect(),
        tasks,
        paper,
    })
}

/// What the task book is about: the Bitcoin Core that the inventory names, on a host that has no name yet.
fn context(bitcoin: &Bitcoin) -> Context {
    let (tree, functional_tests) = match &bitcoin.source {
        Source::Path(tree) => (Some(tree.as_path()), has_functional_tests(tree)),
        Source::Release => (None, true),
        Source::Crate => (None, false),
    };
    // A tree says itself what it is; of the others the inventory knows it.
    let version = Host::default().version(tree).or_else(|| {
        let version = bitcoin.version?;
        Some(profile::Version {
            major: version.major.into(),
        })
    });
    Context {
        word: None,
        tree: TREE.to_owned(),
        profile: profile::of_version(version),
        functional_tests,
    }
}
