//! Coin selection, where the program has a wallet.

use exercises::interface::seen::{Expected, Want};
use serde_json::{Value, json};

use super::chain::{Chain, Coin, FEE, mine, send};
use super::rpc::{amount, call, list, number, text};
use super::transaction::{Output, from_hex, transaction};
use super::{Run, id};
use crate::live::CouldNot;
use crate::live::regtest::{CallError, Node};

/// The wallet's name, which every one of its tracepoints tells first.
const NAME: &str = "interface-test";
/// The first code of JSON-RPC: there is no such method.
const NO_METHOD: i32 = -32601;
/// Satoshi for a virtual byte.
const RATE: u32 = 5;
/// Where we want the change to be, so that both attempts have it there.
const CHANGE: i32 = 1;
/// No attempt of ours wastes a whole bitcoin.
const WASTE: i128 = 100_000_000;

/// Whether the program has a wallet.
pub(super) fn is_built(node: &Node) -> Result<bool, CouldNot> {
    match node.call("listwallets", &[]) {
        Ok(_) => Ok(true),
        Err(CallError::Refused {
            code: NO_METHOD, ..
        }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// All steps with the wallet.
pub(super) fn all(run: &mut Run<'_>, node: &Node, chain: &Chain) -> Result<(), CouldNot> {
    let about = [
        "coin_selection:selected_coins",
        "coin_selection:normal_create_tx_internal",
        "coin_selection:attempting_aps_create_tx",
        "coin_selection:aps_create_tx_internal",
    ];
    let funded = run.step("a wallet is funded", &[], |_| {
        Ok((Vec::new().into(), fund(node, chain)?))
    })?;
    let Some(large) = funded else { return Ok(()) };
    // All coins of that address are of one size, so one is enough and the group is more than enough.
    run.step("a wallet selects coins", &about, |_| {
        let target = large / 2;
        let funded = select(node, target)?;
        let because = "a transaction was funded";
        let fee = amount(&funded, "fee")?;
        let one = selected(because, target, large);
        let group = selected(because, target, 2 * large);
        let normal = Expected::new(id("coin_selection", "normal_create_tx_internal"), because)
            .arg("wallet", Want::text(NAME))
            .arg("succeeded", true)
            .arg("expected_fee", fee)
            .arg("change_position", number(&funded, "changepos")?);
        let attempt = Expected::new(id("coin_selection", "attempting_aps_create_tx"), because)
            .arg("wallet", Want::text(NAME));
        // Two inputs cost more than one, and more than nothing is not to be paid for them.
        let grouped = Expected::new(id("coin_selection", "aps_create_tx_internal"), because)
            .arg("wallet", Want::text(NAME))
            .arg("will_be_used", false)
            .arg("succeeded", true)
            .arg("expected_fee", Want::Between((fee + 1).into(), WASTE))
            .arg("change_position", CHANGE);
        Ok((vec![one, group, normal, attempt, grouped].into(), ()))
    })?;
    run.step("a wallet has too little", &about, |_| {
        match select(node, large * 1000) {
            Err(_) => {}
            Ok(_) => return Err(CouldNot::new("the wallet has too much", "run it again")),
        }
        let because = "there were too few coins";
        let normal = Expected::new(id("coin_selection", "normal_create_tx_internal"), because)
            .arg("wallet", Want::text(NAME))
            .arg("succeeded", false)
            .arg("expected_fee", 0)
            .arg("change_position", -1);
        Ok((vec![normal].into(), ()))
    })?;
    Ok(())
}

/// A wallet that has two coins of one size, both of one address. Returns the size.
fn fund(node: &Node, chain: &Chain) -> Result<i64, CouldNot> {
    call(node, "createwallet", json!([NAME]))?;
    let address = text(&json!([call(node, "getnewaddress", json!([]))?]), "0")?;
    let info = call(node, "getaddressinfo", json!([address]))?;
    let script = from_hex(&text(&info, "scriptPubKey")?);
    let Some(coin) = chain.mined.last() else {
        return Err(CouldNot::new("there are no coins", "run it again"));
    };
    let satoshi = (coin.satoshi - FEE) / 2;
    let outputs = [(); 2].map(|()| Output {
        satoshi,
        script: script.clone(),
    });
    let inputs: [&Coin; 1] = [coin];
    send(node, &transaction(&inputs, &outputs))?;
    mine(node, &chain.descriptor, 1)?;
    let coins = call(node, "listunspent", json!([]))?;
    if list(&coins, "")?.len() != outputs.len() {
        return Err(CouldNot::new(
            "the wallet did not see its coins",
            "run it again",
        ));
    }
    Ok(satoshi)
}

/// Has a payment of that amount funded. The fee comes out of it, so that it is the target exactly.
fn select(node: &Node, satoshi: i64) -> Result<Value, CouldNot> {
    let to = text(&json!([call(node, "getnewaddress", json!([]))?]), "0")?;
    let bitcoin = format!("{}.{:08}", satoshi / 100_000_000, satoshi % 100_000_000);
    let raw = call(node, "createrawtransaction", json!([[], [{to: bitcoin}]]))?;
    let options = json!({
        "changePosition": CHANGE,
        "fee_rate": RATE,
        "subtractFeeFromOutputs": [0],
    });
    call(node, "fundrawtransaction", json!([raw, options]))
}

fn selected(because: &str, target: i64, value: i64) -> Expected {
    Expected::new(id("coin_selection", "selected_coins"), because)
        .arg("wallet", Want::text(NAME))
        .arg("algorithm", Want::Containing(String::new()))
        .arg("target", target)
        .arg("waste", Want::Between(-WASTE, WASTE))
        .arg("selected_value", value)
}
