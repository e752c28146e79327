//! The files of `solutions/`, by task: the reference first, then the right ones, then the wrong ones.

use super::Body;

/// The files of a task.
pub(super) struct Files {
    pub(super) kind: Body,
    pub(super) answers: &'static str,
    pub(super) before: &'static str,
    /// The name, and the text.
    pub(super) all: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($task:literal $end:literal: $($name:literal)*) => {
        &[$((
            $name,
            include_str!(concat!("../../solutions/", $task, "/", $name, $end)),
        )),*]
    };
}

pub(super) const TASK0: Files = Files {
    kind: Body::Commands,
    answers: "",
    before: include_str!("../../solutions/task0/before.sh.j2"),
    all: files!("task0" ".sh.j2":
        "right/reference"
        "right/edited"
        "right/major-and-minor"
        "right/pasted-output"
        "wrong/another-unit"
        "wrong/begins-alike"
        "wrong/distribution"
        "wrong/half-of-it"
        "wrong/no-unit"
        "wrong/not-root"
    ),
};

pub(super) const TASK1: Files = Files {
    kind: Body::Commands,
    answers: "",
    before: include_str!("../../solutions/task1/before.sh.j2"),
    all: files!("task1" ".sh.j2":
        "right/reference"
        "right/bpftrace"
        "right/gdb"
        "right/readelf-as-it-is"
        "right/twice-and-upside-down"
        "wrong/capitals"
        "wrong/gdb-shows-none"
        "wrong/mistyped"
        "wrong/no-such-file"
        "wrong/no-tool"
        "wrong/not-documented"
        "wrong/of-the-documentation"
        "wrong/of-the-tests"
        "wrong/one-missing"
    ),
};

pub(super) const TASK2: Files = Files {
    kind: Body::Commands,
    answers: "",
    before: include_str!("../../solutions/task2/before.sh.j2"),
    all: files!("task2" ".sh.j2":
        "right/reference"
        "right/handshake"
        "wrong/another-node"
        "wrong/another-type"
        "wrong/nothing-recorded"
        "wrong/too-many-peers"
    ),
};

pub(super) const TASK3: Files = Files {
    kind: Body::Script,
    answers: include_str!("../../solutions/task3/answers"),
    before: "",
    all: files!("task3" ".bt.j2":
        "right/reference"
        "right/a-line-for-every-coin"
        "right/every-second"
        "right/increments"
        "right/keys-that-add-up"
        "right/one-map-with-keys"
        "right/printed-at-the-end"
        "right/satoshi"
        "right/statistics"
        "right/steps-in-satoshi"
        "right/steps-of-equal-width"
        "right/many-lines"
        "right/more-than-is-asked"
        "right/never-silent"
        "wrong/a-shell-script"
        "wrong/begins-late"
        "wrong/both-in-one-histogram"
        "wrong/both-in-one-number"
        "wrong/coinbase-only"
        "wrong/distinct-txids"
        "wrong/empty"
        "wrong/everything"
        "wrong/exits-at-once"
        "wrong/exits-early"
        "wrong/half-in-the-other-program"
        "wrong/histogram-of-an-address"
        "wrong/histogram-of-the-height"
        "wrong/histogram-out-of-bounds"
        "wrong/name-of-the-thread"
        "wrong/no-histogram"
        "wrong/no-such-program"
        "wrong/no-such-tracepoint"
        "wrong/one-histogram"
        "wrong/one-tracepoint"
        "wrong/only-histograms"
        "wrong/other-program"
        "wrong/starter-as-it-is"
        "wrong/sums"
        "wrong/swapped"
        "wrong/swapped-in-words"
        "wrong/syntax"
        "wrong/txids"
        "wrong/uncached"
        "wrong/unsafe"
        "wrong/written-down"
    ),
};
pub(super) const TASK4: Files = Files {
    kind: Body::Patch,
    answers: "",
    before: "",
    all: files!("task4" ".patch":
        "right/reference"
        "right/another-tracepoint"
        "right/local-variables"
        "wrong/an-argument-less"
        "wrong/another-size"
        "wrong/another-type"
        "wrong/another-value"
        "wrong/answer"
        "wrong/hashes-swapped"
        "wrong/never-reached"
        "wrong/numbers-swapped"
        "wrong/removed"
        "wrong/renamed"
        "wrong/sometimes-reached"
        "wrong/texts-swapped"
        "wrong/twice"
        "wrong/types-swapped"
    ),
};

pub(super) const TASK5: Files = Files {
    kind: Body::Patch,
    answers: "",
    before: "",
    all: files!("task5" ".patch":
        "right/reference"
        "right/helper"
        "right/arguments"
        "right/existing-context"
        "right/another-file"
        "right/three"
        "right/early"
        "right/only-after-a-start"
        "wrong/only-the-start"
        "wrong/only-the-shutdown"
        "wrong/if-false"
        "wrong/commented-out"
        "wrong/preprocessed-away"
        "wrong/semaphores-alone"
        "wrong/uncalled"
        "wrong/uncalled-and-kept"
        "wrong/never-reached"
        "wrong/both-at-the-start"
        "wrong/both-at-the-shutdown"
        "wrong/one-for-both"
        "wrong/per-message"
        "wrong/first-peer"
        "wrong/twice"
        "wrong/new-directory"
        "wrong/signal-alone"
        "wrong/stop-call-alone"
        "wrong/renamed"
        "wrong/removed"
        "wrong/not-built"
        "wrong/no-semaphore"
        "wrong/late-semaphore"
        "wrong/no-header"
        "wrong/syntax"
    ),
};
