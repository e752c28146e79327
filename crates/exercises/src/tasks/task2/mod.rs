//! Task 2: watch what the server's node says to its peers.

mod exchange;
mod live;
mod number;
mod seen;
mod types;

use std::time::Duration;

pub use seen::{Peer, Recorded, Seen, Window};

use crate::evidence::{Evidence, Seen as AnySeen};
use crate::task::{Check, How, Question, Task, Watch, run};

/// The task.
pub const TASK: Task = Task {
    id: "task2",
    title: "Watch the P2P traffic",
    brief: "See the messages between a node and its peers as they pass.",
    questions: &[
        Question {
            id: "peers",
            asks: "How many peers does the server's node have?",
            form: "NUMBER",
            decides: true,
        },
        Question {
            id: "types",
            asks: "Which types of connection are they? Is any inbound?",
            form: "TYPE…",
            decides: true,
        },
        Question {
            id: "exchange",
            asks: "Did you see a handshake, or a ping with its pong? Which?",
            form: "HANDSHAKE-OR-PING",
            decides: true,
        },
        Question {
            id: "learn",
            asks: "What could somebody learn about a node who sees its messages?",
            form: "TEXT",
            decides: false,
        },
    ],
    template: include_str!("../../../../../templates/task/task2.md.j2"),
    starters: &[],
    hints: &[
        "`sudo workshop monitor` without a name watches the server's own node, the one that `bitcoin-cli` talks to. The \
         bitcoind in {{ tree }} is another program, and has no peers unless you start it.",
        "The line at the top of the monitor counts the peers, and the column type says how each connection came to be. \
         `bitcoin-cli getpeerinfo` tells the same: each peer has an id and a connection_type.",
        "A quiet peer is asked every two minutes whether it is still there. `bitcoin-cli ping` in a second terminal \
         makes the node ask all of them now. Choose a peer with the arrow keys and look at its log with Enter.",
        "A handshake stands at the beginning of a connection: both sides send version, then both send verack. To see one \
         there has to be a new connection while you watch; an old one can be closed, and comes again.",
        "The check reads what the monitor has recorded: let it run until its log says ping and pong, or handshake, then \
         answer.",
    ],
    watch: Watch {
        files: &[],
        // A check attaches to the node and waits for a pong.
        every: Some(Duration::from_secs(20)),
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task2(seen) = &evidence.seen else {
            return None;
        };
        Some(run(&TASK, CHECKS, seen, &evidence.answers))
    },
};

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: "peers",
        about: "the number of peers",
        judge: How::Answer(number::peers),
    },
    Check {
        id: "types",
        about: "the types of their connections",
        judge: How::Answer(types::types),
    },
    Check {
        id: "exchange",
        about: "what you saw them say",
        judge: How::Answer(exchange::exchange),
    },
    Check {
        id: "live",
        about: "a ping and its pong, traced by the check",
        judge: How::Observation(live::live),
    },
];
