//! One line an event, with the seconds since the start: for logs, pipes and CI.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use provisioner::job::{JobEvent, JobKind};

use super::Draw;
use crate::output::Output;

pub(super) struct Plain {
    output: Output,
    start: Instant,
    /// When a host's progress was last told.
    told: BTreeMap<String, Instant>,
}

/// A build of Bitcoin Core has 500 progress events; a log wants one now and then.
const BETWEEN: Duration = Duration::from_secs(20);

impl Plain {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            start: Instant::now(),
            told: BTreeMap::new(),
        }
    }
}

impl Draw for Plain {
    fn event(&mut self, event: JobEvent) {
        let text = match event.kind {
            JobKind::Doing(what) => what,
            JobKind::Progress { text, done, total } => {
                let now = Instant::now();
                if self
                    .told
                    .get(&event.host)
                    .is_some_and(|told| now.duration_since(*told) < BETWEEN)
                {
                    return;
                }
                self.told.insert(event.host.clone(), now);
                format!("{done}/{total} {text}")
            }
            JobKind::Done(how) => how,
            JobKind::Failed(why) => format!("FAILED: {why}"),
        };
        self.output.remark(format_args!(
            "{:>6.1}s {}: {text}",
            self.start.elapsed().as_secs_f64(),
            event.host
        ));
    }

    fn end(&mut self) {}
}
