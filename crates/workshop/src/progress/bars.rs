//! One line a host: what it is doing and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use provisioner::job::{JobEvent, JobKind};

use super::Draw;
use crate::output::Output;

pub(super) struct Bars {
    output: Output,
    all: MultiProgress,
    hosts: BTreeMap<String, ProgressBar>,
}

/// Ten frames a second are smooth, and cheap over a slow line.
const FRAME: Duration = Duration::from_millis(100);

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Bars {
    pub(super) fn new(output: Output) -> Self {
        let all = MultiProgress::new();
        super::note::bars(Some(all.clone()));
        Self {
            output,
            all,
            hosts: BTreeMap::new(),
        }
    }

    fn bar(&mut self, host: &str) -> ProgressBar {
        if let Some(bar) = self.hosts.get(host) {
            return bar.clone();
        }
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {prefix:10} {elapsed:>4} {wide_msg}"));
        bar.set_prefix(host.to_owned());
        bar.enable_steady_tick(FRAME);
        self.hosts.insert(host.to_owned(), bar.clone());
        bar
    }
}

impl Draw for Bars {
    fn event(&mut self, event: JobEvent) {
        let bar = self.bar(&event.host);
        match event.kind {
            JobKind::Doing(what) => {
                bar.set_style(style("{spinner} {prefix:10} {elapsed:>4} {wide_msg}"));
                bar.set_message(what);
            }
            JobKind::Progress { text, done, total } => {
                bar.set_style(style(
                    "{spinner} {prefix:10} {elapsed:>4} [{bar:20}] {pos}/{len} {wide_msg}",
                ));
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(text);
            }
            JobKind::Done(how) => {
                bar.set_style(style("✓ {prefix:10} {elapsed:>4} {wide_msg}"));
                bar.finish_with_message(how);
            }
            JobKind::Failed(why) => {
                bar.set_style(style("✗ {prefix:10} {elapsed:>4} {wide_msg}"));
                bar.finish_with_message(why);
            }
        }
    }

    fn end(&mut self) {
        super::note::bars(None);
        for bar in self.hosts.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
        // indicatif leaves the cursor at the end of its last line.
        self.output.remark("");
    }
}
