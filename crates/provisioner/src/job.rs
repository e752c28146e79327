//! What happens while we work, for whoever draws it. This crate sends events; it never prints.

use tokio::sync::mpsc::UnboundedSender;

/// Something happened to a host, or to what all hosts share (then `host` names that, as `base image`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEvent {
    /// The host's word.
    pub host: String,
    /// What.
    pub kind: JobKind,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// It is now busy with this.
    Doing(String),
    /// So much of what it is busy with is done.
    Progress {
        /// What it says of itself.
        text: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// It ended well; how, in a word or two.
    Done(String),
    /// It ended badly; the error in one line.
    Failed(String),
}

/// Sends the events of one host. Nobody has to listen.
#[derive(Clone, Debug)]
pub struct Reporter {
    host: String,
    events: Option<UnboundedSender<JobEvent>>,
}

impl Reporter {
    /// A reporter for `host`; `None` where nobody draws.
    pub fn new(host: impl Into<String>, events: Option<UnboundedSender<JobEvent>>) -> Self {
        Self {
            host: host.into(),
            events,
        }
    }

    /// It is now busy with this.
    pub fn doing(&self, what: impl Into<String>) {
        self.send(JobKind::Doing(what.into()));
    }

    /// So much is done.
    pub fn progress(&self, text: impl Into<String>, done: u64, total: u64) {
        self.send(JobKind::Progress {
            text: text.into(),
            done,
            total,
        });
    }

    /// It ended well.
    pub fn done(&self, how: impl Into<String>) {
        self.send(JobKind::Done(how.into()));
    }

    /// It ended badly.
    pub fn failed(&self, why: impl Into<String>) {
        self.send(JobKind::Failed(why.into()));
    }

    fn send(&self, kind: JobKind) {
        if let Some(events) = &self.events {
            // Whoever drew may be gone; the work goes on.
            let _ = events.send(JobEvent {
                host: self.host.clone(),
                kind,
            });
        }
    }
}
