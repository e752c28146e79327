//! An HTTP server of this test's own: answers as it is told, one a connection, and remembers what was asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done with one connection.
#[derive(Clone)]
pub(super) enum Answer {
    /// Status line, headers and body; the body may be shorter than they say.
    Says(String, Vec<u8>),
    /// That, and then silence.
    ThenSilence(String, Vec<u8>),
}

impl Answer {
    pub(super) fn status(line: &str) -> Self {
        Self::Says(format!("{line}\r\ncontent-length: 0\r\n"), vec![])
    }

    pub(super) fn whole(body: &[u8]) -> Self {
        Self::Says(
            format!("200 OK\r\ncontent-length: {}\r\n", body.len()),
            body.to_vec(),
        )
    }

    /// Promises all of it and sends so much.
    pub(super) fn cut(body: &[u8], at: usize) -> Self {
        Self::Says(
            format!("200 OK\r\ncontent-length: {}\r\n", body.len()),
            body[..at].to_vec(),
        )
    }

    /// From there on, up to `to`, of all of it.
    pub(super) fn part(body: &[u8], from: usize, to: usize) -> Self {
        let (last, all) = (body.len() - 1, body.len());
        Self::Says(
            format!(
                "206 Partial Content\r\ncontent-range: bytes {from}-{last}/{all}\r\ncontent-length: {}\r\n",
                all - from
            ),
            body[from..to].to_vec(),
        )
    }
}

pub(super) struct Server {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The last answer is given again and again.
    pub(super) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/bin", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let ours = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let answer = answers[at.min(answers.len() - 1)].clone();
                let ours = Arc::clone(&ours);
                // A client that gives up closes its end; nobody waits for it.
                std::thread::spawn(move || serve(stream.unwrap(), &answer, &ours));
            }
        });
        Self { base, asked }
    }

    /// Path and range of each request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, asked: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap().to_lowercase();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let range = request
        .lines()
        .find_map(|line| line.strip_prefix("range: "))
        .unwrap_or("all");
    asked.lock().unwrap().push(format!("{path} {range}"));
    let (Answer::Says(head, body) | Answer::ThenSilence(head, body)) = answer;
    let _ = write!(stream, "HTTP/1.1 {head}connection: close\r\n\r\n");
    let _ = stream.write_all(body);
    if matches!(answer, Answer::ThenSilence(..)) {
        std::thread::sleep(Duration::from_secs(60));
    }
}
