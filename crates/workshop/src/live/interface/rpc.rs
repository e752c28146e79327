//! Reading a node's answers: what is not there is said, and never guessed.

use serde_json::Value;

use crate::live::CouldNot;
use crate::live::regtest::Node;

/// Satoshi in a bitcoin.
const COIN: f64 = 1e8;

/// Calls a method with a JSON list of parameters.
pub(super) fn call(node: &Node, method: &str, params: Value) -> Result<Value, CouldNot> {
    let params = match params {
        Value::Array(params) => params,
        Value::Null => Vec::new(),
        other => vec![other],
    };
    Ok(node.call(method, &params)?)
}

/// A member of an answer, by names and positions: `tx/0/txid`.
pub(super) fn at<'a>(answer: &'a Value, path: &str) -> Result<&'a Value, CouldNot> {
    answer
        .pointer(&format!("/{path}"))
        .ok_or_else(|| missing(path))
}

/// A string of an answer.
pub(super) fn text(answer: &Value, path: &str) -> Result<String, CouldNot> {
    let text = at(answer, path)?.as_str();
    text.map(str::to_owned).ok_or_else(|| missing(path))
}

/// A whole number of an answer.
pub(super) fn number(answer: &Value, path: &str) -> Result<i64, CouldNot> {
    at(answer, path)?.as_i64().ok_or_else(|| missing(path))
}

/// An amount of an answer, in satoshi.
pub(super) fn amount(answer: &Value, path: &str) -> Result<i64, CouldNot> {
    let bitcoin = at(answer, path)?.as_f64().ok_or_else(|| missing(path))?;
    // All amounts that exist are below 2^53, and so exact once rounded.
    #[expect(clippy::cast_possible_truncation, reason = "21 million bitcoin fit")]
    let satoshi = (bitcoin * COIN).round() as i64;
    Ok(satoshi)
}

/// A list of an answer.
pub(super) fn list<'a>(answer: &'a Value, path: &str) -> Result<&'a [Value], CouldNot> {
    let list = if path.is_empty() {
        answer
    } else {
        at(answer, path)?
    };
    list.as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| missing(path))
}

fn missing(path: &str) -> CouldNot {
    CouldNot::new(
        format!("the temporary node's answer has no `{path}`"),
        "this program does not know that version of Bitcoin Core: ask the instructor",
    )
}
