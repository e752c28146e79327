//! What the token of a project is enough for, when nothing else of a workshop is left: at a server that speaks
//! Hetzner's API, where nothing boots.

use std::path::Path;
use std::sync::Arc;

use hetzner_test_server::{Fault, Records, Rule, Setup, TestServer};
use provisioner::cloud::hetzner::{Access, Hetzner, Pace, Settings, Token};
use provisioner::cloud::{HostLimits, HostSpec};
use provisioner::host::keys::KeyPair;
use serde_json::Value;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhbCf0kYzTPSuZY5hWxXzSYpgFOYPWuj/TfDcb4bmdd";

/// A project, and a laptop on which nothing is.
struct Project {
    runtime: tokio::runtime::Runtime,
    server: TestServer,
    laptop: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let start = TestServer::start(Setup::default(), Arc::new(Records));
        Self {
            server: runtime.block_on(start).unwrap(),
            runtime,
            laptop: tempfile::tempdir().unwrap(),
        }
    }

    /// A workshop of somebody's, with these hosts.
    fn workshop(&self, label: &str, root_key: &str, words: &[&str]) {
        let settings = Settings {
            server_types: vec!["cpx31".to_owned()],
            locations: vec!["fsn1".to_owned()],
            image: "debian-13".to_owned(),
            ..Settings::default()
        };
        let access = Access {
            endpoint: self.server.endpoint(),
            token: Token::new(&Setup::default().token, "a test").unwrap(),
            pace: Pace::quick(),
            notice: None,
        };
        let hetzner = Hetzner::new(label.parse().unwrap(), settings, access).unwrap();
        let key = KeyPair::load_or_create(&self.laptop.path().join("key"), "root").unwrap();
        self.runtime.block_on(async {
            hetzner.prepare().await.unwrap();
            for word in words {
                let spec = HostSpec {
                    name: (*word).to_owned(),
                    index: 0,
                    host_key: key.private_text().unwrap(),
                    root_key: root_key.to_owned(),
                    limits: HostLimits::default(),
                    binds: vec![],
                };
                hetzner.create(&spec).await.unwrap();
            }
        });
    }

    fn servers(&self) -> Vec<String> {
        let servers = self.server.world.servers();
        servers.into_iter().map(|(name, _)| name).collect()
    }

    /// Status, and both outputs, of `workshop` with the token.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(arguments, &Setup::default().token)
    }

    fn run_with(&self, arguments: &[&str], token: &str) -> (i32, String, String) {
        let output = self.command(arguments, token).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn command(&self, arguments: &[&str], token: &str) -> std::process::Command {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("workshop"));
        command
            .args(arguments)
            .current_dir(self.laptop.path())
            .env("HCLOUD_ENDPOINT", self.server.endpoint())
            .env("HCLOUD_TOKEN", token)
            // Neither the token of whoever runs the tests must be found, nor a release that they have.
            .env("HCLOUD_CONFIG", self.laptop.path().join("none.toml"))
            .env("XDG_CACHE_HOME", self.laptop.path().join("cache"))
            .env_remove("HCLOUD_CONTEXT")
            .env_remove("CLICOLOR_FORCE")
            .stdin(std::process::Stdio::null());
        command
    }

    fn inventory(&self, provider: &str) {
        self.inventory_of("crate", provider);
    }

    fn inventory_of(&self, source: &str, provider: &str) {
        let text = format!(
            "workshop: {{name: Tracing}}\nbitcoin: {{source: {source}}}\nhosts: {{provider: {provider}}}\nparticipants: [{{name: Ada, key: {KEY}}}]\n"
        );
        std::fs::write(self.laptop.path().join("inventory.yaml"), text).unwrap();
    }
}

/// What is said of the project; this machine may have hosts of other tests.
fn of_hetzner(text: &str) -> String {
    let lines = text.lines().filter(|line| line.contains("Hetzner Cloud"));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_workshops_of_a_project_are_listed() {
    let project = Project::new();
    project.workshop("0badcafe", KEY, &["able", "zoo"]);
    project.workshop("00c0ffee", OTHER_KEY, &[]);
    // Somebody else's, whatever it is.
    project.server.world.occupy("database");

    let (status, stdout, _) = project.run(&["destroy", "--label"]);
    assert_eq!(status, 0);
    let (unknown, _, stderr) = project.run(&["destroy", "--label", "deadbeef", "--yes"]);
    assert_eq!(unknown, 2);
    insta::assert_snapshot!(format!("{}{}", of_hetzner(&stdout), of_hetzner(&stderr)));
    assert!(
        stderr.starts_with("error: no other workshop has the label deadbeef\n"),
        "{stderr}"
    );

    let (status, stdout, _) = project.run(&["destroy", "--label", "--json"]);
    assert_eq!(status, 0);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let all = document["workshops"].as_array().unwrap();
    let rented: Vec<&Value> = all.iter().filter(|it| it["place"] == "hetzner").collect();
    assert_eq!(
        Value::from_iter(rented.into_iter().cloned()),
        serde_json::json!([
            { "label": "00c0ffee", "place": "hetzner", "hosts": [], "since": "2027-01-01T00:00:00Z" },
            { "label": "0badcafe", "place": "hetzner", "hosts": ["able", "zoo"], "since": "2027-01-01T00:00:00Z" },
        ])
    );
    assert_eq!(project.servers().len(), 3, "looking takes nothing away");
}

#[test]
fn a_workshop_is_taken_down_by_its_label_and_no_other_one() {
    let project = Project::new();
    project.workshop("0badcafe", KEY, &["able", "zoo"]);
    project.workshop("00c0ffee", OTHER_KEY, &["able"]);
    project.server.world.occupy("database");

    // Where nobody can be asked it needs a yes.
    let by_label = ["destroy", "--label", "0badcafe"];
    let (status, _, stderr) = project.run(&by_label);
    assert_eq!(status, 2, "{stderr}");
    assert_eq!(project.servers().len(), 4);

    // One server cannot be removed: what else carries the label goes, and the next run goes on.
    let refused = Fault::Refuse(403, "forbidden", "the server is protected");
    let world = &project.server.world;
    world.fail(Rule::first("DELETE", "/servers", refused));
    let by_label = ["destroy", "--label", "0badcafe", "--yes"];
    let (status, _, stderr) = project.run(&by_label);
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("the server is protected"), "{stderr}");
    assert_eq!(project.servers().len(), 3);

    let (status, stdout, stderr) = project.run(&by_label);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(
        stdout,
        "1 hosts destroyed. Looked for servers, firewalls and SSH keys of this workshop: none is left.\n"
    );
    assert_eq!(project.servers(), ["able-00c0ffee", "database"]);
    // The other one's key and firewall, and its two servers.
    assert_eq!(world.things(), 4);
    assert_eq!(project.run(&by_label).0, 2, "nothing has that label now");
    // And nothing was written on the laptop.
    assert!(!project.laptop.path().join(".workshop").exists());
}

#[test]
fn a_label_that_comes_back_is_told_as_left() {
    // Somebody else makes things while we look: what is left is what the API says at the end.
    let project = Project::new();
    project.workshop("0badcafe", KEY, &["able"]);
    let world = &project.server.world;
    // Done, says the answer; the key is there all the same.
    let nothing = Fault::Refuse(404, "not_found", "SSH key not found");
    world.fail(Rule::first("DELETE", "/ssh_keys", nothing));
    let (status, _, stderr) = project.run(&["destroy", "--label", "0badcafe", "--yes"]);
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains("left: SSH key workshop-0badcafe"),
        "{stderr}"
    );
}

#[test]
fn a_destroy_without_state_says_what_may_have_been_its() {
    let project = Project::new();
    project.workshop("0badcafe", KEY, &["able"]);
    project.inventory("hetzner");
    let (status, stdout, stderr) = project.run(&["destroy", "--yes"]);
    assert_eq!((status, stdout.as_str()), (0, "0 hosts destroyed.\n"));
    insta::assert_snapshot!(of_hetzner(&stderr));
    assert!(!Path::exists(&project.laptop.path().join(".workshop")));
    assert_eq!(project.servers(), ["able-0badcafe"]);

    // Where nobody can look that is said too.
    let (status, _, stderr) = project.run_with(&["destroy", "--yes"], "");
    assert_eq!(status, 0);
    let config = project.laptop.path().join("none.toml");
    let said = of_hetzner(&stderr).replace(config.to_str().unwrap(), "CONFIG");
    insta::assert_snapshot!(said);

    // A workshop on this machine has nothing to do with the project.
    project.inventory("local");
    project.server.world.forget_calls();
    project.run(&["destroy", "--yes"]);
    assert_eq!(project.server.world.calls().len(), 0);
}

/// The tests have no network, and must not fetch where there is one: all that is tried ends at a file, or at a proxy
/// that lets nobody through.
#[test]
fn nothing_is_rented_before_the_source_is_here() {
    let project = Project::new();
    project.inventory_of("release, version: \"30.2\"", "hetzner");
    let kept = project.laptop.path().join("cache/workshop/source");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("bitcoin-30.2.tar.gz"), "another file").unwrap();
    let (status, _, stderr) = project.run(&["provision"]);
    assert_eq!(status, 2, "{stderr}");
    let laptop = project.laptop.path().display().to_string();
    insta::assert_snapshot!(stderr.replace(&laptop, "LAPTOP"));
    let calls = project.server.world.calls();
    assert!(calls.iter().all(|call| call.method == "GET"), "{calls:?}");
    assert_eq!(project.servers(), [] as [String; 0]);
}

#[test]
fn the_source_is_fetched_through_the_proxy_of_the_environment() {
    let project = Project::new();
    project.inventory_of("release", "hetzner");
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let (sender, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(stream.unwrap()), &mut line)
                .unwrap();
            // The test may be over.
            let _ = sender.send(line);
        }
    });
    let mut run = project
        .command(&["provision"], &Setup::default().token)
        .env("HTTPS_PROXY", format!("http://{address}"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let asked = asked.recv_timeout(std::time::Duration::from_secs(60));
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(asked.unwrap(), "CONNECT bitcoincore.org:443 HTTP/1.1\r\n");
    assert_eq!(project.servers(), [] as [String; 0]);
}

#[test]
fn a_wait_for_the_limit_of_requests_is_told_while_it_is_waited() {
    let project = Project::new();
    let limit = Fault::RateLimit(1);
    project
        .server
        .world
        .fail(Rule::first("GET", "/servers", limit));
    let (status, _, stderr) = project.run(&["destroy", "--label"]);
    assert_eq!(status, 0, "{stderr}");
    let told = "Hetzner's limit of requests was met while looking for workshops in the project (servers): waiting";
    assert!(stderr.contains(told), "{stderr}");
}
