//! `workshop register`: a server that people join at with the key they will use, and where the instructor answers.

mod answer;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::ValueEnum;
use miette::IntoDiagnostic as _;
use provisioner::job::{JobEvent, JobKind};
use provisioner::register::{Desk, Event, Poster, Register, Settings, reachable, server_key};
use serde::Serialize;
use tokio::sync::mpsc;

use self::answer::{Answer, HELP};
use super::instructor::{self, InventoryArgs};
use crate::cli::{Outcome, Result};
use crate::diagnostic;
use crate::output::Output;
use crate::signals::Ending;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  workshop register --poster html > wall.html
  workshop register --listen 0.0.0.0:2222
  workshop register --auto 20 --provision

While it runs: `approve 1 3-5`, `approve all`, `refuse 2`, `list`, `quit`.")]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Where people can reach it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:2222")]
    listen: SocketAddr,

    /// Let the first N in without asking; counted over all runs in this workshop.
    #[arg(long, value_name = "N", default_value_t = 0)]
    auto: usize,

    /// Make a host for everybody who joins, not only hand over the spares that are ready.
    #[arg(long)]
    provision: bool,

    /// Print the page for the wall, with the command to type and the server's fingerprint, and end.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        num_args = 0..=1,
        default_missing_value = "text",
        conflicts_with_all = ["auto", "provision"]
    )]
    poster: Option<Format>,

    /// The name or address that people type; this machine's address when not given.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Html,
}

#[derive(Serialize)]
struct PosterDocument {
    workshop: String,
    join: String,
    fingerprint: String,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let poster = Poster {
        workshop: inventory.workshop.name,
        host: match &args.host {
            Some(host) => host.clone(),
            None => reachable(args.listen).to_string(),
        },
        port: args.listen.port(),
        fingerprint: server_key(&args.inventory.inventory)?.fingerprint(),
    };
    match args.poster {
        Some(format) => print(&poster, format, output),
        None => instructor::block_on(serve(args, poster, *output))?,
    }
}

fn print(poster: &Poster, format: Format, output: &Output) -> Result {
    if output.json() {
        let document = PosterDocument {
            workshop: poster.workshop.clone(),
            join: poster.command(),
            fingerprint: poster.fingerprint.clone(),
        };
        output.document("register", &document)?;
    } else {
        output.text(&match format {
            Format::Text => poster.text(),
            Format::Markdown => poster.markdown(),
            Format::Html => poster.html(),
        })?;
    }
    Ok(Outcome::Yes)
}

async fn serve(args: &Args, mut poster: Poster, output: Output) -> Result {
    let mut signals = Ending::new().into_diagnostic()?;
    let (events, told) = mpsc::unbounded_channel();
    let (jobs, work) = mpsc::unbounded_channel();
    let settings = Settings {
        listen: args.listen,
        auto: args.auto,
        provision: args.provision,
        jobs: Some(jobs),
    };
    let register = Register::open(&args.inventory.inventory, settings, events).await?;
    poster.port = register.address().port();
    if !output.json() {
        output.text(&format!("{}\n", poster.text()))?;
        output.remark(HELP);
        let waiting = register.desk().waiting();
        if !waiting.is_empty() {
            output.text(&told::list(&waiting))?;
        }
    }
    let showing = tokio::spawn(show(told, output));
    tokio::spawn(show_work(work, output));
    let (quit, mut quitting) = mpsc::channel(1);
    let desk = register.desk();
    // Reading a terminal cannot be interrupted: the thread ends with the process.
    let lines = read_lines();
    let answering = tokio::spawn(answer(lines, desk, output, quit));
    let stop = async {
        tokio::select! {
            () = signals.comes() => {}
            _ = quitting.recv() => {}
        }
        if !output.json() {
            output.remark("Closing: everybody who is connected is told. Again to end at once.");
        }
    };
    // The borrow of the signals ends with `stop`, so the second one is awaited by another listener.
    let mut second = Ending::new().into_diagnostic()?;
    let twice = async {
        second.comes().await;
        second.comes().await;
    };
    tokio::select! {
        () = register.run(stop) => {}
        () = twice => {}
    }
    answering.abort();
    // The last words are shown before the end; the sender of events is gone with the server.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), showing).await;
    Ok(Outcome::Yes)
}

async fn show(mut told: mpsc::UnboundedReceiver<Event>, output: Output) {
    while let Some(event) = told.recv().await {
        let shown = if output.json() {
            output.document("register", &event)
        } else {
            output.text(&told::text(&event))
        };
        // Who read it may be gone; people still join.
        let _ = shown;
    }
}

/// What is done on hosts, without what has its own event.
async fn show_work(mut work: mpsc::UnboundedReceiver<JobEvent>, output: Output) {
    while let Some(JobEvent { host, kind }) = work.recv().await {
        if output.json() {
            continue;
        }
        match kind {
            JobKind::Doing(what) | JobKind::Done(what) => {
                output.remark(format_args!("  {host}: {what}"));
            }
            JobKind::Progress { .. } | JobKind::Failed(_) => {}
        }
    }
}

fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Does what the instructor types. The end of the input ends nothing: `register` may run without a terminal.
async fn answer(
    mut lines: mpsc::UnboundedReceiver<String>,
    desk: Arc<Desk>,
    output: Output,
    quit: mpsc::Sender<()>,
) {
    while let Some(line) = lines.recv().await {
        match answer::parse(&line) {
            Ok(Answer::List) => {
                let _ = output.text(&told::list(&desk.waiting()));
            }
            Ok(Answer::Help) => output.remark(HELP),
            Ok(Answer::Quit) => {
                let _ = quit.send(()).await;
                return;
            }
            Ok(Answer::Approve(who)) => {
                for number in who.numbers(&desk.waiting()) {
                    let desk = Arc::clone(&desk);
                    decide(output, move || desk.approve(number)).await;
                }
            }
            Ok(Answer::Refuse(who)) => {
                for number in who.numbers(&desk.waiting()) {
                    let desk = Arc::clone(&desk);
                    decide(output, move || desk.refuse(number)).await;
                }
            }
            Err(message) => output.remark(format_args!("{message}\n{HELP}")),
        }
    }
}

/// Runs one decision, which writes files; what came of it has an event, unless it failed.
async fn decide<T: Send + 'static>(
    output: Output,
    decision: impl FnOnce() -> std::result::Result<T, provisioner::register::AnswerError>
    + Send
    + 'static,
) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(decision).await {
        diagnostic::print(&error.into(), &output);
    }
}
