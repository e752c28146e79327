//! `workshop-pdf FOLDER`: a request in JSON on standard input, the files into the folder, the reply in JSON on
//! standard output. `workshop handouts` runs it; people do not.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use handouts::pdf::{Reply, Request, SCHEMA};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Deserialize;

/// What every version of a request has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// The most address space that a room takes: a thousand cards in one file take a third of it. A template that
/// makes lists without end is stopped here, before the machine is.
const MEMORY: u64 = 4 << 30;

fn main() -> ExitCode {
    let limit = Rlimit {
        current: Some(MEMORY),
        maximum: Some(MEMORY),
    };
    // Where there is no such limit, or a lower one already, it goes on without ours.
    let _ = setrlimit(Resource::As, limit);
    let reply = match std::env::args_os().skip(1).collect::<Vec<_>>().as_slice() {
        [folder] => answer(Path::new(folder)),
        _ => Reply::Failed {
            message: "it is run by `workshop handouts`, with the name of a folder".to_owned(),
        },
    };
    let made = matches!(reply, Reply::Made { .. });
    let told = serde_json::to_string(&reply)
        .map_err(std::io::Error::other)
        .and_then(|text| writeln!(std::io::stdout().lock(), "{text}"));
    match told {
        Ok(()) if made => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn answer(folder: &Path) -> Reply {
    let failed = |message: String| Reply::Failed { message };
    let text = match std::io::read_to_string(std::io::stdin().lock()) {
        Ok(text) => text,
        Err(error) => return failed(format!("the request cannot be read: {error}")),
    };
    match serde_json::from_str::<Version>(&text) {
        Ok(Version { schema: SCHEMA }) => {}
        Ok(Version { schema }) => {
            return failed(format!(
                "it is of another version than `workshop` (it knows requests of form {SCHEMA}, this is of form {schema})"
            ));
        }
        Err(error) => return failed(format!("the request is no JSON of ours: {error}")),
    }
    let request: Request = match serde_json::from_str(&text) {
        Ok(request) => request,
        Err(error) => return failed(format!("the request is no JSON of ours: {error}")),
    };
    drop(text);
    workshop_pdf::set(request, folder).unwrap_or_else(|error| error.reply())
}
