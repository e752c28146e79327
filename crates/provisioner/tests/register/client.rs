//! OpenSSH's client, with a terminal or without.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use crate::room::{Open, PATIENCE};

/// How a client was called.
pub(crate) struct Ssh {
    user: &'static str,
    address: SocketAddr,
    options: Vec<String>,
    after: Vec<String>,
}

pub(crate) fn ssh(open: &Open) -> Ssh {
    let options = [
        "-F",
        "/dev/null",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "IdentityAgent=none",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ];
    Ssh {
        user: "join",
        address: open.address,
        options: options.map(str::to_owned).to_vec(),
        after: vec![],
    }
}

impl Ssh {
    pub(crate) fn key(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_str().unwrap().to_owned();
        self.option("-i").option(&path)
    }

    pub(crate) fn user(mut self, user: &'static str) -> Self {
        self.user = user;
        self
    }

    pub(crate) fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// A word behind the host.
    pub(crate) fn command(mut self, word: &str) -> Self {
        self.after.push(word.to_owned());
        self
    }

    fn words(&self) -> Vec<String> {
        let mut words = self.options.clone();
        words.extend(["-p".to_owned(), self.address.port().to_string()]);
        words.push(format!("{}@{}", self.user, self.address.ip()));
        words.extend(self.after.iter().cloned());
        words
    }

    /// Without a terminal, as in a script.
    pub(crate) fn start(self) -> Client {
        let mut command = Command::new("ssh");
        command.args(self.words());
        Client::new(command)
    }

    /// In a terminal of so many columns, by `script` of util-linux.
    pub(crate) fn in_a_terminal(self, columns: u16) -> Client {
        let words = self.words().join(" ");
        let line = format!("stty cols {columns} rows 24; exec ssh {words}");
        let mut command = Command::new("script");
        command
            .args(["-qfec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm");
        Client::new(command)
    }
}

/// A client that runs.
pub(crate) struct Client {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Client {
    fn new(mut command: Command) -> Self {
        let mut child = command
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("SSH_ASKPASS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the tests need ssh and script: apt-get install openssh-client bsdutils");
        let screen = Arc::<Mutex<String>>::default();
        let out = tokio::spawn(read(child.stdout.take().unwrap(), Arc::clone(&screen)));
        let err = tokio::spawn(read(child.stderr.take().unwrap(), Arc::clone(&screen)));
        Self {
            keyboard: child.stdin.take(),
            child,
            screen,
            readers: vec![out, err],
        }
    }

    /// All that was shown so far.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    pub(crate) async fn shows(&self, text: &str) {
        let look = async {
            while !self.screen().contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            panic!("no {text:?} in\n{}", self.screen());
        }
    }

    pub(crate) async fn types(&mut self, text: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(text.as_bytes()).await.unwrap();
        keyboard.flush().await.unwrap();
    }

    /// There is no more input.
    pub(crate) fn end_of_input(&mut self) {
        self.keyboard = None;
    }

    /// Its exit status, and all that was shown.
    pub(crate) async fn ends(mut self) -> (i32, String) {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(status) = ended else {
            panic!("it goes on:\n{}", self.screen());
        };
        for reader in self.readers.drain(..) {
            reader.await.unwrap();
        }
        (status.unwrap().code().unwrap_or(-1), self.screen())
    }

    /// The machine is gone, without a word.
    pub(crate) async fn lose(mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn read(mut from: impl tokio::io::AsyncRead + Unpin, screen: Arc<Mutex<String>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
        // A character may come in two parts.
        let whole = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        screen.lock().unwrap().push_str(&text);
        bytes.drain(..whole);
    }
}
