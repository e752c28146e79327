//! A workshop with a register that runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use provisioner::inventory::Inventory;
use provisioner::register::{Applicant, Desk, Event, Register, RegisterError, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Nothing here takes a second; a machine that is busy with everything else may take many.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// A workshop with nobody in it.
    pub(crate) fn new() -> Self {
        let room = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        room.write("participants: []\n");
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An inventory with these participants.
    pub(crate) fn write(&self, participants: &str) {
        let text = format!("workshop: {{name: Tracing}}\n{participants}");
        std::fs::write(self.path("inventory.yaml"), text).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.path("inventory.yaml")).unwrap()
    }

    /// Who is in the inventory: name, initials and the key's fingerprint.
    pub(crate) fn people(&self) -> Vec<[String; 3]> {
        let inventory = Inventory::load(&self.path("inventory.yaml")).unwrap();
        let people = inventory.inventory.participants.into_iter();
        people
            .map(|person| [person.name, person.initials, person.key.fingerprint()])
            .collect()
    }

    /// A key pair of this name, made when it is first asked for.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.key_of("ed25519", name)
    }

    pub(crate) fn key_of(&self, kind: &str, name: &str) -> PathBuf {
        let path = self.path(name);
        if !path.exists() {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-N", "", "-t", kind, "-f"]).arg(&path);
            assert!(keygen.status().unwrap().success());
        }
        path
    }

    /// As `ssh-keygen -l` shows it.
    pub(crate) fn fingerprint(&self, name: &str) -> String {
        let mut keygen = Command::new("ssh-keygen");
        keygen.arg("-lf").arg(self.path(&format!("{name}.pub")));
        let text = String::from_utf8(keygen.output().unwrap().stdout).unwrap();
        text.split_whitespace().nth(1).unwrap().to_owned()
    }

    pub(crate) async fn try_open(&self, auto: usize) -> Result<Open, RegisterError> {
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            auto,
            provision: false,
            jobs: None,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let register = Register::open(&self.path("inventory.yaml"), settings, sender).await?;
        let (address, desk) = (register.address(), register.desk());
        let fingerprint = register.fingerprint();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(register.run(async move {
            let _ = stopped.await;
        }));
        Ok(Open {
            address,
            fingerprint,
            desk,
            events,
            stop,
            running,
        })
    }

    pub(crate) async fn open(&self) -> Open {
        self.try_open(0).await.unwrap()
    }
}

/// A register that runs; it ends with the test's runtime, or when it is closed.
pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    pub(crate) desk: Arc<Desk>,
    events: mpsc::UnboundedReceiver<Event>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Open {
    /// Waits for an event that `read` wants; others are passed over.
    pub(crate) async fn event<T>(&mut self, read: impl Fn(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the register runs");
                if let Some(found) = read(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the event comes")
    }

    /// The next one who asks to join.
    pub(crate) async fn asked(&mut self) -> Applicant {
        self.event(|event| match event {
            Event::Asked(applicant) => Some(applicant),
            _ => None,
        })
        .await
    }

    /// Ends it as Ctrl-C does.
    pub(crate) async fn close(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .expect("it ends")
            .unwrap();
    }

    /// Ends it as `kill -9` does: nobody is told anything.
    pub(crate) async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}
