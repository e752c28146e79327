//! On a screen: draws when something is new, at most ten times a second, and leaves the terminal as it was.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use miette::{IntoDiagnostic as _, WrapErr as _};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};

use super::input::{Action, Ui};
use super::model::Model;
use super::record::Lines;
use super::signals::Signals;
use super::view::{Shown, Theme, draw};
use super::wake::Wake;
use super::watch::Watch;

/// Ten frames a second look live and cost next to nothing.
const FRAME: Duration = Duration::from_millis(100);

/// How long events gather at most: of a flood of 100,000 a second this is a seventh of the ring buffer.
const GATHER: Duration = Duration::from_millis(20);

/// The terminal in the state that we need; it gets back its own when this goes, also in a panic.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> miette::Result<Self> {
        // Restores in a panic too, before its message is printed.
        let terminal = ratatui::try_init();
        if terminal.is_err() {
            let _ = ratatui::try_restore();
        }
        let terminal = terminal
            .into_diagnostic()
            .wrap_err("the terminal cannot be drawn on")?;
        Ok(Self(terminal))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = ratatui::try_restore();
    }
}

/// Draws until `q`, the time is over or a signal comes.
pub(crate) fn run(
    watch: &mut Watch,
    lines: &Lines,
    signals: &Signals,
    wake: &Wake,
    theme: Theme,
) -> miette::Result<()> {
    let mut screen = Screen::open()?;
    let keys = read_keys(wake.clone());
    let mut ui = Ui::default();
    let mut frozen = None;
    let zone = TimeZone::system();
    let mut dirty = true;
    let mut drawn: Option<Instant> = None;
    while !signals.came() {
        let turn = watch.turn(|_| {})?;
        // When the node has ended, what it said stays on the screen.
        if turn.time_is_up {
            break;
        }
        dirty |= turn.changed;
        let mut by_hand = false;
        for event in keys.try_iter() {
            by_hand = true;
            let event = event
                .into_diagnostic()
                .wrap_err("the terminal cannot be read")?;
            let Event::Key(key) = event else { continue };
            let (model, now) = moment(watch, &frozen);
            match ui.key(key, model, now) {
                Action::Stay => {}
                Action::Pause if ui.paused => {
                    frozen = Some((watch.model.clone(), watch.source.now()))
                }
                Action::Pause => frozen = None,
                Action::Quit => return Ok(()),
            }
        }
        let wait = drawn.map_or(Duration::ZERO, |drawn| {
            FRAME.saturating_sub(drawn.elapsed())
        });
        if by_hand || (dirty && wait.is_zero()) {
            let (model, now) = moment(watch, &frozen);
            let shown = Shown {
                model,
                now,
                standing: &watch.standing,
                program: &watch.source.program(),
                recording: &watch.recording,
                start: lines.time(Duration::ZERO),
                zone: &zone,
                theme,
            };
            let painted = screen
                .0
                .draw(|frame| draw(frame, &mut ui, &shown))
                .map(|_| ());
            painted
                .into_diagnostic()
                .wrap_err("the terminal cannot be drawn on")?;
            drawn = Some(Instant::now());
            dirty = false;
            continue;
        }
        // Until the next frame events gather by themselves for a while, which costs less than one by one.
        let most = if dirty {
            wait.min(GATHER)
        } else {
            Duration::MAX
        };
        watch.wait(!dirty, most)?;
    }
    Ok(())
}

/// What is to be shown: now, or when the screen was paused.
fn moment<'a>(watch: &'a Watch, frozen: &'a Option<(Model, Duration)>) -> (&'a Model, Duration) {
    match frozen {
        Some((model, now)) => (model, *now),
        None => (&watch.model, watch.source.now()),
    }
}

/// Keys and changes of size, from a thread of their own: reading waits.
fn read_keys(wake: Wake) -> Receiver<std::io::Result<Event>> {
    let (to, keys) = channel();
    // Ends with the process, or when the terminal is gone.
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let last = event.is_err();
            if to.send(event).is_err() || last {
                wake.wake();
                return;
            }
            wake.wake();
        }
    });
    keys
}
