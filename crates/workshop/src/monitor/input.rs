//! What is shown and which keys change it.

use std::time::Duration;

use exercises::recording::PeerId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::{Model, Peer};

/// Longer than any address.
const LONGEST_FILTER: usize = 70;

/// What is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    /// All peers.
    #[default]
    Peers,
    /// One peer and its log.
    Log,
}

/// By what peers are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Id,
    Latest,
    Bytes,
    Rate,
    Ping,
}

impl Sort {
    const ALL: [Self; 5] = [Self::Id, Self::Latest, Self::Bytes, Self::Rate, Self::Ping];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Id => "peer",
            Self::Latest => "last message",
            Self::Bytes => "bytes",
            Self::Rate => "rate",
            Self::Ping => "ping",
        }
    }

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Smallest first.
    fn key(self, peer: &Peer, now: Duration) -> f64 {
        match self {
            Self::Id => 0.0,
            Self::Latest => -peer.latest().as_secs_f64(),
            Self::Bytes => -((peer.received.total.bytes + peer.sent.total.bytes) as f64),
            Self::Rate => -(peer.received.rate(now).1 + peer.sent.rate(now).1),
            // Without a ping at the end.
            Self::Ping => peer.ping().map_or(f64::INFINITY, |ping| ping.as_secs_f64()),
        }
    }
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Stay,
    /// Keep what stands on the screen, or go on.
    Pause,
    Quit,
}

/// The state of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ui {
    pub(crate) screen: Screen,
    pub(crate) help: bool,
    pub(crate) sort: Sort,
    /// What is shown must contain this: of peers the address or type, of messages their type.
    peer_filter: String,
    message_filter: String,
    /// The filter is being typed.
    pub(crate) typing: bool,
    pub(crate) hide_closed: bool,
    /// The screen stands still; counting goes on.
    pub(crate) paused: bool,
    selected: Option<PeerId>,
    /// Where the selection was, for when its peer is gone.
    row: usize,
    /// The log's last line on the screen; none to follow.
    pub(crate) scroll: Option<u64>,
    /// Lines on a page, as it was drawn last.
    pub(crate) page: usize,
}

impl Ui {
    /// The filter of the screen that is shown.
    pub(crate) fn filter(&self) -> &str {
        match self.screen {
            Screen::Peers => &self.peer_filter,
            Screen::Log => &self.message_filter,
        }
    }

    fn filter_mut(&mut self) -> &mut String {
        match self.screen {
            Screen::Peers => &mut self.peer_filter,
            Screen::Log => &mut self.message_filter,
        }
    }

    /// Whether a message of this type is shown in the log.
    pub(crate) fn shows_message(&self, kind: &str) -> bool {
        self.screen == Screen::Peers || kind.contains(&self.message_filter)
    }

    /// The peers that are shown, in order.
    pub(crate) fn visible(&self, model: &Model, now: Duration) -> Vec<PeerId> {
        let shown = model.peers.iter().filter(|(id, peer)| {
            let closed = self.hide_closed && peer.closed.is_some();
            let filter = &self.peer_filter;
            let fits = peer.addr.contains(filter)
                || peer.connection_type.contains(filter)
                || id.peer.to_string() == *filter;
            !closed && fits
        });
        let mut shown: Vec<_> = shown
            .map(|(id, peer)| (self.sort.key(peer, now), *id))
            .collect();
        shown.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        shown.into_iter().map(|(_, id)| id).collect()
    }

    /// Which of the visible peers is selected.
    pub(crate) fn selected(&self, visible: &[PeerId]) -> Option<usize> {
        let same = visible.iter().position(|id| Some(*id) == self.selected);
        same.or_else(|| Some(self.row.min(visible.len().checked_sub(1)?)))
    }

    /// The peer whose log is shown.
    pub(crate) fn shown_peer(&self, visible: &[PeerId]) -> Option<PeerId> {
        match self.screen {
            // It stays also when a filter or its end would take it from the list.
            Screen::Log => self.selected,
            Screen::Peers => visible.get(self.selected(visible)?).copied(),
        }
    }

    /// `model` is what is on the screen.
    pub(crate) fn key(&mut self, key: KeyEvent, model: &Model, now: Duration) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::Stay;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Action::Quit;
        }
        if self.typing {
            self.typed(key.code);
            return Action::Stay;
        }
        if std::mem::take(&mut self.help) {
            // Any key leaves the help.
            return Action::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            KeyCode::Char('p' | ' ') => {
                self.paused = !self.paused;
                return Action::Pause;
            }
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('s') if self.screen == Screen::Peers => self.sort = self.sort.next(),
            KeyCode::Char('c') if self.screen == Screen::Peers => {
                self.hide_closed = !self.hide_closed;
            }
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => self.back(),
            code => match self.screen {
                Screen::Peers => self.list_key(code, model, now),
                Screen::Log => self.log_key(code, model),
            },
        }
        Action::Stay
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter_mut().clear();
            }
            KeyCode::Backspace => {
                self.filter_mut().pop();
            }
            KeyCode::Char(letter)
                if (' '..='~').contains(&letter) && self.filter().len() < LONGEST_FILTER =>
            {
                self.filter_mut().push(letter);
            }
            _ => {}
        }
        self.scroll = None;
    }

    fn back(&mut self) {
        if self.filter().is_empty() {
            self.screen = Screen::Peers;
        } else {
            self.filter_mut().clear();
        }
        self.scroll = None;
    }

    fn list_key(&mut self, code: KeyCode, model: &Model, now: Duration) {
        let visible = self.visible(model, now);
        let Some(at) = self.selected(&visible) else {
            return;
        };
        let last = visible.len() - 1;
        let page = self.page.max(1);
        let to = match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(page),
            KeyCode::PageDown => at + page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => {
                self.screen = Screen::Log;
                self.scroll = None;
                at
            }
            _ => return,
        };
        self.row = to.min(last);
        self.selected = visible.get(self.row).copied();
    }

    fn log_key(&mut self, code: KeyCode, model: &Model) {
        let peer = self.selected.and_then(|id| model.peers.get(&id));
        let Some(peer) = peer else { return };
        let mut numbers = peer.log.iter().map(|(number, _)| number);
        let (Some(first), Some(last)) = (numbers.next(), numbers.next_back()) else {
            return;
        };
        let page = (self.page as u64).max(1);
        let at = self.scroll.unwrap_or(last);
        let to = match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(page),
            KeyCode::PageDown => at + page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => return,
        };
        // A page of lines at least stays on the screen; at the end the log is followed again.
        let to = to.max((first + page - 1).min(last));
        self.scroll = (to < last).then_some(to);
    }
}
