//! `workshop board`: the room, live.

use std::net::SocketAddr;

use exercises::TASKS;
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;

use super::instructor::{self, InventoryArgs};
use crate::board::{Feed, Served, Shown, on_screen, settled, table};
use crate::cli::{Outcome, Result};
use crate::output::{Output, can_draw};
use crate::signals::Ending;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Show the board once, as a table; so it is also where there is no terminal.
    #[arg(long, conflicts_with = "web")]
    once: bool,

    /// Serve the board as a web page for the projector: words only. Who can reach the address can see it.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080")]
    web: Option<SocketAddr>,

    /// Show names on the web page too.
    #[arg(long, requires = "web")]
    names: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    tasks: Vec<&'static str>,
    hosts: &'a [Shown],
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    instructor::block_on(show(args, output))?
}

async fn show(args: &Args, output: &Output) -> Result {
    let feed = Feed::start(&args.inventory.inventory).await?;
    if let Some(address) = args.web {
        return serve(feed, address, args.names, output).await;
    }
    if args.once || output.json() || !can_draw() {
        settled(&feed).await;
        let hosts = feed.look(|board| board.shown(Timestamp::now(), true));
        if output.json() {
            let tasks = TASKS.iter().map(|task| task.id).collect();
            output.document(
                "board",
                &Document {
                    tasks,
                    hosts: &hosts,
                },
            )?;
        } else if hosts.is_empty() {
            output.remark("Nothing was provisioned here yet: `workshop provision`.");
        } else {
            output.text(&table(&hosts))?;
        }
        return Ok(Outcome::Yes);
    }
    let colour = anstream::ColorChoice::global() != anstream::ColorChoice::Never
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    on_screen(&feed, colour).await?;
    Ok(Outcome::Yes)
}

async fn serve(feed: Feed, address: SocketAddr, names: bool, output: &Output) -> Result {
    let served = Served::at(address)
        .await
        .into_diagnostic()
        .wrap_err_with(|| format!("the board cannot be served at {address}"))?;
    let mut signals = Ending::new().into_diagnostic()?;
    output.text(&format!("http://{}/\n", served.address))?;
    output.remark("Ctrl-C ends it.");
    tokio::select! {
        result = served.run(feed, names) => result.into_diagnostic()?,
        () = signals.comes() => {}
    }
    Ok(Outcome::Yes)
}
