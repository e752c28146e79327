//! PDF, by the program `workshop-pdf`: typst is too large for what is installed on every host.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use handouts::pdf::Reply;
use handouts::{Folder, Renderer};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::super::instructor;

const PROGRAM: &str = "workshop-pdf";

/// What came of asking for PDF.
pub(super) enum Pdf {
    /// Every file, and what people should know about them.
    Made { remarks: Vec<String> },
    /// None, and the others are made all the same.
    NotMade { why: String, help: String },
}

/// Has the PDF files made in the stage of `folder`.
///
/// # Errors
/// Only a template's mistake, as with the other formats.
pub(super) fn make(renderer: &Renderer, folder: &mut Folder, whole: bool) -> miette::Result<Pdf> {
    let not_made = |why: String, help: &str| {
        Ok(Pdf::NotMade {
            why,
            help: help.to_owned(),
        })
    };
    const AGAIN: &str = "`cargo build-pdf` in the workshop's source tree builds it anew";
    let Some(program) = find() else {
        return not_made(
            format!("the program {PROGRAM} is neither beside `workshop` nor on PATH"),
            "`cargo build-pdf` in the workshop's source tree builds it",
        );
    };
    let request = match serde_json::to_vec(&renderer.pdf(whole)) {
        Ok(request) => request,
        Err(error) => return not_made(format!("the request cannot be written: {error}"), AGAIN),
    };
    let limit = limit(renderer.room().seats.len());
    let asked = instructor::block_on(ask(&program, folder.stage(), &request, limit))?;
    let output = match asked {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return not_made(
                format!("{PROGRAM} was stopped after {} s", limit.as_secs()),
                "look for a loop in the .typ templates that does not end",
            );
        }
        Err(error) => {
            return not_made(
                format!("{} cannot be run: {error}", program.display()),
                AGAIN,
            );
        }
    };
    match serde_json::from_slice(&output.stdout) {
        Ok(Reply::Made { written, remarks }) => {
            for name in &written {
                folder.made(name);
            }
            Ok(Pdf::Made { remarks })
        }
        Ok(Reply::Wrong {
            message,
            help,
            template,
            at,
        }) => Err(renderer
            .wrong_pdf(message, help, template.as_deref(), at)
            .into()),
        Ok(Reply::Failed { message }) => not_made(format!("{PROGRAM}: {message}"), AGAIN),
        Err(_) => not_made(
            format!(
                "{PROGRAM} ended with {}{}",
                output.status,
                last_line(&output.stderr)
            ),
            AGAIN,
        ),
    }
}

/// A debug build takes 50 ms a card; who needs ten times that is in a loop.
fn limit(seats: usize) -> Duration {
    Duration::from_secs(30) + Duration::from_millis(500) * u32::try_from(seats).unwrap_or(u32::MAX)
}

async fn ask(
    program: &Path,
    stage: &Path,
    request: &[u8],
    limit: Duration,
) -> io::Result<std::process::Output> {
    let mut child = Command::new(program)
        .arg(stage)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let work = async {
        let tell = async {
            if let Some(mut stdin) = stdin {
                // Who ended without reading tells why by other means.
                let _ = stdin.write_all(request).await;
            }
        };
        tokio::join!(tell, child.wait_with_output()).1
    };
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Beside this program, where `cargo build-pdf` leaves it beside `target/release`, or on PATH.
fn find() -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let folder = own.as_deref().and_then(Path::parent);
    let built = folder
        .and_then(Path::parent)
        .map(|target| target.join("pdf"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folder
        .map(Path::to_owned)
        .into_iter()
        .chain(built)
        .chain(std::env::split_paths(OsStr::new(&path)))
        .map(|folder| folder.join(PROGRAM))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The last line that it said, which is a panic's message or a loader's complaint.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rfind(|line| {
        // A backtrace's advice is not what happened.
        !line.trim().is_empty() && !line.starts_with("note:")
    });
    line.map(|line| format!(": {}", exercises::answers::shorten(line.trim(), 200)))
        .unwrap_or_default()
}
