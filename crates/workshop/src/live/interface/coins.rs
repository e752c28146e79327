//! Transactions that are refused, taken, replaced and mined, and the coins that come and go with them.

use std::time::Instant;

use exercises::interface::seen::{Expected, Want};
use serde_json::{Value, json};

use super::chain::{Chain, Coin, Entry, FEE, mine, send};
use super::rpc::{amount, at, call, list, number, text};
use super::transaction::{Output, transaction};
use super::{Run, id};
use crate::live::CouldNot;
use crate::live::regtest::Node;

/// All steps with transactions and blocks.
pub(super) fn all(run: &mut Run<'_>, node: &Node, chain: &Chain) -> Result<(), CouldNot> {
    let [first, second, third, ..] = &chain.sent[..] else {
        return Err(CouldNot::new("there are no coins", "run it again"));
    };
    let [mined, other, ..] = &chain.mined[..] else {
        return Err(CouldNot::new("there are no coins", "run it again"));
    };
    refused(run, node, &[third, mined])?;
    let Some(sent) = replaced(run, node, second, &[first, other])? else {
        return Ok(());
    };
    connected(run, node, &chain.descriptor, &sent)
}

/// A transaction without a fee: its coins are fetched into the cache, and dropped again.
fn refused(run: &mut Run<'_>, node: &Node, coins: &[&Coin]) -> Result<(), CouldNot> {
    let about = ["mempool:rejected", "utxocache:uncache"];
    run.step("a transaction without a fee is offered", &about, |_| {
        let sum = coins.iter().map(|coin| coin.satoshi).sum::<i64>();
        let outputs = [Output::anyone(sum - FEE), Output::anyone(FEE)];
        let hex = transaction(coins, &outputs);
        let answer = call(node, "testmempoolaccept", json!([[hex]]))?;
        if at(&answer, "0/allowed")?.as_bool() != Some(false) {
            return Err(CouldNot::new(
                "a transaction without a fee was accepted",
                "this program does not know that version of Bitcoin Core: ask the instructor",
            ));
        }
        let because = "a transaction without a fee was refused";
        let rejected = Expected::new(id("mempool", "rejected"), because)
            .arg("txid", Want::hash(text(&answer, "0/txid")?))
            .arg("reason", Want::text(text(&answer, "0/reject-reason")?));
        let uncached = coins.iter().map(|coin| {
            let because = "its coin was dropped from the cache";
            coin.event("uncache", because)
        });
        let events: Vec<_> = [rejected].into_iter().chain(uncached).collect();
        Ok((events.into(), ()))
    })?;
    Ok(())
}

/// A transaction, another one for the same coin with a higher fee, and a third.
fn replaced(
    run: &mut Run<'_>,
    node: &Node,
    coin: &Coin,
    others: &[&Coin],
) -> Result<Option<Vec<String>>, CouldNot> {
    let about = ["mempool:added", "mempool:removed", "mempool:replaced"];
    run.step("transactions are sent and replaced", &about, |_| {
        // Different amounts, fees and sizes everywhere: a value that stands in the wrong place is seen.
        let half = coin.satoshi / 2;
        let first = [
            Output::anyone(half),
            Output::anyone(coin.satoshi - half - FEE),
        ];
        let first = Entry::get(node, &send(node, &transaction(&[coin], &first))?)?;
        let second = [
            Output::anyone(half),
            Output::anyone(FEE),
            Output::anyone(coin.satoshi - half - 5 * FEE),
        ];
        let second = Entry::get(node, &send(node, &transaction(&[coin], &second))?)?;
        let sum = others.iter().map(|coin| coin.satoshi).sum::<i64>();
        let third = [
            Output::key_hash(half),
            Output::key_hash(FEE),
            Output::key_hash(2 * FEE),
            Output::anyone(sum - half - 5 * FEE),
        ];
        let third = Entry::get(node, &send(node, &transaction(others, &third))?)?;
        let mut events: Vec<_> = [&first, &second, &third]
            .into_iter()
            .map(Entry::added)
            .collect();
        events.push(first.removed("replaced", "a transaction was replaced"));
        events.push(
            Expected::new(id("mempool", "replaced"), "a transaction was replaced")
                .arg("replaced_txid", Want::hash(&first.txid))
                .arg("replaced_vsize", first.vsize)
                .arg("replaced_fee", first.fee)
                .arg("replaced_entered_at", first.time)
                .arg("replacement_id", Want::hash(&second.txid))
                .arg("replacement_vsize", second.vsize)
                .arg("replacement_fee", second.fee)
                .arg("replacement_is_txid", true),
        );
        Ok((events.into(), vec![second.txid, third.txid]))
    })
}

/// The block with those transactions is connected: for the second time, because making it also changed copies of
/// the cache, which fires the same tracepoints.
fn connected(
    run: &mut Run<'_>,
    node: &Node,
    descriptor: &str,
    sent: &[String],
) -> Result<(), CouldNot> {
    let about = [
        "validation:block_connected",
        "utxocache:add",
        "utxocache:spent",
        "mempool:removed",
    ];
    let template = call(node, "getblocktemplate", json!([{"rules": ["segwit"]}]))?;
    let sigops = list(&template, "transactions")?
        .iter()
        .map(|one| number(one, "sigops"))
        .sum::<Result<i64, _>>()?;
    let blocks = mine(node, descriptor, 1)?;
    let hash = text(&json!(blocks), "0")?;
    let block = call(node, "getblock", json!([hash, 3]))?;
    call(node, "invalidateblock", json!([hash]))?;
    let entries = sent
        .iter()
        .map(|txid| Entry::get(node, txid))
        .collect::<Result<Vec<_>, _>>()?;
    run.step("a block is connected", &about, |_| {
        let start = Instant::now();
        call(node, "reconsiderblock", json!([hash]))?;
        let took = i128::try_from(start.elapsed().as_nanos()).unwrap_or(i128::MAX);
        let because = "a block was connected";
        let mut events = vec![];
        let mut inputs = 0_i64;
        for transaction in list(&block, "tx")? {
            let spends = list(transaction, "vin")?;
            inputs += i64::try_from(spends.len()).unwrap_or(i64::MAX);
            for input in spends.iter().filter(|one| one.get("coinbase").is_none()) {
                events.push(spent(input)?.event("spent", "a block spent a coin"));
            }
            for coin in made(transaction, &block)? {
                events.push(coin.event("add", "a block made a coin"));
            }
        }
        events.push(
            Expected::new(id("validation", "block_connected"), because)
                .arg("block_hash", Want::hash(&hash))
                .arg("height", number(&block, "height")?)
                .arg("transactions", number(&block, "nTx")?)
                .arg("inputs_spent", inputs)
                .arg("sigops", sigops)
                .arg("duration_ns", Want::Between(1, took)),
        );
        let removed = entries.iter();
        events.extend(removed.map(|entry| entry.removed("block", "a transaction was mined")));
        Ok((events.into(), ()))
    })?;
    Ok(())
}

/// The coin that an input in `getblock`'s third verbosity spends.
fn spent(input: &Value) -> Result<Coin, CouldNot> {
    Ok(Coin {
        txid: text(input, "txid")?,
        output: index(input, "vout")?,
        height: index(input, "prevout/height")?,
        satoshi: amount(input, "prevout/value")?,
        coinbase: at(input, "prevout/generated")?.as_bool() == Some(true),
    })
}

/// The coins that a transaction of a block makes; data is none.
fn made(transaction: &Value, block: &Value) -> Result<Vec<Coin>, CouldNot> {
    let coinbase = transaction.pointer("/vin/0/coinbase").is_some();
    let outputs = list(transaction, "vout")?.iter();
    outputs
        .filter(|output| {
            output.pointer("/scriptPubKey/type").and_then(Value::as_str) != Some("nulldata")
        })
        .map(|output| {
            Ok(Coin {
                txid: text(transaction, "txid")?,
                output: index(output, "n")?,
                height: index(block, "height")?,
                satoshi: amount(output, "value")?,
                coinbase,
            })
        })
        .collect()
}

fn index(answer: &Value, path: &str) -> Result<u32, CouldNot> {
    // Heights and positions on our chain.
    Ok(u32::try_from(number(answer, path)?).unwrap_or(u32::MAX))
}

impl Coin {
    fn event(&self, event: &str, because: &str) -> Expected {
        Expected::new(id("utxocache", event), because)
            .arg("txid", Want::hash(&self.txid))
            .arg("output_index", self.output)
            .arg("height", self.height)
            .arg("value", self.satoshi)
            .arg("is_coinbase", self.coinbase)
    }
}

impl Entry {
    fn added(&self) -> Expected {
        Expected::new(id("mempool", "added"), "a transaction was accepted")
            .arg("txid", Want::hash(&self.txid))
            .arg("vsize", self.vsize)
            .arg("fee", self.fee)
    }

    fn removed(&self, reason: &str, because: &str) -> Expected {
        Expected::new(id("mempool", "removed"), because)
            .arg("txid", Want::hash(&self.txid))
            .arg("reason", Want::text(reason))
            .arg("vsize", self.vsize)
            .arg("fee", self.fee)
            .arg("entered_at", self.time)
    }
}
