//! A hundred workshops in which things go wrong by chance: provision 4 with the first location full half-way, kill,
//! resume, rebuild one, destroy. Never a server too many, none left, and the journal says what the API says.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use provisioner::cloud::hetzner::Hetzner;
use provisioner::state::{Effect, Event, Role, Workplace};

use crate::fixture::{Fixture, ID};

const WORDS: [&str; 4] = ["able", "baby", "cable", "dad"];
/// So often is a command given again until it works.
const PATIENCE: usize = 60;

/// The words that exist, as the API says.
fn there(fixture: &Fixture) -> BTreeSet<String> {
    let servers = fixture.server.world.servers();
    let word = |name: String| name.strip_suffix(&format!("-{ID}")).unwrap().to_owned();
    servers.into_iter().map(|(name, _)| word(name)).collect()
}

/// What exists is a word of ours once, and whatever the journal calls done is there: what is not sure, it calls
/// unfinished.
fn agree(fixture: &Fixture, inventory: &Path, seed: u64) {
    let there = there(fixture);
    assert_eq!(
        there.len(),
        fixture.server.world.servers().len(),
        "seed {seed}: a word twice"
    );
    let state = provisioner::state::read(inventory)
        .unwrap()
        .unwrap_or_default();
    for word in WORDS {
        let record = state.hosts.get(word);
        let (made, unfinished) = record.map_or((false, None), |record| {
            (record.address.is_some(), record.unfinished)
        });
        let failed = record.is_some_and(|record| record.failure.is_some());
        if unfinished.is_none() && !failed {
            assert_eq!(made, there.contains(word), "seed {seed}: {word}");
        }
        assert!(
            !there.contains(word) || record.is_some(),
            "seed {seed}: {word} is not written down"
        );
    }
}

/// Every host with the intent before and the result after, as `provision` and `destroy` write it down.
async fn each(fixture: &Fixture, inventory: &Path, run: &Hetzner, effect: Effect) -> bool {
    let mut place = Workplace::open(inventory, "test").unwrap();
    let mut all_well = true;
    for (word, index) in WORDS.iter().zip(0..) {
        let host = (*word).to_owned();
        if !place.state().hosts.contains_key(*word) {
            let identity = format!("of {word}");
            let role = Role::Participant;
            place
                .record(Event::Assigned {
                    host: host.clone(),
                    identity,
                    role,
                    index,
                })
                .unwrap();
        }
        place
            .record(Event::Intent {
                host: host.clone(),
                effect,
            })
            .unwrap();
        let result = match effect {
            Effect::Create => run
                .create(&fixture.spec(word))
                .await
                .map(|ip| Some(ip.into())),
            _ => run.destroy(word).await.map(|()| None),
        };
        let event = match result {
            Ok(address) => Event::Done {
                host,
                effect,
                address,
            },
            Err(error) => {
                all_well = false;
                let error = fixture.told(&error);
                Event::Failed {
                    host,
                    effect,
                    error,
                }
            }
        };
        place.record(event).unwrap();
    }
    all_well
}

async fn until_well<F: Future<Output = bool>>(seed: u64, what: &str, mut work: impl FnMut() -> F) {
    for _ in 0..PATIENCE {
        if work().await {
            return;
        }
    }
    panic!("seed {seed}: {what} never came to an end");
}

async fn workshop(seed: u64) {
    let fixture = Fixture::impatient().await;
    let world = &fixture.server.world;
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    world.leave_room("fsn1", 2);
    world.fail_by_chance(seed, 15);

    // Killed somewhere on the way: the future is dropped, as the process would be.
    let killed_after = Duration::from_millis(seed * 7 % 60);
    let run = fixture.run();
    let provision = each(&fixture, &inventory, &run, Effect::Create);
    let _ = tokio::time::timeout(killed_after, provision).await;
    // What the killed run had sent may still be done.
    tokio::time::sleep(Duration::from_millis(5)).await;
    agree(&fixture, &inventory, seed);

    until_well(seed, "provision", async || {
        let run = fixture.run();
        let all_well = each(&fixture, &inventory, &run, Effect::Create).await;
        agree(&fixture, &inventory, seed);
        all_well
    })
    .await;
    assert_eq!(
        there(&fixture),
        WORDS.map(str::to_owned).into(),
        "seed {seed}"
    );
    assert_eq!(
        world.most_servers(),
        WORDS.len(),
        "seed {seed}: a server too many"
    );

    until_well(seed, "rebuild", async || {
        fixture.run().rebuild("baby").await.is_ok()
    })
    .await;
    assert!(
        world
            .rebuilt(&format!("baby-{ID}"))
            .is_some_and(|times| times > 0)
    );
    agree(&fixture, &inventory, seed);

    until_well(seed, "destroy", async || {
        let run = fixture.run();
        let all_well = each(&fixture, &inventory, &run, Effect::Destroy).await;
        agree(&fixture, &inventory, seed);
        all_well && fixture.run().destroy_all().await.is_ok()
    })
    .await;
    world.fail_no_more();
    assert_eq!(fixture.run().leftovers().await.unwrap(), [], "seed {seed}");
    assert_eq!(world.things(), 0, "seed {seed}: something is left");
    assert_eq!(
        world.most_servers(),
        WORDS.len(),
        "seed {seed}: a server too many"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_there_is_no_server_too_many_and_none_is_left() {
    // Some side by side: most of the time is waiting for answers that do not come.
    let mut set = tokio::task::JoinSet::new();
    for worker in 0..20 {
        set.spawn(async move {
            for seed in (1..=100).filter(|seed| seed % 20 == worker) {
                workshop(seed).await;
            }
        });
    }
    while let Some(done) = set.join_next().await {
        done.unwrap();
    }
}
