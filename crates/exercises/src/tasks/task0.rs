//! Task 0: log in and look around. Is the server one, and does the participant know what it has?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, NotAnAmount};
use crate::answers::{Answer, yes_or_no};
use crate::evidence::{Evidence, Observed, Seen as AnySeen};
use crate::task::{Check, How, Question, Task, Watch, run};
use crate::verdict::Judged;

/// The task.
pub const TASK: Task = Task {
    id: "task0",
    title: "Log in and look around",
    brief: "Find out what your server is made of, and become its administrator.",
    questions: &[
        Question {
            id: "kernel",
            asks: "Which kernel release does the server run?",
            form: "RELEASE",
            decides: true,
        },
        Question {
            id: "memory",
            asks: "How much memory does the server have in total?",
            form: "AMOUNT",
            decides: true,
        },
        Question {
            id: "root",
            asks: "Can you become root without a password?",
            form: "YES-OR-NO",
            decides: true,
        },
    ],
    template: include_str!("../../../../templates/task/task0.md.j2"),
    starters: &[],
    hints: &[
        "Three commands of the text print all that is asked: `uname`, `free` and `sudo`. Type them on the \
         server: there the prompt begins with workshop@.",
        "The kernel's release is the number with points after the server's name in `uname -a`, and what `uname -r` \
         prints alone. The version of the distribution (cat /etc/os-release) is another number.",
        "`free -h` has a column called total. Take the first number in it, together with its unit.",
        "`id -u` prints a number for who you are, and `sudo id -u` one for whom sudo makes of you. Root is the one \
         with 0. If sudo asks for a password there, that is an answer too, and one to tell your instructor.",
    ],
    watch: Watch {
        files: &[],
        every: Some(Duration::from_secs(3)),
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task0(seen) = &evidence.seen else {
            return None;
        };
        Some(run(&TASK, CHECKS, seen, &evidence.answers))
    },
};

/// What the server is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// `uname -r`.
    pub release: Observed<String>,
    /// `MemTotal` of /proc/meminfo, in bytes.
    pub memory_bytes: Observed<u64>,
    /// What the server was rented with, in bytes: /proc/meminfo is a little less than that, and in a local
    /// host it shows the whole machine.
    pub plan_bytes: Option<u64>,
    /// What `id -u` printed through `sudo -n`, or as root without.
    pub root: Observed<Root>,
    /// Whether the kernel describes its types (BTF).
    pub btf: Observed<bool>,
    /// Whether tracefs is mounted, and where.
    pub tracefs: Observed<Option<String>>,
    /// The kernel's uprobes.
    pub uprobes: Observed<Uprobes>,
}

/// What came of becoming root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Whether it worked.
    pub became: bool,
    /// What was said when it did not.
    pub said: String,
}

/// What the kernel offers for attaching to programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uprobes {
    /// There is an event source for uprobes.
    pub present: bool,
    /// It raises semaphores by itself (Linux 4.20).
    pub ref_ctr_offset: bool,
}

const ASK_INSTRUCTOR: &str =
    "this is the server's doing, not yours: tell the instructor (`workshop doctor` shows it too)";

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: "kernel",
        about: "the kernel release",
        judge: How::Answer(kernel),
    },
    Check {
        id: "memory",
        about: "the memory",
        judge: How::Answer(memory),
    },
    Check {
        id: "root",
        about: "becoming root",
        judge: How::Answer(root),
    },
    Check {
        id: "kernel-version",
        about: "a kernel new enough",
        judge: How::Observation(|seen| seen.release.judge(|release| new_enough(release))),
    },
    Check {
        id: "sudo",
        about: "root without a password",
        judge: How::Observation(|seen| {
            seen.root.judge(|root| {
                if root.became {
                    Judged::right("`sudo -n id -u` says 0")
                } else {
                    Judged::wrong(
                        format!("`sudo -n id -u` says: {}", root.said),
                        ASK_INSTRUCTOR,
                    )
                }
            })
        }),
    },
    Check {
        id: "btf",
        about: "types of the kernel (BTF)",
        judge: How::Observation(|seen| {
            seen.btf.judge(|present| {
                if *present {
                    Judged::right("/sys/kernel/btf/vmlinux is there")
                } else {
                    Judged::wrong("/sys/kernel/btf/vmlinux is missing", ASK_INSTRUCTOR)
                }
            })
        }),
    },
    Check {
        id: "tracefs",
        about: "tracefs",
        judge: How::Observation(|seen| {
            seen.tracefs.judge(|place| match place {
                Some(place) => Judged::right(format!("mounted at {place}")),
                None => Judged::wrong(
                    "not mounted",
                    "sudo mount -t tracefs none /sys/kernel/tracing",
                ),
            })
        }),
    },
    Check {
        id: "uprobes",
        about: "uprobes with semaphores",
        judge: How::Observation(|seen| {
            seen.uprobes.judge(|uprobes| match uprobes {
                Uprobes { present: false, .. } => {
                    Judged::wrong("the kernel has no event source for uprobes", ASK_INSTRUCTOR)
                }
                Uprobes {
                    ref_ctr_offset: false,
                    ..
                } => Judged::wrong(
                    "the kernel's uprobes cannot raise semaphores (ref_ctr_offset is missing)",
                    ASK_INSTRUCTOR,
                ),
                _ => Judged::right("the uprobe event source takes ref_ctr_offset"),
            })
        }),
    },
];

fn kernel(answer: &Answer, seen: &Seen) -> Judged {
    seen.release.judge(|release| {
        let text = answer.text();
        let said = format!("you said “{}”", answer.short(60));
        // Of a pasted `uname -a` the release is the first word that begins like a version.
        let Some(given) = text.split_whitespace().find_map(version_like) else {
            return if text.chars().any(|letter| letter.is_ascii_digit()) {
                Judged::wrong(
                    said,
                    "give at least two numbers of it, major.minor: `uname -r`",
                )
            } else {
                Judged::wrong(
                    said,
                    "there is no number in it: `uname -r` prints the release",
                )
            };
        };
        if is_release(given, release) {
            return Judged::right(said);
        }
        let hint = if release.starts_with(given) {
            format!("“{given}” begins like it and is another release: the last number is not whole")
        } else if given.split('.').next() == release.split('.').next() {
            "the first number is right; look at `uname -r` on the server itself".to_owned()
        } else {
            "that is not this server's kernel: is the terminal logged in, and is it the kernel's \
             release and not the distribution's? `uname -r`"
                .to_owned()
        };
        Judged::wrong(said, hint)
    })
}

/// A word that begins with two numbers and a point between; without what sentences put around it.
fn version_like(word: &str) -> Option<&str> {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let word = word.strip_suffix(".x").unwrap_or(word);
    let word = word.strip_prefix('v').unwrap_or(word);
    let (major, rest) = word.split_once('.')?;
    (!major.is_empty()
        && major.bytes().all(|byte| byte.is_ascii_digit())
        && rest.starts_with(|first: char| first.is_ascii_digit()))
    .then_some(word)
}

/// Whether `given` is the release or its beginning up to a boundary: 6.12 of 6.12.43-amd64, and 6.1 not.
fn is_release(given: &str, release: &str) -> bool {
    match release.strip_prefix(given) {
        Some("") => true,
        Some(rest) => rest.starts_with(|next: char| !next.is_ascii_alphanumeric()),
        None => false,
    }
}

/// Linux 4.8 lets BPF programs run on perf events; 5.15 gives them the cookie that our own probes need.
const FOR_TRACEPOINTS: (u32, u32) = (4, 8);
const FOR_OUR_PROBES: (u32, u32) = (5, 15);

fn new_enough(release: &str) -> Judged {
    let mut numbers = release
        .split(|letter: char| !letter.is_ascii_digit())
        .map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Judged::Unknown {
            why: format!("the release “{release}” has no major.minor"),
            remedy: ASK_INSTRUCTOR.to_owned(),
        };
    };
    let version = (major, minor);
    let seen = |verdict: &str| {
        format!("{major}.{minor} {verdict} (tracepoints need 4.8, the workshop's own probes 5.15)")
    };
    if version >= FOR_OUR_PROBES {
        Judged::right(seen("is new enough"))
    } else if version >= FOR_TRACEPOINTS {
        Judged::wrong(
            seen("will do for bpftrace, and not for the checks"),
            ASK_INSTRUCTOR,
        )
    } else {
        Judged::wrong(seen("is too old"), ASK_INSTRUCTOR)
    }
}

fn memory(answer: &Answer, seen: &Seen) -> Judged {
    seen.memory_bytes.judge(|total| {
        let said = format!("you said “{}”", answer.short(60));
        let amount = match Amount::parse(&answer.text()) {
            Ok(amount) => amount,
            Err(why) => {
                let hint = match why {
                    NotAnAmount::NoNumber => "give an amount, such as 8 GiB",
                    NotAnAmount::NoUnit => "give the amount with its unit: `free -h` prints both",
                    NotAnAmount::Absurd => "no server has that amount of memory",
                };
                return Judged::wrong(said, hint);
            }
        };
        let truths = [Some(*total), seen.plan_bytes];
        let mut truths = truths.iter().flatten();
        if truths.clone().any(|truth| amount.is_about(*truth)) {
            return Judged::right(said);
        }
        let hint = if truths.clone().any(|truth| amount.is_off_by_a_unit(*truth)) {
            "the number may be right; look at the unit"
        } else if truths.all(|truth| amount.is_less_than(*truth)) {
            "the server has more than that: the question is about the total, not what is free or used"
        } else {
            "the server has less than that: `free -h`, the line that begins with Mem"
        };
        Judged::wrong(said, hint)
    })
}

fn root(answer: &Answer, seen: &Seen) -> Judged {
    seen.root.judge(|root| {
        let text = answer.text();
        let said = format!("you said “{}”", answer.short(60));
        // What `sudo id -u` and `sudo id` print is a yes too.
        let yes = text.trim() == "0" || text.contains("uid=0") || text.trim() == "root";
        match yes_or_no(&text).or(yes.then_some(true)) {
            Some(said_so) if said_so == root.became => Judged::right(said),
            Some(true) => Judged::wrong(said, "we tried, and could not: `sudo -n id -u`"),
            Some(false) => Judged::wrong(said, "we tried, and could: `sudo -n id -u`"),
            None => Judged::wrong(said, "answer yes or no"),
        }
    })
}
