//! What the instructor's verbs share: the inventory, the runtime, tables.

use std::io::BufRead as _;
use std::path::PathBuf;

use comfy_table::{ContentArrangement, Table, presets};
use miette::IntoDiagnostic as _;
use provisioner::inventory::Inventory;

use crate::output::Output;
use crate::signals::Ending;

/// Which workshop.
#[derive(clap::Args)]
pub(crate) struct InventoryArgs {
    /// The inventory; the workshop's state lies in `.workshop/` beside it.
    #[arg(long, value_name = "FILE", default_value = "inventory.yaml")]
    pub(crate) inventory: PathBuf,

    /// Where the token for Hetzner Cloud is: a file with nothing else in it, or `-` for standard input. Without it:
    /// HCLOUD_TOKEN, then the context of the hcloud command line. Never the token itself: others see a command line.
    #[arg(long, value_name = "FILE", value_parser = token_file)]
    hcloud_token_file: Option<()>,
}

/// Read at once, and never kept beside its one place: whatever is parsed may be printed.
fn token_file(path: &str) -> Result<(), provisioner::cloud::hetzner::TokenError> {
    provisioner::cloud::hetzner::use_token_file(std::path::Path::new(path))
}

impl InventoryArgs {
    /// The inventory, with what is worth a remark said.
    pub(crate) fn load(&self, output: &Output) -> miette::Result<Inventory> {
        let loaded = Inventory::load(&self.inventory)?;
        for remark in &loaded.remarks {
            output.remark(crate::diagnostic::render(remark).trim_end());
        }
        Ok(loaded.inventory)
    }

    /// The written client configuration for OpenSSH.
    pub(crate) fn ssh_config(&self) -> PathBuf {
        provisioner::state::folder_of(&self.inventory).join(provisioner::ssh_files::SSH_CONFIG)
    }
}

/// Hosts that something small is asked of at once, where the inventory need not be read.
pub(crate) const PARALLEL: u16 = 8;

/// Asks, and says whether the answer is the one that is wanted.
pub(crate) fn types(
    question: impl std::fmt::Display,
    wanted: &str,
    output: &Output,
) -> miette::Result<bool> {
    output.remark(question);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .into_diagnostic()?;
    Ok(line.trim() == wanted)
}

/// Runs the instructor's asynchronous work. Only these verbs start a runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> miette::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The work is waiting for others; two threads are for encryption and hashing.
        .worker_threads(2)
        .enable_all()
        .build()
        .into_diagnostic()?;
    Ok(runtime.block_on(work))
}

/// Sets `stop` at the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process at once.
pub(crate) fn stop_on_signals(stop: tokio::sync::watch::Sender<bool>) -> std::io::Result<()> {
    // For the second signal alone; its handlers stay when the value goes.
    crate::cancel::Cancel::on_signals()?;
    let mut signals = Ending::new()?;
    tokio::spawn(async move {
        signals.comes().await;
        let _ = stop.send(true);
        // Whoever waits for the other end would take its loss for a signal.
        std::future::pending::<()>().await;
    });
    Ok(())
}

/// A table without lines, as wide as the terminal at most.
pub(crate) struct Listing(Table);

impl Listing {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self::with(header.map(str::to_owned).to_vec())
    }

    /// With a header whose length is not known before.
    pub(crate) fn with(header: Vec<String>) -> Self {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header);
        Self(table)
    }

    /// A row of as many cells as the header has.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }
}

impl std::fmt::Display for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.0.to_string().lines() {
            // The style pads every cell; a line begins at the margin all the same.
            writeln!(f, "{}", line.strip_prefix(' ').unwrap_or(line).trim_end())?;
        }
        Ok(())
    }
}
