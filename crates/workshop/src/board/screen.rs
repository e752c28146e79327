//! The board on a terminal, until somebody quits.

use std::time::Duration;

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, WrapErr as _};
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

use super::feed::Feed;
use super::view::{Ui, draw};

/// Hosts tell every two seconds; minutes go by without them.
const TICK: Duration = Duration::from_secs(1);

/// Draws until `q`, Ctrl-C or a signal.
pub(crate) async fn run(feed: &Feed, colour: bool) -> miette::Result<()> {
    // Puts the terminal back in a panic too. It gets back its own however we leave.
    let terminal = ratatui::try_init();
    let restore = Restore;
    let mut terminal = terminal
        .into_diagnostic()
        .wrap_err("the terminal cannot be drawn on")?;
    let mut keys = read_keys();
    let mut changes = feed.changes();
    let mut signals = crate::signals::Ending::new().into_diagnostic()?;
    let mut ui = Ui::new(colour);
    loop {
        let hosts = feed.look(|board| board.shown(Timestamp::now(), true));
        let drawn = terminal
            .draw(|frame| draw(frame, &mut ui, &hosts))
            .map(|_| ());
        drawn
            .into_diagnostic()
            .wrap_err("the terminal cannot be drawn on")?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Ok(Event::Key(key))) => {
                    if ui.key(key, &hosts) {
                        break;
                    }
                }
                // A change of size is drawn.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            // Ten changes at once are drawn once.
            _ = changes.changed() => tokio::time::sleep(Duration::from_millis(50)).await,
            () = tokio::time::sleep(TICK) => {}
            () = signals.comes() => break,
        }
    }
    drop(restore);
    Ok(())
}

struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = ratatui::try_restore();
    }
}

/// Keys and changes of size, from a thread of their own: reading waits.
fn read_keys() -> mpsc::UnboundedReceiver<std::io::Result<Event>> {
    let (to, keys) = mpsc::unbounded_channel();
    // Ends with the process, or when the terminal is gone.
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let last = event.is_err();
            if to.send(event).is_err() || last {
                return;
            }
        }
    });
    keys
}
