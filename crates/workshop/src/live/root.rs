//! What needs root: the same binary again through `sudo -n`, with a request as JSON on its standard input and
//! its answer as JSON on its standard output.
//!
//! The input stays open: when we are killed, or cancel, it ends, and so does the other side.

use std::io::{BufRead as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CouldNot;
use super::cancel::Cancel;

/// Something that is observed as root.
pub(crate) trait Observation: Serialize + DeserializeOwned {
    /// The hidden verb's argument.
    const NAME: &'static str;
    /// What is seen.
    type Seen: Serialize + DeserializeOwned;

    /// Looks, as root.
    fn look(&self, cancel: &Cancel) -> Result<Self::Seen, CouldNot>;
}

/// Observes as root: here when we are, else through `sudo -n`.
pub(crate) fn observe<O: Observation>(request: &O, cancel: &Cancel) -> Result<O::Seen, CouldNot> {
    if geteuid().is_root() {
        return request.look(cancel);
    }
    let failed = |why: String| CouldNot::new(why, "is `sudo -n id -u` 0? See task0");
    let exe = std::env::current_exe()
        .map_err(|error| failed(format!("cannot find this program: {error}")))?;
    let mut child = Command::new("sudo")
        .arg("-n")
        .arg(exe)
        .args(["observe", O::NAME])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("sudo cannot be run: {error}")))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("sudo has no pipes".to_owned()));
    };
    let request = serde_json::to_string(request).map_err(|error| failed(error.to_string()))?;
    // Should it have ended already, its answer or its status says why.
    let _ = writeln!(input, "{request}").and_then(|()| input.flush());
    let (done, is_done) = UnixStream::pair().map_err(|error| failed(error.to_string()))?;
    let (answer, status) = std::thread::scope(|scope| {
        // Ctrl-C may reach us and not it, or neither of us when sudo has the terminal: the end of its input does.
        scope.spawn(move || {
            let mut either = [
                PollFd::new(cancel, PollFlags::IN),
                PollFd::new(&is_done, PollFlags::IN),
            ];
            while let Err(Errno::INTR) = poll(&mut either, None) {}
            drop(input);
        });
        let answer: Result<Result<O::Seen, CouldNot>, _> = serde_json::from_reader(output);
        drop(done);
        (answer, child.wait())
    });
    match answer {
        Ok(answer) => answer,
        Err(_) if cancel.is_set() => Err(CouldNot::cancelled()),
        Err(_) => Err(failed(match status {
            Ok(status) => format!("looking as root ended with {status}"),
            Err(error) => format!("looking as root failed: {error}"),
        })),
    }
}

/// The other side: reads the request, looks, and returns the answer to print.
pub(crate) fn answer<O: Observation>(cancel: &Cancel) -> Result<String, CouldNot> {
    let failed = |error: &dyn std::fmt::Display| {
        CouldNot::new(
            format!("the request is not one: {error}"),
            "this verb is for `workshop check` alone",
        )
    };
    let mut input = std::io::BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| failed(&error))?;
    let request: O = serde_json::from_str(&line).map_err(|error| failed(&error))?;
    cancel.on_end_of(input);
    let seen = request.look(cancel);
    serde_json::to_string(&seen).map_err(|error| failed(&error))
}
