//! Draws the board onto a terminal of any size. Nothing is said by colour alone.

use exercises::TASKS;
use exercises::progress::Stage;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};

use super::model::{Shown, Task};
use super::table::cell;

/// The smallest terminal in which the grid is of use.
const SMALLEST: (u16, u16) = (60, 6);
/// From this height on the selected host is told about below the grid.
const WITH_DETAILS: u16 = 16;
/// From this width on names and troubles have a place.
const WIDE: u16 = 80;
/// A line for each task, one for the host and one that names it.
const DETAILS: u16 = 8;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct Ui {
    /// By word: rows come and go.
    selected: Option<String>,
    table: TableState,
    /// Only hosts where somebody is stuck or something is wrong.
    only_trouble: bool,
    /// The selected host alone.
    alone: bool,
    pub(super) colour: bool,
}

impl Ui {
    pub(super) fn new(colour: bool) -> Self {
        Self {
            colour,
            ..Self::default()
        }
    }

    /// Whether a key means the end.
    pub(super) fn key(&mut self, key: KeyEvent, hosts: &[Shown]) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let rows = self.rows(hosts);
        let last = rows.len().saturating_sub(1);
        let at = self.place(&rows);
        let to = match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Char('q') => return true,
            KeyCode::Esc if !self.alone => return true,
            KeyCode::Esc | KeyCode::Enter => {
                self.alone = !self.alone;
                at
            }
            KeyCode::Char('t') => {
                // The host stays selected where it is shown still.
                self.only_trouble = !self.only_trouble;
                return false;
            }
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(10),
            KeyCode::PageDown => at + 10,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return false,
        };
        self.selected = rows.get(to.min(last)).map(|host| host.word.clone());
        false
    }

    fn rows<'a>(&self, hosts: &'a [Shown]) -> Vec<&'a Shown> {
        hosts
            .iter()
            .filter(|host| !self.only_trouble || needs_somebody(host))
            .collect()
    }

    fn place(&self, rows: &[&Shown]) -> usize {
        let selected = self.selected.as_deref();
        rows.iter()
            .position(|host| Some(host.word.as_str()) == selected)
            .unwrap_or(0)
    }

    fn of(&self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}

fn needs_somebody(host: &Shown) -> bool {
    host.trouble.is_some() || host.tasks.iter().any(|task| task.stuck)
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, ui: &mut Ui, hosts: &[Shown]) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!(
            "This terminal has {} × {} characters; the board needs {} × {}. q quits.",
            area.width, area.height, SMALLEST.0, SMALLEST.1
        );
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let [top, body, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(summary(hosts), top);
    let keys = "↑↓ choose  Enter more  t trouble only  q quit";
    frame.render_widget(
        Line::styled(keys, Style::new().add_modifier(Modifier::DIM)),
        bottom,
    );
    let rows = ui.rows(hosts);
    let at = ui.place(&rows);
    let selected = rows.get(at).copied();
    if ui.alone {
        details(frame, body, ui, selected);
    } else if area.height >= WITH_DETAILS {
        let [grid_area, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(DETAILS)]).areas(body);
        grid(frame, grid_area, ui, &rows, at);
        details(frame, below, ui, selected);
    } else {
        grid(frame, body, ui, &rows, at);
    }
}

/// How the room as a whole is doing.
fn summary(hosts: &[Shown]) -> Line<'static> {
    let count = |wanted: &dyn Fn(&Shown) -> bool| hosts.iter().filter(|host| wanted(host)).count();
    let passed = hosts
        .iter()
        .flat_map(|host| &host.tasks)
        .filter(|task| task.stage == Stage::Passed)
        .count();
    let text = format!(
        "{} host{} · {} of {} tasks passed · {} stuck · {} in trouble",
        hosts.len(),
        if hosts.len() == 1 { "" } else { "s" },
        passed,
        hosts.len() * TASKS.len(),
        count(&|host| host.tasks.iter().any(|task| task.stuck)),
        count(&|host| host.trouble.is_some()),
    );
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

fn grid(frame: &mut Frame<'_>, area: Rect, ui: &mut Ui, rows: &[&Shown], at: usize) {
    let widest = |of: &dyn Fn(&Shown) -> usize| rows.iter().map(|host| of(host)).max().unwrap_or(0);
    let width = |length: usize, most: u16| {
        Constraint::Length(u16::try_from(length).unwrap_or(most).min(most))
    };
    // A narrow terminal keeps the tasks, and a mark where something is wrong.
    let wide = area.width >= WIDE;
    let word = widest(&|host| host.word.len()).max(4) + 1;
    let who = if wide {
        widest(&|host| host.who.as_deref().map_or(0, |who| Line::raw(who).width()))
    } else {
        0
    };
    let mut widths = vec![width(word, 10), width(who, 18)];
    widths.extend(
        TASKS
            .iter()
            .map(|_| Constraint::Length(if wide { 8 } else { 7 })),
    );
    widths.push(Constraint::Fill(1));
    let header = ["word", ""]
        .into_iter()
        .chain(TASKS.iter().map(|task| task.id))
        .chain(["host"]);
    let header = Row::new(header.map(Cell::from)).style(Style::new().add_modifier(Modifier::DIM));
    let body = rows.iter().map(|host| {
        let mark = if host.trouble.is_some() { "!" } else { "" };
        let who = if wide { host.who.as_deref() } else { None };
        let first = [
            Cell::from(format!("{}{mark}", host.word)),
            Cell::from(who.unwrap_or_default()),
        ];
        let tasks = host
            .tasks
            .iter()
            .map(|task| Cell::from(cell(task)).style(style(ui, task)));
        let trouble = match &host.trouble {
            Some(trouble) => Cell::from(trouble.as_str()).style(ui.of(Color::Red)),
            None => Cell::from("well").style(Style::new().add_modifier(Modifier::DIM)),
        };
        Row::new(first.into_iter().chain(tasks).chain([trouble]))
    });
    let table = Table::new(body, widths)
        .header(header)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = std::mem::take(&mut ui.table);
    state.select((!rows.is_empty()).then_some(at));
    frame.render_stateful_widget(table, area, &mut state);
    ui.table = state;
}

fn style(ui: &Ui, task: &Task) -> Style {
    match task.stage {
        Stage::Passed => ui.of(Color::Green),
        Stage::Attempted if task.stuck => ui.of(Color::Red).add_modifier(Modifier::BOLD),
        Stage::Attempted => ui.of(Color::Yellow),
        Stage::Started => Style::new(),
        Stage::NotStarted => Style::new().add_modifier(Modifier::DIM),
    }
}

fn details(frame: &mut Frame<'_>, area: Rect, ui: &Ui, host: Option<&Shown>) {
    let Some(host) = host else {
        let nothing =
            "No host to show: `workshop provision` makes them; t shows those that are well too.";
        frame.render_widget(Paragraph::new(nothing).wrap(Wrap { trim: true }), area);
        return;
    };
    let name = host.who.as_deref().unwrap_or_default();
    let mut lines = vec![Line::styled(
        format!("{}  {name}", host.word),
        Style::new().add_modifier(Modifier::BOLD),
    )];
    for task in &host.tasks {
        let hints = match task.hints {
            0 => String::new(),
            1 => "1 hint  ".to_owned(),
            many => format!("{many} hints  "),
        };
        let reason = task.reason.as_deref().unwrap_or_default();
        lines.push(Line::from(vec![
            Span::raw(format!("  {} ", task.task)),
            Span::styled(format!("{:<9} ", cell(task)), style(ui, task)),
            Span::raw(format!("{hints}{reason}")),
        ]));
    }
    let health = match (&host.trouble, host.health) {
        (Some(trouble), _) => Line::styled(format!("  {trouble}"), ui.of(Color::Red)),
        (None, Some(health)) => Line::raw(format!(
            "  load {:.1}, {} GiB of disk free, node runs",
            health.load,
            health.disk_free >> 30
        )),
        (None, None) => Line::raw(""),
    };
    lines.push(health);
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::model::tests::{at, some};
    use super::*;

    fn drawn(ui: &mut Ui, hosts: &[Shown], width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, ui, hosts)).unwrap();
        terminal.backend().to_string()
    }

    fn press(ui: &mut Ui, hosts: &[Shown], code: KeyCode) -> bool {
        ui.key(KeyEvent::from(code), hosts)
    }

    #[test]
    fn the_grid_and_the_selected_host() {
        let hosts = some().shown(at(30), true);
        let mut ui = Ui::new(false);
        press(&mut ui, &hosts, KeyCode::Down);
        insta::assert_snapshot!(drawn(&mut ui, &hosts, 100, 18));
    }

    #[test]
    fn terminals_of_any_size() {
        let hosts = some().shown(at(30), true);
        for (width, height) in [
            (1, 1),
            (59, 30),
            (60, 6),
            (80, 24),
            (300, 100),
            (60, 15),
            (60, 16),
        ] {
            for hosts in [&hosts[..], &[]] {
                let mut ui = Ui::new(true);
                drawn(&mut ui, hosts, width, height);
                press(&mut ui, hosts, KeyCode::Enter);
                drawn(&mut ui, hosts, width, height);
            }
        }
        insta::assert_snapshot!(drawn(&mut Ui::new(true), &hosts, 60, 8));
    }

    #[test]
    fn only_those_who_need_somebody() {
        let hosts = some().shown(at(30), true);
        let mut ui = Ui::new(false);
        assert!(!press(&mut ui, &hosts, KeyCode::Char('t')));
        let text = drawn(&mut ui, &hosts, 100, 12);
        assert!(
            !text.contains("step") && text.contains("youth") && text.contains("food"),
            "{text}"
        );
        // The selection goes with its host.
        press(&mut ui, &hosts, KeyCode::End);
        press(&mut ui, &hosts, KeyCode::Char('t'));
        assert_eq!(ui.selected.as_deref(), Some("food"));
        press(&mut ui, &hosts, KeyCode::Enter);
        assert!(drawn(&mut ui, &hosts, 100, 12).contains("is stopped"));
        assert!(!press(&mut ui, &hosts, KeyCode::Esc) && press(&mut ui, &hosts, KeyCode::Esc));
        assert!(ui.key(
            KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            &hosts
        ));
    }
}
