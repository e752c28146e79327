//! A workshop at a server that speaks Hetzner's API and boots a local host for every server: the program and its
//! host keys from the first visit to nothing left.

use std::path::Path;
use std::sync::Arc;

use hetzner_test_server::{LocalHosts, Setup, TestServer};
use provisioner::host::keys::KeyPair;
use provisioner::host::{Ssh, SshError, Target};
use provisioner::nix::builder::CACHE_FOLDER;
use provisioner::nix::cache::user_cache;

use super::workshop::{Inventory, Workshop};

/// The test server, in a runtime of its own beside the program under test.
struct Cloud {
    runtime: tokio::runtime::Runtime,
    server: Option<TestServer>,
    hosts: Arc<LocalHosts>,
}

impl Cloud {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let cache = user_cache().unwrap().join("nix");
        let hosts = Arc::new(LocalHosts::new(Some((cache, CACHE_FOLDER.into()))).unwrap());
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

    fn server(&self) -> &TestServer {
        self.server.as_ref().unwrap()
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
    let config: serde_json::Value =
        serde_json::from_str(text.trim_start_matches("#cloud-config")).unwrap();
    let key = config["ssh_keys"]["ed25519_private"].as_str().unwrap();
    let path = folder.join(format!("{server}.told"));
    std::fs::write(&path, key).unwrap();
    KeyPair::load(&path).unwrap().unwrap()
}

#[test]
fn servers_are_made_visited_installed_anew_and_given_back() {
    // It goes after the workshop, which is taken down by it.
    let cloud = Cloud::start();
    let mut inventory = Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]);
    let mut workshop = Workshop::new(&inventory);
    let image = cloud.runtime.block_on(cloud.hosts.image()).unwrap();
    inventory.provider = format!("hetzner, hetzner: {{locations: [nbg1, fsn1], image: {image}}}");
    workshop.write(&inventory);
    cloud.server().world.leave_room("nbg1", 1);
    workshop.set("HCLOUD_ENDPOINT", cloud.server().endpoint());
    workshop.set("HCLOUD_TOKEN", Setup::default().token);
    let run = |arguments: &[&str]| workshop.run(arguments);

    let hosts = run(&["provision", "--json"]).hosts(0);
    assert!(hosts.iter().all(|host| host.verified), "{hosts:?}");
    assert_eq!(
        cloud.server().world.servers().len(),
        3,
        "two hosts and the builder"
    );

    // What the provider was told opens nothing: the host shows a key that it never saw.
    let state = workshop.path().join(super::workshop::STATE);
    let login = KeyPair::read(&state.join("id_ed25519")).unwrap();
    let word = hosts[0].word.as_str();
    let id = cloud.server().world.servers()[0]
        .0
        .rsplit_once('-')
        .unwrap()
        .1
        .to_owned();
    let address = hosts[0].address.clone().unwrap();
    let first = told(&cloud, &format!("{word}-{id}"), workshop.path());
    let own = KeyPair::read(&state.join("hosts").join(word).join("ssh_host_ed25519_key")).unwrap();
    assert_eq!(own.fingerprint(), hosts[0].host_key);
    assert_ne!(own.fingerprint(), first.fingerprint());
    cloud.shows(&address, &own, &login).unwrap();
    let refused = cloud.shows(&address, &first, &login).unwrap_err();
    assert!(matches!(refused, SshError::HostKey { .. }), "{refused}");
    let journal = std::fs::read_to_string(state.join("journal.jsonl")).unwrap();
    assert!(!journal.contains(&Setup::default().token));

    cloud.server().world.forget_calls();
    let again = run(&["provision", "--json"]).hosts(0);
    assert!(
        again
            .iter()
            .all(|host| host.verified && host.changed.is_empty()),
        "{again:?}"
    );
    let calls = cloud.server().world.calls().len();
    assert!(calls <= 5, "a second run took {calls} requests");

    run(&["rebuild", word, "--yes", "--no-collect"]).exits(0);
    assert_eq!(
        cloud.server().world.rebuilt(&format!("{word}-{id}")),
        Some(1)
    );
    cloud.shows(&address, &own, &login).unwrap();

    run(&["destroy", "--yes", "--no-collect"]).exits(0);
    assert_eq!(cloud.server().world.things(), 0);
    // What the server itself has on this machine, before the workshop counts what is left.
    cloud.runtime.block_on(cloud.hosts.clean()).unwrap();
}
