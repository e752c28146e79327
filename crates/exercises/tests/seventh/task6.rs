//! Task 6: ask the node where it is.

use std::time::Duration;

use exercises::answers::Answer;
use exercises::evidence::Observed;
use exercises::task::{Check, How, Question, Task, Watch, run};
use exercises::verdict::Judged;
use serde::{Deserialize, Serialize};

/// The task.
pub(crate) const TASK: Task<Seen> = Task {
    id: "task6",
    title: "Ask the node",
    brief: "See what the node says about itself.",
    questions: &[
        Question {
            id: "chain",
            asks: "Which chain is the server's node on?",
            form: "NAME",
            decides: true,
        },
        Question {
            id: "height",
            asks: "How many blocks does it have?",
            form: "NUMBER",
            decides: true,
        },
    ],
    template: include_str!("task6.md.j2"),
    starters: &[],
    hints: &[
        "The node's own client asks it: `bitcoin-cli help` lists all that can be asked.",
        "Both answers are about the chain of blocks, and one command tells both of them.",
        "Its output is JSON: a name in quotes, a colon, a value. The names in question are chain and blocks.",
    ],
    watch: Watch {
        files: &[],
        every: Some(Duration::from_secs(5)),
    },
    findings: |evidence| Some(run(&TASK, CHECKS, &evidence.seen, &evidence.answers)),
};

/// What the node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// `chain` of getblockchaininfo.
    pub chain: Observed<String>,
    /// `blocks` of it when the participant answered and now.
    pub heights: Observed<(u64, u64)>,
}

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: "chain",
        about: "the chain",
        judge: How::Answer(chain),
    },
    Check {
        id: "height",
        about: "the height",
        judge: How::Answer(height),
    },
];

fn chain(answer: &Answer, seen: &Seen) -> Judged {
    seen.chain.judge(|chain| {
        let said = format!("you said “{}”", answer.short(60));
        let text = answer.text().to_lowercase();
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        if words.any(|word| word == chain) {
            Judged::right(said)
        } else if chain.starts_with(&text) {
            Judged::wrong(said, "there are several test networks: which one?")
        } else {
            Judged::wrong(said, "the node says that it is on another chain")
        }
    })
}

fn height(answer: &Answer, seen: &Seen) -> Judged {
    seen.heights.judge(|(then, now)| {
        let said = format!("you said “{}”", answer.short(60));
        let digits: String = answer.text().chars().filter(char::is_ascii_digit).collect();
        match digits.parse::<u64>() {
            Err(_) => Judged::wrong(said, "give a number of blocks"),
            Ok(height) if height < *then => {
                Judged::wrong(said, "the node had more since you answered")
            }
            Ok(height) if height > *now => Judged::wrong(said, "the node has not got so far"),
            Ok(_) => Judged::right(said),
        }
    })
}
