//! Our own table of the documented interface: names by the major version that first documented them, arguments in
//! order as of version 31. A tree that carries `doc/tracing.md` decides for itself; this speaks where a tree has none.
//!
//! Part of the program rather than a file that it reads: parsing one took a tenth of `workshop tracepoints`.

use super::ArgType::{self, Bool, Bytes, Cstr, Int32, Int64, Uint32, Uint64};

/// One documented tracepoint.
pub(super) struct Row {
    pub(super) context: &'static str,
    pub(super) event: &'static str,
    /// The major version that first documented it.
    pub(super) since: u32,
    /// Names and types, in order. Hashes are 32 bytes, little-endian.
    pub(super) args: &'static [(&'static str, ArgType)],
}

/// By name.
pub(super) const ROWS: &[Row] = &[
    Row {
        context: "coin_selection",
        event: "aps_create_tx_internal",
        since: 24,
        args: &[
            ("wallet", Cstr),
            ("will_be_used", Bool),
            ("succeeded", Bool),
            ("expected_fee", Int64),
            ("change_position", Int32),
        ],
    },
    Row {
        context: "coin_selection",
        event: "attempting_aps_create_tx",
        since: 24,
        args: &[("wallet", Cstr)],
    },
    Row {
        context: "coin_selection",
        event: "normal_create_tx_internal",
        since: 24,
        args: &[
            ("wallet", Cstr),
            ("succeeded", Bool),
            ("expected_fee", Int64),
            ("change_position", Int32),
        ],
    },
    Row {
        context: "coin_selection",
        event: "selected_coins",
        since: 24,
        args: &[
            ("wallet", Cstr),
            ("algorithm", Cstr),
            ("target", Int64),
            ("waste", Int64),
            ("selected_value", Int64),
        ],
    },
    Row {
        context: "mempool",
        event: "added",
        since: 25,
        args: &[("txid", Bytes), ("vsize", Int32), ("fee", Int64)],
    },
    Row {
        context: "mempool",
        event: "rejected",
        since: 25,
        args: &[("txid", Bytes), ("reason", Cstr)],
    },
    Row {
        context: "mempool",
        event: "removed",
        since: 25,
        args: &[
            ("txid", Bytes),
            ("reason", Cstr),
            ("vsize", Int32),
            ("fee", Int64),
            ("entered_at", Uint64),
        ],
    },
    Row {
        context: "mempool",
        event: "replaced",
        since: 25,
        args: &[
            ("replaced_txid", Bytes),
            ("replaced_vsize", Int32),
            ("replaced_fee", Int64),
            ("replaced_entered_at", Uint64),
            ("replacement_id", Bytes),
            ("replacement_vsize", Int32),
            ("replacement_fee", Int64),
            ("replacement_is_txid", Bool),
        ],
    },
    Row {
        context: "net",
        event: "closed_connection",
        since: 29,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("network", Uint32),
            ("established_at", Uint64),
        ],
    },
    Row {
        context: "net",
        event: "evicted_inbound_connection",
        since: 29,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("network", Uint32),
            ("established_at", Uint64),
        ],
    },
    Row {
        context: "net",
        event: "inbound_connection",
        since: 29,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("network", Uint32),
            ("inbound_connections", Uint64),
        ],
    },
    Row {
        context: "net",
        event: "inbound_message",
        since: 22,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("message_type", Cstr),
            ("message_size", Uint64),
            ("message_bytes", Bytes),
        ],
    },
    Row {
        context: "net",
        event: "misbehaving_connection",
        since: 29,
        args: &[("peer_id", Int64), ("reason", Cstr)],
    },
    Row {
        context: "net",
        event: "outbound_connection",
        since: 29,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("network", Uint32),
            ("outbound_connections", Uint64),
        ],
    },
    Row {
        context: "net",
        event: "outbound_message",
        since: 22,
        args: &[
            ("peer_id", Int64),
            ("peer_addr", Cstr),
            ("connection_type", Cstr),
            ("message_type", Cstr),
            ("message_size", Uint64),
            ("message_bytes", Bytes),
        ],
    },
    Row {
        context: "utxocache",
        event: "add",
        since: 23,
        args: &[
            ("txid", Bytes),
            ("output_index", Uint32),
            ("height", Uint32),
            ("value", Int64),
            ("is_coinbase", Bool),
        ],
    },
    Row {
        context: "utxocache",
        event: "flush",
        since: 23,
        args: &[
            ("duration_us", Int64),
            ("mode", Uint32),
            ("coins", Uint64),
            ("memory_bytes", Uint64),
            ("for_prune", Bool),
        ],
    },
    Row {
        context: "utxocache",
        event: "spent",
        since: 23,
        args: &[
            ("txid", Bytes),
            ("output_index", Uint32),
            ("height", Uint32),
            ("value", Int64),
            ("is_coinbase", Bool),
        ],
    },
    Row {
        context: "utxocache",
        event: "uncache",
        since: 23,
        args: &[
            ("txid", Bytes),
            ("output_index", Uint32),
            ("height", Uint32),
            ("value", Int64),
            ("is_coinbase", Bool),
        ],
    },
    Row {
        context: "validation",
        event: "block_connected",
        since: 22,
        args: &[
            ("block_hash", Bytes),
            ("height", Int32),
            ("transactions", Uint64),
            ("inputs_spent", Int32),
            ("sigops", Uint64),
            ("duration_ns", Uint64),
        ],
    },
];
