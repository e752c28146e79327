//! A named cache in the place of a builder: what one instructor exported, on a plain web server.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hetzner_test_server::Setup;
use provisioner::nix::builder::Inputs;
use provisioner::nix::cache::{Cache, user_cache};
use provisioner::nix::export::export;
use provisioner::nix::source;
use serde_json::Value;

use super::existing::{LIKE, Machines};
use super::hetzner::Cloud;
use super::web::WebServer;
use super::workshop::{Host, Inventory, STATE, Workshop, program};

/// Another instructor's machine: it has the image and the source, and built nothing.
fn another_machine(workshop: &mut Workshop) -> PathBuf {
    let cache = workshop.path().join("cache");
    std::fs::create_dir_all(cache.join("workshop")).unwrap();
    for name in ["images", "source"] {
        let real = user_cache().unwrap().join(name);
        symlink(real, cache.join("workshop").join(name)).unwrap();
    }
    workshop.set("XDG_CACHE_HOME", cache.display().to_string());
    cache
}

/// What `workshop cache export` wrote of this user's cache, which has it afterwards in any case.
fn exported(workshop: &Workshop) -> (PathBuf, String) {
    workshop.provision();
    workshop.destroy();
    let folder = workshop.path().join("web");
    let export = ["cache", "export", "web", "--json"];
    let first = workshop.run(&export).json();
    assert_ne!(first["files"], 0, "{first}");
    let second = workshop.run(&export).json();
    assert_eq!(second["files"], 0, "{second}");
    let secret = user_cache().unwrap().join("nix/secret-key");
    let secret = std::fs::read_to_string(secret).unwrap();
    let secret = secret.trim().split(':').nth(1).unwrap();
    let found = Command::new("grep")
        .args(["-rqF", secret])
        .arg(&folder)
        .status();
    assert_eq!(found.unwrap().code(), Some(1), "the secret key is in it");
    // Others begin without it: no key of a host is there before its host.
    std::fs::remove_dir_all(workshop.path().join(STATE)).unwrap();
    (folder, first["key"].as_str().unwrap().to_owned())
}

/// The workshop's hosts are rented, and the folder is given out where they reach it.
fn rented(
    cloud: &Cloud,
    workshop: &mut Workshop,
    inventory: &mut Inventory,
    folder: &Path,
    key: &str,
) -> WebServer {
    let (here, image) = cloud.runtime.block_on(async {
        let here = cloud.hosts.here().await.unwrap();
        (here, cloud.hosts.image().await.unwrap())
    });
    let web = WebServer::start(here.into(), folder, workshop.path().join("web.log"));
    inventory.provider = format!("hetzner, hetzner: {{locations: [nbg1], image: {image}}}");
    inventory.cache = web.named(key);
    workshop.write(inventory);
    workshop.set("HCLOUD_ENDPOINT", cloud.server().endpoint());
    workshop.set("HCLOUD_TOKEN", Setup::default().token);
    web
}

#[track_caller]
fn unchanged(hosts: &[Host]) {
    let idle = |host: &Host| host.verified && host.changed.is_empty();
    assert!(hosts.iter().all(idle), "{hosts:?}");
}

#[test]
fn rented_hosts_fetch_from_a_named_cache_and_a_builder_takes_its_place_when_it_fails() {
    let cloud = Cloud::start();
    let mut inventory = Inventory::new(&[("Ada", "ada")]);
    let mut workshop = Workshop::new(&inventory);
    let (folder, key) = exported(&workshop);
    let mut web = rented(&cloud, &mut workshop, &mut inventory, &folder, &key);
    another_machine(&mut workshop);
    let world = &cloud.server().world;

    let plan = workshop.run(&["plan", "--json"]).json();
    assert_eq!(plan["closure"]["from"], "cache", "{plan}");
    assert_eq!(plan["hosts"].as_array().unwrap().len(), 1, "{plan}");

    let ran = workshop.run(&["provision", "--json"]);
    assert!(
        ran.stderr.contains("no builder is needed"),
        "{}",
        ran.stderr
    );
    let hosts = ran.hosts(0);
    assert!(hosts[0].verified, "{hosts:?}");
    let word = hosts[0].word.as_str();
    assert_eq!(world.most_servers(), 1, "a builder was made");
    assert_eq!(cloud.words(&workshop), [word.to_owned()].into());
    let address = hosts[0].address.as_deref().unwrap();
    assert!(web.gave_an_archive_to(address), "{:?}", web.asked());
    let said = workshop.says("ada", word, "workshop tracepoints");
    assert!(said.contains("net:inbound_message"), "{said}");

    // Nobody is asked where nothing is to be done, and a cache that is away changes nothing.
    let asked = web.asked().len();
    unchanged(&workshop.run(&["provision", "--json"]).hosts(0));
    assert_eq!(web.asked().len(), asked);
    web.end();
    unchanged(&workshop.run(&["provision", "--json"]).hosts(0));
    assert_eq!(world.most_servers(), 1);
    let plan = ["plan", "--detailed-exitcode"];
    workshop.run(&plan).exits(0);

    // Every archive is spoiled: the host asks a builder, which is sent what the machine of whoever exported it has.
    let real = user_cache().unwrap();
    let real = real.parent().unwrap().display().to_string();
    workshop.set("XDG_CACHE_HOME", real);
    web.begin();
    for entry in std::fs::read_dir(folder.join("nar")).unwrap() {
        std::fs::write(entry.unwrap().path(), "spoiled").unwrap();
    }
    let rebuild = ["rebuild", word, "--yes", "--no-collect"];
    let rebuilt = workshop.run(&rebuild);
    assert!(
        rebuilt.stderr.contains("no builder is needed"),
        "{}",
        rebuilt.stderr
    );
    let told = format!("{word} could not get the closure from it (");
    assert!(rebuilt.stderr.contains(&told), "{}", rebuilt.stderr);
    rebuilt.exits(0);
    let both = [word.to_owned(), "builder".to_owned()];
    assert_eq!(cloud.words(&workshop), both.into());
    unchanged(&workshop.run(&["provision", "--json"]).hosts(0));
    let conf = workshop.root(word, "cat /etc/nix/nix.conf");
    assert!(
        conf.contains(&format!(
            "
substituters = {}
",
            web.url()
        )),
        "{conf}"
    );

    workshop.run(&["destroy", "--yes", "--no-collect"]).exits(0);
    assert_eq!(world.things(), 0);
    // What the server itself has on this machine, before the workshop counts what is left.
    cloud.runtime.block_on(cloud.hosts.clean()).unwrap();
}

/// The cache has the same Bitcoin Core with another `workshop`, as far as anybody can tell: its record is missing.
#[test]
fn a_builder_takes_from_the_named_cache_what_it_need_not_build() {
    let cloud = Cloud::start();
    let mut inventory = Inventory::new(&[("Ada", "ada")]);
    let mut workshop = Workshop::new(&inventory);
    let (folder, key) = exported(&workshop);
    for entry in std::fs::read_dir(folder.join("builds")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let web = rented(&cloud, &mut workshop, &mut inventory, &folder, &key);
    let cache = another_machine(&mut workshop);

    let ran = workshop.run(&["provision", "--json"]);
    assert!(
        ran.stderr.contains("has no build of this"),
        "{}",
        ran.stderr
    );
    let hosts = ran.hosts(0);
    assert!(hosts[0].verified, "{hosts:?}");
    let word = hosts[0].word.as_str();
    let builder = workshop.root("builder", "hostname -I");
    assert!(web.gave_an_archive_to(&builder), "{:?}", web.asked());
    // A tree that was compiled here would lie in Nix's log.
    workshop.root(
        "builder",
        "! ls /nix/var/log/nix/drvs/*/*bitcoin-core* 2>/dev/null",
    );
    // The host asked the builder, which signs by this machine's own key, and whose cache this machine has now.
    let served = workshop.root("builder", "journalctl -o cat -u workshop-cache");
    let address = hosts[0].address.as_deref().unwrap();
    let asked = format!("{address} ");
    assert!(
        served.lines().any(|line| line.starts_with(&asked)),
        "{served}"
    );
    let kept = Cache::open(&cache.join("workshop/nix")).unwrap();
    let records = std::fs::read_dir(cache.join("workshop/nix/builds")).unwrap();
    let mut records =
        records.filter_map(|it| Some(it.ok()?.path().file_stem()?.to_str()?.to_owned()));
    assert!(records.all(|inputs| kept.look_up(&inputs).is_some()));
    unchanged(&workshop.run(&["provision", "--json"]).hosts(0));
    let said = workshop.says("ada", word, "workshop tracepoints");
    assert!(said.contains("net:inbound_message"), "{said}");

    workshop.run(&["destroy", "--yes", "--no-collect"]).exits(0);
    cloud.runtime.block_on(cloud.hosts.clean()).unwrap();
}

/// What this machine built on its own image, under the name of the system that machines show which have it.
fn exported_for_debian(workshop: &Workshop, image: &str, folder: &Path) -> String {
    workshop.provision();
    workshop.destroy();
    let real = user_cache().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inputs = |system: &str| {
        let source = runtime.block_on(source::from_crate(&real.join("source")));
        let mut inputs = Inputs::new(source.unwrap(), system.to_owned()).unwrap();
        // This program is a test.
        inputs.program_sum = source::sum_of(&program()).unwrap();
        inputs
    };
    let arch = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    let cache = Cache::open(&real.join("nix")).unwrap();
    let closure = cache.look_up(&inputs(image).key()).unwrap();
    let theirs = workshop.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    symlink(real.join("nix/store"), theirs.join("store")).unwrap();
    std::fs::copy(real.join("nix/secret-key"), theirs.join("secret-key")).unwrap();
    let theirs = Cache::open(&theirs).unwrap();
    let debian = inputs(&format!("debian-13-{arch}"));
    theirs.record_build(&debian, &closure).unwrap();
    export(&theirs, &debian, folder).unwrap().key
}

/// The machine that builds stays in reserve: it is told once and left as it was.
#[test]
fn machines_of_ones_own_fetch_from_a_named_cache_and_the_one_that_builds_is_left_alone() {
    let mut inventory = Inventory::new(&[("Ada", "ada")]);
    let mut workshop = Workshop::new(&inventory);
    let machines = Machines::start(2, workshop.path());
    let folder = workshop.path().join("web");
    let key = exported_for_debian(&workshop, &machines.image, &folder);
    let subnet = machines.runtime.block_on(machines.local.ensure_network());
    let log = workshop.path().join("web.log");
    let web = WebServer::start(subnet.unwrap().bridge().into(), &folder, log);
    inventory.provider = format!(
        "existing, existing: {{identity: own, machines: [{}, {}]}}",
        machines.address(0),
        machines.address(1)
    );
    inventory.cache = web.named(&key);
    workshop.write(&inventory);
    another_machine(&mut workshop);
    workshop.run(&["trust", "--yes"]).exits(0);
    let before = machines.says(1, "root", LIKE);

    let plan = workshop.run(&["plan"]).exits(0);
    assert!(plan.contains(", only if the named cache fails"), "{plan}");
    let hosts = workshop.run(&["provision", "--yes", "--json"]).hosts(0);
    assert!(hosts[0].verified, "{hosts:?}");
    assert!(
        web.gave_an_archive_to(&machines.address(0)),
        "{:?}",
        web.asked()
    );
    assert_eq!(machines.says(1, "root", LIKE), before);
    // Nobody is asked again, neither the instructor nor the cache.
    let asked = web.asked().len();
    unchanged(&workshop.run(&["provision", "--json"]).hosts(0));
    assert_eq!(web.asked().len(), asked);
    workshop.run(&["destroy", "--yes", "--no-collect"]).exits(0);
    drop(machines);
}

#[test]
fn for_local_hosts_this_machine_fetches_and_nothing_is_built() {
    let mut inventory = Inventory::new(&[("Ada", "ada")]);
    let mut workshop = Workshop::new(&inventory);
    let (folder, key) = exported(&workshop);
    let log = workshop.path().join("web.log");
    let web = WebServer::start(Ipv4Addr::LOCALHOST.into(), &folder, log);
    inventory.cache = web.named(&key);
    workshop.write(&inventory);
    let cache = another_machine(&mut workshop);

    let plan: Value = workshop.run(&["plan", "--json"]).json();
    assert_eq!(plan["closure"]["from"], "cache", "{plan}");
    assert!(
        !cache.join("workshop/nix").exists(),
        "a plan writes nothing"
    );
    let hosts = workshop.provision();
    let word = hosts[0].word.as_str();
    let said = workshop.says("ada", word, "workshop tracepoints");
    assert!(said.contains("net:inbound_message"), "{said}");
    workshop.root("builder", "[ ! -e /var/lib/workshop/build/result ]");
    // Hosts trust this machine's key, and nobody new.
    let conf = workshop.root(word, "cat /etc/nix/nix.conf");
    assert!(!conf.contains(&key), "{conf}");
    let asked = web.asked().len();
    workshop.provision_changes_nothing();
    assert_eq!(web.asked().len(), asked);
}
