//! A workshop at a server that speaks Hetzner's API and boots a local host for every server: the program and its
//! host keys from the first visit to nothing left, with what may go wrong on the way.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hetzner_test_server::{Fault, LocalHosts, Rule, Setup, TestServer};
use provisioner::host::keys::KeyPair;
use provisioner::host::{Ssh, SshError, Target};
use serde_json::Value;

use super::grade::{checker, graded, solve_task0};
use super::workshop::{Host, Inventory, STATE, Workshop, eventually, host_of};

/// The test server, in a runtime of its own beside the program under test.
pub(super) struct Cloud {
    pub(super) runtime: tokio::runtime::Runtime,
    server: Option<TestServer>,
    pub(super) hosts: Arc<LocalHosts>,
}

impl Cloud {
    /// No folder of this machine is the builder's: what it serves was sent to it, as it is for a rented one.
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let hosts = Arc::new(LocalHosts::new(None).unwrap());
        let server = runtime.block_on(async {
            // The builder's cache goes by the image that everything in it was built on.
            let mut setup = Setup::default();
            setup.images.push(hosts.image().await.unwrap());
            TestServer::start(setup, Arc::clone(&hosts) as _)
                .await
                .unwrap()
        });
        Self {
            runtime,
            server: Some(server),
            hosts,
        }
    }

    pub(super) fn server(&self) -> &TestServer {
        self.server.as_ref().unwrap()
    }

    /// The words that exist, as the API says. Each server is of this workshop and the only one of its word.
    pub(super) fn words(&self, workshop: &Workshop) -> BTreeSet<String> {
        let servers = self.server().world.servers();
        let label = workshop.id().map(|id| format!("-{id}"));
        let words: BTreeSet<String> = servers
            .iter()
            .map(|(name, _)| name.strip_suffix(label.as_deref().unwrap()).unwrap())
            .map(str::to_owned)
            .collect();
        assert_eq!(words.len(), servers.len(), "a word twice: {servers:?}");
        words
    }

    /// Whether a host shows this key, and lets us in.
    fn shows(&self, address: &str, key: &KeyPair, login: &KeyPair) -> Result<(), SshError> {
        let target = Target::root("host", address.parse().unwrap(), key.public());
        let connect = Ssh::connect(&target, login.private(), std::time::Duration::from_secs(10));
        self.runtime.block_on(connect).map(drop)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.server = None;
        // Also when the test failed half-way.
        let _ = self.runtime.block_on(self.hosts.clean());
    }
}

/// The key that cloud-init was told, as the provider has it.
fn told(cloud: &Cloud, server: &str, folder: &Path) -> KeyPair {
    let text = cloud.server().world.user_data(server).unwrap();
    let config: Value = serde_json::from_str(text.trim_start_matches("#cloud-config")).unwrap();
    let key = config["ssh_keys"]["ed25519_private"].as_str().unwrap();
    let path = folder.join(format!("{server}.told"));
    std::fs::write(&path, key).unwrap();
    KeyPair::load(&path).unwrap().unwrap()
}

/// What the journal calls made is there, and whatever is there the journal knows. With `settled` nothing is under way,
/// so that both say the same, addresses too.
#[track_caller]
fn agree(cloud: &Cloud, workshop: &Workshop, settled: bool) {
    let there = cloud.words(workshop);
    let state = provisioner::state::read(&workshop.path().join("inventory.yaml"))
        .unwrap()
        .unwrap();
    for (word, record) in &state.hosts {
        let begun = record.unfinished.is_some() || record.failure.is_some();
        if settled || !begun {
            assert_eq!(record.address.is_some(), there.contains(word), "{word}");
        }
        if settled {
            let name = format!("{word}-{}", state.id);
            let address = record.address.map(|address| address.ip.to_string());
            assert_eq!(address, cloud.server().world.address(&name), "{word}");
            assert_eq!(record.unfinished, None, "{word}");
        }
    }
    for word in &there {
        let record = state.hosts.get(word);
        let known = record.is_some_and(|it| it.address.is_some() || it.unfinished.is_some());
        assert!(known, "{word} is not written down");
    }
}

#[test]
fn a_workshop_of_rented_servers_from_a_lost_answer_to_nothing_left() {
    let people = [
        ("Ada", "ada"),
        ("Bob", "bob"),
        ("Cat", "cat"),
        ("Dan", "dan"),
    ];
    // It goes after the workshop, which is taken down by it.
    let cloud = Cloud::start();
    let mut inventory = Inventory::new(&people);
    let mut workshop = Workshop::new(&inventory);
    let image = cloud.runtime.block_on(cloud.hosts.image()).unwrap();
    inventory.provider = format!("hetzner, hetzner: {{locations: [nbg1, fsn1], image: {image}}}");
    workshop.write(&inventory);
    workshop.set("HCLOUD_ENDPOINT", cloud.server().endpoint());
    workshop.set("HCLOUD_TOKEN", Setup::default().token);
    let world = &cloud.server().world;
    let run = |arguments: &[&str]| workshop.run(arguments);

    // Of the first server the answer is lost, and the first location has room for no more than one. As soon as there
    // are two the run is killed.
    world.fail(Rule::first("POST", "/servers", Fault::Lost));
    world.leave_room("nbg1", 1);
    let provision = workshop.start(&["provision", "--json"]);
    eventually("two servers exist", || match world.servers() {
        servers if servers.len() >= 2 => Ok(()),
        servers => Err(format!("{servers:?}")),
    });
    assert!(provision.killed_after(std::time::Duration::ZERO));
    agree(&cloud, &workshop, false);

    let hosts = run(&["provision", "--json"]).hosts(0);
    assert!(hosts.iter().all(|host| host.verified), "{hosts:?}");
    agree(&cloud, &workshop, true);
    let mut words: BTreeSet<String> = hosts.iter().map(|host| host.word.clone()).collect();
    words.insert("builder".to_owned());
    assert_eq!(cloud.words(&workshop), words);
    let locations: Vec<String> = world.servers().into_iter().map(|it| it.1).collect();
    assert_eq!(locations.iter().filter(|it| *it == "nbg1").count(), 1);
    // Sent to its own disk: no folder of this machine is there.
    workshop.root("builder", "! mountpoint -q /var/cache/workshop");

    world.forget_calls();
    let again = run(&["provision", "--json"]).hosts(0);
    let unchanged = |host: &Host| host.verified && host.changed.is_empty();
    assert!(again.iter().all(unchanged), "{again:?}");
    let calls = world.calls().len();
    assert!(calls <= 5, "a second run took {calls} requests");

    let ada = host_of(&hosts, "Ada");
    rebuilt_with_its_own_key(&cloud, &workshop, ada);
    agree(&cloud, &workshop, true);

    solve_task0(&workshop, "ada", &ada.word);
    let checker = checker(&workshop);
    let grade = ["grade", "--json", "--tasks", "task0", "--checker", &checker];
    let report: Value = serde_json::from_str(&run(&grade).exits(1)).unwrap();
    for host in &hosts {
        let wanted = if host.word == ada.word {
            "passed"
        } else {
            "not-passed"
        };
        assert_eq!(graded(&report, &host.word, "task0")["verified"], wanted);
    }
    agree(&cloud, &workshop, true);

    servers_that_are_no_use(&cloud, &workshop, host_of(&hosts, "Bob"));
    assert_eq!(cloud.words(&workshop), words);
    assert_eq!(world.most_servers(), words.len(), "a server too many");

    run(&["destroy", "--yes", "--no-collect"]).exits(0);
    assert_eq!(world.things(), 0);
    agree(&cloud, &workshop, true);
    // What the server itself has on this machine, before the workshop counts what is left.
    cloud.runtime.block_on(cloud.hosts.clean()).unwrap();
}

/// What the provider was told opens nothing: the host shows a key that it never saw, also after it was installed anew.
fn rebuilt_with_its_own_key(cloud: &Cloud, workshop: &Workshop, host: &Host) {
    let state = workshop.path().join(STATE);
    let login = KeyPair::read(&state.join("id_ed25519")).unwrap();
    let word = host.word.as_str();
    let server = format!("{word}-{}", workshop.id().unwrap());
    let address = host.address.clone().unwrap();
    let first = told(cloud, &server, workshop.path());
    let own = KeyPair::read(&state.join("hosts").join(word).join("ssh_host_ed25519_key")).unwrap();
    assert_eq!(own.fingerprint(), host.host_key);
    assert_ne!(own.fingerprint(), first.fingerprint());
    cloud.shows(&address, &own, &login).unwrap();
    let refused = cloud.shows(&address, &first, &login).unwrap_err();
    assert!(matches!(refused, SshError::HostKey { .. }), "{refused}");
    let journal = std::fs::read_to_string(state.join("journal.jsonl")).unwrap();
    assert!(!journal.contains(&Setup::default().token));

    let rebuild = ["rebuild", word, "--yes", "--no-collect"];
    workshop.run(&rebuild).exits(0);
    assert_eq!(cloud.server().world.rebuilt(&server), Some(1));
    cloud.shows(&address, &own, &login).unwrap();
}

/// One that never boots, and one with a host key that is not ours: each is told with a way out that works, and stops
/// nobody else.
fn servers_that_are_no_use(cloud: &Cloud, workshop: &Workshop, host: &Host) {
    let word = host.word.as_str();
    let destroy = ["destroy", "--only", word, "--yes", "--no-collect"];
    let mut told = String::new();
    // The first place that is asked has room: a refusal would use the fault up.
    cloud.server().world.leave_room("nbg1", 2);
    // The first is waited for in vain; the other boots as any host does.
    for (fault, patience) in [(Fault::NeverBoots, "5"), (Fault::ForeignKey, "240")] {
        workshop.run(&destroy).exits(0);
        agree(cloud, workshop, true);
        let world = &cloud.server().world;
        world.fail(Rule::first("POST", "/servers", fault));
        let ran = workshop.run(&["provision", "--boot-patience", patience]);
        let (_, end) = ran.stderr.split_once("\nerror: ").unwrap();
        told += &format!("{fault:?}\nerror: {end}\n");
        ran.exits(1);
        agree(cloud, workshop, false);
    }
    insta::with_settings!({filters => vec![
        (word, "WORD"), (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:…"), (r"\b10\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"of \d hosts", "of N hosts"),
        // How nobody answers is the network's own way.
        (r"  caused by: WORD: (cannot|no end).*\n(  caused by: .*\n)?", "  caused by: …\n"),
    ]}, {
        insta::assert_snapshot!(told);
    });
    workshop.run(&destroy).exits(0);
    workshop.provision();
    agree(cloud, workshop, true);
}
