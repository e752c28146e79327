//! A workshop at a test server where nothing boots.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hetzner_test_server::{Records, Setup, TestServer};
use miette::Diagnostic as _;
use provisioner::cloud::hetzner::{Access, Hetzner, HetznerError, Pace, Settings, Token};
use provisioner::cloud::{HostLimits, HostSpec, WorkshopId};
use provisioner::host::keys::KeyPair;

pub(crate) const ID: &str = "0badcafe";
const ROOT_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhbCf0kYzTPSuZY5hWxXzSYpgFOYPWuj/TfDcb4bmdd";

pub(crate) struct Fixture {
    pub(crate) server: TestServer,
    /// A key for all hosts: none of them boots.
    host_key: String,
    answer: Duration,
    /// What was said to the instructor while it went on.
    pub(crate) notices: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start(Setup::default(), Arc::new(Records))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::load_or_create(&folder.path().join("key"), "root").unwrap();
        Self {
            server,
            host_key: key.private_text().unwrap(),
            // Longer than a busy machine takes for one.
            answer: Duration::from_secs(30),
            notices: Arc::default(),
        }
    }

    /// Where some answers do not come at all.
    pub(crate) async fn impatient() -> Self {
        Self {
            answer: Duration::from_millis(400),
            ..Self::new().await
        }
    }

    pub(crate) fn settings() -> Settings {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Settings {
            server_types: texts(&["cpx31", "cx32"]),
            locations: texts(&["fsn1", "nbg1"]),
            image: "debian-13".to_owned(),
            builder_type: Some("cpx51".to_owned()),
            ssh_from: texts(&["192.0.2.0/24"]),
            ports: vec![(48333, "the node")],
        }
    }

    /// One run of the tool.
    pub(crate) fn run(&self) -> Hetzner {
        self.run_with("test-token", Self::settings())
    }

    pub(crate) fn run_with(&self, token: &str, settings: Settings) -> Hetzner {
        let id: WorkshopId = ID.parse().unwrap();
        let notices = Arc::clone(&self.notices);
        let access = Access {
            endpoint: self.server.endpoint(),
            token: Token::new(token, "HCLOUD_TOKEN").unwrap(),
            pace: Pace {
                answer: self.answer,
                ..Pace::quick()
            },
            notice: Some(Arc::new(move |line| notices.lock().unwrap().push(line))),
        };
        Hetzner::new(id, settings, access).unwrap()
    }

    pub(crate) fn spec(&self, name: &str) -> HostSpec {
        HostSpec {
            name: name.to_owned(),
            index: 0,
            host_key: self.host_key.clone(),
            root_key: ROOT_KEY.to_owned(),
            limits: HostLimits::default(),
            binds: vec![],
        }
    }

    /// What was said so far, a line each.
    pub(crate) fn noticed(&self) -> String {
        self.notices.lock().unwrap().join("\n")
    }

    /// What an instructor reads.
    pub(crate) fn told(&self, error: &HetznerError) -> String {
        let mut text = format!("error: {error}\n");
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text += &format!("  caused by: {inner}\n");
            cause = inner.source();
        }
        if let Some(help) = error.help() {
            text += &format!("hint: {help}\n");
        }
        assert!(!text.contains("test-token"), "{text}");
        text.replace(&self.server.endpoint(), "ENDPOINT")
    }
}
