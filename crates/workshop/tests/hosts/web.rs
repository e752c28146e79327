//! A plain static web server, as anybody has one.

use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Gives out a folder, and writes down what was asked for.
pub(super) struct WebServer {
    address: IpAddr,
    port: String,
    folder: PathBuf,
    log: PathBuf,
    process: Option<Child>,
}

impl WebServer {
    pub(super) fn start(address: IpAddr, folder: &Path, log: PathBuf) -> Self {
        let mut server = Self {
            address,
            port: "0".into(),
            folder: folder.to_owned(),
            log,
            process: None,
        };
        server.begin();
        server
    }

    pub(super) fn begin(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log);
        let mut process = Command::new("python3")
            .args([
                "-u",
                "-m",
                "http.server",
                "--bind",
                &self.address.to_string(),
            ])
            .arg("--directory")
            .arg(&self.folder)
            .arg(&self.port)
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        // Serving HTTP on ADDRESS port PORT (…
        self.port = line.split(' ').nth(5).unwrap().to_owned();
        self.process = Some(process);
    }

    pub(super) fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }

    /// Whether an archive went to this address.
    pub(super) fn gave_an_archive_to(&self, address: &str) -> bool {
        let from = format!("{address} ");
        let asked = self.asked();
        let mut all = asked.iter().filter(|line| line.starts_with(&from));
        all.any(|line| line.contains("GET /nar/"))
    }

    /// As `bitcoin.cache`.
    pub(super) fn named(&self, key: &str) -> String {
        format!("{{url: \"{}\", key: {key}}}", self.url())
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.end();
    }
}
