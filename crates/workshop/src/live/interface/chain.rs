//! A chain of blocks whose coins anybody may spend, and the cache of coins written to disk.

use std::time::Instant;

use exercises::interface::seen::{Expected, Want};
use serde_json::{Value, json};

use super::rpc::{amount, at, call, list, number, text};
use super::tracer::hex;
use super::transaction::{ANYONE, Output, transaction};
use super::{Run, id};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::regtest::Node;

/// `-fastprune` puts 64 KiB of blocks into a file, which are fewer than 300 of ours; 288 are always kept.
const BLOCKS: u32 = 600;
/// So many are asked for at once, that an interrupt need not wait for all.
const BATCH: u32 = 100;
/// Takes the first file of blocks.
const PRUNE_TO: u32 = 300;
/// Coins that we spend are from blocks that are still there, and so old (100 blocks) that they can be spent.
const SPENDABLE: std::ops::Range<u32> = 401..406;
/// Bytes that the few coins of our chain certainly take at least, each, and at most, together.
const COIN_AT_LEAST: i128 = 32;
const COINS_AT_MOST: i128 = 64 << 20;
/// One bitcoin in satoshi.
const COIN: i64 = 100_000_000;
/// A fee that is enough for all our transactions.
pub(super) const FEE: i64 = 10_000;

/// Something that can be spent.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    pub(super) txid: String,
    pub(super) output: u32,
    /// Of the block that it is from.
    pub(super) height: u32,
    pub(super) satoshi: i64,
    pub(super) coinbase: bool,
}

/// What is there to be spent.
pub(super) struct Chain {
    /// For `generatetodescriptor`.
    pub(super) descriptor: String,
    /// Each from a block of its own.
    pub(super) mined: Vec<Coin>,
    /// From one transaction.
    pub(super) sent: Vec<Coin>,
}

impl Chain {
    /// A transaction makes several coins of one.
    pub(super) fn fund(node: &Node, descriptor: String) -> Result<Self, CouldNot> {
        let mined = SPENDABLE
            .map(|height| mined(node, height))
            .collect::<Result<Vec<_>, _>>()?;
        let [first, rest @ ..] = &mined[..] else {
            return Err(CouldNot::new("there are no coins", "run it again"));
        };
        let parts = [COIN, 2 * COIN, 3 * COIN];
        let change = first.satoshi - parts.iter().sum::<i64>() - FEE;
        let amounts: Vec<i64> = parts.into_iter().chain([change]).collect();
        let outputs: Vec<Output> = amounts.iter().copied().map(Output::anyone).collect();
        let txid = send(node, &transaction(&[first], &outputs))?;
        mine(node, &descriptor, 1)?;
        let sent = (0..).zip(amounts).map(|(output, satoshi)| Coin {
            txid: txid.clone(),
            output,
            height: BLOCKS + 1,
            satoshi,
            coinbase: false,
        });
        Ok(Self {
            sent: sent.collect(),
            descriptor,
            mined: rest.to_vec(),
        })
    }
}

/// Makes the first blocks; returns what describes to whom they pay.
pub(super) fn begin(node: &Node, cancel: &Cancel) -> Result<String, CouldNot> {
    let raw = format!("raw({})", hex(ANYONE.iter()));
    let descriptor = call(node, "getdescriptorinfo", json!([raw]))?;
    let descriptor = text(&descriptor, "descriptor")?;
    for _ in 0..BLOCKS / BATCH {
        mine(node, &descriptor, BATCH)?;
        if cancel.is_set() {
            return Err(CouldNot::cancelled());
        }
    }
    Ok(descriptor)
}

/// Makes blocks.
pub(super) fn mine(node: &Node, descriptor: &str, count: u32) -> Result<Vec<Value>, CouldNot> {
    let blocks = call(node, "generatetodescriptor", json!([count, descriptor]))?;
    Ok(list(&blocks, "")?.to_vec())
}

/// Gives the node a transaction, whatever its fee.
pub(super) fn send(node: &Node, transaction: &str) -> Result<String, CouldNot> {
    let txid = call(node, "sendrawtransaction", json!([transaction, 0]))?;
    text(&json!([txid]), "0")
}

/// The coin that a block gave to its miner.
fn mined(node: &Node, height: u32) -> Result<Coin, CouldNot> {
    let hash = call(node, "getblockhash", json!([height]))?;
    let block = call(node, "getblock", json!([hash, 2]))?;
    Ok(Coin {
        txid: text(&block, "tx/0/txid")?,
        output: 0,
        height,
        satoshi: amount(&block, "tx/0/vout/0/value")?,
        coinbase: true,
    })
}

/// The cache is written to disk, because all coins are asked for and because blocks are pruned.
pub(super) fn flushes(run: &mut Run<'_>, node: &Node) -> Result<(), CouldNot> {
    let about = ["utxocache:flush"];
    let mut coins = 0;
    run.step("all coins are asked for", &about, |_| {
        let start = Instant::now();
        let answer = call(node, "gettxoutsetinfo", json!([]))?;
        // All coins of this node's chain were made by it, none was spent yet, and so all are in its cache.
        coins = number(&answer, "txouts")?;
        // FORCE_FLUSH (ALWAYS before v31) or FORCE_SYNC.
        let modes = Want::OneOf(vec![3, 4]);
        let flush = flush("gettxoutsetinfo was called", start, coins.into(), coins)
            .arg("mode", modes)
            .arg("for_prune", false);
        Ok((vec![flush].into(), ()))
    })?;
    run.step("blocks are pruned", &about, |_| {
        let start = Instant::now();
        let pruned = call(node, "pruneblockchain", json!([PRUNE_TO]))?;
        if pruned.as_i64() < Some(1) {
            return Err(CouldNot::new(
                "no block could be pruned",
                "this program does not know that version of Bitcoin Core: ask the instructor",
            ));
        }
        // Before v31 the flush before emptied the cache.
        let left = Want::OneOf(vec![coins.into(), 0]);
        let flush = flush("blocks were pruned", start, left, 0)
            .arg("mode", 0)
            .arg("for_prune", true);
        Ok((vec![flush].into(), ()))
    })?;
    Ok(())
}

fn flush(because: &str, start: Instant, coins: Want, at_least: i64) -> Expected {
    let took = i128::try_from(start.elapsed().as_micros()).unwrap_or(i128::MAX);
    let memory = Want::Between(i128::from(at_least) * COIN_AT_LEAST, COINS_AT_MOST);
    Expected::new(id("utxocache", "flush"), because)
        .arg("duration_us", Want::Between(0, took))
        .arg("coins", coins)
        .arg("memory_bytes", memory)
}

/// What the mempool says about a transaction.
pub(super) struct Entry {
    pub(super) txid: String,
    pub(super) vsize: i64,
    pub(super) fee: i64,
    pub(super) time: i64,
}

impl Entry {
    /// Asks the node.
    pub(super) fn get(node: &Node, txid: &str) -> Result<Self, CouldNot> {
        let entry = call(node, "getmempoolentry", json!([txid]))?;
        Ok(Self {
            txid: txid.to_owned(),
            vsize: number(&entry, "vsize")?,
            fee: amount(at(&entry, "fees")?, "base")?,
            time: number(&entry, "time")?,
        })
    }
}
