//! A cache with a build in it that was never built, and a web server that lies when it is told to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::builder::Inputs;
use super::cache::Cache;
use super::source::Source;
use super::{Closure, NarInfo, StorePath, narinfo};

/// Inputs of a build, by the sum of the program.
pub(super) fn inputs(program: &str) -> Inputs {
    Inputs {
        source: Source {
            archive: "a.tar".into(),
            sum: "s".into(),
            root: ".".into(),
            version: "31.99".into(),
            wallet: false,
        },
        program: "w".into(),
        program_sum: program.into(),
        image: "debian-13".into(),
    }
}

pub(super) fn path(digit: char, name: &str) -> StorePath {
    let hash = digit.to_string().repeat(32);
    format!("/nix/store/{hash}-{name}").parse().unwrap()
}

/// Puts a closure into the cache, as a builder would.
pub(super) fn built(cache: &Cache, inputs: &Inputs) -> Closure {
    let closure = Closure {
        host: path('1', "host"),
        bitcoin: path('2', "bitcoin"),
        tree: path('3', "tree"),
    };
    add(cache, &closure.tree, &[]);
    add(cache, &closure.bitcoin, &[]);
    add(cache, &closure.host, &[&closure.bitcoin, &closure.tree]);
    cache.record_build(inputs, &closure).unwrap();
    closure
}

fn add(cache: &Cache, path: &StorePath, references: &[&StorePath]) {
    let nar = format!("what {path} holds").repeat(100);
    let archive = compress_to_vec(nar.as_bytes(), CompressionLevel::Fastest);
    let sum = narinfo::sum(archive.as_slice()).unwrap();
    let names: Vec<&str> = references.iter().map(|it| &it.as_str()[11..]).collect();
    let text = format!(
        "StorePath: {path}\nURL: nar/{sum}.nar.zst\nCompression: zstd\nFileHash: sha256:{sum}\nFileSize: {}\n\
         NarHash: sha256:{}\nNarSize: {}\nReferences: {}\n",
        archive.len(),
        narinfo::sum(nar.as_bytes()).unwrap(),
        nar.len(),
        names.join(" ")
    );
    let info = NarInfo::parse(&text).unwrap();
    let text = info.text_signed_by(&text, &cache.signing_key().unwrap());
    let mut file = cache.temporary().unwrap();
    file.write_all(&archive).unwrap();
    cache.adopt(&info, &text, file).unwrap();
}

/// The files below a folder and their contents.
pub(super) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A plain static web server: `GET /NAME` is the file of that name, unless something else was put in its place.
pub(super) struct Server {
    pub(super) url: String,
    /// What is answered instead: the whole answer, head and body.
    pub(super) instead: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// What was asked for.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(super) async fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let instead: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let task = tokio::spawn({
            let (folder, instead, asked) =
                (folder.to_owned(), Arc::clone(&instead), Arc::clone(&asked));
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let mut stream = BufReader::new(stream);
                    let mut first = String::new();
                    stream.read_line(&mut first).await.unwrap();
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.unwrap() > 2 {
                        line.clear();
                    }
                    let name = first.split(' ').nth(1).unwrap_or("/")[1..].to_owned();
                    asked.lock().unwrap().push(name.clone());
                    let other = instead.lock().unwrap().get(&name).cloned();
                    let answer = other.unwrap_or_else(|| match std::fs::read(folder.join(&name)) {
                        Ok(content) => answer("200 OK", &content),
                        Err(_) => answer("404 Not Found", b"<html>404</html>"),
                    });
                    // Whoever has read enough goes away.
                    let _ = stream.write_all(&answer).await;
                }
            }
        });
        Self {
            url,
            instead,
            asked,
            task,
        }
    }

    pub(super) fn lie(&self, name: &str, answer: Vec<u8>) {
        self.instead.lock().unwrap().insert(name.into(), answer);
    }

    pub(super) fn tell_the_truth(&self) {
        self.instead.lock().unwrap().clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// An error as whoever gave the command reads it.
pub(super) fn told(error: &dyn miette::Diagnostic) -> String {
    let failure = crate::Failure::new(error);
    let hint = failure
        .hint
        .map_or(String::new(), |hint| format!("\nhint: {hint}"));
    format!("{}{hint}\n", failure.message)
}
