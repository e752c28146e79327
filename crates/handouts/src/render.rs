//! From a room and templates to text.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::clean::one_line;
use crate::data::{ATTRIBUTION, LICENCE, LICENCE_URL, Room, Seat, Workshop};
use crate::problem::{TemplateError, TemplateProblems};
use crate::seat::{Card, Row};
use crate::templates::Templates;
use crate::{escape, fuel, markdown, pdf};

/// What is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A page for each seat.
    Cards,
    /// Words and addresses, without names: for the wall.
    Table,
    /// The task book.
    Tasks,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cards, Self::Table, Self::Tasks];

    /// As its files are called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::Table => "table",
            Self::Tasks => "tasks",
        }
    }
}

/// As what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page that needs nothing beside it.
    Html,
    /// CommonMark with tables.
    Markdown,
}

impl Format {
    /// What its files' names end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
        }
    }
}

#[derive(Serialize)]
struct BookTask<'a> {
    id: &'a str,
    title: &'a str,
    brief: &'a str,
}

/// Makes every handout of one room.
pub struct Renderer {
    environment: Environment<'static>,
    templates: Templates,
    room: Arc<Room>,
    /// What no handout changes.
    common: Value,
}

impl Renderer {
    /// For that room, by those templates.
    ///
    /// # Errors
    /// What is wrong with how the templates are written, in all of them.
    pub fn new(templates: Templates, room: Room) -> Result<Self, TemplateProblems> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(escape::of_file);
        environment.set_formatter(escape::write);
        environment.set_fuel(Some(fuel::tank(room.seats.len())));
        // For the place of a mistake in its line.
        environment.set_debug(true);
        let mut problems = Vec::new();
        // A line that holds only a block tag leaves no line behind.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build();
        match syntax {
            Ok(syntax) => environment.set_syntax(syntax),
            Err(error) => problems.push(wrong(&templates, &error)),
        }
        for (name, text) in templates.iter().filter(|(name, _)| name.ends_with(".j2")) {
            if let Err(error) = environment.add_template_owned(name, text.to_owned()) {
                problems.push(wrong(&templates, &error));
            }
        }
        if !problems.is_empty() {
            return Err(TemplateProblems {
                folder: templates.folder().unwrap_or("built-in".as_ref()).to_owned(),
                problems,
            });
        }
        let common = common(&room);
        Ok(Self {
            environment,
            templates,
            room: Arc::new(room),
            common,
        })
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Writes one handout with all seats. Cards are made while they are written: a thousand take no more memory
    /// than one.
    ///
    /// # Errors
    /// What is wrong with a template, with its place, or why the text could not be written.
    pub fn write(
        &self,
        document: Document,
        format: Format,
        out: impl Write,
    ) -> Result<(), TemplateError> {
        self.render(document, format, 0..self.room.seats.len(), out)
            .map(drop)
    }

    /// Writes the card of one seat alone.
    ///
    /// # Errors
    /// As [`Renderer::write`].
    pub fn write_card(
        &self,
        seat: usize,
        format: Format,
        out: impl Write,
    ) -> Result<(), TemplateError> {
        self.render(Document::Cards, format, seat..seat + 1, out)
            .map(drop)
    }

    /// What the program that makes PDF is asked for: all cards, and with the `whole` room its other files too.
    pub fn pdf(&self, whole: bool) -> pdf::Request {
        let room = &self.room;
        let templates = self.templates.iter();
        let tasks = room.tasks.iter().map(|task| pdf::Task {
            id: task.id.clone(),
            title: task.title.clone(),
            brief: task.brief.clone(),
            blocks: markdown::blocks(markdown::body(&task.text)),
        });
        pdf::Request {
            schema: pdf::SCHEMA,
            whole,
            templates: templates
                .filter(|(name, _)| name.ends_with(".typ"))
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
            data: pdf::Data {
                paper: room.paper,
                workshop: shown(&room.workshop),
                attribution: ATTRIBUTION.to_owned(),
                licence: LICENCE.to_owned(),
                licence_url: LICENCE_URL.to_owned(),
                cards: room
                    .seats
                    .iter()
                    .map(|seat| Card::new(&room.workshop, seat))
                    .collect(),
                rows: by_word(room)
                    .into_iter()
                    .filter_map(|at| room.seats.get(at))
                    .map(Row::new)
                    .collect(),
                tasks: tasks.collect(),
            },
        }
    }

    /// The error that a [`pdf::Reply::Wrong`] tells of, with its place in the template.
    pub fn wrong_pdf(
        &self,
        message: String,
        help: Option<String>,
        template: Option<&str>,
        at: Option<(usize, usize)>,
    ) -> TemplateError {
        placed(
            &self.templates,
            template.unwrap_or_default(),
            message,
            help,
            at.map(|(from, to)| from..to),
        )
    }

    /// Returns the fuel that it took.
    fn render(
        &self,
        document: Document,
        format: Format,
        seats: Range<usize>,
        out: impl Write,
    ) -> Result<u64, TemplateError> {
        let name = format!("{}.{}.j2", document.as_str(), format.extension());
        let count = seats.len();
        let context = match document {
            Document::Cards => {
                let cards = self.each(seats.collect(), |room, seat| {
                    Value::from(Serde(Card::new(&room.workshop, seat)))
                });
                context! { document => document.as_str(), cards, count, ..self.common.clone() }
            }
            Document::Table => {
                let rows = self.each(by_word(&self.room), |_, seat| {
                    Value::from(Serde(Row::new(seat)))
                });
                context! { document => document.as_str(), rows, count, ..self.common.clone() }
            }
            Document::Tasks => context! { document => document.as_str(), ..self.common.clone() },
        };
        let mut out = Noted { out, failure: None };
        let rendered = self.environment.get_template(&name).and_then(|template| {
            let rendered = template.render_captured_to(context, &mut out)?;
            Ok(rendered.state().fuel_levels())
        });
        match (rendered, out.failure) {
            (_, Some(source)) => Err(TemplateError::Write { source }),
            (Err(error), None) => Err(wrong(&self.templates, &error)),
            (Ok(levels), None) => Ok(levels.map_or(0, |(spent, _)| spent)),
        }
    }

    /// These seats as values that are made when the template comes to them.
    fn each(&self, seats: Vec<usize>, make: fn(&Room, &Seat) -> Value) -> Value {
        Value::make_object_iterable((Arc::clone(&self.room), seats), move |(room, seats)| {
            // As many as there are seats, so that a template can tell the last of them.
            Box::new(seats.iter().map(move |at| match room.seats.get(*at) {
                Some(seat) => make(room, seat),
                None => Value::UNDEFINED,
            }))
        })
    }
}

/// The seats in the order of the table: whoever looks for a word finds it, and the inventory's order is nobody's
/// business.
fn by_word(room: &Room) -> Vec<usize> {
    let mut seats: Vec<usize> = (0..room.seats.len()).collect();
    seats.sort_by_key(|at| room.seats.get(*at).map(|seat| &seat.word));
    seats
}

/// What every template may name.
fn common(room: &Room) -> Value {
    let tasks: Vec<Value> = room
        .tasks
        .iter()
        .map(|task| {
            let body = markdown::body(&task.text);
            context! {
                html => Value::from_safe_string(markdown::to_html(body)),
                markdown => Value::from_safe_string(body.to_owned()),
                ..Value::from(Serde(BookTask {
                    id: &task.id,
                    title: &task.title,
                    brief: &task.brief,
                }))
            }
        })
        .collect();
    context! {
        workshop => Value::from(Serde(shown(&room.workshop))),
        paper => room.paper.css(),
        tasks,
        attribution => ATTRIBUTION,
        licence => LICENCE,
        licence_url => LICENCE_URL,
    }
}

/// The workshop with a name that can be printed.
fn shown(workshop: &Workshop) -> Workshop {
    Workshop {
        name: one_line(&workshop.name),
        ..workshop.clone()
    }
}

/// Remembers why a text could not be written: the template engine tells only that it could not.
struct Noted<W> {
    out: W,
    failure: Option<io::Error>,
}

impl<W: Write> Write for Noted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let told = io::Error::from(error.kind());
            self.failure = Some(error);
            told
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A mistake in a template, with the place where it is: that in the innermost of the templates that include each
/// other.
fn wrong(templates: &Templates, error: &minijinja::Error) -> TemplateError {
    let mut inner = error;
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if let Some(next) = next.downcast_ref::<minijinja::Error>() {
            inner = next;
        }
        cause = next.source();
    }
    let (message, help) = match inner.kind() {
        ErrorKind::OutOfFuel => (
            "the template does far more than a page needs, and was stopped".to_owned(),
            Some("look for a loop that does not end, or that writes too much".to_owned()),
        ),
        ErrorKind::UndefinedError => (
            match inner.detail() {
                Some(detail) => format!("nothing of that name is given to this template: {detail}"),
                None => "nothing of that name is given to this template".to_owned(),
            },
            Some(
                "the templates that `workshop handouts eject` writes use every name that there is"
                    .to_owned(),
            ),
        ),
        kind => (
            match inner.detail() {
                Some(detail) => format!("{kind}: {detail}"),
                None => kind.to_string(),
            },
            None,
        ),
    };
    let name = inner.name().unwrap_or_default();
    let text = templates.text(name).unwrap_or_default();
    let at = inner.range().or_else(|| line(text, inner.line()?));
    placed(templates, name, message, help, at)
}

/// A mistake in the template of that name.
fn placed(
    templates: &Templates,
    name: &str,
    message: String,
    help: Option<String>,
    at: Option<Range<usize>>,
) -> TemplateError {
    let text = templates.text(name).unwrap_or_default();
    let path = match templates.folder() {
        Some(folder) => folder.join(name).display().to_string(),
        None => name.to_owned(),
    };
    TemplateError::Wrong {
        message,
        help,
        file: Arc::new(NamedSource::new(path, text.to_owned())),
        at: at
            .filter(|range| text.get(range.clone()).is_some())
            .map(SourceSpan::from),
    }
}

/// The bytes of that line, from 1.
fn line(text: &str, number: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if at + 1 == number {
            return Some(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Paper, Participant, Task};

    #[test]
    fn our_own_templates_take_a_tenth_of_their_fuel_at_most() {
        let seat = |n: u8| Seat {
            word: format!("word{n}"),
            participant: Some(Participant {
                name: "<>&".repeat(100),
                key: "SHA256:".into(),
            }),
            address: Some([10, 231, 7, n].into()),
            port: 22,
            fingerprint: Some("SHA256:".into()),
        };
        let task = |n: usize| Task {
            id: format!("task{n}"),
            title: "Title".into(),
            brief: "Brief.".into(),
            // Twice as long as the longest of the workshop.
            text: "Look at `x`.\n\n".repeat(700),
        };
        for seats in [0, 1, 200] {
            let room = Room {
                workshop: Workshop {
                    name: "Tracing".into(),
                    date: Some("Saturday".into()),
                    deadline: Some("Sunday".into()),
                    core: "v29 and newer".into(),
                    user: "workshop".into(),
                },
                seats: (0..seats).map(seat).collect(),
                tasks: (0..6).map(task).collect(),
                paper: Paper::A4,
            };
            let tank = fuel::tank(room.seats.len());
            let renderer = Renderer::new(Templates::built_in(), room).unwrap();
            for document in Document::ALL {
                for format in [Format::Html, Format::Markdown] {
                    let all = 0..seats.into();
                    let spent = renderer.render(document, format, all, io::sink()).unwrap();
                    assert!(spent > 0);
                    assert!(
                        spent * 10 <= tank,
                        "{document:?} {format:?}: {spent} of {tank}"
                    );
                }
            }
        }
    }
}
