//! Draws what the provisioner and checks do: bars on a terminal, plain lines elsewhere.

mod bars;
mod doing;
mod note;
mod plain;

use std::io::IsTerminal as _;

use provisioner::job::JobEvent;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

pub(crate) use self::doing::Doing;
pub(crate) use self::note::note;
use crate::output::Output;

/// Something that shows events.
trait Draw: Send {
    fn event(&mut self, event: JobEvent);
    fn end(&mut self);
}

/// The drawing of one run, in a task of its own.
pub(crate) struct Progress {
    drawing: JoinHandle<()>,
}

impl Progress {
    /// Starts to draw on standard error; events go to the sender.
    pub(crate) fn start(output: Output) -> (UnboundedSender<JobEvent>, Self) {
        let (sender, receiver) = unbounded_channel();
        let draw: Box<dyn Draw> = if is_terminal() {
            Box::new(bars::Bars::new(output))
        } else {
            Box::new(plain::Plain::new(output))
        };
        (
            sender,
            Self {
                drawing: tokio::spawn(show(receiver, draw)),
            },
        )
    }

    /// Waits until everything is drawn. All senders must be gone.
    pub(crate) async fn end(self) {
        // A drawing that died takes nothing with it.
        let _ = self.drawing.await;
    }
}

/// Whether standard error is a terminal that can be drawn on.
pub(crate) fn is_terminal() -> bool {
    // TERM=dumb is a terminal that cannot move its cursor.
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

async fn show(mut events: UnboundedReceiver<JobEvent>, mut draw: Box<dyn Draw>) {
    while let Some(event) = events.recv().await {
        draw.event(event);
    }
    draw.end();
}
