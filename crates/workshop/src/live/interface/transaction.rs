//! Transactions of coins that anybody may spend, written by hand: no key, no signature, no wallet.

use super::chain::Coin;
use super::tracer::hex;

/// `OP_TRUE`: anybody may spend it, without a signature.
pub(super) const ANYONE: &[u8] = &[0x51];
/// Says that the transaction may be replaced (BIP 125).
const REPLACEABLE: u32 = 0xffff_fffd;

/// To whom an amount of satoshi goes.
pub(super) struct Output {
    pub(super) satoshi: i64,
    pub(super) script: Vec<u8>,
}

impl Output {
    /// To anybody.
    pub(super) fn anyone(satoshi: i64) -> Self {
        Self {
            satoshi,
            script: ANYONE.to_vec(),
        }
    }

    /// To a key's hash that nobody knows the key of. Counts as a signature operation.
    pub(super) fn key_hash(satoshi: i64) -> Self {
        // OP_DUP OP_HASH160 <20 bytes> OP_EQUALVERIFY OP_CHECKSIG
        let script = [&[0x76, 0xa9, 20][..], &[7; 20], &[0x88, 0xac]].concat();
        Self { satoshi, script }
    }
}

/// A transaction as the node takes it: hexadecimal digits.
pub(super) fn transaction(inputs: &[&Coin], outputs: &[Output]) -> String {
    let mut bytes = 2_i32.to_le_bytes().to_vec();
    bytes.extend(count(inputs.len()));
    for coin in inputs {
        // Hashes are written the last byte first.
        bytes.extend(from_hex(&coin.txid).into_iter().rev());
        bytes.extend(coin.output.to_le_bytes());
        bytes.extend(count(0));
        bytes.extend(REPLACEABLE.to_le_bytes());
    }
    bytes.extend(count(outputs.len()));
    for output in outputs {
        bytes.extend(output.satoshi.to_le_bytes());
        bytes.extend(count(output.script.len()));
        bytes.extend(&output.script);
    }
    bytes.extend(0_u32.to_le_bytes());
    hex(bytes.iter())
}

/// Core's variable length; the lists here have fewer than 253 members, which take one byte.
fn count(length: usize) -> Option<u8> {
    u8::try_from(length).ok()
}

/// What digits stand for; none of them when they are no digits.
pub(super) fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_written_as_core_reads_it() {
        let coin = Coin {
            txid: format!("ab{}cd", "00".repeat(30)),
            output: 2,
            height: 1,
            satoshi: 50,
            coinbase: false,
        };
        let text = transaction(&[&coin], &[Output::anyone(7), Output::key_hash(256)]);
        let want = format!(
            "02000000 01 cd{}ab 02000000 00 fdffffff 02 0700000000000000 01 51 \
             0001000000000000 19 76a914{}88ac 00000000",
            "00".repeat(30),
            "07".repeat(20)
        );
        assert_eq!(text, want.replace(' ', ""));
    }
}
