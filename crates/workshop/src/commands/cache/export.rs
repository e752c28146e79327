//! `workshop cache export DIR`: the signed closure of an inventory, for a web server.

use std::path::{Path, PathBuf};

use provisioner::export_cache;
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::commands::instructor::{self, InventoryArgs};
use crate::output::Output;

/// Several inventories, and several versions of `workshop`, may share a folder: what is there is not written again, and
/// what is not of this machine's key is left alone. The secret key stays where it is.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// The folder; made if need be.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Document<'a> {
    folder: &'a Path,
    /// For `bitcoin.cache.key`.
    key: &'a str,
    /// Store paths of the closure.
    paths: usize,
    /// Files that were written, and their bytes.
    files: usize,
    bytes: u64,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let work = export_cache(&args.inventory.inventory, &inventory, &args.folder);
    let exported = instructor::block_on(work)??;
    if output.json() {
        let document = Document {
            folder: &args.folder,
            key: &exported.key,
            paths: exported.paths,
            files: exported.files,
            bytes: exported.bytes,
        };
        output.document("cache export", &document)?;
        return Ok(Outcome::Yes);
    }
    let folder = args.folder.display();
    output.remark(match exported.files {
        0 => format!(
            "All {} store paths are in {folder} already; nothing was written.",
            exported.paths
        ),
        files => format!(
            "{files} files with {:.1} MB were written into {folder}: {} store paths.",
            // Of megabytes one digit behind the point is enough.
            exported.bytes as f64 / 1e6,
            exported.paths
        ),
    });
    output.remark(
        "Give the folder out by any web server, and write into the inventory, with its address:",
    );
    output.text(&format!(
        "bitcoin:\n  cache: {{url: https://…, key: {}}}\n",
        exported.key
    ))?;
    Ok(Outcome::Yes)
}
